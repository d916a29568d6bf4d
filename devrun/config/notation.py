"""How single values of devrun.toml are written: sizes, volumes, hosts, devices, references of images.

Each function returns what a text means, or raises ValueError, whose words are shown to users as they are and
so quote no value.
"""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import PurePosixPath

from devrun.config.surroundings import Device, ExtraHost, Gpus, Tmpfs

_SIZE = re.compile(r"(?P<number>[0-9]{1,15}(?:\.[0-9]{1,9})?)\s*(?P<unit>[kmgt]?)i?b?", re.IGNORECASE)
_UNITS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_ENGINE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_HOSTNAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(?:\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*")
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?")
_PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9_]+(?:/[a-z0-9]+)?")
_REFERENCE = re.compile(
    r"(?P<name>(?:[A-Za-z0-9.-]+(?::[0-9]+)?/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
    r"(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*)"
    r"(?P<tag>:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?P<digest>@sha256:[0-9a-f]{64})?"
)
_CAPABILITY = re.compile(r"(?:CAP_)?(?P<name>[A-Z][A-Z0-9_]{1,40})")
_DEVICE_RIGHTS = re.compile(r"(?!.*(.).*\1)[rwm]{1,3}")
_TMPFS_FLAGS = frozenset({"ro", "rw", "exec", "noexec", "suid", "nosuid", "dev", "nodev", "sync", "async"})
_TMPFS_VALUES = frozenset({"size", "mode", "uid", "gid", "nr_inodes", "nr_blocks"})

HOST_GATEWAY = "host-gateway"
"""What engines take for the address of the machine that they run on."""
LEAST_MEMORY = 6 * 1024**2
"""Engines start no container with less."""
LEAST_CPUS = 0.01
LONGEST_HOSTNAME = 63
ALL = "all"
NO_NETWORKS = frozenset({"host", "none"})
"""What engines list among their networks, and what excludes any other one."""


@dataclass(frozen=True, slots=True)
class VolumeText:
    """The parts of a volume as it is written."""

    source: str
    path: str
    read_only: bool

    @property
    def is_named(self) -> bool:
        """Whether the source is the name of a volume rather than a path."""
        return not self.source.startswith((".", "~")) and "/" not in self.source


def parse_volume(value: object) -> VolumeText:
    """Return the parts of `"data:/var/lib/data"` or `"./conf:/etc/conf:ro"`."""
    parts = value.split(":") if isinstance(value, str) else []
    if not 2 <= len(parts) <= 3 or not parts[0] or parts[2:] not in ([], ["ro"], ["rw"]):
        raise ValueError('a volume is written "SOURCE:PATH", or "SOURCE:PATH:ro"')
    volume = VolumeText(parts[0], place(parts[1]), parts[2:] == ["ro"])
    if volume.is_named and not _ENGINE_NAME.fullmatch(volume.source):
        raise ValueError("the name of a volume has letters, digits and . _ - only; a path begins with ./")
    return volume


def parse_tmpfs(value: object) -> Tmpfs:
    """Return what `"/run"` or `"/run:size=64m,mode=1777"` means."""
    path, _, options = value.partition(":") if isinstance(value, str) else ("", "", "")
    if not path:
        raise ValueError('a tmpfs is written "PATH", or "PATH:size=64m,mode=1777"')
    for option in filter(None, options.split(",")):
        name, has_value, _ = option.partition("=")
        if name not in (_TMPFS_VALUES if has_value else _TMPFS_FLAGS):
            known = ", ".join(sorted(_TMPFS_FLAGS) + [f"{one}=..." for one in sorted(_TMPFS_VALUES)])
            raise ValueError(f"an option of a tmpfs is one of {known}")
    return Tmpfs(place(path), options)


def parse_size(value: object) -> int:
    """Return the bytes of `"512m"`, `"1.5g"` or a number; units are powers of 1024, as engines take them."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    size = int(float(match["number"]) * 1024 ** _UNITS[match["unit"].lower()]) if match else 0
    if not 0 < size < 2**63:
        raise ValueError('a size is written "512m" or "2g", or in bytes')
    return size


def checked_memory(value: int) -> int:
    """Refuse less than any engine starts a container with."""
    if value < LEAST_MEMORY:
        raise ValueError("the memory of a container is 6m or more")
    return value


def parse_cpus(value: object) -> float:
    """Return a number of processors, which need not be whole."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not LEAST_CPUS <= value < 2**20:
        raise ValueError(f"must be a number of processors, {LEAST_CPUS} or more")
    return float(value)


