"""The daemon of one project: events come into one mailbox, one thread makes states of them and decides.

After every batch of events it asks for each image and each target what is to be done, and gives each action
to a worker of its own, at most one for each. Nothing waits in a queue but facts.
"""

import logging
import os
import queue
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

from devrun import __version__
from devrun.config.grants import refuse_beyond
from devrun.config.project import ImageName, Project, TargetName
from devrun.control.limits import Limits
from devrun.control.lock import Lock
from devrun.control.place import Place
from devrun.control.server import Server
from devrun.core.actions import Action, BuildImage, InspectImage, InspectTarget, subject_of
from devrun.core.decide import Decision, Hold, decide_image, decide_target, is_settled
from devrun.core.events import (
    ActionFinished,
    ActionStarted,
    BuildAdvanced,
    ContainerTouched,
    DiskRead,
    EngineLost,
    Event,
    FilesChanged,
    HintFound,
    Lost,
    ProjectChanged,
    ShutdownRequested,
    TimePassed,
)
from devrun.core.journal import Entry, EntryKind, began, ended, held
from devrun.core.model import State, initial_state
from devrun.core.reconfigure import describe
from devrun.core.report import Report, Watched, doing_verb, report
from devrun.core.step import step
from devrun.daemon.cache import Cache, Memory
from devrun.daemon.desk import Desk
from devrun.daemon.journal import Journal
from devrun.daemon.listener import Listener
from devrun.daemon.logs import Logs
from devrun.daemon.monitor import Monitor
from devrun.daemon.output import Followers
from devrun.daemon.readiness import Readiness
from devrun.daemon.signals import Signals
from devrun.daemon.waiters import Waiters
from devrun.daemon.workers import Workers
from devrun.engine.plan import STOP_TIMEOUT_S
from devrun.engine.protocol import BuildProgress, Connect, OutputLine
from devrun.errors import DevrunError, ExitCode
from devrun.sources.configuration import Permit
from devrun.sources.disk import Disk

log = logging.getLogger(__name__)

OWN_PYTHON = sys.implementation.cache_tag or ""
MOST_TOLD = 100
"""Actions that `devrun explain --last` tells of."""
CLOSE_MARGIN_S = 2.0
"""What all else may take at the end, beyond the containers' own time-outs."""


@dataclass(frozen=True, slots=True)
class Died:
    """A thread that should live as long as the daemon has ended."""

    part: str
    error: BaseException


@dataclass(frozen=True, slots=True)
class LookWanted:
    """Somebody wants the disk looked at, whether or not there is a hint of a change."""


