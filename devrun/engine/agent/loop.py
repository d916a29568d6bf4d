"""The agent's one thread: descriptors that became readable or writable, timers, and signals as bytes."""

from __future__ import annotations

import os
import select
import signal
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Callback = Callable[[], None]


class Timer:
    """Something to be done at a moment, unless it is called off before."""

    __slots__ = ("call", "due")

    def __init__(self, due: float, call: Callback | None) -> None:
        self.due = due
        self.call = call

    def cancel(self) -> None:
        """Has it never happen."""
        self.call = None


class Loop:
    """Calls what waits for something, one at a time."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._callbacks: dict[int, Callback] = {}
        self._timers: list[Timer] = []

    def watch(self, fd: int, callback: Callback, *, writing: bool = False) -> None:
        """Has the callback called when the descriptor can be read, or written to as well."""
        self._callbacks[fd] = callback
        self._poll.register(fd, select.POLLIN | (select.POLLOUT if writing else 0))

    def forget(self, fd: int) -> None:
        """Ends the watch; the descriptor may be closed then."""
        if self._callbacks.pop(fd, None):
            self._poll.unregister(fd)

    def after(self, seconds: float, callback: Callback) -> Timer:
        """Has the callback called after a while."""
        timer = Timer(time.monotonic() + seconds, callback)
        self._timers.append(timer)
        return timer

    def turn(self) -> None:
        """Waits until there is something to do, and does it."""
        for fd, _ in self._poll.poll(self._patience()):
            callback = self._callbacks.get(fd)
            if callback:
                callback()
        self._fire()

    def _patience(self) -> int | None:
        """Returns for how many milliseconds there is nothing to do."""
        self._timers = [timer for timer in self._timers if timer.call]
        if not self._timers:
            return None
        return max(0, int((min(timer.due for timer in self._timers) - time.monotonic()) * 1000) + 1)

    def _fire(self) -> None:
        now = time.monotonic()
        for timer in [timer for timer in self._timers if timer.due <= now]:
            call, timer.call = timer.call, None
            if call:
                call()


def receive_signals(loop: Loop, numbers: Iterable[int], receive: Callable[[int], None]) -> None:
    """Has each signal handed over between two turns instead of at any moment."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)

    def hand_over() -> None:
        for number in os.read(reading, 4096):
            receive(number)

    loop.watch(reading, hand_over)
    for number in numbers:
        signal.signal(number, lambda *_: None)
