"""Doing one action: the only place where decisions meet the engine and the disk. No policy here."""

import logging
from collections.abc import Callable
from functools import partial

from devrun.config.project import AnyImage, ImageName, PrebuiltImage, Project
from devrun.core.actions import (
    Action,
    BuildImage,
    CancelBuild,
    CheckSyntax,
    HashInputs,
    InspectImage,
    InspectTarget,
    RecreateContainer,
    RemoveContainer,
    RemoveImage,
    RestartContainer,
    StopContainer,
)
from devrun.core.events import (
    Cancelled,
    ContainerStarted,
    ContainerStopped,
    Failed,
    ImageBuilt,
    ImageInspected,
    InputsHashed,
    Lost,
    Outcome,
    Removed,
    SyntaxChecked,
    TargetInspected,
)
from devrun.core.values import BuildContext, Built, Fingerprint
from devrun.engine.protocol import BuildProgress, Engine
from devrun.errors import BuildCancelledError, DevrunError, EngineError, EngineUnreachableError
from devrun.sources.content import stamps_of
from devrun.sources.disk import Disk
from devrun.sources.inputs import Inputs

log = logging.getLogger(__name__)

BUILD_TRIES = 3
"""What is written anew while it is sent may have been another content in between; for ever is too often."""

Progress = Callable[[ImageName, BuildProgress], None]


def do(action: Action, project: Project, disk: Disk, engine: Engine, progress: Progress) -> Outcome:
    """Do an action and return its outcome, whatever happens."""
    try:
        return _do(action, project, disk, engine, progress)
    except BuildCancelledError:
        return Cancelled()
    except EngineUnreachableError as error:
        return Lost(error.message)
    except EngineError as error:
        return Failed(error.message, error.hint, error.step, error.output)
    except DevrunError as error:
        return Failed(error.message, error.hint)
    except OSError as error:
        return Failed(f"{error.filename or 'a file'}: {error.strerror}")
    except Exception as error:
        log.exception("%s", action)
        return Failed(f"devrun itself is at fault: {error!r}", "please report it, with the log")


def _do(action: Action, project: Project, disk: Disk, engine: Engine, progress: Progress) -> Outcome:  # noqa: C901 - a table
    match action:
        case HashInputs(image=image):
            fingerprint = disk.hash_inputs(image)
            found = disk.inputs(image)
            return InputsHashed(fingerprint, found.spelling, _count_inputs(project.images[image], found))
        case InspectImage(image=image):
            built = engine.inspect_image(project.images[image])
            _learn(disk, image, built)
            return ImageInspected(built)
        case BuildImage(image=image) if disk.project.images.get(image) != project.images[image]:
            # The fingerprint may be one of the file as it is now, of which the core has not heard yet.
            return Cancelled(is_outdated=True)
        case BuildImage(image=image, fingerprint=fingerprint, no_cache=no_cache, pull=pull):
            build = partial(
                engine.build_image,
                project.images[image],
                fingerprint,
                progress=partial(progress, image),
                no_cache=no_cache,
                pull=pull,
            )
            return _build(build, image, fingerprint, disk, engine)
        case RemoveImage(image=image, fingerprint=fingerprint):
            engine.remove_image(image, fingerprint)
            return Removed()
        case CancelBuild(image=image):
            engine.cancel_build(image)
            return Cancelled()
        case InspectTarget(target=target):
            return TargetInspected(engine.inspect_target(target))
        case CheckSyntax(container=container, files=files):
            return SyntaxChecked(engine.check_syntax(container, files))
        case RecreateContainer(target=target, image=image_id, old=old):
            return ContainerStarted(engine.recreate(project.targets[target], image_id, old))
        case RestartContainer(target=target, container=container, stale=stale):
            return ContainerStarted(engine.restart(project.targets[target], container, stale))
        case StopContainer(target=target, container=container):
            return ContainerStopped(engine.stop(project.targets.get(target), container))
        case RemoveContainer(containers=containers):
            engine.remove(containers)
            return Removed()


def _build(
    build: Callable[[BuildContext], Built],
    image: ImageName,
    fingerprint: Fingerprint,
    disk: Disk,
    engine: Engine,
) -> Outcome:
    """Build what the fingerprint says, and nothing that was there for a moment only."""
    for _ in range(BUILD_TRIES):
        context = disk.build_context(image)
        before = stamps_of(context)
        made = build(context)
        _learn(disk, image, (made,))
        if disk.hash_inputs(image) != fingerprint:
            # What was sent may be newer than what was hashed: a tag must not say what is not so.
            engine.remove_image(image, fingerprint)
            return Cancelled(is_outdated=True)
        if stamps_of(context) == before:
            break
    return ImageBuilt(made)


def _count_inputs(image: AnyImage, found: Inputs) -> int:
    """Return how many files decide an image; those of others are decided by none."""
    if isinstance(image, PrebuiltImage):
        return 0
    return len({image.dockerfile} | {file.path for file in found.files if file.decides})


def _learn(disk: Disk, image: ImageName, built: tuple[Built, ...]) -> None:
    newest = max(built, key=lambda one: one.tagged, default=None)
    if newest is not None:
        disk.learn_workdir(image, newest.workdir)
