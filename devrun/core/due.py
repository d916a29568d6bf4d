"""Which start a target needs to run what is desired: a new container, or a restart; and why.

Whether something holds it back is for `decide` to say.
"""

from devrun.config.project import TargetName
from devrun.core.actions import RecreateContainer, RestartContainer, Start, changed_cause
from devrun.core.model import State, Target, usable_image
from devrun.core.values import Container, Digest, ImageId, Phase


def due_start(state: State, name: TargetName) -> Start | None:
    """Return the start that a target needs to run what is desired, whether or not something holds it back."""
    target = state.targets[name]
    image, container, source = usable_image(state, target), target.container, target.source
    if image is None or source is None:
        return None
    if container is None or container.image != image or container.spec != target.spec:
        return _recreation(name, target, image, source, _recreate_cause(state, target, container))
    is_due = not _has_loaded(target, container, source)
    if container.cut_off and (is_due or target.is_running):
        return _recreation(name, target, image, source, container.cut_off)
    if is_due:
        return RestartContainer(
            target=name,
            container=container.id,
            digest=source,
            run=target.run,
            cause=_restart_cause(target),
            changed=target.changed,
            broken=target.broken,
            stale=target.stale,
        )
    return None


def _recreation(
    name: TargetName, target: Target, image: ImageId, source: Digest, cause: str
) -> RecreateContainer:
    return RecreateContainer(
        target=name,
        image=image,
        spec=target.spec,
        digest=source,
        run=target.run,
        cause=cause,
        changed=target.changed,
        broken=target.broken,
        old=target.container.id if target.container else None,
    )


def _has_loaded(target: Target, container: Container, source: Digest) -> bool:
    """Tell whether the container's last run was one of the present source.

    A program that has done its work is run again only for what it reaches.
    """
    loaded = target.loaded
    if loaded is None or loaded.run != target.run:
        return False
    if container.phase is Phase.EXITED and container.exit_code == 0:
        return loaded.digest.reached == source.reached
    return loaded.digest == source


def _recreate_cause(state: State, target: Target, container: Container | None) -> str:
    if container is None:
        return target.settings_cause or ("its container is gone" if target.loaded else "no container")
    if container.spec != target.spec or target.image_moved:
        return target.settings_cause or "its settings changed"
    cause = state.images[target.image].cause
    return f"image is newer: {cause}" if cause != "devrun started" else "image is newer"


def _restart_cause(target: Target) -> str:
    if target.loaded is not None and target.loaded.digest == target.source:
        return target.run_cause
    return changed_cause(target.changed) if target.changed else "source changed while devrun was away"
