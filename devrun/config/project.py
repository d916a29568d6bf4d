"""What the program knows of a project once `devrun.toml` is read, checked and resolved.

Plain values: paths are absolute, defaults are filled in, `${NAME}` is replaced. Values of `env` and `args`
may be secrets, so they stay out of every `repr`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import NewType

from devrun.config.demand import Demand
from devrun.config.session import Session
from devrun.config.surroundings import BARE, Surroundings

ImageName = NewType("ImageName", str)
TargetName = NewType("TargetName", str)
Spec = NewType("Spec", str)
"""A content hash of all that decides how a container is created, its image excepted."""

DEFAULT_IMAGE = ImageName("default")
"""What the image of [image] is called, or of a file that says nothing of images."""
ONLY_TARGET = TargetName("main")
"""What the Dockerfile's own command is called, where no targets are named."""

SPEC_VERSION = 1
"""Raised when devrun itself creates containers in another way, so that old ones are recreated."""


class RestartOn(str, Enum):
    """Which changes of source files restart a target."""

    REACH = "reach"
    ANY = "any"
    NONE = "none"


class Depth(str, Enum):
    """How deep a restart goes; each is faster than the one before."""

    CONTAINER = "container"
    """The container is stopped and started again."""
    PROCESS = "process"
    """A fresh process in the container, which goes on."""
    WARM = "warm"
    """The same, by a fork of an interpreter that has loaded what is not the project's own."""


@dataclass(frozen=True, slots=True)
class Script:
    """A Python file, by its path relative to the project, with forward slashes."""

    path: str


@dataclass(frozen=True, slots=True)
class Module:
    """A Python module, as `python -m` takes it."""

    name: str


@dataclass(frozen=True, slots=True)
class Command:
    """A program and its arguments, started as they are."""

    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ImageCommand:
    """What the image itself starts: its ENTRYPOINT and CMD."""


Program = Script | Module | Command | ImageCommand


@dataclass(frozen=True, slots=True)
class Port:
    """A port of the container shown on the host. `host_port` 0: the engine chooses."""

    container_port: int
    host_port: int
    protocol: str = "tcp"
    address: str = ""
    """Empty: loopback, both families."""


class Condition(str, Enum):
    """What a dependency has to be before a start that needs it."""

    STARTED = "started"
    """It runs, or has ended with 0."""
    HEALTHY = "healthy"
    """It was found to be ready."""
    COMPLETED = "completed"
    """Its program of the newest source has ended with 0."""


@dataclass(frozen=True, slots=True)
class Dependency:
    """A target that another one needs, and in which condition."""

    target: TargetName
    condition: Condition


@dataclass(frozen=True, slots=True)
class HttpCheck:
    """A GET that answers with 2xx or 3xx."""

    path: str
    port: int
    """Of the container."""


@dataclass(frozen=True, slots=True)
class TcpCheck:
    """A program that listens on a port of the container."""

    port: int


@dataclass(frozen=True, slots=True)
class CommandCheck:
    """A command in the container that ends with 0."""

    argv: tuple[str, ...]


Check = HttpCheck | TcpCheck | CommandCheck


@dataclass(frozen=True, slots=True)
class Healthcheck:
    """How it is found out that a target is ready."""

    check: Check
    interval_s: float = 0.5
    """Between two tries."""
    timeout_s: float = 2.0
    """For one try."""


@dataclass(frozen=True, slots=True)
class Mount:
    """The host directory that is shown inside the container."""

    source: Path
    path: str | None = None
    """Where in the container; None: the image's WORKDIR."""
    keep: tuple[str, ...] = ()
    """Paths below `path`, relative to it, at which the image's own content stays visible."""


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """How an image is built."""

    name: ImageName
    dockerfile: Path
    context: Path
    stage: str | None = None
    args: Mapping[str, str] = field(default_factory=dict, repr=False)
    inputs: tuple[str, ...] = ()
    """Globs, relative to the project, of more files that decide a rebuild."""
    platform: str | None = None
    """None: the engine's own."""
    session: Session = field(default_factory=Session)
    """What its builds may ask for; it decides nothing of what they make."""


@dataclass(frozen=True, slots=True)
class PrebuiltImage:
    """An image that others build: pulled where the engine lacks it, and never untagged or removed."""

    name: ImageName
    """Its reference, which always has a tag or a digest."""
    platform: str | None = None
    """None: the engine's own."""

    @property
    def reference(self) -> str:
        """What the engine, and a registry, know it by."""
        return self.name


