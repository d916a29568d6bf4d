"""What the kernel says is told once it is whole, and nothing is lost without a word."""

import os
import threading
from pathlib import Path

import pytest

from devrun.sources.bell import Bell
from devrun.sources.inotify import CREATE, DELETE, MODIFY, MOVED_FROM, MOVED_TO, OVERFLOW, Batch, Inotify
from devrun.sources.watcher import WatcherError
from tests.sources.live_disk import LIMIT_S

pytest.importorskip("ctypes")
pytestmark = pytest.mark.skipif(not os.path.exists("/proc/sys/fs/inotify"), reason="no inotify")  # noqa: PTH110


def test_a_save_is_told_when_its_writer_closes_the_file(tmp_path: Path) -> None:
    """Not before, and with all that belongs to it."""
    watcher = Inotify([str(tmp_path)])
    with (tmp_path / "f").open("w") as file:
        file.write("a")
        file.flush()
        file.write("b")
    (tmp_path / "f").replace(tmp_path / "g")

    assert watcher.wait(LIMIT_S, Bell()) == frozenset([str(tmp_path / "f"), str(tmp_path / "g")])
    assert watcher.wait(0.02, Bell()) is None
    watcher.close()


def test_the_other_file_of_an_atomic_save_is_not_waited_for() -> None:
    """What came and went within a batch is finished; what was there and went may come back."""
    batch = Batch()
    for path, mask in (("f.tmp", CREATE), ("f.tmp", MODIFY), ("f.tmp", MOVED_FROM), ("f", MOVED_TO)):
        batch.add(path, mask)
    assert not batch.unfinished
    batch.add("old", DELETE)
    assert batch.unfinished == {"old"}
    batch.add("old", CREATE)
    batch.add("old", MOVED_TO)

    assert not batch.unfinished
    assert batch.paths == {"f.tmp", "f", "old"}


def test_names_of_any_bytes_are_told(tmp_path: Path) -> None:
    """They are watched too."""
    folder = tmp_path / "\udcff"
    folder.mkdir()
    watcher = Inotify([str(tmp_path), str(folder)])
    assert not watcher.is_partial
    (folder / "\udcfe").touch()

    assert watcher.wait(LIMIT_S, Bell()) == frozenset([str(folder / "\udcfe")])
    watcher.close()


def test_an_overflow_means_a_look_at_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel says that it lost something, and not what."""
    watcher = Inotify([str(tmp_path)])
    lost = (-1).to_bytes(4, "little", signed=True) + OVERFLOW.to_bytes(4, "little") + bytes(8)
    (tmp_path / "f").touch()
    monkeypatch.setattr(os, "read", lambda *_: lost)

    assert watcher.wait(LIMIT_S, Bell()) is None
    watcher.close()


def test_the_bell_ends_the_waiting(tmp_path: Path) -> None:
    """From another thread, and also where it was rung before."""
    watcher, bell = Inotify([str(tmp_path)]), Bell()
    ringing = threading.Timer(0.05, bell.ring)
    ringing.start()

    assert watcher.wait(LIMIT_S, bell) is None
    assert watcher.wait(LIMIT_S, bell) is None
    bell.silence()
    (tmp_path / "f").touch()
    assert watcher.wait(LIMIT_S, bell) == frozenset([str(tmp_path / "f")])
    watcher.close()
    ringing.join()


def test_what_the_kernel_refuses_is_explained(tmp_path: Path) -> None:
    """A name that is too long is no limit of the system, and no directory that went away."""
    with pytest.raises(WatcherError, match="File name too long"):
        Inotify([str(tmp_path / ("a" * 300))])
