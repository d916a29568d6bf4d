"""A file that is only added to, and keeps its newest part when it becomes too large."""

import logging
import os
import threading
from pathlib import Path

log = logging.getLogger(__name__)


class CappedFile:
    """Takes whole lines from any thread. It is a plain file of ours, private, and never a link's target."""

    def __init__(self, path: Path, most_bytes: int) -> None:
        self.path = path
        self._most_bytes = most_bytes
        self._descriptor = -1
        self._size = 0
        self._guard = threading.Lock()

    def open(self) -> None:
        """Begin to add; where that is not possible the log says so, and what is written is dropped."""
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            self._descriptor = os.open(self.path, flags, 0o600)
            self._size = os.fstat(self._descriptor).st_size
        except OSError as error:
            log.warning("%s cannot be written: %s", self.path, error.strerror)

    def fileno(self) -> int:
        """Return the descriptor, for a process that writes on its own; -1 where there is none."""
        return self._descriptor

    def write(self, line: bytes) -> None:
        """Add a line, with its end."""
        with self._guard:
            if self._descriptor < 0:
                return
            try:
                os.write(self._descriptor, line)
                self._size += len(line)
                if self._size > self._most_bytes:
                    self._shorten()
            except OSError as error:  # a full disk takes the line, and nothing else
                log.debug("%s cannot be written: %s", self.path, error.strerror)

    def close(self) -> None:
        """Write no more."""
        with self._guard:
            descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _shorten(self) -> None:
        """Keep the newest half, from a line's beginning, in the same file: others may have it open."""
        size = os.fstat(self._descriptor).st_size
        kept = os.pread(self._descriptor, self._most_bytes // 2, max(0, size - self._most_bytes // 2))
        kept = kept[kept.find(b"\n") + 1 :]
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, kept)
        self._size = len(kept)
