"""Facts, in the past tense: all that can change the state.

None of them starts work by itself; they change what is desired, or mark what was observed as unknown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from devrun.config.project import ImageName, Project, TargetName
from devrun.core.actions import Action, RestartContainer
from devrun.core.values import (
    UNWRITTEN,
    Broken,
    Built,
    Container,
    Digest,
    Fingerprint,
    RunId,
    Saved,
    Spelling,
)


@dataclass(frozen=True, slots=True)
class SourceChange:
    """A target's source closure after a batch."""

    digest: Digest
    paths: tuple[str, ...]
    """What changed in it, relative to the project."""
    newest: float = 0.0
    """The latest of all modification and status change times in the closure."""
    broken: frozenset[Broken] = frozenset()
    """All reached files in it that do not parse, by our own Python."""
    edited: frozenset[Saved] = frozenset()
    """The reached Python files that changed."""
    stale: tuple[str, ...] = ()
    """Files whose byte code must not be trusted."""
    was: Digest | None = None
    """What the last digest would have been, had the files that count been those that count now."""


@dataclass(frozen=True, slots=True)
class FilesChanged:
    """One look at the disk delivered a batch of changed contents."""

    at: float
    batch: int
    sources: Mapping[TargetName, SourceChange] = field(default_factory=dict)
    inputs: Mapping[ImageName, tuple[str, ...]] = field(default_factory=dict)
    """The changed paths that put an image's fingerprint in doubt."""


@dataclass(frozen=True, slots=True)
class DiskRead:
    """All that was saved before these barriers were asked for has been told."""

    at: float
    barriers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ProjectChanged:
    """Another configuration is in force."""

    at: float
    project: Project
    files: FilesChanged
    """What it makes of the files, and what changed in them at the same time."""
    by: tuple[str, ...]
    """The files that say it, relative to the project."""


@dataclass(frozen=True, slots=True)
class GitStarted:
    """A git operation began to rewrite the tree."""

    at: float


@dataclass(frozen=True, slots=True)
class GitEnded:
    """The tree is at rest again."""

    at: float


@dataclass(frozen=True, slots=True)
class EngineConnected:
    """The engine answers; whatever was known of it is out of date."""

    at: float


@dataclass(frozen=True, slots=True)
class EngineLost:
    """The engine does not answer."""

    at: float
    error: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class ContainerTouched:
    """The engine told of a container of a target: look again."""

    at: float
    target: TargetName


@dataclass(frozen=True, slots=True)
class OrphansFound:
    """There are containers of ours for targets that the file does not name."""

    at: float
    targets: tuple[TargetName, ...]


@dataclass(frozen=True, slots=True)
class ImageTouched:
    """The engine told of an image of ours: look again."""

    at: float
    image: ImageName


@dataclass(frozen=True, slots=True)
class RestartRequested:
    """The user wants the targets started anew, stopped ones included."""

    at: float
    targets: tuple[TargetName, ...]


@dataclass(frozen=True, slots=True)
class StartRequested:
    """The user wants the targets running."""

    at: float
    targets: tuple[TargetName, ...]


@dataclass(frozen=True, slots=True)
class StopRequested:
    """The user wants the targets stopped, until told otherwise."""

    at: float
    targets: tuple[TargetName, ...]


@dataclass(frozen=True, slots=True)
class RebuildRequested:
    """The user wants the images built anew, whatever their fingerprints say."""

    at: float
    images: tuple[ImageName, ...]
    no_cache: bool = False
    """Without what the builder kept of earlier builds."""
    pull: bool = False
    """On top of bases that are pulled anew."""


@dataclass(frozen=True, slots=True)
class ShutdownRequested:
    """devrun ends: every container is stopped, or removed."""

    at: float
    remove: bool = False


@dataclass(frozen=True, slots=True)
class TimePassed:
    """A moment that a hold waits for has come."""

    at: float


