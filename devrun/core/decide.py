"""What to do next: one action or one hold for each image and each target, with its cause in words.

The rules are two tables, tried from the top; the first that applies decides. They read only the state, so
"why did it restart?" and "why did it not?" are answered by the same call.

Images: engine down, closing or gone, git, fingerprint unknown, building something else, busy, observed
unknown, unused, not there, superseded, up to date.

Targets: engine down, busy, observed unknown, to be removed, left over, not wanted, git, no image, and then
what is due - a new container or a restart - unless something holds it back; last, how the program ended.
"""

from dataclasses import dataclass
from enum import Enum
from itertools import chain

from devrun.config.project import ImageName, PrebuiltImage, TargetName
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
    Start,
    StopContainer,
    changed_cause,
    failure_key,
    values_of,
)
from devrun.core.dependencies import unmet
from devrun.core.due import due_start
from devrun.core.handover import awaited, awaits_in_turn, breaks_ring
from devrun.core.model import Failures, Image, State, Target, usable_image
from devrun.core.values import Failure, Fingerprint, Phase

KEPT_IMAGES = 3
"""Switching between a few branches should not build; more than this fills disks."""

MOST_CHECKED = 100
"""Files that the container's Python is asked about at once: they go into one command line."""

RETRY_PAUSES_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Between looks at something that could not be looked at: fast at first, since most causes pass."""


class HoldKind(str, Enum):
    """Why nothing is done."""

    UP_TO_DATE = "up to date"
    STOPPED = "stopped"
    EXITED = "exited"
    CRASHED = "crashed"
    FAILED = "failed"
    SYNTAX_ERROR = "syntax error"
    FLAPPING = "flapping"
    UNUSED = "unused"
    PAUSED = "paused"
    ENGINE_DOWN = "engine down"
    GIT = "git"
    BUSY = "busy"
    RETRYING = "retrying"
    WAITING_FOR_IMAGE = "waiting for image"
    WAITING_FOR_BUILD = "waiting for build"
    WAITING = "waiting"


FINAL = frozenset(
    {
        HoldKind.UP_TO_DATE,
        HoldKind.STOPPED,
        HoldKind.EXITED,
        HoldKind.CRASHED,
        HoldKind.FAILED,
        HoldKind.SYNTAX_ERROR,
        HoldKind.FLAPPING,
        HoldKind.UNUSED,
        HoldKind.PAUSED,
    }
)
"""The holds that nothing but a change, a command or the world outside ends."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing is done, and why. `until` is when to ask again by itself."""

    kind: HoldKind
    text: str
    until: float | None = None

    @property
    def is_final(self) -> bool:
        """Whether this is rest rather than waiting."""
        return self.kind in FINAL


Decision = Action | Hold


def decide_image(state: State, name: ImageName) -> Decision:
    """Return what to do about an image."""
    image = state.images[name]
    if not state.engine_up:
        return Hold(HoldKind.ENGINE_DOWN, "engine down")
    if state.closing or image.gone:
        return _close_build(name, image, "devrun ends" if state.closing else "no longer in the file")
    if state.git:
        return Hold(HoldKind.GIT, "a git operation rewrites the tree")
    if image.fingerprint is None and image.hashing is None:
        return _inquire(HashInputs(name, image.inputs_revision, image.cause), image.failures, state.now)
    if cancellation := _superseded_build(name, image):
        return cancellation
    if image.running or image.hashing:
        return Hold(HoldKind.BUSY, "busy")
    if image.built is None:
        return _inquire(InspectImage(name, image.built_revision, "not known"), image.failures, state.now)
    return _decide_observed_image(state, name, image)


def _close_build(name: ImageName, image: Image, cause: str) -> Decision:
    building = image.running
    if isinstance(building, BuildImage) and not image.cancelling:
        return CancelBuild(name, building.fingerprint, building.build, cause)
    return Hold(HoldKind.BUSY, "busy") if image.running else Hold(HoldKind.UNUSED, cause)


def _superseded_build(name: ImageName, image: Image) -> CancelBuild | None:
    building = image.running
    if not isinstance(building, BuildImage) or image.cancelling or image.fingerprint is None:
        return None
    if image.is_building(image.fingerprint, image.build):
        return None
    return CancelBuild(name, building.fingerprint, building.build, image.cause)


