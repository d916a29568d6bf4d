"""How an event changes the state.

Facts about the disk and the user's wishes change what is desired; facts about the engine make what was
observed unknown; the outcome of an action writes back the values that the action was decided with.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TypeVar

from devrun.config.project import ImageName, Spec, TargetName
from devrun.core.actions import RecreateContainer, RestartContainer, changed_cause
from devrun.core.events import (
    ActionFinished,
    ActionStarted,
    BuildAdvanced,
    ContainerTouched,
    DiskRead,
    EngineConnected,
    EngineLost,
    Event,
    FilesChanged,
    GitEnded,
    GitStarted,
    HintFound,
    ImageTouched,
    OrphansFound,
    OutputEnded,
    ProjectChanged,
    RebuildRequested,
    RestartRequested,
    ShutdownRequested,
    SourceChange,
    StartRequested,
    StopRequested,
    TargetReady,
    TargetUnready,
    TimePassed,
)
from devrun.core.model import Image, State, Target, appended, with_needed
from devrun.core.outcomes import finished, started
from devrun.core.reconfigure import reconfigure
from devrun.core.values import Digest

ENGINE_STOP_S = 15.0
"""What dockerd gives its containers to end, by default, before it ends itself."""

Key = TypeVar("Key")
Value = TypeVar("Value")


def step(state: State, event: Event) -> State:
    """Return the state after an event."""
    state = replace(state, now=event.at)
    match event:
        case FilesChanged():
            return _files_changed(state, event)
        case ProjectChanged():
            return _files_changed(reconfigure(state, event), event.files)
        case ActionStarted():
            return started(state, event)
        case ActionFinished():
            return finished(state, event)
        case (
            RestartRequested() | StartRequested() | StopRequested() | RebuildRequested() | ShutdownRequested()
        ):
            return _wished(state, event)
        case _:
            return _told(state, event)


def _told(  # noqa: C901 - a table
    state: State,
    event: EngineConnected
    | EngineLost
    | ContainerTouched
    | OrphansFound
    | ImageTouched
    | BuildAdvanced
    | OutputEnded
    | TargetReady
    | TargetUnready
    | HintFound
    | GitStarted
    | GitEnded
    | DiskRead
    | TimePassed,
) -> State:
    match event:
        case EngineConnected():
            return _forget_observed(replace(state, engine_up=True, engine_error="", engine_hint=""))
        case EngineLost(error=error, hint=hint):
            return _forget_observed(state.without_engine(error, hint))
        case ContainerTouched(target=name):
            return _on_targets(state, (name,), _touch)
        case OrphansFound(targets=names):
            orphan = Target(image=ImageName(""), spec=Spec(""), gone=True)
            orphans = {name: orphan for name in names if name not in state.targets}
            return replace(state, targets={**state.targets, **orphans})
        case ImageTouched(image=image_name):
            images = _changed(state.images, (image_name,), Image.with_unknown_builds)
            return replace(state, images=images)
        case BuildAdvanced(image=image_name, progress=progress):
            images = _changed(state.images, (image_name,), lambda image: replace(image, progress=progress))
            return replace(state, images=images)
        case OutputEnded(target=name, tail=tail, run_id=run_id):
            return _on_targets(state, (name,), lambda target: replace(target, tail=tail, tail_of=run_id))
        case TargetReady(target=name, run_id=run_id):
            return _on_targets(state, (name,), lambda target: replace(target, ready=run_id))
        case TargetUnready(target=name, run_id=run_id, reason=reason):
            return _on_targets(
                state, (name,), lambda target: replace(target, unready=reason, unready_of=run_id)
            )
        case HintFound(target=name, hint=hint):
            return _on_targets(
                state, (name,), lambda target: replace(target, hints=appended(target.hints, (hint,)))
            )
        case GitStarted() | GitEnded():
            return replace(state, git=isinstance(event, GitStarted))
        case DiskRead() | TimePassed():  # pragma: no branch - no other is left
            return state


def _wished(
    state: State,
    event: RestartRequested | StartRequested | StopRequested | RebuildRequested | ShutdownRequested,
) -> State:
    match event:
        case RestartRequested(targets=names):
            return _with_needed(
                _on_targets(state, names, partial(Target.with_next_run, cause="asked to restart")), names
            )
        case StartRequested(targets=names):
            return _with_needed(
                _on_targets(state, names, partial(Target.with_start, cause="asked to start")), names
            )
        case StopRequested(targets=names):
            return _on_targets(state, names, lambda target: replace(target, wanted=False, stopped=True))
        case RebuildRequested(images=images):
            return replace(state, images=_changed(state.images, images, partial(_raise_build, event)))
        case ShutdownRequested(remove=remove):  # pragma: no branch - no other is left
            gone = state.targets if remove else ()
            closing = _on_targets(state, gone, lambda target: replace(target, gone=True))
            return replace(closing, closing=True)


def _with_needed(state: State, names: Iterable[TargetName]) -> State:
    return replace(state, targets=with_needed(state.targets, names))


def _files_changed(state: State, event: FilesChanged) -> State:
    images = {
        name: _doubt_inputs(image, event.batch, event.inputs[name]) if name in event.inputs else image
        for name, image in state.images.items()
    }
    targets = {
        name: _change_source(target, event.sources[name], event) if name in event.sources else target
        for name, target in state.targets.items()
    }
    return replace(state, images=images, targets=targets)


def _doubt_inputs(image: Image, batch: int, paths: tuple[str, ...]) -> Image:
    return image.with_doubt(batch, changed_cause(paths) if paths else image.cause)


def _change_source(target: Target, change: SourceChange, event: FilesChanged) -> Target:
    target = _rename(target, change.was)
    wavers = isinstance(target.running, RecreateContainer | RestartContainer) and change.digest != (
        target.renamed.get(target.running.digest, target.running.digest)
    )
    is_new = change.digest != target.source
    is_undone = target.running is None and target.loaded is not None and change.digest == target.loaded.digest
    is_other = bool(set(change.paths) - {target.recent_path})
    again = {file.path for file in change.edited}
    edited = change.edited | {file for file in target.edited if file.path not in again}
    return replace(
        target,
        source=change.digest,
        source_batch=event.batch if is_new else target.source_batch,
        changed=() if is_undone else appended(target.changed, change.paths),
        changed_at=event.at if is_new else target.changed_at,
        newest=change.newest,
        broken=change.broken,
        edited=frozenset() if is_undone else edited,
        stale=appended(target.stale, change.stale),
        recent=() if is_other else target.recent,
        flapping="" if is_other else target.flapping,
        wavered=target.wavered or wavers,
    )


def _rename(target: Target, was: Digest | None) -> Target:
    """Take note that other files count than before, though nothing changed in what the target loaded.

    Otherwise a file that a target no longer shares with others would restart it.
    """
    old = target.source
    if was is None or old is None or was == old:
        return target
    loaded = target.loaded
    if loaded is not None and loaded.digest == old:
        loaded = replace(loaded, digest=was)
    renamed = {decided: was if now == old else now for decided, now in target.renamed.items()}
    return replace(target, source=was, loaded=loaded, renamed={**renamed, old: was} if target.running else {})


def _raise_build(wish: RebuildRequested, image: Image) -> Image:
    is_open = image.build != image.served  # an earlier wish that is not served yet counts, too
    return replace(
        image,
        build=image.build + 1,
        cause="asked to rebuild",
        no_cache=wish.no_cache or (is_open and image.no_cache),
        pull=wish.pull or (is_open and image.pull),
    )


def _touch(target: Target) -> Target:
    """During an action the outcome is awaited first, and then looked at again."""
    return replace(target, touched=True) if target.running else target.with_unknown_containers()


def _forget_observed(state: State) -> State:
    """The engine may have done anything meanwhile."""
    targets = {name: _outlive_engine(target, state.now) for name, target in state.targets.items()}
    images = {name: image.with_unknown_builds() for name, image in state.images.items()}
    return replace(state, targets=targets, images=images)


def _outlive_engine(target: Target, now: float) -> Target:
    """An engine that is told to end stops its containers first, which looks as if they had ended."""
    ended_with_it = target.ended_at > 0 and now - target.ended_at <= ENGINE_STOP_S
    return replace(
        target.with_unknown_containers(),
        resume=target.resume or target.ran or ended_with_it,
        touched=target.running is not None,
    )


def _on_targets(state: State, names: Iterable[TargetName], change: Callable[[Target], Target]) -> State:
    return replace(state, targets=_changed(state.targets, names, change))


def _changed(
    mapping: Mapping[Key, Value], names: Iterable[Key], change: Callable[[Value], Value]
) -> dict[Key, Value]:
    chosen = set(names)
    return {name: change(value) if name in chosen else value for name, value in mapping.items()}
