"""How the start and the end of an action change the state: a part of `step`.

An outcome writes back what the action was decided with. A failure is kept with its values, and holds back
only the same kind of action with the same values. An outcome that the engine took with it is no failure:
what was observed becomes unknown, and the engine is down until it is heard of again.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from devrun.config.project import TargetName
from devrun.core.actions import (
    Action,
    BuildImage,
    CancelBuild,
    CheckSyntax,
    HashInputs,
    ImageAction,
    InspectImage,
    InspectTarget,
    RecreateContainer,
    RemoveContainer,
    RemoveImage,
    RestartContainer,
    Start,
    StopContainer,
    TargetAction,
    failure_key,
    kind_of,
    values_of,
)
from devrun.core.events import (
    ActionFinished,
    ActionStarted,
    Cancelled,
    ContainerStarted,
    ContainerStopped,
    Failed,
    ImageBuilt,
    ImageInspected,
    InputsHashed,
    Lost,
    Removed,
    SyntaxChecked,
    TargetInspected,
)
from devrun.core.model import Failures, Image, State, Target, appended, usable_image
from devrun.core.values import MIXED, Broken, Container, Failure, Fingerprint, LastAction, Loaded, Phase

FLAPPING_RESTARTS = 10
FLAPPING_WINDOW_S = 60.0
SHORTLY_S = 0.5
"""A program that writes into its own source does so while it starts; a person has to see it first."""

STARTED_BEFORE_S = 1.0
"""The clocks of engine and file system may differ by their granularity."""

Key = TypeVar("Key")
Value = TypeVar("Value")


def started(state: State, event: ActionStarted) -> State:
    """Return the state in which an action runs."""
    action = event.action
    match action:
        case HashInputs() | CancelBuild() | InspectImage() | BuildImage() | RemoveImage():
            image = _begin_image(state.images[action.image], action, event.at)
            return replace(state, images={**state.images, action.image: image})
        case InspectTarget() | CheckSyntax() | StopContainer() | RemoveContainer():
            target = replace(state.targets[action.target], running=action, running_since=event.at)
        case RecreateContainer() | RestartContainer():  # pragma: no branch - no other is left
            # What changed belongs to this start; what changes from here on belongs to the next one.
            target = replace(
                state.targets[action.target],
                running=action,
                running_since=event.at,
                changed=(),
                edited=frozenset(),
                stale=(),
                renamed={},
                hints=(),
                tail=(),
                wavered=False,
            )
    return replace(state, targets={**state.targets, action.target: target})


def _begin_image(image: Image, action: ImageAction, at: float) -> Image:
    match action:
        case HashInputs():
            return replace(image, hashing=action)
        case CancelBuild():
            return replace(image, cancelling=True)
        case BuildImage():
            return replace(image, running=action, running_since=at, progress="", owed=image.doubts)
        case InspectImage() | RemoveImage():  # pragma: no branch - no other is left
            return replace(image, running=action, running_since=at, progress="")


def finished(state: State, event: ActionFinished) -> State:
    """Return the state after an action's outcome."""
    action = event.action
    if isinstance(event.outcome, Lost):
        state = state.without_engine(event.outcome.error, state.engine_hint)
    match action:
        case HashInputs() | CancelBuild() | InspectImage() | BuildImage() | RemoveImage():
            return _image_finished(state, action, event)
        case _:
            target = _end_target(state, action, event)
            if target.gone and target.observed == () and action.target not in state.project.targets:
                return replace(state, targets=_without(state.targets, action.target))
            return replace(state, targets={**state.targets, action.target: target})


def _image_finished(state: State, action: ImageAction, event: ActionFinished) -> State:
    if action.image not in state.images:
        return state  # A cancellation that was answered after the build, of an image that went with it.
    image = _end_image(state.images[action.image], action, event)
    if image.gone and not image.is_at_work:
        return replace(state, images=_without(state.images, action.image))
    return replace(state, images={**state.images, action.image: _without_doubts(image)})


def _without(mapping: Mapping[Key, Value], name: Key) -> dict[Key, Value]:
    return {other: value for other, value in mapping.items() if other != name}


def _end_image(image: Image, action: ImageAction, event: ActionFinished) -> Image:
    if isinstance(action, CancelBuild):
        return image  # The build itself says that it has ended.
    if isinstance(action, HashInputs):
        image = replace(image, hashing=None)
    else:
        image = replace(
            image, running=None, cancelling=False, last=_last(image.last, action, event, image.running_since)
        )
    match event.outcome:
        case Failed() as failed:
            return replace(image, failures=_with_failure(image.failures, action, failed, event.at))
        case Lost():
            return image.with_unknown_builds()
        case _:
            image = replace(image, failures=_without_failure(image.failures, action))
            return _write_back_image(image, action, event)


