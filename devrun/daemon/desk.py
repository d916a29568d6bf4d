"""What others may ask of a running daemon: the service behind the socket, and behind the live view's keys.

Every method may be called from any thread and returns at once, `explain` excepted. A wish only posts an
event.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from devrun.config.names import meant
from devrun.config.project import ImageName, TargetName
from devrun.control.feed import Reader
from devrun.core.events import (
    Event,
    RebuildRequested,
    RestartRequested,
    ShutdownRequested,
    StartRequested,
    StopRequested,
    TimePassed,
)
from devrun.core.explanation import Explained
from devrun.core.journal import Entry, LogLine
from devrun.core.model import State
from devrun.core.report import Report
from devrun.daemon.journal import Journal
from devrun.daemon.logs import Logs
from devrun.daemon.waiters import Answer, Waiters
from devrun.errors import UnknownNameError
from devrun.sources.disk import Disk

Post = Callable[[Event], None]


class Desk:
    """Takes wishes and questions."""

    def __init__(
        self,
        post: Post,
        state: Callable[[], State],
        report: Callable[[], Report],
        doings: Callable[[], tuple[Sequence[str], Mapping[str, str]]],
        disk: Disk,
        waiters: Waiters,
        journal: Journal,
        logs: Logs,
    ) -> None:
        """`doings` tells what was begun since the last batch of changes, and why nothing is done now."""
        self._post = post
        self._state = state
        self.report = report
        self._doings = doings
        self._disk = disk
        self._waiters = waiters
        self._journal = journal
        self._logs = logs

    def explain(self, paths: Sequence[str], *, last: bool) -> Explained:
        """Return what changes of files do; waits while the disk is looked at."""
        files = tuple(map(self._disk.explain, paths))
        if not last:
            return Explained(files)
        done, holds = self._doings()
        return Explained(files, replace(self._disk.last_batch(), actions=tuple(done), holds=holds))

    def restart(self, names: Iterable[str]) -> None:
        """Have targets started anew, stopped ones included; raises UnknownNameError."""
        self._post(RestartRequested(time.time(), self._targets(names)))

    def start(self, names: Iterable[str]) -> None:
        """Have targets run."""
        self._post(StartRequested(time.time(), self._targets(names)))

    def stop(self, names: Iterable[str]) -> None:
        """Have targets stopped until told otherwise."""
        self._post(StopRequested(time.time(), self._targets(names)))

    def rebuild(self, names: Iterable[str], *, no_cache: bool = False, pull: bool = False) -> None:
        """Have images built anew, without the builder's cache, or on top of freshly pulled bases."""
        images = tuple(ImageName(self._known(name, self._state().project.images, "image")) for name in names)
        self._post(RebuildRequested(time.time(), images, no_cache=no_cache, pull=pull))

    def shutdown(self, *, remove: bool) -> None:
        """Ask for the end."""
        self._post(ShutdownRequested(time.time(), remove))

    def wait(
        self, names: frozenset[TargetName], timeout_s: float | None, answer: Answer
    ) -> Callable[[], None]:
        """Have `answer` called when what was saved by now is settled; returns what takes the wish back."""
        number = self._waiters.add(names, timeout_s, answer)
        self._post(TimePassed(time.time()))  # The loop's patience may be longer than the waiter's.
        return partial(self._waiters.drop, number)

    def events(
        self, *, after: int | None = None, since: float = 0.0, tail: int | None = None
    ) -> Reader[Entry]:
        """Return a reader of the journal."""
        return self._journal.feed.reader(after=after, since=since, tail=tail)

    def logs(
        self,
        names: Collection[str],
        *,
        builds: bool,
        after: int | None = None,
        since: float = 0.0,
        tail: int | None = None,
    ) -> Reader[LogLine]:
        """Return a reader of what targets wrote, or `builds` of their images; without names, of all."""
        targets = self._targets(names)
        if not builds:
            return self._logs.targets.reader(set(targets) or None, after=after, since=since, tail=tail)
        images = {self._state().targets[name].image for name in targets}
        return self._logs.builds.reader(images or None, after=after, since=since, tail=tail)

    def _targets(self, names: Iterable[str]) -> tuple[TargetName, ...]:
        known = self._state().project.targets
        return tuple(TargetName(self._known(name, known, "target")) for name in names)

    @staticmethod
    def _known(name: str, known: Collection[str], kind: str) -> str:
        if name in known:
            return name
        raise UnknownNameError(f"no {kind} is called {name}", hint=meant(name, known))