def parse_gpus(value: object) -> Gpus:
    """Return what `"all"`, a number, or a list of ids means."""
    if value == ALL:
        return Gpus(count=-1)
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31:
        return Gpus(count=value)
    if isinstance(value, list) and value and all(isinstance(one, str) and one for one in value):
        return Gpus(ids=tuple(value))
    raise ValueError('must be "all", a number, or a list of device ids')


def parse_device(value: object) -> Device:
    """Return what `"/dev/fuse"`, or `"/dev/ttyUSB0:/dev/modem:rw"`, means."""
    source, *rest = value.split(":") if isinstance(value, str) else [""]
    rights = rest.pop() if rest and _DEVICE_RIGHTS.fullmatch(rest[-1]) else "rwm"
    if len(rest) > 1 or not is_device(source):
        raise ValueError('a device is written "/dev/fuse", or "/dev/ttyUSB0:/dev/modem:rw"')
    return Device(source, place(rest[0]) if rest else source, rights)


def is_device(text: str) -> bool:
    """Tell whether a text is a path below /dev, in its usual form."""
    path = PurePosixPath(text)
    return path.parts[:2] == ("/", "dev") and len(path.parts) > 2 and ".." not in path.parts


def checked_capability(value: str) -> str:
    """Return a capability by its name without CAP_; whether there is such a one, the engine knows."""
    match = _CAPABILITY.fullmatch(value.upper())
    if match is None:
        raise ValueError('a capability is written "NET_ADMIN"')
    return match["name"]


def host_list(value: object) -> object:
    """Let a table of names and addresses stand for a list of `"NAME:ADDRESS"`."""
    return [f"{name}:{address}" for name, address in value.items()] if isinstance(value, dict) else value


def parse_host(value: object) -> ExtraHost:
    """Return what `"NAME:ADDRESS"` means; an address of IPv6 may stand in brackets."""
    name, _, address = value.partition(":") if isinstance(value, str) else ("", "", "")
    if not _HOST.fullmatch(name):
        raise ValueError('an extra host is written "NAME:ADDRESS", as in "db:10.0.0.5"')
    if address == HOST_GATEWAY:
        return ExtraHost(name, address)
    try:
        return ExtraHost(name, str(ip_address(address.strip("[]"))))
    except ValueError:
        raise ValueError(f'after the name stands an IP address, or "{HOST_GATEWAY}"') from None


def checked_network(value: str) -> str:
    """Refuse what names no network that a container can join beside another one."""
    if value in NO_NETWORKS:
        raise ValueError("host and none cannot be joined beside the project's own network")
    if not _ENGINE_NAME.fullmatch(value):
        raise ValueError("the name of a network has letters, digits and . _ - only")
    return value


def checked_hostname(value: str) -> str:
    """Refuse what a kernel, or a resolver, would not take as the name of a machine."""
    if len(value) > LONGEST_HOSTNAME or not _HOSTNAME.fullmatch(value):
        raise ValueError(f"a host name has letters, digits, - and . only, {LONGEST_HOSTNAME} at most")
    return value


def checked_platform(value: str) -> str:
    """Refuse what is no platform in its full form."""
    if not _PLATFORM.fullmatch(value):
        raise ValueError('a platform is written "linux/amd64", or "linux/arm/v7"')
    return value


def full_reference(value: str) -> str:
    """Return the reference of an image with its tag or digest; without either, the tag is `latest`.

    So it is never equal to the name of an image that devrun builds, which has no colon.
    """
    match = _REFERENCE.fullmatch(value)
    if match is None or match["name"] == "scratch":
        raise ValueError('an image is written as in a FROM line: "postgres:17"')
    return value if match["tag"] or match["digest"] else f"{value}:latest"


def place(value: str) -> str:
    """Return a path in a container in its usual form; the root is refused: nothing can be mounted over it."""
    path = PurePosixPath(value)
    if not path.is_absolute() or ".." in path.parts:
        raise ValueError("the path in the container is absolute, without ..")
    if not path.parts[1:]:
        raise ValueError("nothing can be mounted over the root of the container")
    return str(PurePosixPath("/", *path.parts[1:]))
