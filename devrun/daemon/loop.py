"""The daemon of one project: events come into one mailbox, one thread makes states of them and decides.

After every batch of events it asks for each image and each target what is to be done, and gives each action
to a worker of its own, at most one for each. Nothing waits in a queue but facts.
"""

import contextlib
import logging
import os
import queue
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import FrameType

from devrun import __version__
from devrun.config.project import ImageName, Project, TargetName
from devrun.control.door import Limits
from devrun.control.lock import Lock
from devrun.control.place import Place
from devrun.control.server import Server
from devrun.core.actions import Action, BuildImage, CancelBuild, InspectImage, InspectTarget, subject_of
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
    Outcome,
    ProjectChanged,
    ShutdownRequested,
    TimePassed,
)
from devrun.core.explanation import Explained
from devrun.core.model import State, initial_state
from devrun.core.reconfigure import describe
from devrun.core.report import Report, doing_verb, report
from devrun.core.step import step
from devrun.daemon.cache import Cache
from devrun.daemon.listener import Listener
from devrun.daemon.monitor import Monitor
from devrun.daemon.output import Followers
from devrun.daemon.readiness import Readiness
from devrun.daemon.waiters import Answer, Waiters
from devrun.daemon.work import do
from devrun.engine.plan import STOP_TIMEOUT_S
from devrun.engine.protocol import BuildProgress, Connect
from devrun.errors import DevrunError, ExitCode
from devrun.sources.disk import Disk

log = logging.getLogger(__name__)

MOST_TOLD = 100
"""Actions that `devrun explain --last` tells of."""
CANCEL_PAUSE_S = 0.2
CLOSE_MARGIN_S = 2.0
"""What all else may take at the end, beyond the containers' own time-outs."""


