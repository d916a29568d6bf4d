"""The output of targets: followed over restarts, kept for its last lines, read for common mistakes.

Each run of a container, (id, start), is followed by one thread. Where a run's output goes on, it is read from
the last time stamp on, so that no line comes twice and none is lost.
"""

import ipaddress
import logging
import re
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable

from devrun.config.project import TargetConfig, TargetName
from devrun.core.events import ContainerTouched, Event, HintFound, OutputEnded
from devrun.core.values import Container, ContainerId, Phase
from devrun.engine.protocol import Engine, OutputLine
from devrun.errors import DevrunError, EngineUnreachableError

log = logging.getLogger(__name__)

TAIL_LINES = 40
TAIL_WIDTH = 400
LAST_LINES = 2_000
"""Of what a container wrote before this daemon knew of it: more is read by nobody."""
TAIL_MARGIN_S = 0.05
"""A program's first lines may be a little older than the moment at which the engine calls it started."""
LISTEN_PAUSES_S = (1.5, 3.0, 10.0)
"""When a program that publishes a port is looked at: most listen by the first, slow ones by the last."""
AGAIN_S = 1.0
"""Where output ends at once although its program goes on, it is asked for no more often."""
NS = 1_000_000_000

RELOADERS = re.compile(
    r"Restarting with (stat|watchdog|inotify)|Started reloader process|Watching for file changes with"
)
RELOADER_HINT = (
    "its own reloader is on: every edit restarts it twice; turn it off (debug=False, --noreload, no --reload)"
)

Post = Callable[[Event], None]
Emit = Callable[[OutputLine], None]


class Followers:
    """Follows the output of all targets."""

    def __init__(self, post: Post, emit: Emit) -> None:
        self._post = post
        self._emit = emit
        self._guard = threading.Lock()
        """Guards the runs: the loop adds them, their threads take them back."""
        self._followed: dict[TargetName, tuple[ContainerId, float]] = {}
        self._last_ns: dict[ContainerId, int] = {}
        self._tails: dict[TargetName, tuple[ContainerId, deque[tuple[int, str]]]] = {}
        """The last lines of each container, with their times: a stream may bring those of two runs."""
        self._ended: set[tuple[ContainerId, float]] = set()
        self._locks: defaultdict[ContainerId, threading.Lock] = defaultdict(threading.Lock)
        self._stop = threading.Event()

    def update(self, engine: Engine, target: TargetConfig, container: Container | None) -> None:
        """Follow the container's present run, if that is not done already."""
        if container is None or not container.started:
            return
        run = (container.id, container.started)
        with self._guard:
            is_over = run in self._ended and container.phase is not Phase.RUNNING
            if is_over or self._followed.get(target.name) == run:
                return
            self._followed[target.name] = run
        self._begin("output", self._follow, engine, target, container)
        if target.ports and container.phase is Phase.RUNNING:
            self._begin("listeners", self._check_listeners, engine, target, container)

    def close(self) -> None:
        """End the waits; the streams end with the engine's connection."""
        self._stop.set()

    def _begin(
        self,
        what: str,
        run: Callable[[Engine, TargetConfig, Container], None],
        engine: Engine,
        target: TargetConfig,
        container: Container,
    ) -> None:
        name = f"{what}-{target.name}"
        threading.Thread(target=run, args=(engine, target, container), name=name, daemon=True).start()

    def _follow(self, engine: Engine, target: TargetConfig, container: Container) -> None:
        tail = self._tail(target.name, container.id)
        hints: set[str] = set()
        began_ns = (container.started - TAIL_MARGIN_S) * NS

        def emit(line: OutputLine) -> None:
            """Take one line."""
            self._last_ns[container.id] = line.at_ns
            tail.append((line.at_ns, line.text[:TAIL_WIDTH]))
            self._emit(line)
            if not hints and line.at_ns >= began_ns and RELOADERS.search(line.text):
                hints.add(RELOADER_HINT)
                self._post(HintFound(time.time(), target.name, RELOADER_HINT))

        again = True
        began = time.monotonic()
        try:
            # The last lines of the run before come first.
            with self._locks[container.id]:
                since = self._last_ns.get(container.id, 0)
                engine.follow_output(
                    target.name, container.id, since, emit, last=None if since else LAST_LINES
                )
        except EngineUnreachableError as error:
            log.debug("output of %s: %s", target.name, error)
        except DevrunError as error:
            log.info("output of %s is not followed: %s", target.name, error)
            again = False
        except Exception:
            # Whoever shows the lines is at fault: it would be at the next one too.
            log.exception("output of %s is not followed any more", target.name)
            again = False
        if not self._stop.is_set():
            lines = tuple(text for at_ns, text in tail.copy() if at_ns >= began_ns)
            self._post(OutputEnded(time.time(), target.name, lines, container.run_id))
        if again and not self._stop.wait(AGAIN_S - (time.monotonic() - began)):
            self._end(target.name, container)

    def _tail(self, target: TargetName, container: ContainerId) -> deque[tuple[int, str]]:
        with self._guard:
            if target not in self._tails or self._tails[target][0] != container:
                self._tails[target] = (container, deque(maxlen=TAIL_LINES))
            return self._tails[target][1]

    def _end(self, target: TargetName, container: Container) -> None:
        """Have the target looked at: should its program run on, that has its output followed again."""
        run = (container.id, container.started)
        with self._guard:
            if self._followed.get(target) != run:
                return
            self._ended.add(run)
            del self._followed[target]
        self._post(ContainerTouched(time.time(), target))

    def _check_listeners(self, engine: Engine, target: TargetConfig, container: Container) -> None:
        """Look whether a published port is served on the loopback of the container only."""
        for pause in LISTEN_PAUSES_S:
            if self._stop.wait(pause) or self._followed.get(target.name) != (container.id, container.started):
                return
            try:
                listeners = engine.listeners(container.id)
            except DevrunError as error:
                log.debug("listeners of %s: %s", target.name, error)
                return
            hidden = [
                port.container_port for port in target.ports if _is_hidden(port.container_port, listeners)
            ]
            for port in hidden:
                hint = (
                    f"listens on 127.0.0.1 inside its container: port {port} cannot be reached; use 0.0.0.0"
                )
                self._post(HintFound(time.time(), target.name, hint))
            # A debugger listens long before the program does.
            if _is_about(target, listeners):
                return


def _is_about(target: TargetConfig, listeners: frozenset[tuple[str, int]]) -> bool:
    """Tell whether the program itself listens."""
    ports = {listening for _, listening in listeners}
    return bool(ports & {port.container_port for port in target.ports} if target.debug_port else ports)


def _is_hidden(port: int, listeners: frozenset[tuple[str, int]]) -> bool:
    addresses = [address for address, listening in listeners if listening == port]
    return bool(addresses) and all(ipaddress.ip_address(address).is_loopback for address in addresses)