class Daemon:
    """Runs a project until it is told to stop."""

    def __init__(
        self,
        project: Project,
        connect: Connect,
        listener: Listener,
        *,
        place: Place,
        only: frozenset[TargetName] = frozenset(),
        detached: bool = False,
        permit: Permit = refuse_beyond,
    ) -> None:
        """`only` limits what runs; `detached`: SIGHUP means reload; `permit` refuses what was not granted."""
        self._listener = listener
        self._place = place
        self._only = only
        self._mailbox: queue.SimpleQueue[Event | Died | LookWanted] = queue.SimpleQueue()
        self._disk = Disk(
            project, self._mailbox.put, self._notice, self._part_died, parsed=place.parsed, permit=permit
        )
        self._monitor = Monitor(lambda: connect(self._state.project), self._mailbox.put, self._part_died)
        self._journal = Journal(place.journal, listener.told)
        self._logs = Logs()
        self._workers = Workers(
            self._mailbox.put, lambda: self._monitor.engine, lambda: self._state, self._disk, self._build_said
        )
        self._followers = Followers(self._mailbox.put, self._wrote)
        self._readiness = Readiness(self._mailbox.put, self._part_died, lambda: self._monitor.engine)
        self._waiters = Waiters(self._disk.barrier)
        self._cache = Cache(place.cache)
        self._notices: dict[str, str] = {}
        self._holds: dict[str, Hold] = {}
        self._steps: dict[ImageName, str] = {}
        self._started = time.time()
        self._closing_since = 0.0
        self._remove = False
        self._signals = Signals(self._asked_to_end, self._asked_to_look, listener.leave, detached=detached)
        self._began: dict[Action, float] = {}
        self._done: deque[str] = deque(maxlen=MOST_TOLD)
        """What was begun since the last batch of changes."""
        self._state = initial_state(project, self._started, only=only, python=OWN_PYTHON)
        self._report = self._make_report()
        self.desk = Desk(
            self._mailbox.put,
            lambda: self._state,
            self.report,
            self._doings,
            self._disk,
            self._waiters,
            self._journal,
            self._logs,
        )
        """What others may ask."""

    def report(self) -> Report:
        """Return the newest report; from any thread, at once."""
        return self._report

    def shutdown(self, *, remove: bool) -> None:
        """Ask for the end; returns at once."""
        self.desk.shutdown(remove=remove)

    def _doings(self) -> tuple[Sequence[str], Mapping[str, str]]:
        """Return what was begun since the last batch of changes, and why nothing is done now."""
        return tuple(self._done), {subject: hold.text for subject, hold in dict(self._holds).items()}

    def run(self, lock: Lock, served: Callable[[], None] = lambda: None) -> ExitCode:
        """Serve, and work until told to stop, with the project's lock; `served`: once the socket answers."""
        with self._signals.taken(), ExitStack() as ending:
            self._journal.open()
            ending.callback(self._journal.close)
            self._recall()
            server = Server.start(lock, self.desk, died=self._server_died, limits=Limits.of_process())
            ending.callback(server.stop)
            # Called from the last to the first, whatever one of them does.
            for part in (self._disk, self._monitor, self._followers, self._readiness):
                ending.callback(part.close)
            self._tell_of(EntryKind.STARTED, f"devrun {__version__}, pid {os.getpid()}")
            self._monitor.start()  # The engine answers while the disk is read for the first time.
            self._disk.start()
            self._readiness.start()
            served()
            self._loop()
            self._leave()
            self._tell_of(EntryKind.ENDED)
        return ExitCode.INTERRUPTED if self._signals.received == signal.SIGINT else ExitCode.OK

    def _recall(self) -> None:
        """Take up what an earlier daemon left."""
        memory = self._cache.read()
        state = initial_state(
            self._state.project, self._started, only=self._only, stopped=memory.stopped, python=OWN_PYTHON
        )
        self._state = replace(state, rows=memory.loaded)
        self._report = self._make_report()

    def _leave(self) -> None:
        engine = self._monitor.engine
        if self._remove and engine is not None and self._state.engine_up:
            engine.remove_network()

    def _asked_to_end(self) -> None:
        self._mailbox.put(ShutdownRequested(time.time()))

    def _asked_to_look(self) -> None:
        self._mailbox.put(LookWanted())

    def _loop(self) -> None:
        while not self._is_over():
            for event in self._take():
                self._apply(event)
            self._act()
            self._tell()
            self._answer_waiters()  # Now that whoever is answered may ask for the report.

    def _take(self) -> Iterator[Event]:
        """Wait for an event, or for the moment that a hold names, and return all that is there by then."""
        try:
            first = self._mailbox.get(timeout=self._patience_s())
        except queue.Empty:
            yield TimePassed(time.time())
            return
        yield self._heard(first)
        while True:
            try:
                yield self._heard(self._mailbox.get_nowait())
            except queue.Empty:
                return

    def _heard(self, event: "Event | Died | LookWanted") -> Event:
        if isinstance(event, Died):
            raise DevrunError(f"the {event.part} died: {event.error!r}", hint="see the log; start again")
        if isinstance(event, LookWanted):
            self._disk.look()
            return TimePassed(time.time())
        return event

    def _patience_s(self) -> float | None:
        moments = [hold.until for hold in self._holds.values() if hold.until is not None]
        if self._closing_since:
            moments.append(self._deadline())
        waits = [max(0.0, moment - time.time()) for moment in moments]
        patience = self._waiters.patience_s()
        return min(waits if patience is None else [*waits, patience], default=None)

    def _apply(self, event: Event) -> None:
        before = self._state
        self._state = step(before, event)
        match event:
            case ActionFinished(action=action, outcome=outcome):
                since = self._began.pop(action, event.at)
                self._journal.add(ended(action, outcome, event.at, event.at - since))
                if isinstance(outcome, Lost):
                    self._monitor.doubt()
            case ShutdownRequested(remove=remove):
                self._closing_since = self._closing_since or time.time()
                self._remove = self._remove or remove
                if self._monitor.engine is not None:
                    self._monitor.engine.cancel_before()
            case FilesChanged(sources=sources, inputs=inputs) if sources or inputs:
                self._done.clear()
            case EngineLost():
                self._give_up_builds()
            case DiskRead(barriers=barriers):
                self._waiters.pass_barriers(barriers)
            case HintFound(target=target, hint=hint):
                self._tell_of(EntryKind.HINT, hint, f"target {target}")
            case ProjectChanged(project=project) if self._state.project is project:
                self._tell_of(EntryKind.CONFIGURED, describe(before, event))
            case _:
                pass
        if before.engine_up != self._state.engine_up or (
            isinstance(event, EngineLost) and event.error != before.engine_error
        ):
            self._tell_engine()

    def _give_up_builds(self) -> None:
        """End builds on an engine that is gone: a hung one would never say that it does not build."""
        engine = self._monitor.engine
        for name, image in self._state.images.items():
            if engine is not None and isinstance(image.running, BuildImage):
                engine.cancel_build(name)

    def _tell_engine(self) -> None:
        engine = self._monitor.engine
        if self._state.engine_up and engine is not None:
            self._tell_of(EntryKind.ENGINE_UP, engine.describe())
        else:
            self._tell_of(EntryKind.ENGINE_DOWN, self._state.engine_error, hint=self._state.engine_hint)

    def _tell_of(self, kind: EntryKind, text: str = "", subject: str = "", *, hint: str = "") -> None:
        self._journal.add(Entry(time.time(), kind.value, subject, text, hint=hint))

    def _act(self) -> None:
        """Begin all that is decided; what follows from a beginning is decided at once."""
        for image in list(self._state.images):
            self._pursue(f"image {image}", partial(decide_image, name=image))
        for target in list(self._state.targets):
            self._pursue(f"target {target}", partial(decide_target, name=target))
        # What is no longer there waits for no moment either.
        present = {f"image {name}" for name in self._state.images}
        present |= {f"target {name}" for name in self._state.targets}
        self._holds = {subject: hold for subject, hold in self._holds.items() if subject in present}

    def _pursue(self, subject: str, ask: Callable[[State], Decision]) -> None:
        while not isinstance(decision := ask(self._state), Hold):
            self._begin(decision)
        if self._holds.get(subject) != decision:
            self._holds[subject] = decision
            self._journal.add(held(subject, decision, time.time()))

    def _begin(self, action: Action) -> None:
        now = time.time()
        self._state = step(self._state, ActionStarted(now, action))
        self._journal.add(began(action, now))
        log.debug("%s", action)
        if not isinstance(action, InspectImage | InspectTarget):
            self._done.append(f"{subject_of(action)}: {doing_verb(action)} ({action.cause})")
        self._began[action] = now
        self._workers.begin(action, self._state.project)

    def _build_said(self, image: ImageName, news: BuildProgress) -> None:
        now = time.time()
        self._logs.add_progress(image, news, now)
        place = f"{news.step}/{news.steps}" if news.steps else ""
        text = f"{news.instruction} (cached)" if news.cached else news.instruction
        if news.instruction and self._steps.get(image) != f"{place} {text}":
            self._steps[image] = f"{place} {text}"
            self._journal.add(Entry(now, EntryKind.STEP.value, f"image {image}", text, step=place))
        said = f"{place} {news.instruction}" if place else news.line or news.instruction
        self._mailbox.put(BuildAdvanced(now, image, said))

    def _wrote(self, line: OutputLine) -> None:
        if line.target not in self._state.project.targets:
            return
        kept = self._logs.add(line)
        if kept.at >= self._started:  # What was written before, an earlier daemon has shown.
            self._listener.wrote(kept)

    def _tell(self) -> None:
        """Let others know: readers of the report, the cache, those who follow output."""
        self._report = self._make_report()
        self._cache.write(self._memory())
        self._readiness.update(self._state)
        engine = self._monitor.engine
        if engine is None or not self._state.engine_up:
            return
        for name, target in self._state.targets.items():
            if name in self._state.project.targets:
                self._followers.update(engine, self._state.project.targets[name], target.container)

    def _memory(self) -> Memory:
        targets = self._state.targets
        loaded = {name: target.loaded for name, target in targets.items() if target.loaded}
        return Memory(loaded, frozenset(name for name, target in targets.items() if target.stopped))

    def _answer_waiters(self) -> None:
        for name in self._waiters.answer(self._state):
            self._mailbox.put(ContainerTouched(time.time(), name))

    def _make_report(self) -> Report:
        engine = self._monitor.engine
        return report(
            self._state,
            pid=os.getpid(),
            started=self._started,
            engine=engine.describe() if engine else "",
            watched=Watched(*self._disk.counts),
            entry=self._journal.feed.newest,
            notices=tuple(self._notices.values()),
        )

    def _notice(self, subject: str, text: str) -> None:
        """Take up what there is to say of a subject, from any thread; an empty text takes it back."""
        before = self._notices.get(subject, "")
        notices = {**self._notices, subject: text}
        self._notices = {subject: text for subject, text in notices.items() if text}
        if text and text != before:
            self._tell_of(EntryKind.NOTICE, text)
        if text != before:
            self._mailbox.put(TimePassed(time.time()))

    def _part_died(self, part: str, error: BaseException) -> None:
        self._mailbox.put(Died(part, error))

    def _server_died(self, error: BaseException) -> None:
        self._part_died("control socket", error)

    def _deadline(self) -> float:
        slowest = max(
            (target.stop_timeout_s or STOP_TIMEOUT_S for target in self._state.project.targets.values()),
            default=STOP_TIMEOUT_S,
        )
        return self._closing_since + slowest + CLOSE_MARGIN_S

    def _is_over(self) -> bool:
        if not self._closing_since:
            return False
        if not self._state.engine_up:
            self._tell_of(EntryKind.NOTICE, "the engine does not answer: containers may still run")
            return True
        if time.time() > self._deadline():
            self._tell_of(EntryKind.NOTICE, "containers did not stop in time: `devrun down` removes them")
            return True
        return not self._began and is_settled(self._state)