@dataclass(frozen=True, slots=True)
class Died:
    """A thread that should live as long as the daemon has ended."""

    part: str
    error: BaseException


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
    ) -> None:
        self._listener = listener
        self._place = place
        self._mailbox: queue.SimpleQueue[Event | Died] = queue.SimpleQueue()
        self._disk = Disk(project, self._mailbox.put, self._notice, self._part_died)
        self._monitor = Monitor(lambda: connect(self._state.project), self._mailbox.put, self._part_died)
        self._followers = Followers(self._mailbox.put, listener.output)
        self._readiness = Readiness(self._mailbox.put, self._part_died)
        self._waiters = Waiters(self._disk.barrier)
        self._cache = Cache(place.cache)
        self._notices: dict[str, str] = {}
        self._holds: dict[str, Hold] = {}
        self._started = time.time()
        self._closing_since = 0.0
        self._remove = False
        self._signal = 0
        self._began: dict[Action, float] = {}
        self._done: deque[str] = deque(maxlen=MOST_TOLD)
        """What was begun since the last batch of changes."""
        self._state = initial_state(
            project, self._started, only=only, python=sys.implementation.cache_tag or ""
        )
        self._report = self._make_report()

    def report(self) -> Report:
        """Return the newest report; from any thread, at once."""
        return self._report

    def explain(self, paths: Sequence[str], *, last: bool) -> Explained:
        """Return what changes of files do; from any thread, waits while the disk is looked at."""
        files = tuple(map(self._disk.explain, paths))
        if not last:
            return Explained(files)
        holds = {subject: hold.text for subject, hold in dict(self._holds).items()}
        return Explained(files, replace(self._disk.last_batch(), actions=tuple(self._done), holds=holds))

    def shutdown(self, *, remove: bool) -> None:
        """Ask for the end; returns at once."""
        self._mailbox.put(ShutdownRequested(time.time(), remove))

    def wait(
        self, names: frozenset[TargetName], timeout_s: float | None, answer: Answer
    ) -> Callable[[], None]:
        """Have `answer` called when what was saved by now is settled; returns what takes the wish back."""
        number = self._waiters.add(names, timeout_s, answer)
        self._mailbox.put(TimePassed(time.time()))  # The loop's patience may be longer than the waiter's.
        return partial(self._waiters.drop, number)

    def run(self) -> ExitCode:
        """Hold the project's lock, serve, and work until told to stop; raises AlreadyRunningError."""
        with (
            Lock.acquire(self._place, root=self._state.project.root, version=__version__) as lock,
            self._signals(),
        ):
            self._state = replace(self._state, rows=self._cache.read())
            server = Server.start(lock, self, died=self._server_died, limits=Limits.of_process())
            try:
                self._disk.start()
                self._monitor.start()
                self._readiness.start()
                self._loop()
                self._leave()
            finally:
                self._readiness.close()
                self._followers.close()
                self._monitor.close()
                self._disk.close()
                server.stop()
        return ExitCode.INTERRUPTED if self._signal == signal.SIGINT else ExitCode.OK

    def _leave(self) -> None:
        engine = self._monitor.engine
        if self._remove and engine is not None and self._state.engine_up:
            engine.remove_network()

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Take the signals that ask for the end; a second one is obeyed at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        taken = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, self._on_signal) for number in taken}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._signal:
            os._exit(ExitCode.INTERRUPTED)
        self._signal = number
        self._mailbox.put(ShutdownRequested(time.time()))

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
        yield self._alive(first)
        while True:
            try:
                yield self._alive(self._mailbox.get_nowait())
            except queue.Empty:
                return

    @staticmethod
    def _alive(event: "Event | Died") -> Event:
        if isinstance(event, Died):
            raise DevrunError(
                f"the {event.part} died: {event.error!r}", hint="see the log; start devrun again"
            )
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
                self._listener.action_finished(action, outcome, event.at - since)
                if isinstance(outcome, Lost):
                    self._monitor.doubt()
            case ShutdownRequested(remove=remove):
                self._closing_since = self._closing_since or time.time()
                self._remove = self._remove or remove
            case FilesChanged(sources=sources, inputs=inputs) if sources or inputs:
                self._done.clear()
            case EngineLost():
                self._give_up_builds()
            case DiskRead(barriers=barriers):
                self._waiters.pass_barriers(barriers)
            case HintFound(target=target, hint=hint):
                self._listener.hinted(f"target {target}", hint)
            case ProjectChanged(project=project) if self._state.project is project:
                self._listener.reconfigured(project, describe(before, event))
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
            self._listener.engine_changed(up=True, text=engine.describe(), hint="")
        else:
            self._listener.engine_changed(
                up=False, text=self._state.engine_error, hint=self._state.engine_hint
            )

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
            self._listener.held(subject, decision)

    def _begin(self, action: Action) -> None:
        now = time.time()
        self._state = step(self._state, ActionStarted(now, action))
        self._listener.action_started(action)
        log.info("%s", action)
        if not isinstance(action, InspectImage | InspectTarget):
            self._done.append(f"{subject_of(action)}: {doing_verb(action)} ({action.cause})")
        self._began[action] = now
        name = type(action).__name__
        # An action goes by the configuration that it was decided by, whatever is in force at its end.
        work = (action, self._state.project)
        threading.Thread(target=self._work, args=work, name=name, daemon=True).start()

    def _work(self, action: Action, project: Project) -> None:
        outcome = self._perform(action, project)
        while isinstance(action, CancelBuild) and self._goes_on(action):
            outcome = self._perform(action, project)
        self._mailbox.put(ActionFinished(time.time(), action, outcome))

    def _goes_on(self, cancellation: CancelBuild) -> bool:
        """Tell after a moment whether a build is to be cancelled again: it may have been about to begin.

        The build that takes its place must not be hit, and may begin within that moment.
        """
        if not self._is_building(cancellation):
            return False
        time.sleep(CANCEL_PAUSE_S)
        return self._is_building(cancellation)

    def _is_building(self, cancellation: CancelBuild) -> bool:
        image = self._state.images.get(cancellation.image)
        return image is not None and image.is_building(cancellation.fingerprint, cancellation.build)

    def _perform(self, action: Action, project: Project) -> Outcome:
        engine = self._monitor.engine
        if engine is None:
            return Lost("the engine is not connected")
        return do(action, project, self._disk, engine, self._build_progressed)

    def _build_progressed(self, image: ImageName, news: BuildProgress) -> None:
        self._listener.build_progressed(image, news)
        place = (
            f"{news.step}/{news.steps} {news.instruction}" if news.steps else news.line or news.instruction
        )
        self._mailbox.put(BuildAdvanced(time.time(), image, place))

    def _tell(self) -> None:
        """Let others know: readers of the report, the cache, those who follow output."""
        self._report = self._make_report()
        self._cache.write({name: t.loaded for name, t in self._state.targets.items() if t.loaded})
        self._readiness.update(self._state)
        engine = self._monitor.engine
        if engine is None or not self._state.engine_up:
            return
        for name, target in self._state.targets.items():
            if name in self._state.project.targets:
                self._followers.update(engine, self._state.project.targets[name], target.container)

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
            notices=tuple(self._notices.values()),
        )

    def _notice(self, subject: str, text: str) -> None:
        """Take up what there is to say of a subject, from any thread; an empty text takes it back."""
        before = self._notices.get(subject, "")
        notices = {**self._notices, subject: text}
        self._notices = {subject: text for subject, text in notices.items() if text}
        if text and text != before:
            self._listener.noticed(text)
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
            self._listener.noticed("the engine does not answer: containers may still run")
            return True
        if time.time() > self._deadline():
            self._listener.noticed("containers did not stop in time: `devrun down` removes what is left")
            return True
        return not self._began and is_settled(self._state)
