"""The words that the rest of the core is written in: ids, hashes, and what was seen of the engine.

Times are seconds since the epoch, as the engine's clock or the file system says them.
"""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import NewType

from devrun.config.project import Depth, Spec

ContainerId = NewType("ContainerId", str)
ImageId = NewType("ImageId", str)
Fingerprint = NewType("Fingerprint", str)
"""Content hash of an image's build inputs; it stands in the image's tag."""
Spelling = NewType("Spelling", str)
"""A hash of how build inputs are written: it may differ where the fingerprint is the same."""
UNWRITTEN = Spelling("")
"""That of inputs which nobody has read yet."""
RunId = tuple[ContainerId, float]
"""Which run of which container: its id, and when its main process started."""


@dataclass(frozen=True, slots=True)
class Digest:
    """Content hashes of a target's source closure; false where nothing is mounted."""

    closure: str
    reached: str = ""
    """Of those files alone that the target itself reaches."""

    def __bool__(self) -> bool:
        return bool(self.closure)


MIXED = Digest("mixed", "mixed")
"""That of a run which may have loaded some files as they were, and others as they are: it equals none."""


class Phase(str, Enum):
    """What the engine says a container is doing."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    EXITED = "exited"


@dataclass(frozen=True, slots=True)
class Container:
    """A container of ours, as last seen."""

    id: ContainerId
    name: str
    image: ImageId
    spec: Spec
    phase: Phase
    started: float = 0.0
    """When its program last started; 0: never."""
    exit_code: int = 0
    error: str = ""
    """Why the engine could not start it."""
    ports: tuple[str, ...] = ()
    """The published ones, as `127.0.0.1:8080->5000/tcp`."""
    python: str = ""
    """The cache tag of its Python, as `cpython-313`; empty: not known."""
    keeps_network: bool = False
    """Whether its network, with the ports, is still there though its program has ended."""
    cut_off: str = ""
    """Why it has lost its network, which only a new container gets back; empty: it has not."""
    booted: float = 0.0
    """When its main process last started, where that is an agent which starts the program; else 0."""
    idle: bool = False
    """Whether the agent waits for another start, since the program has ended."""
    number: int = 1
    """The how manieth run of the program it is since then."""
    depth: Depth | None = None
    """How its program can be started anew; None: it was asked for nothing but the container's restart."""
    note: str = ""
    """Why that is no deeper, or what the agent has to say."""
    fallback: str = ""
    """Why the whole container was restarted, where its program alone should have been."""

    @property
    def is_up(self) -> bool:
        """Whether its main process is there, running or paused."""
        return self.idle or self.phase in {Phase.RUNNING, Phase.PAUSED}

    @property
    def holds_ports(self) -> bool:
        """Whether nobody else can have its ports: only a stop frees them."""
        return self.is_up or self.keeps_network

    @property
    def restarted(self) -> Depth | None:
        """How the present run was brought about, if that was by a restart; None: not worth saying."""
        return Depth.CONTAINER if self.depth and self.number == 1 else self.depth

    @property
    def boot_id(self) -> RunId:
        """The present run of its main process, whose output is one stream."""
        return self.id, self.booted or self.started

    @property
    def run_id(self) -> RunId:
        """The present run, or the last one."""
        return self.id, self.started


@dataclass(frozen=True, slots=True)
class Built:
    """An image of ours, as last seen."""

    fingerprint: Fingerprint
    id: ImageId
    tagged: float
    """When it got its tag: the newest are kept."""
    workdir: str = ""


@dataclass(frozen=True, slots=True)
class BuildContext:
    """What is sent for a build.

    `files` are pairs of a path on disk and the path in the context. `dockerfile` is the text as on disk.
    `bases` are the external images that have to be there first, with `args` already filled in.
    """

    dockerfile: str
    files: tuple[tuple[Path, str], ...]
    bases: tuple[str, ...]


@dataclass(frozen=True, slots=True, order=True)
class Saved:
    """A Python file as it was saved."""

    path: str
    content: str
    """Hash of its bytes."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A Python file that does not parse."""

    path: str
    line: int
    message: str
    content: str
    """Hash of the bytes that do not parse."""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"

    @property
    def saved(self) -> Saved:
        """The file as it was saved."""
        return Saved(self.path, self.content)


@dataclass(frozen=True, slots=True)
class Loaded:
    """The source that one run of a container has loaded, and the run number it serves."""

    container: ContainerId
    started: float
    digest: Digest
    run: int
    broken: frozenset[Broken] = frozenset()
    """What did not parse already when it started."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed action: it holds back only the same kind of action with the same values."""

    values: tuple[object, ...]
    error: str
    hint: str = ""
    step: str = ""
    """The failing instruction of a build."""
    output: tuple[str, ...] = ()
    """The last lines of it."""
    at: float = 0.0
    tries: int = 1


@dataclass(frozen=True, slots=True)
class LastAction:
    """The last thing that was done, why, and how long it took."""

    action: str
    cause: str
    at: float
    seconds: float
    ok: bool
    reload: str = ""
    """Of a restart that was to be more than the container's: `container`, `process` or `warm`."""


def why_shallow(asked: Depth, container: Container) -> str:
    """Return why a target's restarts are not what was asked for, or the last one was not; else nothing."""
    if container.fallback:
        return f"the whole container was restarted, since its agent did not do it: {container.fallback}"
    is_first = container.number == 1 and not container.note  # Nothing is known yet of what could be loaded.
    if container.depth is None or container.depth is asked or is_first:
        return ""
    return f'restarts go by {container.depth.value}, not by `reload = "{asked.value}"`: {container.note}'