def _decide_observed_image(state: State, name: ImageName, image: Image) -> Decision:
    users = [target for target in state.targets.values() if target.image == name and state.is_wanted(target)]
    if not users:
        return Hold(HoldKind.UNUSED, "no target wants it")
    if image.current is None and _is_needed(image, users):
        assert image.fingerprint is not None  # else it would have been hashed first
        return _unless_failed(_build(state, name, image.fingerprint), image.failures)
    if removal := _next_removal(state, name, image):
        return removal
    return Hold(HoldKind.UP_TO_DATE, "up to date")


def _build(state: State, name: ImageName, fingerprint: Fingerprint) -> BuildImage:
    image = state.images[name]
    is_asked = image.build != image.served
    is_prebuilt = isinstance(state.project.images[name], PrebuiltImage)
    return BuildImage(
        name,
        fingerprint,
        image.build,
        image.cause,
        image.spelling,
        is_prebuilt=is_prebuilt,
        no_cache=is_asked and image.no_cache,
        pull=is_asked and (image.pull or is_prebuilt),
    )


def _is_needed(image: Image, users: list[Target]) -> bool:
    """Tell whether an image that is not there is wanted by more than containers which have it already."""
    proven = image.proven
    if proven is None or proven.fingerprint != image.fingerprint or image.build != image.served:
        return True
    return any(target.container is None or target.container.image != proven.id for target in users)


def _next_removal(state: State, name: ImageName, image: Image) -> RemoveImage | None:
    if any(target.observed is None for target in state.targets.values()):
        return None  # An image counts as unused only where every container is known.
    used = {container.image for target in state.targets.values() for container in target.observed or ()}
    newest_first = sorted(image.built or (), key=lambda built: -built.tagged)
    for built in newest_first[KEPT_IMAGES:]:
        removal = RemoveImage(name, built.fingerprint, "superseded")
        if (
            built.fingerprint != image.fingerprint
            and built.id not in used
            and not _failure_of(removal, image.failures)
        ):
            return removal
    return None


def decide_target(state: State, name: TargetName) -> Decision:
    """Return what to do about a target."""
    target = state.targets[name]
    if not state.engine_up:
        return Hold(HoldKind.ENGINE_DOWN, "engine down")
    if target.running:
        return Hold(HoldKind.BUSY, "busy")
    if target.observed is None:
        return _inquire(
            InspectTarget(name, target.observed_revision, "not known"), target.failures, state.now
        )
    if removal := _due_removal(name, target):
        return _unless_failed(removal, target.failures)
    if not state.is_wanted(target):
        return _decide_unwanted(state, name, target)
    if state.git:
        return Hold(HoldKind.GIT, "a git operation rewrites the tree")
    if usable_image(state, target) is None:
        return Hold(HoldKind.WAITING_FOR_IMAGE, f"waiting for image {target.image}")
    due = due_start(state, name)
    if due is not None:
        return _hold_back(state, name, due) or due
    return _decide_loaded(target)


def _due_removal(name: TargetName, target: Target) -> RemoveContainer | None:
    containers = tuple(container.id for container in target.observed or ())
    if target.gone and containers:
        return RemoveContainer(name, containers, "no longer wanted")
    left_over = RemoveContainer(name, containers[1:], "left over from an interrupted swap")
    # Where one cannot be removed, the target runs all the same.
    is_due = bool(left_over.containers) and not _failure_of(left_over, target.failures)
    return left_over if is_due else None


def _decide_unwanted(state: State, name: TargetName, target: Target) -> Decision:
    container = target.container
    if container is not None and container.holds_ports:
        stop = StopContainer(name, container.id, "devrun ends" if state.closing else "asked to stop")
        return _unless_failed(stop, target.failures)
    return Hold(HoldKind.STOPPED, "stopped")


def _hold_back(state: State, name: TargetName, due: Start) -> Decision | None:
    """Return what keeps a due start from being done now; None: nothing."""
    target = state.targets[name]
    if failure := _failure_of(due, target.failures):
        return Hold(HoldKind.FAILED, failure.error)
    if target.is_running and (guard := _guard_syntax(state, name, target)):
        return guard
    if target.flapping:
        return Hold(HoldKind.FLAPPING, f"{target.flapping} changes after every start")
    if wait := _await_dependencies(state, name, due):
        return wait
    if isinstance(due, RecreateContainer):
        return _hold_back_recreation(state, name, target)
    if _comes_with_build(state, target):
        return Hold(HoldKind.WAITING_FOR_BUILD, f"waiting for image {target.image}")
    return None


