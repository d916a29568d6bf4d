"""How another configuration changes the state: a part of `step`.

It is applied as a difference. What it does not speak of differently goes on as it is; what the user stopped
stays stopped; and nothing is done here, as everywhere: what is desired changes, and `decide` does the rest.
"""

from collections.abc import Mapping
from dataclasses import replace

from devrun.config.project import ImageName, Project, TargetConfig, TargetName
from devrun.core.actions import changed_cause
from devrun.core.events import ProjectChanged
from devrun.core.model import Image, State, Target, with_needed


def reconfigure(state: State, event: ProjectChanged) -> State:
    """Return the state in which another configuration is in force; while devrun ends, none is taken up."""
    if state.closing:
        return state
    return replace(state, project=event.project, images=_images(state, event), targets=_targets(state, event))


def describe(state: State, event: ProjectChanged) -> str:
    """Return in words what becomes of the targets and images of a state."""
    before, after = state.project, event.project
    said = [
        *(f"{name} {word}" for name in after.targets if (word := _target_word(state, after, name))),
        *(f"{name} removed" for name in before.targets if name not in after.targets),
        *(f"image {name} {word}" for name in after.images if (word := _image_word(before, after, name))),
        *(f"image {name} removed" for name in before.images if name not in after.images),
    ]
    return f"{changed_cause(event.by)}: {', '.join(said) or 'applied'}"


def _target_word(state: State, after: Project, name: TargetName) -> str:
    old, new = state.project.targets.get(name), after.targets[name]
    if old is None:
        return "added"
    if old == new:
        return ""
    is_other = (old.spec, old.image) != (new.spec, new.image)
    return "recreated" if is_other and state.is_wanted(state.targets[name]) else "changed"


def _image_word(before: Project, after: Project, name: ImageName) -> str:
    old = before.images.get(name)
    return "added" if old is None else "changed" if old != after.images[name] else ""


def _images(state: State, event: ProjectChanged) -> Mapping[ImageName, Image]:
    wanted = {name: _image(state, name, event) for name in event.project.images}
    leaving = {
        name: replace(image, gone=True)
        for name, image in state.images.items()
        if name not in wanted and image.is_at_work
    }
    return wanted | leaving


def _image(state: State, name: ImageName, event: ProjectChanged) -> Image:
    before, batch, cause = state.images.get(name), event.files.batch, changed_cause(event.by)
    if before is None:
        return Image(cause=cause, doubts=frozenset({batch}))
    if state.project.images.get(name) == event.project.images[name]:
        return before
    # Whether the meaning is another one is for HashInputs to tell.
    return replace(before.with_doubt(batch, cause), gone=False)


def _targets(state: State, event: ProjectChanged) -> Mapping[TargetName, Target]:
    wanted = {name: _target(state, config, event) for name, config in event.project.targets.items()}
    leaving = {
        name: replace(target, gone=True, depends_on=())
        for name, target in state.targets.items()
        if name not in wanted and not (target.observed == () and target.running is None)
    }
    return _needed(state, wanted) | leaving


def _needed(state: State, targets: Mapping[TargetName, Target]) -> dict[TargetName, Target]:
    """Return the targets with those wanted that others need; one that was wanted before goes on as it is."""
    found = with_needed(targets, [name for name, target in targets.items() if target.wanted])
    kept = {
        name: replace(target, wanted=True)
        for name, target in targets.items()
        if found[name].wanted and name in state.targets and state.targets[name].wanted
    }
    return found | kept


def _target(state: State, config: TargetConfig, event: ProjectChanged) -> Target:
    before, old = state.targets.get(config.name), state.project.targets.get(config.name)
    cause = changed_cause(event.by)
    if before is None or old is None:
        return _new_target(state, before, config, event)
    if old == config:
        return before
    is_moved = before.image != config.image
    target = replace(
        before,
        image=config.image,
        spec=config.spec,
        depends_on=config.depends_on,
        recent=(),
        flapping="",
    )
    if is_moved or before.spec != config.spec:
        target = replace(
            target,
            settings_batch=event.files.batch,
            settings_cause=cause,
            image_moved=before.image_moved or is_moved,
        )
    return target if state.only else _autostarted(target, old, config, cause)


def _new_target(state: State, before: Target | None, config: TargetConfig, event: ProjectChanged) -> Target:
    """Return a target that the file did not name; its container from an earlier time may still be there."""
    target = replace(
        before or Target(config.image, config.spec),
        image=config.image,
        spec=config.spec,
        depends_on=config.depends_on,
        gone=False,
        wanted=False,
        source=None,  # What changed while it was not in the file was not told, and is in no container.
        settings_batch=event.files.batch,
        settings_cause=changed_cause(event.by),
        image_moved=before is not None,
    )
    is_chosen = config.name in state.only if state.only else config.autostart
    return target.with_start(target.settings_cause) if is_chosen and not target.stopped else target


def _autostarted(target: Target, old: TargetConfig, new: TargetConfig, cause: str) -> Target:
    """Return what another `autostart` makes of a target: nothing that runs is stopped by it."""
    if new.autostart == old.autostart or target.stopped:
        return target
    if new.autostart:
        return target if target.wanted else target.with_start(cause)
    runs = target.is_running or target.observed is None or target.running is not None
    return replace(target, wanted=target.wanted and runs)
