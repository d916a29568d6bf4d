"""What was parsed is kept for the next run; whatever is wrong with the file costs a little time, no more."""

import hashlib
import json
from pathlib import Path

import pytest

from devrun.sources.imports import Imports, imports_of
from devrun.sources.parsed import MAX_BYTES, VERSION, read, write_soon
from devrun.sources.python_source import PythonSources
from tests.sources.live_disk import LIMIT_S

FOUND = {
    b"\0" * 32: Imports(frozenset({"a", "b.c"}), frozenset({(1, ""), (2, "d")}), frozenset({"app.settings"})),
    b"\1" * 32: Imports(),
}


def kept(path: Path) -> Path:
    """Return a file that keeps some contents."""
    write_soon(path, FOUND).join(LIMIT_S)
    return path


def test_what_was_kept_is_read_back(tmp_path: Path) -> None:
    """By a later run, and by nobody else."""
    file = kept(tmp_path / "parsed.json")

    assert read(file) == FOUND
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        json.dumps({"version": VERSION}),
        json.dumps({"version": VERSION, "imports": []}),
        json.dumps({"version": VERSION, "imports": {"00": 1}}),
        json.dumps({"version": VERSION, "imports": {"00": [[1], [], []]}}),
        json.dumps({"version": VERSION, "imports": {"00": [[], [["a", "b"]], []]}}),
        json.dumps({"version": VERSION, "imports": {"no hex": [[], [], []]}}),
        json.dumps({"version": "0", "imports": {"00": [[], [], []]}}),
        "[" * 100_000,
    ],
)
def test_what_cannot_be_understood_is_nothing(tmp_path: Path, text: str) -> None:
    """A cut file, another version's, or somebody else's."""
    file = tmp_path / "parsed.json"
    file.write_text(text)

    assert read(file) == {}


def test_what_is_no_file_or_too_large_is_not_read(tmp_path: Path) -> None:
    """Nor is one that is not there."""
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(MAX_BYTES + 1)

    assert [read(place) for place in (tmp_path, large, tmp_path / "none")] == [{}, {}, {}]


def test_what_cannot_be_written_is_left(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is said in the log."""
    kept(tmp_path / "none" / "parsed.json")

    assert "cannot be written" in caplog.text


def test_only_new_contents_are_parsed(tmp_path: Path) -> None:
    """Those that are remembered are taken as they were found, whatever the files are called now."""
    (tmp_path / "a.py").write_text("import b\n")
    (tmp_path / "b.py").write_text("import c\n")
    first = PythonSources()
    assert first.imports(str(tmp_path / "a.py")) == imports_of(b"import b\n")
    found, new = first.found()
    assert new == 1
    (tmp_path / "a.py").rename(tmp_path / "c.py")

    second = PythonSources(found)
    assert second.imports(str(tmp_path / "c.py")) == imports_of(b"import b\n")
    assert second.imports(str(tmp_path / "b.py")) == imports_of(b"import c\n")
    assert second.found()[1] == 1


def test_a_file_whose_content_is_known_is_not_read(tmp_path: Path) -> None:
    """What was found in the same content says what it imports; another content is read and parsed."""
    known, other = b"import a\n", b"import b\n"
    (tmp_path / "b.py").write_bytes(other)
    sources = PythonSources({hashlib.sha256(known).digest(): Imports(frozenset({"a"}))})

    recalled = sources.imports(str(tmp_path / "missing.py"), hashlib.sha256(known).hexdigest())
    parsed_now = sources.imports(str(tmp_path / "b.py"), hashlib.sha256(other).hexdigest())

    assert recalled == Imports(frozenset({"a"}))
    assert parsed_now == Imports(frozenset({"b"}))
