"""When a run of a container is ready: its healthcheck is passed; without one, it serves the port that it
publishes first, or has not ended soon.

One thread probes all targets. A published port with nobody behind it accepts all the same: the engine's proxy
does, and closes when it finds nobody inside. So a connection proves something only by a byte that comes, or
by staying open. No run is probed before its start has returned, and none any more once an action has begun:
a connection to a container without a network makes the next good answer a second late.

A try of a healthcheck may take long, and has a thread of its own, one at a time for each run: it ends with
its time-out, with the run, or with the engine's connection.
"""

import contextlib
import logging
import queue
import selectors
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from devrun.config.project import Healthcheck, HttpCheck, TargetConfig, TargetName
from devrun.core.actions import CheckSyntax, InspectTarget
from devrun.core.events import TargetReady, TargetUnready
from devrun.core.model import State
from devrun.core.published import Address, address_of, first_address
from devrun.core.values import Container, RunId
from devrun.daemon.health import Answer, ask
from devrun.engine.protocol import Engine

log = logging.getLogger(__name__)

RUN_S = 0.3
"""A program without a port that runs for so long has its imports and its first mistakes behind it."""
HOLD_S = 0.1
"""The proxy closes within a few milliseconds where nobody listens inside."""
HOLD_FACTOR = 5
LONGEST_HOLD_S = 1.0
"""On a busy machine it takes longer: so many times as long as the slowest refusal of the same run."""
PAUSES_S = (0.02, 0.03, 0.05, 0.08, 0.12, 0.2)
"""Between attempts; the last one goes on. A Python program listens 40 ms to some seconds after its start."""
CONNECT_S = 2.0
"""The loopback takes no time at all; another address may not answer."""
FIRST_PAUSE_S = 0.05
"""After the first try of a healthcheck; it doubles up to the interval, since most programs start soon."""
MOST_DOUBLINGS = 16
"""By then it is longer than any interval."""
HUNG_PAUSE_S = 10.0
"""After a command that did not end: the engine cannot end it, and many of them would fill the container."""
JOIN_S = 3.0

Post = Callable[[TargetReady | TargetUnready], None]
Died = Callable[[str, BaseException], None]


class _Run(NamedTuple):
    """A run to probe."""

    id: RunId
    address: Address | None
    healthcheck: Healthcheck | None = None


@dataclass(slots=True)
class _Probe:
    """How far the probing of one run has come."""

    target: TargetName
    run: _Run
    due: float
    """When the next step is to be taken, by the monotonic clock."""
    attempts: int = 0
    connection: socket.socket | None = None
    connected_at: float = 0.0
    """0: not yet."""
    slowest_s: float = 0.0
    """Of the refusals so far."""
    is_asked: bool = False
    """A try of its healthcheck is under way."""
    said: str = ""
    """Why the last one found it not healthy."""
    is_done: bool = False

    @property
    def waits(self) -> bool:
        """Whether a moment will come at which something is to be done."""
        return not self.is_done and not self.is_asked


