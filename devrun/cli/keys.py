"""Single keys from the terminal, without Enter. Ctrl-C and Ctrl-Z stay what they are."""

import contextlib
import os
import select
import signal
import sys
import termios
import threading
import tty
from collections.abc import Callable
from types import FrameType

JOIN_S = 1.0
Settings = list[int | list[bytes | int]]
"""Those of a terminal, as termios has them."""


class Keys:
    """Reads keys in a thread of its own, and leaves the terminal as it was."""

    def __init__(self, press: Callable[[str], None]) -> None:
        self._press = press
        self._before: Settings | None = None
        self._wake = os.pipe()
        self._thread = threading.Thread(target=self._run, name="keys", daemon=True)

    def begin(self) -> None:
        """Take the keyboard."""
        self._before = list(termios.tcgetattr(sys.stdin))
        tty.setcbreak(sys.stdin)
        with contextlib.suppress(ValueError):  # Only the main thread may.
            signal.signal(signal.SIGCONT, self._resume)
        self._thread.start()

    def close(self) -> None:
        """Give it back."""
        if self._before is None:
            return
        before, self._before = self._before, None
        os.write(self._wake[1], b"\0")
        if self._thread is not threading.current_thread():
            self._thread.join(JOIN_S)
        # A terminal that is gone has no settings left to restore.
        with contextlib.suppress(termios.error, OSError):
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)

    def _resume(self, _number: int, _frame: FrameType | None) -> None:
        """Take it again: the shell had it meanwhile."""
        if self._before is not None:
            tty.setcbreak(sys.stdin)

    def _run(self) -> None:
        stdin = sys.stdin.fileno()
        while True:
            ready, _, _ = select.select([stdin, self._wake[0]], [], [])
            if self._wake[0] in ready:
                return
            try:
                said = os.read(stdin, 64)
            except OSError:
                return
            if not said:
                return
            for key in said.decode("utf-8", "ignore"):
                self._press(key)
