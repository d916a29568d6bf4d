"""The things that devrun can do: decided by `decide`, done by one worker, answered by one outcome.

An action carries the values it was decided with, and its outcome writes back those, never what is desired by
then: so an edit that comes during an action is never lost.
"""

from dataclasses import dataclass

from devrun.config.project import ImageName, Spec, TargetName
from devrun.core.values import UNWRITTEN, Broken, ContainerId, Digest, Fingerprint, ImageId, Saved, Spelling


@dataclass(frozen=True, slots=True)
class HashInputs:
    """Work out the fingerprint of an image's build inputs; no engine is needed for it."""

    image: ImageName
    revision: int
    cause: str


@dataclass(frozen=True, slots=True)
class InspectImage:
    """Ask the engine which images of ours there are."""

    image: ImageName
    revision: int
    cause: str


@dataclass(frozen=True, slots=True)
class BuildImage:
    """Build, and tag the result with the fingerprint; or pull what others have built."""

    image: ImageName
    fingerprint: Fingerprint
    build: int
    cause: str
    spelling: Spelling = UNWRITTEN
    is_prebuilt: bool = False
    no_cache: bool = False
    pull: bool = False


@dataclass(frozen=True, slots=True)
class CancelBuild:
    """Give up a running build; the build's own outcome says when it has ended."""

    image: ImageName
    fingerprint: Fingerprint
    build: int
    cause: str


@dataclass(frozen=True, slots=True)
class RemoveImage:
    """Remove the tag of one superseded image, and the image with its last tag."""

    image: ImageName
    fingerprint: Fingerprint
    cause: str


@dataclass(frozen=True, slots=True)
class InspectTarget:
    """Ask the engine which containers a target has, and how they are."""

    target: TargetName
    revision: int
    cause: str


@dataclass(frozen=True, slots=True)
class CheckSyntax:
    """Ask the container's own Python whether it parses files, where it is another one than ours."""

    target: TargetName
    container: ContainerId
    files: tuple[Saved, ...]
    cause: str


@dataclass(frozen=True, slots=True)
class RecreateContainer:
    """Create the next container beside the old one, stop the old, start the next."""

    target: TargetName
    image: ImageId
    spec: Spec
    digest: Digest
    run: int
    cause: str
    changed: tuple[str, ...] = ()
    broken: frozenset[Broken] = frozenset()
    old: ContainerId | None = None


@dataclass(frozen=True, slots=True)
class RestartContainer:
    """Stop the container where it runs, and start the same one again."""

    target: TargetName
    container: ContainerId
    digest: Digest
    run: int
    cause: str
    changed: tuple[str, ...] = ()
    broken: frozenset[Broken] = frozenset()
    stale: tuple[str, ...] = ()
    """Source files whose compiled byte code may be older than they are, without showing it."""


@dataclass(frozen=True, slots=True)
class StopContainer:
    """Stop the container and keep it."""

    target: TargetName
    container: ContainerId
    cause: str


@dataclass(frozen=True, slots=True)
class RemoveContainer:
    """Stop and remove containers of a target, all or the superfluous ones."""

    target: TargetName
    containers: tuple[ContainerId, ...]
    cause: str


ImageAction = HashInputs | InspectImage | BuildImage | CancelBuild | RemoveImage
TargetAction = (
    InspectTarget | CheckSyntax | RecreateContainer | RestartContainer | StopContainer | RemoveContainer
)
Action = ImageAction | TargetAction
Start = RecreateContainer | RestartContainer
"""The actions after which a container runs the present source."""


def values_of(action: Action) -> tuple[object, ...]:
    """Return the values that an action was decided with: what a failure is remembered by."""
    match action:
        case HashInputs() | InspectImage() | InspectTarget():
            return (action.revision,)
        case BuildImage():
            # What a builder refuses may mean the same as what it takes: only the text tells them apart.
            return (action.fingerprint, action.build, action.spelling)
        case CancelBuild() | RemoveImage():
            return (action.fingerprint,)
        case RecreateContainer():
            return (action.image, action.spec, action.digest, action.run)
        case RestartContainer():
            return (action.container, action.digest, action.run)
        case StopContainer() | CheckSyntax():
            return (action.container,)
        case RemoveContainer():  # pragma: no branch - no other is left
            return action.containers


def failure_key(action: Action) -> str:
    """Return under what a failure is kept: one for each kind, and for each image that cannot be removed."""
    kind = type(action).__name__
    return f"{kind} {action.fingerprint}" if isinstance(action, RemoveImage) else kind


def subject_of(action: Action) -> str:
    """Return whom an action concerns: `image default`, `target web`."""
    match action:
        case HashInputs() | InspectImage() | BuildImage() | CancelBuild() | RemoveImage():
            return f"image {action.image}"
        case _:
            return f"target {action.target}"


def kind_of(action: Action) -> str:
    """Return what users are told that an action is: an image of others is pulled."""
    is_pull = isinstance(action, BuildImage) and action.is_prebuilt
    return "PullImage" if is_pull else type(action).__name__


def changed_cause(paths: tuple[str, ...]) -> str:
    """Return the words for changed paths: the last one is what the user has just saved."""
    others = len(paths) - 1
    return f"{paths[-1]} changed" if not others else f"{paths[-1]} and {others} more changed"
