"""Giving up a build from another thread: what it waits in is closed, and it raises BuildCancelledError."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from devrun.config.project import ImageName
from devrun.engine.connection import Connection
from devrun.engine.exchange import Exchange
from devrun.errors import BuildCancelledError


class Cancellation:
    """The wish to give up one build. `cancel` may be called at any time from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self._end: Callable[[], None] | None = None

    def cancel(self) -> None:
        """End the build wherever it is; the engine stops it when the connection ends."""
        with self._lock:
            self._cancelled.set()
            end = self._end
        if end:
            end()

    def check(self) -> None:
        """Raise BuildCancelledError once the build is given up."""
        if self._cancelled.is_set():
            raise BuildCancelledError("the build was given up")

    def pause(self, seconds: float) -> None:
        """Wait; raises BuildCancelledError as soon as the build is given up."""
        self._cancelled.wait(seconds)
        self.check()

    @contextmanager
    def exchange(self, connection: Connection, what: str) -> Iterator[Exchange]:
        """Yield an exchange that `cancel` ends; errors begin with `what`."""
        with connection.exchange() as exchange, self.ending(exchange.close), connection.asking(what):
            yield exchange

    @contextmanager
    def ending(self, end: Callable[[], None]) -> Iterator[None]:
        """Have `cancel` call `end` while the block runs.

        Whatever goes wrong in it once the build is given up is the giving up.
        """
        with self._lock:
            self._end = end
        try:
            self.check()
            yield
        finally:
            with self._lock:
                self._end = None
            self.check()


class Cancellations:
    """What can be given up of each image. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[ImageName, Cancellation] = {}

    @contextmanager
    def running(self, image: ImageName) -> Iterator[Cancellation]:
        """Yield what gives up the work of the block, which may be cancelled until it ends."""
        cancellation = Cancellation()
        with self._lock:
            self._running[image] = cancellation
        try:
            yield cancellation
        finally:
            with self._lock:
                if self._running.get(image) is cancellation:
                    del self._running[image]

    def cancel(self, image: ImageName) -> None:
        """Give up what runs for an image; it raises in the thread that waits for it."""
        with self._lock:
            cancellation = self._running.get(image)
        if cancellation:
            cancellation.cancel()

    def cancel_all(self) -> None:
        """Give up all that runs."""
        with self._lock:
            running = tuple(self._running.values())
        for cancellation in running:
            cancellation.cancel()