def _await_dependencies(state: State, name: TargetName, due: Start) -> Decision | None:
    """Return the wait for what a target needs; what that needs of the target itself, it gives up first."""
    target = state.targets[name]
    for need in target.depends_on:
        why = unmet(state, need) or _is_on_its_way(decide_target(state, need.target))
        if not why:
            continue
        waiting = awaits_in_turn(state, name) if isinstance(due, RecreateContainer) else None
        if waiting and target.container and target.container.holds_ports:
            stop = StopContainer(name, target.container.id, f"{waiting} gets its port")
            return _unless_failed(stop, target.failures)
        return Hold(HoldKind.WAITING, f"waiting for {need.target}: {why}")
    return None


def _is_on_its_way(decision: Decision) -> str:
    """Return what is about to happen to a dependency that runs, and so to whoever would start now."""
    if isinstance(decision, RecreateContainer | RestartContainer):
        return "it is being started"
    return decision.text if isinstance(decision, Hold) and decision.kind is HoldKind.WAITING else ""


def _hold_back_recreation(state: State, name: TargetName, target: Target) -> Decision | None:
    if _settings_await_image(state, target):
        return Hold(HoldKind.WAITING_FOR_IMAGE, f"waiting for image {target.image}")
    other = awaited(state, name)
    if other is None:
        return None
    if target.container and breaks_ring(state, name):
        stop = StopContainer(name, target.container.id, f"{other} gets its port")
        return _unless_failed(stop, target.failures)
    return Hold(HoldKind.WAITING, f"waiting for {other}")


def _settings_await_image(state: State, target: Target) -> bool:
    """Tell whether new settings came with another image, or a doubt about it: both lead to one swap."""
    image = state.images[target.image]
    if target.container is None or image.current is not None:
        return False
    return target.image_moved or target.settings_batch in image.doubts


def _guard_syntax(state: State, name: TargetName, target: Target) -> Decision | None:
    """Return what keeps code that does not parse from taking the place of a program that runs.

    The container's Python has the last word: where it is another one than ours, it is asked.
    """
    container = target.container
    assert container is not None  # else it would not run
    is_ours = bool(state.python) and container.python == state.python
    suspects = {broken.saved for broken in target.broken} | (frozenset() if is_ours else target.edited)
    known = target.loaded.broken if target.loaded else frozenset()
    fresh = suspects - {broken.saved for broken in known}
    judged = target.broken if is_ours else target.unsound
    if unsound := sorted((broken for broken in judged if broken.saved in fresh), key=str):
        return Hold(HoldKind.SYNTAX_ERROR, str(unsound[0]))
    if is_ours or not (unasked := sorted(fresh - target.sound)):
        return None
    files = tuple(unasked[:MOST_CHECKED])
    return CheckSyntax(name, container.id, files, changed_cause(tuple(file.path for file in files)))


def _comes_with_build(state: State, target: Target) -> bool:
    """Tell whether the source changed together with build inputs that are not decided or built yet."""
    is_newer = target.loaded is None or target.loaded.digest != target.source
    return is_newer and target.source_batch in state.images[target.image].doubts


def _decide_loaded(target: Target) -> Hold:
    container = target.container
    if target.source is None or container is None:
        return Hold(HoldKind.BUSY, "files are being read")
    if container.phase is Phase.PAUSED:
        return Hold(HoldKind.PAUSED, "paused")
    if container.phase is not Phase.RUNNING:
        kind = HoldKind.CRASHED if container.exit_code else HoldKind.EXITED
        return Hold(kind, f"{kind.value} {container.exit_code}")
    return Hold(HoldKind.UP_TO_DATE, "up to date")


def _failure_of(action: Action, failures: Failures) -> Failure | None:
    """Return the failure that holds back this very action with these very values."""
    failure = failures.get(failure_key(action))
    return failure if failure and failure.values == values_of(action) else None


def _unless_failed(action: Action, failures: Failures) -> Decision:
    failure = _failure_of(action, failures)
    return Hold(HoldKind.FAILED, failure.error) if failure else action


def _inquire(action: Action, failures: Failures, now: float) -> Decision:
    """Return the question again after a growing pause, where it could not be answered before."""
    failure = _failure_of(action, failures)
    if failure is None:
        return action
    until = failure.at + RETRY_PAUSES_S[min(failure.tries, len(RETRY_PAUSES_S)) - 1]
    return action if now >= until else Hold(HoldKind.RETRYING, failure.error, until=until)


def is_settled(state: State) -> bool:
    """Tell whether no action runs and every hold is final."""
    images = (decide_image(state, image) for image in state.images)
    targets = (decide_target(state, target) for target in state.targets)
    return all(isinstance(decision, Hold) and decision.is_final for decision in chain(images, targets))
