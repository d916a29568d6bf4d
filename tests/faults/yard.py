"""A project on a real disk, the engine that stands for Docker, and one daemon after the other."""

import threading
from dataclasses import dataclass, field
from pathlib import Path

from devrun.config.load import load
from devrun.config.project import Project, TargetName
from devrun.control.lock import Lock
from devrun.control.place import Place, Roots
from devrun.core.journal import Entry, LogLine
from devrun.core.waiting import WaitOutcome
from devrun.daemon.loop import Daemon
from devrun.engine.protocol import Engine
from devrun.errors import AlreadyRunningError, DevrunError, ExitCode
from tests.faults.engine import Line, StoryEngine
from tests.faults.tree import CONFIGURATION, first_files
from tests.sources.live_disk import write

END_S = 30.0
"""A daemon that takes longer to end hangs."""
BESIDE = frozenset({"HashInputs", "CancelBuild"})
"""What may run beside a build."""


@dataclass
class Witness:
    """A listener who sees whether one subject has two actions at once."""

    breaches: list[str]
    running: dict[str, list[str]] = field(default_factory=dict)
    told_of: list[str] = field(default_factory=list)
    """The last entries, for whoever has to find out what went wrong."""

    def told(self, entry: Entry) -> None:
        """Take note of the beginnings and ends of actions."""
        self.told_of.append(f"{entry.at:.3f} {entry.kind} {entry.subject} {entry.action} {entry.text}")
        running = self.running.setdefault(entry.subject, [])
        if entry.kind == "began":
            others = [one for one in running if one not in BESIDE]
            # A cancellation ends a moment after its build: that of the next build may have begun by then.
            is_twice = entry.action in running and entry.action != "CancelBuild"
            if is_twice or (others and entry.action not in BESIDE):
                self.breaches.append(f"{entry.subject}: {entry.action} beside {running}")
            running.append(entry.action)
        elif entry.kind in {"done", "failed", "lost", "cancelled"} and entry.action in running:
            running.remove(entry.action)

    def wrote(self, line: LogLine) -> None:
        """Pass output over."""

    def leave(self) -> None:
        """Pass a second signal over: there is none."""


class Running:
    """A daemon at work in a thread."""

    def __init__(self, project: Project, place: Place, engine: StoryEngine) -> None:
        self.witness = Witness(engine.breaches)
        self.line = Line(engine)
        self.daemon = Daemon(project, self._connect, self.witness, place=place)
        self.ended: ExitCode | DevrunError | None = None
        self._engine = engine
        self._place, self._root = place, project.root
        self._served = threading.Event()
        self._thread = threading.Thread(target=self._run, name="daemon", daemon=True)

    def start(self) -> None:
        """Return when it serves, or has refused to."""
        self._thread.start()
        assert self._served.wait(END_S), "the daemon does not begin"

    def _run(self) -> None:
        try:
            with Lock.acquire(self._place, root=self._root, version="1") as lock:
                self.ended = self.daemon.run(lock, self._served.set)
        except DevrunError as error:
            self.ended = error
        finally:
            self._served.set()

    def _connect(self, _project: Project) -> Engine:
        self._engine.ping()
        return self.line.as_engine()

    def end(self) -> None:
        """Have it end as a user would."""
        self.daemon.shutdown(remove=False)
        self._join()

    def kill(self) -> None:
        """End it without its being asked: nothing is stopped, nothing written any more."""
        self.line.is_alive = False
        self.daemon._part_died("story", RuntimeError("killed"))
        self._join()

    def _join(self) -> None:
        self._thread.join(END_S)
        assert not self._thread.is_alive(), "the daemon does not end"
        self.line.is_alive = False
        self._engine.let_go()

    def wait(self, timeout_s: float) -> WaitOutcome | None:
        """Return what `devrun wait` would say; None where it says nothing."""
        answered = threading.Event()
        outcomes: list[WaitOutcome | None] = []

        def answer(outcome: WaitOutcome | None) -> None:
            outcomes.append(outcome)
            answered.set()

        take_back = self.daemon.desk.wait(frozenset(), timeout_s, answer)
        answered.wait(timeout_s + 2.0)
        take_back()
        return outcomes[0] if outcomes else None


class Yard:
    """Where a story takes place."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.root = folder / "project"
        self.root.mkdir()
        write(self.root, first_files())
        self.project = load(self.root / CONFIGURATION, {})
        self.engine = StoryEngine(self.project, seed)
        roots = Roots(home=folder / "home", runtime=folder / "none", temporary=folder)
        roots.home.mkdir(mode=0o700)
        self.place = Place.of(self.project.key, roots)
        self.running = self.begin()

    def begin(self) -> Running:
        """Have a daemon begin; raises ConfigError."""
        self.project = load(self.root / CONFIGURATION, {})
        self.running = Running(self.project, self.place, self.engine)
        self.running.start()
        return self.running

    def is_alone(self) -> bool:
        """Tell whether a second daemon is refused."""
        second = Running(self.project, self.place, self.engine)
        second.start()
        is_refused = isinstance(second.ended, AlreadyRunningError)
        if not is_refused:
            second.daemon._part_died("story", RuntimeError("one too many"))
            second._join()
        return is_refused

    @property
    def targets(self) -> frozenset[TargetName]:
        """The targets that the daemon knows by its configuration."""
        return frozenset(self.running.daemon._state.project.targets)


def pause(seconds: float) -> None:
    """Let time pass: a story is told at a certain pace."""
    threading.Event().wait(seconds)
