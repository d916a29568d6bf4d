"""What devrun asks of a container engine: one method for each action, no policy inside.

Every method may be called from any thread. A refusal is an `EngineError`, whose message is for users; an
engine that does not answer in time or went away is an `EngineUnreachableError`.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from devrun.config.project import AnyImage, ImageName, Project, TargetConfig, TargetName
from devrun.core.values import (
    Broken,
    BuildContext,
    Built,
    Container,
    ContainerId,
    Fingerprint,
    ImageId,
    Saved,
)


@dataclass(frozen=True, slots=True)
class BuildProgress:
    """Where a build is: step 2 of 5, its instruction, and a line of output if there was one."""

    step: int
    steps: int
    instruction: str
    line: str = ""
    cached: bool = False


@dataclass(frozen=True, slots=True)
class OutputLine:
    """A line that a target wrote. `at_ns` is the engine's time stamp, by which reading resumes."""

    target: TargetName
    stream: str
    text: str
    at_ns: int
    container: ContainerId


@dataclass(frozen=True, slots=True)
class Touched:
    """The engine told of a container or of an image of ours."""

    target: TargetName | None = None
    image: ImageName | None = None


@dataclass(frozen=True, slots=True)
class Removal:
    """What was removed, and what is left, each with the reason in words."""

    removed: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


class Engine(Protocol):
    """A container engine, seen from one project."""

    def ping(self) -> None:
        """Return if the engine answers within two seconds."""

    def describe(self) -> str:
        """Return its name and version, for people."""

    def inspect_image(self, image: AnyImage) -> tuple[Built, ...]: ...

    def build_image(
        self,
        image: AnyImage,
        fingerprint: Fingerprint,
        context: BuildContext,
        progress: Callable[[BuildProgress], None],
        *,
        no_cache: bool = False,
        pull: bool = False,
    ) -> Built:
        """Build, or pull what others have built; raises BuildCancelledError after `cancel_build`.

        With `pull`, what comes from a registry is asked for anew even where the engine has it.
        """

    def cancel_build(self, image: ImageName) -> None: ...

    def remove_image(self, image: ImageName, fingerprint: Fingerprint) -> None:
        """Untag one that devrun built; an image in use, or gone already, is no error."""

    def known_targets(self) -> tuple[TargetName, ...]:
        """Return the names of all targets that have a container of this project, configured or not."""

    def tidy(self) -> None:
        """Remove what a crash left behind of targets that are no longer there."""

    def wake(self, targets: Collection[TargetName]) -> None:
        """Set up the networks of stopped containers that are about to be started, as far as possible."""

    def inspect_target(self, target: TargetName) -> tuple[Container, ...]: ...

    def listeners(self, container: ContainerId) -> frozenset[tuple[str, int]]:
        """Return the addresses and TCP ports on which programs in the container listen."""

    def probe(self, container: ContainerId, argv: Sequence[str], timeout_s: float) -> int | None:
        """Return what a command in the container ends with; None where it does not end in time."""

    def address(self, container: ContainerId) -> str:
        """Return the IP address at which this machine reaches the container; empty where it does not."""

    def check_syntax(self, container: ContainerId, files: Iterable[Saved]) -> frozenset[Broken]:
        """Return those that the container's own Python does not parse; raises EngineError if it has none."""

    def explain(self, target: TargetConfig, image: ImageId) -> tuple[str, ...]:
        """Return in words how a container of the target would be created, and by which rules."""

    def recreate(self, target: TargetConfig, image: ImageId, old: ContainerId | None) -> Container:
        """Swap the containers; where the new one cannot be started, the old one runs again and it raises."""

    def cancel_before(self) -> None:
        """Give up the commands that run before starts, and those to come: the starts are refused."""

    def restart(self, target: TargetConfig, container: ContainerId, stale: tuple[str, ...]) -> Container:
        """Start the program anew, as deep as the container allows; what it returns says how."""

    def stop(self, target: TargetConfig | None, container: ContainerId) -> Container: ...

    def remove(self, containers: Iterable[ContainerId]) -> None:
        """Stop and remove; one that is gone already is no error."""

    def remove_network(self) -> None: ...

    def remove_everything(self) -> tuple[str, ...]:
        """Remove all containers and networks of this project, by labels; returns the containers' names."""

    def remove_images(self) -> Removal:
        """Remove what was built for this project, by labels; what is in use is left."""

    def remove_volumes(self) -> Removal:
        """Remove the named volumes of this project, by labels; what is in use is left."""

    def follow_output(
        self,
        target: TargetName,
        container: ContainerId,
        since_ns: int,
        emit: Callable[[OutputLine], None],
        *,
        last: int | None = None,
    ) -> None:
        """Deliver lines until the container stops or `close` is called; none at `since_ns` is repeated.

        Of those that are there already, only the `last` ones.
        """

    def watch_events(self, connected: Callable[[], None], emit: Callable[[Touched], None]) -> None:
        """Subscribe, call `connected`, and deliver until the connection ends or `close` is called."""

    def close(self) -> None:
        """End all streams and calls."""


Connect = Callable[[Project], Engine]
"""Finds the engine of a project; raises EngineUnreachableError with the remedy."""