class Readiness:
    """Finds out when targets are ready. `update` says which runs there are."""

    def __init__(
        self, post: Post, died: Died, engine: Callable[[], Engine | None], *, hold_s: float = HOLD_S
    ) -> None:
        self._post = post
        self._died = died
        self._engine = engine
        """Returns the present one; None before the first connection."""
        self._hold_s = hold_s
        """How long a connection has to stay open where the machine has time."""
        self._wanted: Mapping[TargetName, _Run] = {}
        """Rebound by the loop, read by the thread."""
        self._probes: dict[TargetName, _Probe] = {}
        self._answers: queue.SimpleQueue[tuple[_Probe, Answer, float]] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._bell: tuple[socket.socket, socket.socket] | None = None
        """What is written into the first one wakes the thread at the second one."""
        self._thread = threading.Thread(target=self._run, name="readiness", daemon=True)

    def start(self) -> None:
        """Begin to probe."""
        self._bell = socket.socketpair()
        for end in self._bell:
            end.settimeout(0)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._bell[1], selectors.EVENT_READ)
        self._thread.start()

    def update(self, state: State) -> None:
        """Probe the runs that are not known to be ready, and no others; returns at once."""
        wanted = _wanted(state, self._wanted)
        if wanted != self._wanted:
            self._wanted = wanted
            self._ring()

    def close(self) -> None:
        """End the thread and all its connections."""
        self._stop.set()
        self._ring()
        if self._thread.is_alive():
            self._thread.join(JOIN_S)
        if self._bell and not self._thread.is_alive():
            self._selector.close()
            for end in self._bell:
                end.close()
            self._bell = None

    def _ring(self) -> None:
        if self._bell:
            with contextlib.suppress(OSError):  # One that is full rings already; one that is closed need not.
                self._bell[0].send(b"\0")

    # What follows runs in the thread.

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._turn()
        except Exception as error:
            log.exception("the probing of targets died")
            self._died("readiness", error)
        for name in list(self._probes):
            self._forget(name)

    def _turn(self) -> None:
        self._take_over(self._wanted)
        self._take_answers()
        now = time.monotonic()
        moments = [probe.due for probe in self._probes.values() if probe.waits]
        patience = max(0.0, min(moments) - now) if moments else None
        for key, _ in self._selector.select(patience):
            if isinstance(key.data, _Probe):
                self._hear(key.data)
            else:
                self._silence(key.fileobj)
        for probe in self._probes.values():
            if probe.waits and probe.due <= time.monotonic():
                self._advance(probe)

    @staticmethod
    def _silence(bell: object) -> None:
        assert isinstance(bell, socket.socket)
        with contextlib.suppress(BlockingIOError):
            bell.recv(4096)

    def _take_over(self, wanted: Mapping[TargetName, _Run]) -> None:
        """Forget the runs that are over, and begin with those that are new."""
        for name in [name for name, probe in self._probes.items() if wanted.get(name) != probe.run]:
            self._forget(name)
        for name, run in wanted.items():
            if name not in self._probes:
                patience = 0.0 if run.address or run.healthcheck else RUN_S
                self._probes[name] = _Probe(name, run, time.monotonic() + patience)

    def _forget(self, name: TargetName) -> None:
        self._hang_up(self._probes.pop(name))

    def _advance(self, probe: _Probe) -> None:
        """Take the step that is due."""
        if probe.run.healthcheck is not None:
            self._begin_try(probe, probe.run.healthcheck)
        elif probe.run.address is None:
            self._finish(probe)
        elif probe.connection is None:
            self._connect(probe, probe.run.address)
        elif not probe.connected_at:
            self._refused(probe)
        elif self._is_open(probe.connection):
            self._finish(probe)
        else:
            self._refused(probe)

    def _begin_try(self, probe: _Probe, healthcheck: Healthcheck) -> None:
        probe.is_asked = True
        name = f"healthcheck-{probe.target}"
        threading.Thread(target=self._try, args=(probe, healthcheck), name=name, daemon=True).start()

    def _try(self, probe: _Probe, healthcheck: Healthcheck) -> None:
        """Ask once; runs in a thread of its own."""
        try:
            engine = self._engine()
            container, _ = probe.run.id
            answer = ask(engine, container, healthcheck, probe.run.address) if engine else Answer("no engine")
        except Exception as error:
            log.exception("a try of the healthcheck of %s died", probe.target)
            self._died("readiness", error)
            return
        self._answers.put((probe, answer, healthcheck.interval_s))
        self._ring()

    def _take_answers(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                probe, answer, interval_s = self._answers.get_nowait()
                if self._probes.get(probe.target) is probe:  # Otherwise its run is over.
                    self._take_answer(probe, answer, interval_s)

    def _take_answer(self, probe: _Probe, answer: Answer, interval_s: float) -> None:
        probe.is_asked = False
        if not answer.reason:
            self._finish(probe)
            return
        if answer.reason != probe.said:
            probe.said = answer.reason
            self._post(TargetUnready(time.time(), probe.target, probe.run.id, answer.reason))
        pause_s = min(interval_s, FIRST_PAUSE_S * 2 ** min(probe.attempts, MOST_DOUBLINGS))
        probe.attempts += 1
        probe.due = time.monotonic() + (max(interval_s, HUNG_PAUSE_S) if answer.goes_on else pause_s)

    def _connect(self, probe: _Probe, address: Address) -> None:
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        try:
            probe.connection = socket.socket(family, socket.SOCK_STREAM)
            probe.connection.settimeout(0)
            with contextlib.suppress(BlockingIOError):
                probe.connection.connect(address)
        except OSError:
            self._refused(probe)
            return
        probe.due = time.monotonic() + CONNECT_S
        self._selector.register(probe.connection, selectors.EVENT_WRITE, probe)

    def _hear(self, probe: _Probe) -> None:
        """Take note that a connection is made, or that something came over it."""
        connection = probe.connection
        if connection is None:
            return
        if probe.connected_at:
            if self._says_something(connection):
                self._finish(probe)
            else:
                self._refused(probe)
        elif connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._refused(probe)
        else:
            probe.connected_at = time.monotonic()
            patience = min(LONGEST_HOLD_S, HOLD_FACTOR * probe.slowest_s)
            probe.due = probe.connected_at + max(self._hold_s, patience)
            self._selector.modify(connection, selectors.EVENT_READ, probe)

    @staticmethod
    def _says_something(connection: socket.socket) -> bool:
        try:
            return bool(connection.recv(1))
        except OSError:
            return False

    @staticmethod
    def _is_open(connection: socket.socket) -> bool:
        """Tell it by the connection itself: its end may have come since the thread last listened."""
        try:
            return bool(connection.recv(1))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def _refused(self, probe: _Probe) -> None:
        now = time.monotonic()
        if probe.connected_at:
            probe.slowest_s = max(probe.slowest_s, now - probe.connected_at)
        self._hang_up(probe)
        probe.due = now + PAUSES_S[min(probe.attempts, len(PAUSES_S) - 1)]
        probe.attempts += 1

    def _finish(self, probe: _Probe) -> None:
        self._hang_up(probe)
        probe.is_done = True
        self._post(TargetReady(time.time(), probe.target, probe.run.id))

    def _hang_up(self, probe: _Probe) -> None:
        if probe.connection is not None:
            with contextlib.suppress(KeyError):
                self._selector.unregister(probe.connection)
            probe.connection.close()
        probe.connection, probe.connected_at = None, 0.0


def _wanted(state: State, before: Mapping[TargetName, _Run]) -> dict[TargetName, _Run]:
    """Return the runs to probe; of a target that is being looked at, the one that was probed so far."""
    wanted: dict[TargetName, _Run] = {}
    for name, config in state.project.targets.items():
        target = state.targets[name]
        container = target.container
        if state.closing or not isinstance(target.running, InspectTarget | CheckSyntax | None):
            continue
        if target.observed is None:
            wanted |= {name: before[name]} if name in before else {}
        elif container is not None and target.is_running and not target.is_ready:
            wanted[name] = _run_of(config, container)
    return wanted


def _run_of(config: TargetConfig, container: Container) -> _Run:
    healthcheck = config.healthcheck
    if healthcheck is None:
        return _Run(container.run_id, first_address(config, container))
    check = healthcheck.check
    published = address_of(container, check.port) if isinstance(check, HttpCheck) else None
    return _Run(container.run_id, published, healthcheck)
