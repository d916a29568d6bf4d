"""The cache gives back what was put in, and nothing where it was spoilt."""

import json
import os
from pathlib import Path

import pytest

from devrun.config.project import TargetName
from devrun.core.values import ContainerId, Digest, Loaded
from devrun.daemon.cache import MAX_BYTES, VERSION, Cache, Memory

ROWS = {TargetName("web"): Loaded(ContainerId("c1"), 1_700_000_000.123456, Digest("d1", "r1"), 3)}
KEPT = Memory(ROWS, frozenset({TargetName("tool")}))


def test_rows_come_back(tmp_path: Path) -> None:
    """The next daemon reads what the last one wrote."""
    Cache(tmp_path / "cache.json").write(KEPT)

    assert Cache(tmp_path / "cache.json").read() == KEPT


def test_the_file_is_private_and_replaced_whole(tmp_path: Path) -> None:
    """Nobody reads half a file, and nobody else reads it at all."""
    place = tmp_path / "cache.json"
    cache = Cache(place)
    cache.write(KEPT)
    before = place.stat()
    cache.write(Memory())

    assert before.st_mode & 0o777 == 0o600
    assert place.stat().st_ino != before.st_ino
    assert list(tmp_path.iterdir()) == [place]


def test_what_is_written_already_is_not_written_again(tmp_path: Path) -> None:
    """The daemon calls it after every event."""
    place = tmp_path / "cache.json"
    cache = Cache(place)
    cache.write(KEPT)
    before = place.stat().st_ino
    cache.write(Memory(dict(ROWS), KEPT.stopped))

    assert place.stat().st_ino == before


def test_no_file_is_no_rows(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The first daemon of a project has nothing to complain about."""
    assert Cache(tmp_path / "cache.json").read() == Memory()
    assert caplog.records == []


def row(**changes: object) -> bytes:
    """Return a file with one row that is not right."""
    good = {"container": "c", "started": 1.0, "digest": ["d", "r"], "run": 0}
    return json.dumps({"version": VERSION, "loaded": {"web": {**good, **changes}}, "stopped": []}).encode()


GARBAGE = {
    "empty": b"",
    "cut": b'{"version": 3, "loaded": {"web": {"contai',
    "no JSON": b"\x00\xff\xfe",
    "another thing": b"[1, 2]",
    "a word": b'"loaded"',
    "null": b"null",
    "no version": b"{}",
    "no rows": b'{"version": 3}',
    "rows of another kind": b'{"version": 3, "loaded": [1]}',
    "a row of another kind": b'{"version": 3, "loaded": {"web": 7}}',
    "a row without its parts": b'{"version": 3, "loaded": {"web": {}}}',
    "times as text": row(started="now"),
    "a run as text": row(run="1"),
    "a digest as text": row(digest="d"),
    "a digest of three": row(digest=["a", "b", "c"]),
    "a time that no clock shows": row(started=10**400),
    "a number of too many digits": b'{"version": ' + b"1" * 10_000 + b"}",
    "nested without end": b"[" * 200_000,
    "larger than it may be": b" " * MAX_BYTES + b'{"version": 3, "loaded": {}}',
}


@pytest.mark.parametrize("content", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_is_no_rows_and_can_be_replaced(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Losing the file costs one restart; it must never cost more."""
    place = tmp_path / "cache.json"
    place.write_bytes(content)
    cache = Cache(place)

    assert cache.read() == Memory()
    assert "cannot be used" in caplog.text
    cache.write(KEPT)
    assert Cache(place).read() == KEPT


def test_rows_of_another_version_are_not_used(tmp_path: Path) -> None:
    """What they meant is not known."""
    (tmp_path / "cache.json").write_bytes(b'{"version": 2, "loaded": {"web": 1}}')

    assert Cache(tmp_path / "cache.json").read() == Memory()


def test_something_else_in_its_place_is_survived(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A folder, or a fifo that would keep its reader waiting."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    for name in ("fifo", "folder"):
        assert Cache(tmp_path / name).read() == Memory()

    Cache(tmp_path / "folder").write(KEPT)
    assert "cannot be written" in caplog.text


def test_a_place_that_cannot_be_written_is_said_and_survived(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The daemon goes on without a cache."""
    Cache(tmp_path / "gone" / "cache.json").write(KEPT)

    assert "cannot be written: No such file or directory" in caplog.text