def _write_back_image(image: Image, action: ImageAction, event: ActionFinished) -> Image:
    match action, event.outcome:
        case HashInputs(), InputsHashed(fingerprint=fingerprint, spelling=spelling, files=files):
            # Another batch may have put the fingerprint in doubt while it was worked out.
            is_current = action.revision == image.inputs_revision
            hashed = replace(_decided(image, fingerprint), spelling=spelling, input_files=files)
            return _proven(hashed) if is_current else image
        case InspectImage(), ImageInspected(built=built):
            is_current = action.revision == image.built_revision
            return _proven(replace(image, built=built)) if is_current else image
        case BuildImage(), ImageBuilt(built=new):
            image = replace(image, served=action.build, builds=image.builds + 1)
            if image.built is None:
                return image  # Its tag was heard of first. What else is there is not known: it will be asked.
            older = tuple(built for built in image.built if built.fingerprint != new.fingerprint)
            return _proven(replace(image, built=(new, *older)))
        case RemoveImage(), Removed():
            if image.built is None:
                return image
            kept = tuple(built for built in image.built if built.fingerprint != action.fingerprint)
            return replace(image, built=kept)
        case BuildImage(), Cancelled(is_outdated=True) if image.fingerprint == action.fingerprint:
            # Otherwise the same would be built, and found to be out of date, for ever.
            return replace(image, fingerprint=None, inputs_revision=image.inputs_revision + 1)
        case _:
            return image  # A cancelled build leaves all as it was.


def _proven(image: Image) -> Image:
    return replace(image, proven=image.current) if image.current else image


def _decided(image: Image, fingerprint: Fingerprint) -> Image:
    """Return an image whose fingerprint is known; what means the same as the running build is no doubt."""
    doubts = image.doubts & image.owed if image.is_building(fingerprint, image.build) else image.doubts
    return replace(image, fingerprint=fingerprint, doubts=doubts)


def _without_doubts(image: Image) -> Image:
    """Once the image is there, or its build has failed, nothing has to wait for it any more."""
    failure = image.failures.get("BuildImage")
    has_failed = failure is not None and failure.values == (image.fingerprint, image.build, image.spelling)
    return replace(image, doubts=frozenset()) if image.current or has_failed else image


def _end_target(state: State, action: TargetAction, event: ActionFinished) -> Target:
    target = state.targets[action.target]
    last = _last(target.last, action, event, target.running_since)
    target = replace(target, running=None, last=last)
    match event.outcome:
        case Failed() as failed:
            target = _fail_target(target, action, failed, event.at)
        case Lost():
            target = _give_back(target.with_unknown_containers(), action)
        case _:
            target = replace(target, failures=_without_failure(target.failures, action))
            target = _write_back_target(state, target, action, event)
    return replace(target.with_unknown_containers(), touched=False) if target.touched else target


def _fail_target(target: Target, action: TargetAction, failed: Failed, at: float) -> Target:
    if isinstance(action, CheckSyntax):
        # Where the container cannot be asked, the word of our own Python stands.
        return _judged(target, action, frozenset(b for b in target.broken if b.saved in action.files))
    target = _give_back(target, action)
    if not isinstance(action, InspectTarget):
        target = target.with_unknown_containers()
    return replace(target, failures=_with_failure(target.failures, action, failed, at))


def _judged(target: Target, action: CheckSyntax, broken: frozenset[Broken]) -> Target:
    """Take note of which of the files in question parse."""
    sound = frozenset(action.files) - {file.saved for file in broken}
    return replace(target, unsound=target.unsound | broken, sound=target.sound | sound)


def _give_back(target: Target, action: TargetAction) -> Target:
    """Return a target whose start did not happen: what it was for is still to be served."""
    match action:
        case RestartContainer():
            target = replace(target, stale=appended(action.stale, target.stale))
        case RecreateContainer():
            pass
        case _:
            return target
    return replace(target, changed=appended(action.changed, target.changed))


def _write_back_target(state: State, target: Target, action: TargetAction, event: ActionFinished) -> Target:
    match action, event.outcome:
        case InspectTarget(), TargetInspected(containers=containers):
            if action.revision != target.observed_revision:
                return target  # Something was told meanwhile: the answer may be older.
            return _inspected(state, action.target, containers)
        case CheckSyntax(), SyntaxChecked(broken=broken):
            return _judged(target, action, broken)
        case RecreateContainer() | RestartContainer(), ContainerStarted(container=container):
            target = _start_written(target, action, container, event.at)
            return _applied(state, target, action) if isinstance(action, RecreateContainer) else target
        case StopContainer(), ContainerStopped(container=container):
            return replace(target, observed=(container, *(target.observed or ())[1:]))
        case RemoveContainer(), Removed():
            kept = tuple(c for c in target.observed or () if c.id not in action.containers)
            return replace(target, observed=kept)
        case _:
            raise AssertionError(f"{event.outcome} is no outcome of {action}")


