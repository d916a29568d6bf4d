"""Whether what `devrun wait` waits for has come: judged from the state alone, after the disk was read.

First all has to come to rest - images, targets and what they depend on - and then each is judged: what failed
is the answer, whatever else is not ready yet. Only a target that runs and is not ready may keep a waiter
waiting at rest, since a program may take as long as it likes to begin to serve.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from devrun.config.project import Condition, ImageName, TargetName
from devrun.core.decide import Decision, Hold, HoldKind, decide_image, decide_target
from devrun.core.model import State, Target
from devrun.core.published import first_address
from devrun.core.report import doing_of, failure_problem, target_problem
from devrun.core.values import Failure
from devrun.errors import ExitCode

ENGINE_PATIENCE_S = 5.0
"""An engine that is restarted is back by then."""
LONGEST_WAIT_S = 1_000_000
"""Eleven days: clocks and queues take no number that is much larger."""
OUTPUT_PATIENCE_S = 1.0
"""The last lines of a program come milliseconds after its end, and say why it ended."""
STOPPED_HINT = "a wait is for targets that should run: have it started, or name the others"
TRIES = 4
"""What was asked so often, over almost two seconds, and not answered is a failure and no mishap."""


class Ending(str, Enum):
    """How a wait ends."""

    READY = "ready"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    ENGINE_DOWN = "engine down"
    UNKNOWN = "unknown target"


EXIT_CODES: Mapping[str, ExitCode] = {
    Ending.READY: ExitCode.OK,
    Ending.FAILED: ExitCode.TARGET_FAILED,
    Ending.TIMED_OUT: ExitCode.TIMED_OUT,
    Ending.ENGINE_DOWN: ExitCode.ENGINE_UNREACHABLE,
    Ending.UNKNOWN: ExitCode.USAGE,
}


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What keeps a wait from its good end; an empty subject: it concerns the project as a whole."""

    subject: str
    """`image default`, `target web`."""
    error: str
    hint: str = ""
    step: str = ""
    """The failing instruction of a build."""
    output: tuple[str, ...] = ()
    """The last lines of it, or of the program."""


