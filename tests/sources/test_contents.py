"""Only another content is a change, and half a file is none yet."""

import os
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from devrun.sources.content import ContentHashes
from devrun.sources.contents import HALF_WRITTEN_S, Change, Contents
from devrun.sources.python_source import MOST_PAST, PythonSources
from devrun.sources.snapshot import Root, Snapshot
from tests.sources.live_disk import write


class Desk:
    """A folder, its snapshot, and the contents of its files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.snapshot = Snapshot([Root(str(root), lambda _: False, lambda _: False)])
        self.contents = Contents(self.snapshot, ContentHashes(), str(root))
        for path in self.snapshot.scan():
            self.contents.learn(path)

    def look(self, paths: Iterable[str]) -> list[Change]:
        """Return which of these files changed; a program may load each of them."""
        return self.contents.changes(paths, lambda _: True)

    def changes(self) -> list[Change]:
        """Return what changed."""
        return self.look(sorted(self.snapshot.scan()))

    def names(self) -> list[str]:
        """Return the names of what changed."""
        return [os.path.relpath(change.path, self.root) for change in self.changes()]

    def save(self, name: str, text: str, second: int) -> list[Change]:
        """Write a file with a time of its own, and return what changed."""
        write(self.root, {name: text})
        os.utime(self.root / name, (second, second))
        return self.changes()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """One with two files."""
    write(tmp_path, {"a.py": "a = 1\n", "b.txt": "b"})
    return Desk(tmp_path)


def test_a_new_time_is_no_change(desk: Desk) -> None:
    """Nor are the same bytes in another file, nor an undo between two looks."""
    (desk.root / "a.py").touch()
    assert desk.names() == []
    write(desk.root, {"new.tmp": "a = 1\n"})
    (desk.root / "new.tmp").rename(desk.root / "a.py")
    assert desk.names() == []
    write(desk.root, {"a.py": "a = 2\n"})
    write(desk.root, {"a.py": "a = 1\n"})
    assert desk.names() == []


def test_a_mode_or_a_links_way_is_a_change_of_form_only(desk: Desk) -> None:
    """Builds copy them, programs do not see them."""
    (desk.root / "b.txt").chmod(0o755)
    (desk.root / "c.txt").symlink_to("b.txt")
    assert [change.is_content for change in desk.changes()] == [False, True]
    write(desk.root, {"copy": "b"})
    (desk.root / "c.txt").unlink()
    (desk.root / "c.txt").symlink_to("copy")

    changes = {Path(change.path).name: change.is_content for change in desk.changes()}
    assert changes == {"copy": True, "c.txt": False}


def test_what_came_went_and_changed_says_so(desk: Desk) -> None:
    """With both hashes, None where there is no file."""
    (desk.root / "b.txt").unlink()
    write(desk.root, {"a.py": "a = 2\n", "c.py": "c = 1\n"})

    found = {Path(one.path).name: (one.before is None, one.after is None) for one in desk.changes()}
    assert found == {"a.py": (False, False), "b.txt": (False, True), "c.py": (True, False)}


@pytest.mark.parametrize("half", ["", "a = (", None])
def test_half_a_file_gets_a_second_look(desk: Desk, half: str | None) -> None:
    """Empty, broken or away for a moment: what comes then is all that is told."""
    if half is None:
        (desk.root / "a.py").unlink()
    else:
        write(desk.root, {"a.py": half})
    rest = threading.Timer(HALF_WRITTEN_S / 3, write, [desk.root, {"a.py": "a = 22\n"}])
    hinted = desk.snapshot.scan()
    rest.start()
    (change,) = desk.look(hinted)
    rest.join()

    assert change.after == ContentHashes()(desk.root / "a.py")
    assert desk.contents.errors == {}
    assert desk.changes() == []


def test_a_file_that_was_away_for_a_moment_has_not_changed(desk: Desk) -> None:
    """An editor moved it and moved it back."""
    (desk.root / "a.py").rename(desk.root / "a.bak")
    hinted = {str(desk.root / "a.py")}
    desk.snapshot.look(hinted)
    rest = threading.Timer(HALF_WRITTEN_S / 3, (desk.root / "a.bak").rename, [desk.root / "a.py"])
    rest.start()

    assert desk.look(hinted) == []
    rest.join()


def test_a_folder_that_takes_a_files_place_at_the_second_look_is_seen(desk: Desk) -> None:
    """What lies in it is told at once: nobody would hint at it again."""
    (desk.root / "b.txt").unlink()
    hinted = desk.snapshot.scan()
    rest = threading.Timer(HALF_WRITTEN_S / 3, write, [desk.root, {"b.txt/m.py": "1\n"}])
    rest.start()
    changes = desk.look(hinted)
    rest.join()

    assert [os.path.relpath(change.path, desk.root) for change in changes] == ["b.txt", "b.txt/m.py"]


def test_what_cannot_be_read_is_as_it_was(desk: Desk) -> None:
    """It may be on its way out: the next look tells."""
    path = str(desk.root / "a.py")
    known = desk.contents.hashes[path]
    write(desk.root, {"a.py": "a = 2\n"})
    hinted = desk.snapshot.scan()
    (desk.root / "a.py").unlink()

    assert desk.look(hinted) == []
    assert desk.contents.hashes[path] == known
    assert desk.names() == ["a.py"]


def test_what_could_not_be_read_is_read_again(desk: Desk) -> None:
    """Its folder was away for a moment, and by its stat it never changed."""
    write(desk.root, {"d/m.py": "m = 1\n"})
    hinted = desk.snapshot.scan()
    (desk.root / "d").rename(desk.root / "away")
    assert desk.look(hinted) == []
    (desk.root / "away").rename(desk.root / "d")

    assert [Path(change.path).name for change in desk.look([])] == ["m.py"]
    assert desk.look([]) == []


def test_byte_code_is_stale_where_another_content_had_the_pair(desk: Desk) -> None:
    """Equal in size and second with any content before; the same content again is no other one."""
    stale = [
        change.is_stale
        for text, second in [
            ("a = 2\n", 1000),
            ("a = 3\n", 1000),
            ("a = 4\n", 1001),
            ("a = 55\n", 1000),
            ("a = 6\n", 1001),
            ("a = 77\n", 1001),
            ("a = 55\n", 1000),
        ]
        for change in desk.save("a.py", text, second)
    ]
    assert stale == [False, True, False, False, True, False, False]


def test_byte_code_of_a_deleted_file_is_remembered(desk: Desk) -> None:
    """The next file of its name may have its pair."""
    desk.save("a.py", "a = 2\n", 1000)
    (desk.root / "a.py").unlink()
    desk.changes()

    assert [change.is_stale for change in desk.save("a.py", "a = 3\n", 1000)] == [True]


def test_what_is_no_python_has_no_byte_code(desk: Desk) -> None:
    """Whatever its size and time."""
    desk.save("b.txt", "1", 1000)

    assert [change.is_stale for change in desk.save("b.txt", "2", 1000)] == [False]


def test_what_does_not_parse_is_known_by_line_reason_and_content(desk: Desk) -> None:
    """Until it parses, or is gone."""
    path = str(desk.root / "a.py")
    write(desk.root, {"a.py": "a = 1\nb = (\n"})
    desk.changes()
    broken = desk.contents.broken(path)
    assert broken is not None
    assert (broken.path, broken.line, broken.content) == ("a.py", 2, desk.contents.hashes[path])
    assert "never closed" in broken.message

    (desk.root / "a.py").unlink()
    desk.changes()
    assert desk.contents.broken(path) is None


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (b"x = 1\n", None),
        (b"", None),
        (b"# -*- coding: latin-1 -*-\nx = '\xe9'\n", None),
        (b"\xef\xbb\xbfx = 1\n", None),
        (b"x = '\\d'\n", None),
        (b"x = '\xe9'\n", 1),
        (b"x\x00\n", 1),
        (b"def f():\nreturn 1\n", 2),
        (b"x = 1\nreturn x\n", 2),
        (b"(" * 100_000, 1),
    ],
)
def test_our_own_python_says_which_line_does_not_compile(
    tmp_path: Path, source: bytes, line: int | None
) -> None:
    """Encodings are honoured, warnings are not; nothing makes it crash."""
    (tmp_path / "x.py").write_bytes(source)
    sources = PythonSources()
    found = sources.problem(str(tmp_path / "x.py"))

    assert (found and found[0]) == line
    assert sources.problem(str(tmp_path / "gone.py")) is None
    assert sources.imports(str(tmp_path / "gone.py")) is None


def test_of_contents_that_a_file_had_the_newest_are_known(tmp_path: Path) -> None:
    """A daemon runs for days: what a file was before is known for a while, and what others are for good."""
    file, other = tmp_path / "x.py", tmp_path / "other.py"
    other.write_text("import always")
    sources = PythonSources()
    sources.imports(str(other))
    for number in range(MOST_PAST + 100):
        file.write_text(f"import n{number}")
        sources.imports(str(file))
    file.write_text(f"import n{MOST_PAST}")
    sources.imports(str(file))

    known, parsed = sources.found()
    assert len(known) == MOST_PAST + 2
    assert parsed == MOST_PAST + 101
    names = {name for imports in known.values() for name in imports.names}
    assert {"always", f"n{MOST_PAST}"} <= names
    assert "n0" not in names