def _start_written(target: Target, action: Start, container: Container, at: float) -> Target:
    is_new = isinstance(action, RecreateContainer)
    digest = target.renamed.get(action.digest, action.digest)
    if target.wavered:
        digest = MIXED
    target = replace(
        target,
        observed=(container,),
        seen=True,
        ran=container.phase is Phase.RUNNING,
        ended_at=0.0,
        resume=False,
        loaded=Loaded(container.id, container.started, digest, action.run, action.broken),
        # Another image may have another Python.
        sound=frozenset() if is_new else target.sound,
        unsound=frozenset() if is_new else target.unsound,
        restarts=target.restarts + (0 if isinstance(action, RecreateContainer) and action.old is None else 1),
    )
    return replace(_count_flapping(target, action, at), started_at=at)


def _applied(state: State, target: Target, action: RecreateContainer) -> Target:
    """Forget what changed in the settings once a container has them: others may have come meanwhile."""
    if action.spec != target.spec or action.image != usable_image(state, replace(target, observed=())):
        return target
    return replace(target, settings_cause="", image_moved=False)


def _count_flapping(target: Target, action: Start, at: float) -> Target:
    """Count restarts that one path alone causes, each time shortly after the start before."""
    is_own_doing = 0 <= target.changed_at - target.started_at <= SHORTLY_S
    if len(action.changed) != 1 or not is_own_doing:
        return replace(target, recent=(), recent_path="")
    path = action.changed[0]
    before = target.recent if path == target.recent_path else ()
    recent = (*(moment for moment in before if at - moment <= FLAPPING_WINDOW_S), at)
    flapping = path if len(recent) > FLAPPING_RESTARTS else ""
    return replace(target, recent=recent, recent_path=path, flapping=flapping)


def _inspected(state: State, name: TargetName, containers: tuple[Container, ...]) -> Target:
    target = state.targets[name]
    image = usable_image(state, target)

    def worth(container: Container) -> tuple[bool, bool, float]:
        is_right = container.spec == target.spec and container.image == image
        return container.phase is Phase.RUNNING, is_right, container.started

    observed = tuple(sorted(containers, key=worth, reverse=True))
    runs = bool(observed) and observed[0].phase is Phase.RUNNING
    should_run = not target.seen or target.resume
    cause = "the engine came back" if target.resume else target.run_cause
    ended_at = state.now if target.ran and not runs else target.ended_at
    target = replace(
        target, running=None, observed=observed, seen=True, ran=runs, ended_at=ended_at, resume=False
    )
    if not observed:
        return target
    target = _adopt(target, observed[0], state.rows.get(name))
    if should_run and observed[0].phase not in {Phase.RUNNING, Phase.PAUSED}:
        return replace(target, run=target.run + 1, run_cause=cause)
    return target


def _adopt(target: Target, container: Container, row: Loaded | None) -> Target:
    """Work out which source a container has loaded that this daemon did not start."""
    this_run = (container.id, container.started)
    for known in (_carried_over(target.loaded, container), row):
        if known is not None and (known.container, known.started) == this_run:
            loaded = known if known is not row else replace(known, run=target.run)
            break
    else:
        is_older = target.source is not None and target.newest < container.started - STARTED_BEFORE_S
        if not is_older or target.source is None:
            return replace(target, loaded=None)
        loaded = Loaded(container.id, container.started, target.source, target.run, target.broken)
    if loaded.digest != target.source:
        return replace(target, loaded=loaded)
    return replace(target, loaded=loaded, changed=(), stale=())


def _carried_over(loaded: Loaded | None, container: Container) -> Loaded | None:
    """Return what is loaded where an agent started the program once more by itself.

    It does so after a warm start that failed. For another source nobody else has it start the program.
    """
    if loaded is None or loaded.container != container.id or not container.booted:
        return loaded
    is_later = container.booted <= loaded.started < container.started
    return replace(loaded, started=container.started) if is_later else loaded


def _last(
    before: LastAction | None, action: Action, event: ActionFinished, since: float
) -> LastAction | None:
    """Return what status calls the last action: looking does not count."""
    match action:
        case HashInputs() | CancelBuild() | InspectImage() | InspectTarget() | CheckSyntax():
            return before
        case _:
            ok = not isinstance(event.outcome, Failed | Lost | Cancelled)
            how = event.outcome.how(action) if isinstance(event.outcome, ContainerStarted) else ""
            return LastAction(kind_of(action), action.cause, event.at, round(event.at - since, 3), ok, how)


def _with_failure(failures: Failures, action: Action, failed: Failed, at: float) -> Failures:
    before = failures.get(failure_key(action))
    tries = before.tries + 1 if before and before.values == values_of(action) else 1
    failure = Failure(
        values_of(action), failed.error, failed.hint, failed.step, failed.output, at=at, tries=tries
    )
    return {**failures, failure_key(action): failure}


def _without_failure(failures: Failures, action: Action) -> Failures:
    return {key: failure for key, failure in failures.items() if key != failure_key(action)}
