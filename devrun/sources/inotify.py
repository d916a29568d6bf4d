"""Hints from Linux's inotify, asked for directly: it tells at once, and costs nothing while nothing happens.

watchfiles wakes up many times a second to see whether something came, and loses what overflows the kernel's
queue without a word. What is said of a file that is still being written is held back until the writer closes
it, or rests: so a save is told once, and as soon as it is whole.
"""

import ctypes
import errno
import os
import select
import struct
import time
from collections.abc import Iterable, Iterator

from devrun.sources.bell import Bell
from devrun.sources.watcher import LIMITS, DirectoryGoneError, WatcherError

MODIFY, ATTRIB, CLOSE_WRITE = 0x2, 0x4, 0x8
MOVED_FROM, MOVED_TO, CREATE, DELETE = 0x40, 0x80, 0x100, 0x200
DELETE_SELF, MOVE_SELF, UNMOUNT, OVERFLOW = 0x400, 0x800, 0x2000, 0x4000
WATCHED = MODIFY | ATTRIB | CLOSE_WRITE | MOVED_FROM | MOVED_TO | CREATE | DELETE | DELETE_SELF | MOVE_SELF
ONLY_DIRECTORIES = 0x01000000

HEAD = struct.Struct("iIII")
READ_BYTES = 256 * 1024

STEP_S = 0.004
"""So long after a save the next one of the same batch may come: an editor that saves all goes on at once."""
UNFINISHED_S = 0.01
"""What is being written, or went away and may be on its way back, is told as it is when it rests so long."""
LONGEST_S = 0.1
"""The longest that a file which never rests may keep a batch waiting."""

GONE = {errno.ENOENT, errno.ENOTDIR, errno.EACCES}


class Batch:
    """What happened, one thing right after the other."""

    def __init__(self) -> None:
        self.paths: set[str] = set()
        self.unfinished: set[str] = set()
        self._new: set[str] = set()
        """What came in this batch: it may go again, as the other file of an editor does."""

    def add(self, path: str, mask: int) -> None:
        """Take note of one thing that happened."""
        self.paths.add(path)
        went = mask & (MOVED_FROM | DELETE)
        if mask & (CREATE | MOVED_TO):
            self._new.add(path)
        if mask & (CLOSE_WRITE | MOVED_TO) or (went and path in self._new):
            self.unfinished.discard(path)
        elif went or mask & (MODIFY | CREATE):
            self.unfinished.add(path)


class Inotify:
    """Watches a list of directories, not what lies deeper. Make it before a look, so that nothing is lost."""

    is_partial = False
    """Every name can be watched."""

    def __init__(self, directories: Iterable[str]) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor: int = self._libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self._descriptor < 0:
            raise _refused(ctypes.get_errno())
        self._paths: dict[int, list[str]] = {}
        """By the kernel's numbers; one directory may be there twice, by a mount."""
        try:
            for path in directories:
                self._add(path)
        except WatcherError:
            self.close()
            raise

    def wait(self, timeout_s: float, bell: Bell) -> frozenset[str] | None:
        """Return paths that something happened to; None: look at everything.

        That is so at the time-out, when the bell rings, and when the kernel had more to tell than it can.
        """
        if not self._is_readable(bell, max(timeout_s, 0.0)):
            return None
        until = time.monotonic() + LONGEST_S
        batch = Batch()
        while self._read(batch):
            rest = min(UNFINISHED_S if batch.unfinished else STEP_S, until - time.monotonic())
            if rest <= 0 or not self._is_readable(bell, rest):
                return None if bell.is_set() else frozenset(batch.paths)
        return None

    def close(self) -> None:
        """Give the watches back."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _add(self, path: str) -> None:
        mask = WATCHED | ONLY_DIRECTORIES
        number = self._libc.inotify_add_watch(self._descriptor, os.fsencode(path), ctypes.c_uint32(mask))
        if number < 0:
            raise _refused(ctypes.get_errno(), path)
        self._paths.setdefault(number, []).append(path)

    def _is_readable(self, bell: Bell, seconds: float) -> bool:
        """Wait until there is something to read; False at the end of the time, or when the bell rings."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        poll.register(bell.descriptor, select.POLLIN)
        ready = poll.poll(seconds * 1000)
        return not bell.is_set() and any(number == self._descriptor for number, _ in ready)

    def _read(self, batch: Batch) -> bool:
        """Add what is to be read; False: some of it was lost."""
        for number, mask, name in _events(os.read(self._descriptor, READ_BYTES)):
            if mask & OVERFLOW:
                return False
            for folder in self._paths.get(number, ()):
                batch.add(f"{folder}/{name}" if name else folder, mask)
        return True


def _events(data: bytes) -> Iterator[tuple[int, int, str]]:
    at = 0
    while at < len(data):
        number, mask, _, length = HEAD.unpack_from(data, at)
        at += HEAD.size + length
        yield number, mask, os.fsdecode(data[at - length : at].rstrip(b"\0"))


def _refused(code: int, path: str = "") -> WatcherError:
    """Return the error of a call; the limits have the numbers of other faults."""
    reason = f"{path}: {os.strerror(code)}" if path else os.strerror(code)
    if code in GONE:
        return DirectoryGoneError(reason)
    texts = {errno.ENOSPC: LIMITS["watch limit"], errno.EMFILE: LIMITS["Too many open files"]}
    return WatcherError(texts.get(code, reason))
