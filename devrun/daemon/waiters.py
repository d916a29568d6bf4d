"""Those who wait until all that they saved is settled: each is answered once, by the loop.

A waiter's way: a barrier, so that what was saved before the call is known; then the verdict after every turn
of the loop; and before a good one counts, a look at the containers, since the engine may not have told yet
that a program has ended.
"""

import itertools
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from devrun.config.project import TargetName
from devrun.core.model import State
from devrun.core.values import RunId
from devrun.core.waiting import Ending, Obstacle, Reached, Verdict, Waiting, WaitOutcome, targets_of, verdict

Answer = Callable[[WaitOutcome | None], None]
"""Takes the outcome, None where devrun ends; called in the loop's thread, and must return at once."""

READING = Waiting((Obstacle("", "the files are being read"),))

Runs = tuple[RunId | None, ...]


@dataclass(slots=True)
class _Waiter:
    names: frozenset[TargetName]
    answer: Answer
    began: float
    """By the monotonic clock, as `deadline`."""
    deadline: float | None
    has_passed: bool = False
    """Its barrier has."""
    looked_at: Runs = ()
    """The runs that have been looked at since all seemed well."""


class Waiters:
    """`add` and `drop` may be called from any thread, all else by the loop."""

    def __init__(self, barrier: Callable[[int], None]) -> None:
        self._barrier = barrier
        self._waiting: dict[int, _Waiter] = {}
        self._guard = threading.Lock()
        self._numbers = itertools.count(1)
        self._until: float | None = None
        """When a verdict is to be asked for again, by the clock of events."""

    def add(self, names: frozenset[TargetName], timeout_s: float | None, answer: Answer) -> int:
        """Let somebody wait; returns the number by which `drop` knows the waiter."""
        now = time.monotonic()
        deadline = None if timeout_s is None else now + timeout_s
        with self._guard:
            number = next(self._numbers)
            self._waiting[number] = _Waiter(names, answer, now, deadline)
        self._barrier(number)
        return number

    def drop(self, number: int) -> None:
        """Forget a waiter who has gone, or was answered."""
        with self._guard:
            self._waiting.pop(number, None)

    def pass_barriers(self, numbers: Iterable[int]) -> None:
        """Take note that what these waiters had saved is known."""
        waiting = dict(self._all())
        for number in numbers:
            if number in waiting:
                waiting[number].has_passed = True

    def answer(self, state: State) -> set[TargetName]:
        """Answer those for whom the verdict has come, or the time is over; returns the targets to look at."""
        waiting = self._all()
        wishes = {waiter.names for _, waiter in waiting if waiter.has_passed}
        verdicts = {names: verdict(state, names) for names in wishes}
        moments = [said.until for said in verdicts.values() if isinstance(said, Waiting) and said.until]
        self._until = min(moments, default=None)
        doubted: set[TargetName] = set()
        for number, waiter in waiting:
            said = verdicts[waiter.names] if waiter.has_passed else READING
            if said == Reached(Ending.READY) and not state.closing and _looks_first(waiter, state):
                doubted |= set(targets_of(state, waiter.names))
            elif (outcome := _outcome(said, waiter)) or state.closing:
                self.drop(number)
                waiter.answer(None if state.closing else outcome)
        return doubted

    def patience_s(self) -> float | None:
        """Return for how long nothing has to be answered by itself; None: for ever."""
        now = time.monotonic()
        moments = [waiter.deadline - now for _, waiter in self._all() if waiter.deadline is not None]
        if self._until is not None:
            moments.append(self._until - time.time())
        return max(0.0, min(moments)) if moments else None

    def _all(self) -> list[tuple[int, _Waiter]]:
        with self._guard:
            return list(self._waiting.items())


def _looks_first(waiter: _Waiter, state: State) -> bool:
    """Tell whether the runs that seem well have to be looked at, and take note of them."""
    containers = [state.targets[name].container for name in targets_of(state, waiter.names)]
    runs = tuple(container.run_id if container else None for container in containers)
    is_first = waiter.looked_at != runs
    waiter.looked_at = runs
    return is_first


def _outcome(said: Verdict, waiter: _Waiter) -> WaitOutcome | None:
    now = time.monotonic()
    seconds = round(now - waiter.began, 3)
    if isinstance(said, Reached):
        return WaitOutcome(said.ending.value, said.problems, seconds)
    if waiter.deadline is not None and now >= waiter.deadline:
        return WaitOutcome(Ending.TIMED_OUT.value, said.obstacles, seconds)
    return None