@dataclass(frozen=True, slots=True)
class BuildAdvanced:
    """A build came to another step."""

    at: float
    image: ImageName
    progress: str


@dataclass(frozen=True, slots=True)
class OutputEnded:
    """A container's output came to its end; these are its last lines."""

    at: float
    target: TargetName
    tail: tuple[str, ...]
    run_id: RunId | None = None


@dataclass(frozen=True, slots=True)
class TargetReady:
    """A run of a container serves what it publishes, or has not ended soon after its start."""

    at: float
    target: TargetName
    run_id: RunId


@dataclass(frozen=True, slots=True)
class TargetUnready:
    """A run of a container was found not to be ready yet, for another reason than before."""

    at: float
    target: TargetName
    run_id: RunId
    reason: str


@dataclass(frozen=True, slots=True)
class HintFound:
    """Something about a running target that its author probably did not mean."""

    at: float
    target: TargetName
    hint: str


@dataclass(frozen=True, slots=True)
class ActionStarted:
    """A worker took up an action."""

    at: float
    action: Action


@dataclass(frozen=True, slots=True)
class InputsHashed:
    """Outcome of HashInputs."""

    fingerprint: Fingerprint
    spelling: Spelling = UNWRITTEN
    """A hash of how the inputs are written, which decides only whether a failed build is tried again."""
    files: int = 0
    """How many files decide it."""


@dataclass(frozen=True, slots=True)
class ImageInspected:
    """Outcome of InspectImage: all images of ours under this name."""

    built: tuple[Built, ...]


@dataclass(frozen=True, slots=True)
class ImageBuilt:
    """Outcome of BuildImage."""

    built: Built


@dataclass(frozen=True, slots=True)
class TargetInspected:
    """Outcome of InspectTarget: all containers of ours under this name."""

    containers: tuple[Container, ...]


@dataclass(frozen=True, slots=True)
class SyntaxChecked:
    """Outcome of CheckSyntax: those files that the container's Python does not parse."""

    broken: frozenset[Broken]


@dataclass(frozen=True, slots=True)
class ContainerStarted:
    """Outcome of RecreateContainer and RestartContainer."""

    container: Container

    def how(self, action: Action) -> str:
        """Return how deep a restart went; empty where nothing but the container's was asked for."""
        depth = self.container.restarted if isinstance(action, RestartContainer) else None
        return depth.value if depth else ""


@dataclass(frozen=True, slots=True)
class ContainerStopped:
    """Outcome of StopContainer."""

    container: Container


@dataclass(frozen=True, slots=True)
class Removed:
    """Outcome of RemoveContainer and RemoveImage."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The action was refused; the same action with the same values would be refused again."""

    error: str
    hint: str = ""
    step: str = ""
    output: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lost:
    """The engine took the outcome with it: nobody knows whether the action was done."""

    error: str


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The build was given up on our own wish."""

    is_outdated: bool = False
    """What was built is not what it was decided for: its inputs have changed, whether or not it was told."""


Outcome = (
    InputsHashed
    | ImageInspected
    | ImageBuilt
    | TargetInspected
    | SyntaxChecked
    | ContainerStarted
    | ContainerStopped
    | Removed
    | Failed
    | Lost
    | Cancelled
)


@dataclass(frozen=True, slots=True)
class ActionFinished:
    """A worker is done with an action."""

    at: float
    action: Action
    outcome: Outcome


Event = (
    FilesChanged
    | DiskRead
    | ProjectChanged
    | GitStarted
    | GitEnded
    | EngineConnected
    | EngineLost
    | ContainerTouched
    | OrphansFound
    | ImageTouched
    | RestartRequested
    | StartRequested
    | StopRequested
    | RebuildRequested
    | ShutdownRequested
    | TimePassed
    | BuildAdvanced
    | OutputEnded
    | TargetReady
    | TargetUnready
    | HintFound
    | ActionStarted
    | ActionFinished
)
