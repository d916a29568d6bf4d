"""The output of targets: followed over restarts, kept for its last lines, read for common mistakes.

Each boot of a container, (id, start), is followed by one thread; where an agent starts the program, several
runs of it are in one stream. Where output goes on, it is read from the last time stamp on, so that no line
comes twice and none is lost.
"""

import logging
import re
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from devrun.config.project import TargetConfig, TargetName
from devrun.core.events import ContainerTouched, Event, HintFound, OutputEnded
from devrun.core.values import Container, ContainerId, Phase, RunId, why_shallow
from devrun.daemon.listeners import Listeners
from devrun.engine.protocol import Engine, OutputLine
from devrun.errors import DevrunError, EngineUnreachableError

log = logging.getLogger(__name__)

TAIL_LINES = 40
TAIL_WIDTH = 400
LAST_LINES = 2_000
"""Of what a container wrote before this daemon knew of it: more is read by nobody."""
TAIL_MARGIN_S = 0.05
"""A program's first lines may be a little older than the moment at which the engine calls it started."""
QUIET_S = 0.05
LONGEST_QUIET_S = 1.0
"""The last lines of a program that ended in a container which goes on are on their way for milliseconds."""
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


@dataclass(slots=True)
class _Tail:
    """The last lines of a container, with their times: they may be those of several runs."""

    container: Container
    """As last seen: its present run is the one whose lines count."""
    lines: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))
    lock: threading.Lock = field(default_factory=threading.Lock)
    count: int = 0
    hinted: RunId | None = None
    """The run that was hinted at."""
    ended: RunId | None = None
    """The run that ended while its container goes on: what comes late belongs to it."""

    @property
    def since_ns(self) -> float:
        """The time since which lines are those of the present run."""
        margin = 0.0 if self.container.booted else TAIL_MARGIN_S
        return (self.container.started - margin) * NS

    def add(self, line: OutputLine) -> None:
        """Take one more."""
        self.count += 1
        self.lines.append((line.at_ns, line.text[:TAIL_WIDTH]))

    def of_run(self) -> tuple[str, ...]:
        """Return those of the present run."""
        return tuple(text for at_ns, text in self.lines.copy() if at_ns >= self.since_ns)


class Followers:
    """Follows the output of all targets."""

    def __init__(self, post: Post, emit: Emit) -> None:
        self._post = post
        self._emit = emit
        self._guard = threading.Lock()
        """Guards what is followed: the loop adds to it, the threads take it back."""
        self._followed: dict[TargetName, RunId] = {}
        """The boot whose stream is read."""
        self._runs: dict[TargetName, RunId] = {}
        self._last_ns: dict[ContainerId, int] = {}
        self._tails: dict[TargetName, _Tail] = {}
        self._ended: set[RunId] = set()
        self._locks: defaultdict[ContainerId, threading.Lock] = defaultdict(threading.Lock)
        self._listeners = Listeners(post)
        self._stop = threading.Event()

    def update(self, engine: Engine, target: TargetConfig, container: Container | None) -> None:
        """Follow the container's present run, if that is not done already."""
        if container is None or not container.started:
            return
        tail = self._tail(target.name, container)
        boot = container.boot_id
        with self._guard:
            is_over = boot in self._ended and not container.is_up
            is_followed = is_over or self._followed.get(target.name) == boot
            if not is_followed:
                self._followed[target.name] = boot
        if not is_followed:
            self._begin(f"output-{target.name}", lambda: self._follow(engine, target, container, tail))
        if not is_over and self._runs.get(target.name) != container.run_id:
            self._runs[target.name] = container.run_id
            self._meet(engine, target, container)
        if container.idle and tail.ended != container.run_id:
            tail.ended = container.run_id
            self._begin(f"tail-{target.name}", lambda: self._tell_quiet(target.name, tail, container.run_id))

    def close(self) -> None:
        """End the waits; the streams end with the engine's connection."""
        self._stop.set()
        self._listeners.close()

    @staticmethod
    def _begin(name: str, run: Callable[[], None]) -> None:
        threading.Thread(target=run, name=name, daemon=True).start()

    def _meet(self, engine: Engine, target: TargetConfig, container: Container) -> None:
        """Look at a run that has begun."""
        if hint := why_shallow(target.reload, container):
            self._post(HintFound(time.time(), target.name, hint))
        if target.ports and container.phase is Phase.RUNNING:
            self._listeners.watch(engine, target, container)

    def _follow(self, engine: Engine, target: TargetConfig, container: Container, tail: _Tail) -> None:
        def emit(line: OutputLine) -> None:
            """Take one line."""
            self._last_ns[container.id] = line.at_ns
            tail.add(line)
            self._emit(line)
            if RELOADERS.search(line.text) and line.at_ns >= tail.since_ns:
                self._hint(target.name, tail)
            if tail.ended == tail.container.run_id and tail.container.idle:
                self._tell(target.name, tail)

        again = True
        began = time.monotonic()
        try:
            # The last lines of the boot before come first.
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
            self._tell(target.name, tail, container)
        if again and not self._stop.wait(AGAIN_S - (time.monotonic() - began)):
            self._end(target.name, container)

    def _tell_quiet(self, name: TargetName, tail: _Tail, run_id: RunId) -> None:
        """Tell the last lines of a run that ended, once no more of them come; runs in a thread of its own."""
        until = time.monotonic() + LONGEST_QUIET_S
        count = -1
        while count != tail.count and time.monotonic() < until:
            count = tail.count
            if self._stop.wait(QUIET_S):
                return
        if tail.container.run_id == run_id:
            self._tell(name, tail)

    def _tell(self, name: TargetName, tail: _Tail, container: Container | None = None) -> None:
        with tail.lock:
            said = _Tail(container, tail.lines) if container and not container.booted else tail
            self._post(OutputEnded(time.time(), name, said.of_run(), said.container.run_id))

    def _hint(self, name: TargetName, tail: _Tail) -> None:
        if tail.hinted != tail.container.run_id:
            tail.hinted = tail.container.run_id
            self._post(HintFound(time.time(), name, RELOADER_HINT))

    def _tail(self, target: TargetName, container: Container) -> _Tail:
        tail = self._tails.get(target)
        if tail is None or tail.container.id != container.id:
            tail = self._tails[target] = _Tail(container)
        tail.container = container
        return tail

    def _end(self, target: TargetName, container: Container) -> None:
        """Have the target looked at: should its program run on, that has its output followed again."""
        boot = container.boot_id
        with self._guard:
            if self._followed.get(target) != boot:
                return
            self._ended.add(boot)
            del self._followed[target]
        self._post(ContainerTouched(time.time(), target))
