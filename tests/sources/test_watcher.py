"""The watcher hints at what happens, says what it cannot do, and ends when told."""

import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from devrun.sources.bell import Bell
from devrun.sources.watcher import DirectoryGoneError, Notify, Watcher, WatcherError, watch
from tests.sources.live_disk import LIMIT_S

Make = Callable[[Iterable[str]], Watcher]
each = pytest.mark.parametrize("make", [Notify, watch])
"""Everywhere, and on this system."""


@each
def test_a_hint_names_the_file_in_a_watched_directory(tmp_path: Path, make: Make) -> None:
    """What lies deeper is not watched."""
    (tmp_path / "deep").mkdir()
    watcher = make([str(tmp_path)])
    (tmp_path / "deep" / "f").touch()
    (tmp_path / "f").touch()

    assert watcher.wait(LIMIT_S, Bell()) == frozenset([str(tmp_path / "f")])
    watcher.close()


@each
def test_nothing_happened_is_none(tmp_path: Path, make: Make) -> None:
    """At the time-out, however short, and at once when it is told to stop."""
    watcher = make([str(tmp_path)])
    stop = Bell()

    assert watcher.wait(0.02, stop) is None
    assert watcher.wait(-1.0, stop) is None
    stop.ring()
    assert watcher.wait(1000.0, stop) is None
    watcher.close()


@each
def test_a_directory_that_is_gone_is_an_error_of_its_own(tmp_path: Path, make: Make) -> None:
    """The list is out of date, which is no fault of the system."""
    with pytest.raises(DirectoryGoneError):
        make([str(tmp_path), str(tmp_path / "gone")])


def test_names_that_are_no_utf8_are_left_out_or_end_it(tmp_path: Path) -> None:
    """A directory of such a name is not watched; an event with one cannot be told."""
    bad = tmp_path / "\udcff"
    bad.mkdir()
    watcher = Notify([str(tmp_path), str(bad)])
    assert watcher.is_partial
    assert not Notify([str(tmp_path)]).is_partial
    (tmp_path / "\udcfe").touch()

    with pytest.raises(WatcherError, match="decode"):
        watcher.wait(LIMIT_S, Bell())
    watcher.close()


@each
def test_a_closed_watcher_gives_its_watches_back(tmp_path: Path, make: Make) -> None:
    """There are 128 for all programs of a user, by default; the kernel takes a moment to have them back."""
    for _ in range(300):
        opened(tmp_path, make).close()
    watcher = opened(tmp_path, make)
    (tmp_path / "f").touch()

    assert watcher.wait(LIMIT_S, Bell())
    watcher.close()


def opened(folder: Path, make: Make) -> Watcher:
    """Return a watcher, as soon as the kernel has one to give."""
    limit = time.monotonic() + LIMIT_S
    while True:
        try:
            return make([str(folder)])
        except WatcherError:
            assert time.monotonic() < limit
            threading.Event().wait(0.02)