AnyImage = ImageConfig | PrebuiltImage


@dataclass(frozen=True, slots=True)
class TargetConfig:
    """A program and the container that runs it."""

    name: TargetName
    image: ImageName
    program: Program
    args: tuple[str, ...] = ()
    mount: Mount | None = None
    """None: no mount, the image carries its code."""
    entrypoint: tuple[str, ...] | None = None
    ports: tuple[Port, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    """With those of `env-file` merged in."""
    workdir: str | None = None
    user: str | None = None
    stop_signal: str | None = None
    stop_timeout_s: int | None = None
    init: bool | None = None
    tty: bool = False
    watch: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    restart_on: RestartOn = RestartOn.REACH
    autostart: bool = True
    depends_on: tuple[Dependency, ...] = ()
    healthcheck: Healthcheck | None = None
    before_start: tuple[str, ...] = ()
    """A command that is run to its end before each start; empty: none."""
    surroundings: Surroundings = BARE
    reload: Depth = Depth.CONTAINER
    """How it is restarted, where that can be done."""
    debug_port: int | None = None
    """Where a debugger listens, in the container and on the host; None: it runs without one."""
    network_sandbox: bool = True
    """Whether its network is kept in a container of its own, where the engine can do so."""

    @property
    def published(self) -> tuple[Port, ...]:
        """All ports that are shown on the host, the debugger's too."""
        return (*self.ports, Port(self.debug_port, self.debug_port)) if self.debug_port else self.ports

    @property
    def spec(self) -> Spec:
        """The hash by which a container is known to be still what the configuration asks for."""
        mount = self.mount and (str(self.mount.source), self.mount.path, sorted(self.mount.keep))
        said = (
            SPEC_VERSION,
            type(self.program).__name__,
            [getattr(self.program, name) for name in self.program.__slots__],
            self.args,
            mount,
            self.entrypoint,
            sorted((p.container_port, p.host_port, p.protocol, p.address) for p in self.ports),
            sorted(self.env.items()),
            (self.workdir, self.user, self.stop_signal, self.stop_timeout_s, self.init, self.tty),
        )
        later = {
            "before-start": self.before_start,
            "debug": self.debug_port,
            "surroundings": self.surroundings.asked,
            "reload": "" if self.reload is Depth.CONTAINER else self.reload.value,
            "network-sandbox": self.network_sandbox,
        }
        # Who asks for none of these keeps the containers that an earlier version made.
        asked = {key: value for key, value in later.items() if value}
        return Spec(_short_hash([*said, asked] if asked else said))


@dataclass(frozen=True, slots=True)
class Project:
    """The directory with `devrun.toml`, and what it says."""

    name: str
    slug: str
    """The name as Docker takes it, with a few digits of `key`, so that two checkouts do not collide."""
    root: Path
    """The real path."""
    key: str
    """A hash of the real path: whose containers and images are ours."""
    file: Path | None
    images: Mapping[ImageName, AnyImage]
    targets: Mapping[TargetName, TargetConfig]
    ignore: tuple[str, ...] = ()
    env_files: tuple[Path, ...] = ()
    syntax_guard: bool = True
    """Whether a file that does not parse holds back a restart."""
    mount: Mount | None = None
    """That of [mount], for commands in an image that belongs to no target; None: no mount."""
    demands: tuple[Demand, ...] = field(default=(), compare=False)
    """What it asks for beyond its containers, which the user has to grant; it follows from all else."""

    def wanted(
        self, only: frozenset[TargetName], stopped: frozenset[TargetName] = frozenset()
    ) -> frozenset[TargetName]:
        """Return what should run: the targets of `only`, or else those with autostart, but `stopped`."""
        return only or frozenset(name for name, one in self.targets.items() if one.autostart) - stopped

    @property
    def file_name(self) -> str:
        """What the file is called in messages."""
        return self.file.name if self.file else "devrun.toml"

    @property
    def built_images(self) -> tuple[ImageConfig, ...]:
        """Those that devrun builds: only they have files."""
        return tuple(image for image in self.images.values() if isinstance(image, ImageConfig))


def _short_hash(said: object) -> str:
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]
