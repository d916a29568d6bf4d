"""A requirements file counts by what it asks for, not by how it is written."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devrun.sources.requirements import Meaning, is_requirements_file, meaning

TOP = Path("/p/requirements.txt")


def means(text: str | bytes, others: Mapping[str, str] | None = None) -> Meaning:
    """Return the meaning of a file, among others beside it."""
    contents = {Path("/p") / name: other.encode() for name, other in (others or {}).items()}
    contents[TOP] = text.encode() if isinstance(text, str) else text

    def read(path: Path) -> bytes:
        if path not in contents:
            raise FileNotFoundError(2, os.strerror(2))
        return contents[path]

    return meaning(TOP, read)


SAME = {
    "a comment": ("flask", "# web\nflask  # the framework\n"),
    "blank lines and line ends": ("flask\nrich", "\r\nflask\r\n\r\n\r\nrich\r\n"),
    "a byte order mark": ("flask", "\ufeffflask"),
    "order": ("flask\nrich", "rich\nflask"),
    "a line twice": ("flask", "flask\nflask"),
    "the spelling of a name": ("Flask-Login\nzope.interface", "flask_login\nzope-interface"),
    "the order of extras": ("x[a,b]", "x[ B , a ]"),
    "the order of versions": ("x>=1,<2", "x <2, >=1"),
    "spaces": ("x==1", "  x  ==  1  "),
    "quotes in markers": ("x; python_version<'4'", 'x ; python_version < "4"'),
    "the order of hashes": (
        "x==1 --hash=sha256:a --hash=sha256:b",
        "x==1 \\\n  --hash sha256:b \\\n  --hash=sha256:a",
    ),
    "a continued line": ("x>=1,<2", "x>=1,\\\n<2"),
    "short and long options": (
        "-r o.txt\n-c o.txt\n-i https://x\n-e .",
        "--requirement=o.txt\n--constraint o.txt\n--index-url https://x\n--editable .",
    ),
    "a short option glued to its value": ("-r o.txt", "-ro.txt"),
    "quotes around a value": ("-i https://x", '--index-url "https://x"'),
    "a requirement before and behind an option": ("--pre\nx", "x\n--pre"),
}

OTHER = {
    "another version": ("x==1", "x==2"),
    "a package more": ("x", "x\ny"),
    "a package less": ("x\ny", "x"),
    "an extra": ("x", "x[a]"),
    "a marker": ("x", "x; python_version<'4'"),
    "a hash": ("x==1 --hash=sha256:a", "x==1 --hash=sha256:b"),
    "an index": ("-i https://x", "-i https://y"),
    "the order of indexes": (
        "--extra-index-url a\n--extra-index-url b",
        "--extra-index-url b\n--extra-index-url a",
    ),
    "an option": ("x", "x\n--pre"),
    "a url": ("x @ https://e/x-1.zip#sha256=a", "x @ https://e/x-1.zip#sha256=b"),
    "an environment variable": ("x @ https://${A}@e/x", "x @ https://${B}@e/x"),
    "a constraint in place of a requirement": ("-r o.txt", "-c o.txt"),
    "a local path": ("./a", "./b"),
    "an editable path": ("-e .", "."),
    "a line that nobody understands": ("x ==== 1", "x ====  1"),
    "the order of such lines": ("./a\n./b", "./b\n./a"),
    "bytes that are no text": (b"\xff", b"\xfe"),
}


@pytest.mark.parametrize(("one", "two"), SAME.values(), ids=SAME.keys())
def test_layout_is_no_meaning(one: str, two: str) -> None:
    """What changes nothing for pip changes nothing here."""
    assert means(one, {"o.txt": "rich"}).canonical == means(two, {"o.txt": "rich"}).canonical


@pytest.mark.parametrize(("one", "two"), OTHER.values(), ids=OTHER.keys())
def test_what_pip_installs_is_meaning(one: str | bytes, two: str | bytes) -> None:
    """What may install something else is another meaning, and so is all that is not understood."""
    assert means(one, {"o.txt": "rich"}).canonical != means(two, {"o.txt": "rich"}).canonical


def test_files_are_followed_relative_to_the_file_that_names_them() -> None:
    """The reach is the file itself, and all that -r and -c lead to."""
    found = means("-r sub/a.txt", {"sub/a.txt": "-c ../c.txt\nx", "c.txt": "x==1"})

    assert found.files == (TOP, Path("/p/sub/a.txt"), Path("/p/c.txt"))


def test_a_change_deeper_down_is_a_change_of_meaning() -> None:
    """A followed file counts by its meaning as well."""
    deep = {"a.txt": "-r b.txt"}
    one, two, three = (means("-r a.txt", {**deep, "b.txt": text}) for text in ("x", "x # same", "y"))

    assert one.canonical == two.canonical != three.canonical


@pytest.mark.parametrize(
    "text",
    [
        "--pre -r a.txt",
        "-i https://x --requirement=a.txt",
        '-r "a.txt"',
        "-r \\a.txt",
        "-ra.txt",
        "-r a.txt".encode("utf-16"),
        "-r a.txt".encode("utf-32"),
        b"# coding: latin-1\n-r a.txt\n./\xe9",
    ],
)
def test_a_file_is_followed_however_it_is_named(text: str | bytes) -> None:
    """Beside other options, quoted, escaped, glued, and in any encoding that pip reads."""
    found = [means(text, {"a.txt": other}) for other in ("x", "y")]

    assert found[0].files == (TOP, Path("/p/a.txt"))
    assert found[0].canonical != found[1].canonical


def test_an_encoding_that_the_file_declares_counts() -> None:
    """By it the same bytes are another text."""
    declared, plain = "# coding: latin-1\n./é", "./é"

    assert means(declared).canonical != means(plain).canonical
    assert means("# coding: utf-8\n./é").canonical == means(plain).canonical


def test_a_circle_ends() -> None:
    """Files that name one another are read once."""
    found = means("-r a.txt", {"a.txt": "-r requirements.txt\nx"})

    assert found.files == (TOP, Path("/p/a.txt"))


def test_a_missing_file_is_a_meaning() -> None:
    """It stays in the reach, so that its coming is noticed; and an empty one is something else."""
    missing, empty = means("-r a.txt"), means("-r a.txt", {"a.txt": ""})

    assert missing.files == (TOP, Path("/p/a.txt"))
    assert missing.canonical != empty.canonical


def test_what_the_net_has_is_not_followed() -> None:
    """A requirements file at a URL counts by its address."""
    assert means("-r https://example.org/r.txt").files == (TOP,)


def test_local_archives_are_named() -> None:
    """Their bytes decide what is installed; those of a directory of archives as well."""
    found = means("./w/x-1.whl\ny @ file:w/y.tar.gz ; python_version>'3'\n-f wheels\nz @ https://e/z.zip\n")

    assert found.named == (Path("/p/w/x-1.whl"), Path("/p/w/y.tar.gz"), Path("/p/wheels"))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("requirement.txt", True),
        ("requirements.txt", True),
        ("sub/requirements-dev.txt", True),
        ("dev_requirements.txt", True),
        ("requirements.in", True),
        ("constraints.txt", True),
        ("requirements/base.txt", True),
        ("Requirements.TXT", True),
        ("requirements.py", False),
        ("myrequirements.txt", False),
        ("notes.txt", False),
    ],
)
def test_a_requirements_file_is_known_by_its_name(path: str, *, expected: bool) -> None:
    """The custom is followed, also in the singular."""
    assert is_requirements_file(path) is expected


@given(st.text(alphabet="ab-r=\\\n #./[]<>;'\"@:${}é\x00", max_size=40))
def test_no_text_crashes_the_reading(text: str) -> None:
    """Any text has a meaning, and comments and blank lines around it do not change it."""
    assert means(text).canonical == means(f"# head\n\n{text}\n\n# tail\n").canonical or text.endswith("\\")
