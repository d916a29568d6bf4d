"""When to look at the disk: at the system's hints, at somebody's wish, and now and then without either.

One thread watches and has others look. Hints may be lost without a word, so that looks at everything follow
them soon, and go on slowly; where nothing can be watched at all, they take the place of the watcher.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing

from devrun.sources.bell import Bell
from devrun.sources.watcher import DirectoryGoneError, Watcher, WatcherError, watch

log = logging.getLogger(__name__)

LARGE_BATCH = 1000
"""So many hints are likely to be not all of them."""

RESCAN_S = 20.0
"""How long a change without any hint can stay unnoticed; a look costs a few milliseconds."""
RESCAN_SHARE = 200
"""Looking takes at most this fraction of the time, however large the project is."""

POLL_S = 1.0
"""Between looks where nothing can be watched, or while the project is not there; and between a hint and a
look at everything, since hints get lost mostly beside other hints."""
POLL_SHARE = 20

RETRIES_S = (2.0, 5.0, 30.0)
"""Between attempts to watch after a limit of the system was met: each attempt takes what is left of it."""

JOIN_S = 5.0

Hints = frozenset[str] | None
"""Paths to look at; None: everything."""


class Lookout:
    """Calls `look` in a thread of its own; it returns whether the project is there."""

    def __init__(
        self,
        directories: Callable[[], Mapping[str, int]],
        look: Callable[[Hints], bool],
        say: Callable[[str], None],
        died: Callable[[BaseException], None],
    ) -> None:
        """`directories` are those to watch, with their inodes; `say` takes what hinders, empty: nothing."""
        self._directories = directories
        self._look = look
        self._say = say
        self._died = died
        self._scan_s = 0.0
        self._look_at = 0.0
        self._failures = 0
        self._bell = Bell()
        self.stop = threading.Event()
        """Set when all is to end; what waits in `look` ends with it."""
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether looks go on."""
        return self._thread.is_alive()

    def wake(self) -> None:
        """Have everything looked at soon, from any thread."""
        self._bell.ring()

    def close(self) -> None:
        """End the thread."""
        self.stop.set()
        self._bell.ring()
        if self._thread.is_alive():
            self._thread.join(JOIN_S)

    # What follows is called in the thread, by itself and by `look`.

    def scanned(self, seconds: float) -> None:
        """Take note that everything was looked at, and how long that took."""
        self._scan_s = seconds
        self._look_at = time.monotonic() + max(RESCAN_S, RESCAN_SHARE * seconds)

    def look_again_soon(self) -> None:
        """Have everything looked at within a second or so."""
        self.look_at(time.monotonic() + self._poll_s)

    def look_at(self, moment: float) -> None:
        """Have everything looked at by this moment of the monotonic clock at the latest."""
        self._look_at = min(self._look_at, moment)

    def _run(self) -> None:
        try:
            while not self.stop.is_set():
                self._watch()
        except Exception as error:
            log.exception("the watcher died")
            self._died(error)

    def _watch(self) -> None:
        """Watch the directories that there are now, until there are others."""
        watched = dict(self._directories())
        try:
            watcher = watch(watched)
        except DirectoryGoneError:
            self._look(None)
            if self._directories() == watched:
                self._pause()
            return
        except WatcherError as error:
            self._say(f"{error}; looking every second instead")
            self._do_without()
            return
        try:
            with closing(watcher):
                self._follow(watcher, watched)
        except WatcherError as error:
            # A name that is no UTF-8 ends every watcher that meets it.
            log.warning("the watcher ended: %s", error)
            self._do_without()

    def _follow(self, watcher: Watcher, watched: dict[str, int]) -> None:
        # What happened between the last look and the first watch is seen by this one.
        is_there = self._look(None)
        self._say("")
        while is_there and not self.stop.is_set() and self._directories() == watched:
            if watcher.is_partial:
                self.look_again_soon()
            hints = watcher.wait(self._look_at - time.monotonic(), self._bell)
            if self._bell.is_set():
                self._bell.silence()
                hints = None
            if self.stop.is_set():
                return
            is_there = self._look(hints)
            self._failures = 0
            if hints is not None and (len(hints) > LARGE_BATCH or not hints.isdisjoint(watched)):
                # A directory that was made anew is not watched any more, even under the same inode.
                return
        if not is_there:
            self._pause()

    def _do_without(self) -> None:
        """Look every second for a while, and longer each time that the watcher fails."""
        until = time.monotonic() + RETRIES_S[min(self._failures, len(RETRIES_S) - 1)]
        self._failures += 1
        while not self.stop.is_set() and time.monotonic() < until:
            self._pause()

    def _pause(self) -> None:
        self._bell.wait(self._poll_s)
        self._bell.silence()
        if not self.stop.is_set():
            self._look(None)

    @property
    def _poll_s(self) -> float:
        return max(POLL_S, POLL_SHARE * self._scan_s)
