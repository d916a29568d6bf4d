"""The signals that concern a daemon: those that ask for its end, and one that asks a detached one to look."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from devrun.errors import ExitCode


class Signals:
    """Hands the first signal on; a second one that asks for the end is obeyed at once."""

    def __init__(
        self,
        end: Callable[[], None],
        look: Callable[[], None],
        leave: Callable[[], None],
        *,
        detached: bool,
    ) -> None:
        """`end` and `look` only post; `leave` is called before the process ends at once."""
        self._end = end
        self._leave = leave
        self._look = look
        self._detached = detached
        self.received = 0
        """The signal that asked for the end."""

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Take the signals while the block runs, if it is the main thread's."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, self._receive) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP and self._detached:
            self._look()
            return
        if self.received:
            self._leave()
            os._exit(ExitCode.INTERRUPTED)
        self.received = number
        self._end()
