"""What one run of the program imports from outside the project, and the moment when it has got quiet."""

from __future__ import annotations

import contextlib
import os
import time

from fitness import is_own

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from loop import Loop, Timer

LOOK_S = 0.1
QUIET_S = 0.3
SILENT_S = 1.0
"""When a run is quiet that imports nothing more at all: its interpreter may only be starting."""


class Lesson:
    """The notes of one run: a file to which the program's processes add a line for each module."""

    def __init__(self, loop: Loop, path: str, sources: list[str], quiet: Callable[[], None]) -> None:
        self.path = path
        self._loop = loop
        self._sources = sources
        self._quiet = quiet
        self._size = 0
        self._began = self._grew = 0.0
        self._timer: Timer | None = None
        with contextlib.suppress(OSError):
            fd = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o666)
            # The program may become another user before it imports.
            os.fchmod(fd, 0o666)
            os.close(fd)

    def begin(self) -> None:
        """Watches the run, which begins now, until it is quiet."""
        self._began = self._grew = time.monotonic()
        self._timer = self._loop.after(LOOK_S, self._look)

    def _look(self) -> None:
        size = 0
        with contextlib.suppress(OSError):
            size = os.stat(self.path).st_size
        now = time.monotonic()
        if size != self._size:
            self._size, self._grew = size, now
        if now - self._grew >= QUIET_S and (size or now - self._began >= SILENT_S):
            self._quiet()
        else:
            self._timer = self._loop.after(LOOK_S, self._look)

    def names(self) -> list[str]:
        """Returns the modules from outside the project, in the order in which they were looked for."""
        try:
            with open(self.path, encoding="utf-8", errors="replace") as file:
                lines = file.read().split("\n")[:-1]
        except OSError:
            return []
        pairs = (line.partition("\t")[::2] for line in lines)
        return [
            name
            for name, origin in pairs
            # A namespace has no file and says nothing; what is in it has.
            if origin != "None" and not name.endswith("__main__") and not is_own(origin, self._sources)
        ]

    def end(self) -> None:
        """Ends the watch, and removes the file."""
        if self._timer:
            self._timer.cancel()
        with contextlib.suppress(OSError):
            os.unlink(self.path)
