"""What a container is given beside its program and its mount: volumes, networks, names, limits, devices."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path


@dataclass(frozen=True, slots=True)
class NamedVolume:
    """A volume of the project, which outlives its containers."""

    name: str
    path: str
    """Where in the container."""
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class HostPath:
    """A folder or file of the host that is shown in the container; no edit below it restarts anything."""

    source: Path
    path: str
    read_only: bool = False


Volume = NamedVolume | HostPath


@dataclass(frozen=True, slots=True)
class Tmpfs:
    """A file system in memory, empty at each start."""

    path: str
    options: str = ""


@dataclass(frozen=True, slots=True)
class ExtraHost:
    """A name that is looked up in the container, and its address."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Gpus:
    """Graphics cards: some of them, whichever, or those with these ids."""

    count: int = 0
    """-1: all."""
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Device:
    """A device of the host, and where it is in the container."""

    source: str
    path: str
    rights: str = "rwm"
    """To read, to write, and to make nodes of it."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The keys of a target that only its container's creation has to do with."""

    volumes: tuple[Volume, ...] = ()
    networks: tuple[str, ...] = ()
    """Of the engine, beside the project's own."""
    hostname: str | None = None
    extra_hosts: tuple[ExtraHost, ...] = ()
    tmpfs: tuple[Tmpfs, ...] = ()
    shm_size: int | None = None
    """In bytes."""
    memory: int | None = None
    """In bytes."""
    cpus: float | None = None
    gpus: Gpus | None = None
    platform: str | None = None
    host_user: str = ""
    """The name of the developer whose uid and gid the container runs with; empty: it is somebody else's."""
    host_network: bool = False
    """Whether it has the host's network, and not the project's."""
    privileged: bool = False
    devices: tuple[Device, ...] = ()
    cap_add: tuple[str, ...] = ()

    @property
    def places(self) -> tuple[str, ...]:
        """The paths in the container at which something is mounted."""
        return tuple(one.path for one in (*self.volumes, *self.tmpfs))

    @property
    def asked(self) -> dict[str, object]:
        """What is asked for at all, as JSON can hold it; the order of what has none does not show."""
        plain = asdict(self)
        asked = [field for field in fields(self) if getattr(self, field.name) != field.default]
        return {field.name: _ordered(plain[field.name]) for field in asked}


def _ordered(value: object) -> object:
    return sorted(json.dumps(one, default=str) for one in value) if isinstance(value, tuple) else value


BARE = Surroundings()
"""Those of a target that asks for nothing."""