@dataclass(frozen=True, slots=True)
class WaitOutcome:
    """How a wait ended: an `Ending` as text, so that a newer daemon may know others."""

    outcome: str
    problems: tuple[Obstacle, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """It has not come yet: what for, and when to ask again by itself."""

    obstacles: tuple[Obstacle, ...]
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Reached:
    """The wait has an end."""

    ending: Ending
    problems: tuple[Obstacle, ...] = ()


Verdict = Waiting | Reached


@dataclass(frozen=True, slots=True)
class _Open:
    """Something may still change by itself."""

    obstacle: Obstacle
    rests: bool = False
    """Nothing is done about it: a failure elsewhere ends the wait all the same."""
    until: float | None = None


_Judgement = _Open | Obstacle | None
"""None: as it should be. An obstacle that is not open stays one until something else happens."""


def verdict(state: State, names: frozenset[TargetName] = frozenset()) -> Verdict:
    """Return whether the named targets, or else all wanted ones, have loaded the newest and are ready."""
    if unknown := sorted(names - state.project.targets.keys()):
        return Reached(Ending.UNKNOWN, _unknown(state, unknown))
    if not state.engine_up:
        return _await_engine(state)
    targets = targets_of(state, names)
    images = dict.fromkeys(state.targets[name].image for name in targets)
    judged = [
        *(_judge_image(state, name) for name in images),
        *(_judge_target(state, name) for name in targets),
    ]
    return _summed_up(judged)


def targets_of(state: State, names: frozenset[TargetName]) -> tuple[TargetName, ...]:
    """Return the targets that a wait for `names` is about: those, or all wanted ones, and what they need."""
    named = names or {name for name, target in state.targets.items() if state.is_wanted(target)}
    found: dict[TargetName, None] = {}
    pending = [name for name in state.targets if name in named]
    while pending:
        name = pending.pop(0)
        if name not in found:
            found[name] = None
            pending += [need.target for need in state.targets[name].depends_on]
    return tuple(found)


def _summed_up(judged: Iterable[_Judgement]) -> Verdict:
    judged = tuple(judged)
    still_open = [one for one in judged if isinstance(one, _Open)]
    problems = tuple(one for one in judged if isinstance(one, Obstacle))
    if any(not one.rests for one in still_open) or (still_open and not problems):
        moments = [one.until for one in still_open if one.until is not None]
        return Waiting(tuple(one.obstacle for one in still_open), min(moments, default=None))
    return Reached(Ending.FAILED, problems) if problems else Reached(Ending.READY)


def _unknown(state: State, names: Iterable[TargetName]) -> tuple[Obstacle, ...]:
    hint = f"there is {', '.join(state.project.targets)}"
    return tuple(Obstacle(f"target {name}", f"no target is called {name}", hint) for name in names)


def _await_engine(state: State) -> Verdict:
    obstacle = Obstacle("", f"the engine is not there: {state.engine_error}", state.engine_hint)
    until = state.engine_down_since + ENGINE_PATIENCE_S
    return Waiting((obstacle,), until) if state.now < until else Reached(Ending.ENGINE_DOWN, (obstacle,))


def _judge_image(state: State, name: ImageName) -> _Judgement:
    image, subject = state.images[name], f"image {name}"
    decision = decide_image(state, name)
    if _has_failed(decision, image.failures):
        return _failed(subject, image.failures, decision)
    if isinstance(decision, Hold) and decision.is_final:
        return None
    return _Open(Obstacle(subject, doing_of(image.running or image.hashing, decision)[0]))


def _judge_target(state: State, name: TargetName) -> _Judgement:
    target, subject = state.targets[name], f"target {name}"
    decision = decide_target(state, name)
    if not state.is_wanted(target):
        return Obstacle(subject, "it is stopped", STOPPED_HINT)
    if not isinstance(decision, Hold):
        return _Open(Obstacle(subject, doing_of(None, decision)[0]))
    if _has_failed(decision, target.failures):
        return _failed(subject, target.failures, decision)
    match decision.kind:
        case HoldKind.UP_TO_DATE:
            return None if target.is_ready else _Open(_starting(state, name), rests=True)
        case HoldKind.EXITED:
            return None
        case HoldKind.WAITING_FOR_IMAGE:  # The image is judged beside it.
            return _Open(Obstacle(subject, decision.text), rests=True)
        case HoldKind.WAITING:  # What it waits for is judged beside it, or has something to do.
            obstacle = Obstacle(subject, decision.text)
            return obstacle if _waits_for_ever(state, target) else _Open(obstacle, rests=True)
        case HoldKind.PAUSED:
            return Obstacle(subject, "it is paused", _unpause(target))
        case HoldKind.CRASHED | HoldKind.SYNTAX_ERROR | HoldKind.FLAPPING:
            return _judge_ended(state, subject, target, decision)
        case _:
            return _Open(Obstacle(subject, doing_of(target.running, decision)[0]))


def _waits_for_ever(state: State, target: Target) -> bool:
    """Tell whether something that has to be healthy has ended, as it should have otherwise."""
    return any(
        need.condition is Condition.HEALTHY and _has_ended(decide_target(state, need.target))
        for need in target.depends_on
    )


def _has_ended(decision: Decision) -> bool:
    return isinstance(decision, Hold) and decision.kind is HoldKind.EXITED


def _has_failed(decision: Decision, failures: Mapping[str, Failure]) -> bool:
    """Tell whether nothing but another save, or a command, will change the outcome."""
    if not isinstance(decision, Hold):
        return False
    if decision.kind is HoldKind.RETRYING:
        return max(one.tries for one in failures.values() if one.error == decision.text) >= TRIES
    return decision.kind is HoldKind.FAILED


def _failed(subject: str, failures: Mapping[str, Failure], decision: Decision) -> Obstacle:
    problem = failure_problem(failures, decision)
    assert problem is not None  # it has failed
    return Obstacle(subject, problem.error, problem.hint, problem.step, problem.output)


def _judge_ended(state: State, subject: str, target: Target, decision: Hold) -> _Judgement:
    problem = target_problem(target, decision)
    assert problem is not None  # such a hold is one
    obstacle = Obstacle(subject, problem.error, problem.hint, output=problem.output)
    heard = target.container is None or target.tail_of == target.container.run_id
    until = max(target.started_at, target.ended_at) + OUTPUT_PATIENCE_S
    if decision.kind is HoldKind.CRASHED and not heard and state.now < until:
        return _Open(obstacle, until=until)
    return obstacle


def _starting(state: State, name: TargetName) -> Obstacle:
    target = state.targets[name]
    container, config = target.container, state.project.targets.get(name)
    is_probed = config is not None and config.healthcheck is None
    address = first_address(config, container) if is_probed and config and container else None
    error = target.why_unready or (f"nothing answers at {address}" if address else "it is starting")
    return Obstacle(f"target {name}", error, target.hints[0] if target.hints else "")


def _unpause(target: Target) -> str:
    return f"docker unpause {target.container.name}" if target.container else ""
