"""Whether the engine answers, and what it tells by itself.

One thread connects, subscribes and hands events on; another one pings, since a hung engine says nothing.
Events are hints: after every connection all that was observed counts as unknown.
"""

import logging
import threading
import time
from collections.abc import Callable

from devrun.config.project import TargetName
from devrun.core.events import (
    ContainerTouched,
    EngineConnected,
    EngineLost,
    Event,
    ImageTouched,
    OrphansFound,
)
from devrun.engine.protocol import Engine, Touched
from devrun.errors import DevrunError

log = logging.getLogger(__name__)

PING_PAUSE_S = 3.0
DOUBT_PAUSE_S = 0.5
"""After a call that the engine did not answer: soon, but not at once, as it may be on its way down."""
CONNECT_PAUSES_S = (0.3, 0.5, 1.0, 2.0)
"""Between attempts to connect: an engine that is started takes about a second."""
STEADY_S = 5.0
"""A stream of events that lived so long was a good one: the next attempt may be made soon."""
JOIN_S = 3.0

Post = Callable[[Event], None]
Died = Callable[[str, BaseException], None]


class Monitor:
    """Keeps the connection with the engine. `engine` is None before the first connection."""

    def __init__(self, connect: Callable[[], Engine], post: Post, died: Died) -> None:
        self.engine: Engine | None = None
        self._connect = connect
        self._post = post
        self._died = died
        self._stop = threading.Event()
        self._doubt = threading.Event()
        self._is_up = False
        self._threads = [
            threading.Thread(target=self._guarded, args=(run,), name=name, daemon=True)
            for name, run in (("engine-events", self._follow), ("engine-ping", self._watch))
        ]

    def start(self) -> None:
        """Begin to connect."""
        for thread in self._threads:
            thread.start()

    def doubt(self) -> None:
        """Ask the engine soon whether it is there: a call went wrong."""
        self._is_up = False
        self._doubt.set()

    def close(self) -> None:
        """End the connection and the threads."""
        self._stop.set()
        self._doubt.set()
        if self.engine is not None:
            self.engine.close()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(JOIN_S)

    def _guarded(self, run: Callable[[], None]) -> None:
        try:
            run()
        except Exception as error:
            log.exception("the monitor died")
            self._died(threading.current_thread().name, error)

    def _follow(self) -> None:
        attempts = 0
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                engine = self._connect()
                self._replace(engine)
                engine.watch_events(lambda engine=engine: self._connected(engine), self._touched)  # type: ignore[misc]
                log.debug("the stream of events ended")
            except DevrunError as error:
                self._lost(error)
            attempts = 0 if time.monotonic() - began > STEADY_S else attempts
            self._stop.wait(CONNECT_PAUSES_S[min(attempts, len(CONNECT_PAUSES_S) - 1)])
            attempts += 1

    def _replace(self, engine: Engine) -> None:
        before, self.engine = self.engine, engine
        if before is not None and before is not engine:
            before.close()
        if self._stop.is_set():
            engine.close()

    def _connected(self, engine: Engine) -> None:
        """Post what there is to look at, now that nothing is missed any more."""
        engine.tidy()
        known: tuple[TargetName, ...] = engine.known_targets()
        self._is_up = True
        self._post(EngineConnected(time.time()))
        self._post(OrphansFound(time.time(), known))

    def _touched(self, touched: Touched) -> None:
        if touched.target is not None:
            self._post(ContainerTouched(time.time(), touched.target))
        if touched.image is not None:
            self._post(ImageTouched(time.time(), touched.image))

    def _watch(self) -> None:
        while not self._stop.is_set():
            if self._doubt.wait(PING_PAUSE_S):
                self._doubt.clear()
                self._stop.wait(DOUBT_PAUSE_S)
            if self.engine is not None and not self._stop.is_set():
                self._ping(self.engine)

    def _ping(self, engine: Engine) -> None:
        try:
            engine.ping()
        except DevrunError as error:
            # One that was replaced meanwhile refuses everything.
            if engine is self.engine:
                self._lost(error)
            return
        if not self._is_up and engine is self.engine:
            self._is_up = True
            self._post(EngineConnected(time.time()))

    def _lost(self, error: DevrunError) -> None:
        self._is_up = False
        if not self._stop.is_set():
            self._post(EngineLost(time.time(), error.message, error.hint))
