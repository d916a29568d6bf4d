"""What the engine's `inspect` says of a container, read into values."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from devrun.config.project import Depth, Spec
from devrun.core.values import Container, ContainerId, ImageId, Phase
from devrun.engine import labels
from devrun.engine.mounts import Shown
from devrun.engine.output import NS, parse_ns

DEFAULT_SIGNAL = "SIGTERM"
DEFAULT_GRACE_S = 10
"""Docker's own, for containers that were created without a stop time-out."""
HOST_NETWORK = "host"
"""The network mode of a container that has the network of its machine."""

Inspected = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PythonSeen:
    """The interpreter of a container, as the probe of its image saw it."""

    executable: str
    cache_tag: str
    uid: int
    gid: int


def read_container(inspected: Inspected) -> Container:
    """Return a container as devrun's core knows it."""
    state = inspected["State"]
    depth, why = depth_of(inspected)
    return Container(
        id=ContainerId(inspected["Id"]),
        name=name_of(inspected),
        image=ImageId(inspected["Image"]),
        spec=Spec(labels_of(inspected).get(labels.SPEC, "")),
        phase=_phase(str(state.get("Status", ""))),
        started=started_ns(inspected) / NS,
        exit_code=int(state.get("ExitCode", 0)),
        error=str(state.get("Error", "")),
        ports=ports_of(inspected),
        python=python.cache_tag if (python := python_of(inspected)) else "",
        depth=depth,
        note=why,
    )


def depth_of(inspected: Inspected) -> tuple[Depth | None, str]:
    """Return how its program can be started anew, None where nothing was asked, and why no deeper."""
    depth, _, why = labels_of(inspected).get(labels.DEPTH, "").partition(": ")
    return (Depth(depth) if depth in set(Depth) else None), why


def name_of(inspected: Inspected) -> str:
    """Return a container's name, which the engine writes with a slash."""
    return str(inspected["Name"]).lstrip("/")


def labels_of(inspected: Inspected) -> dict[str, str]:
    """Return a container's labels."""
    return dict(inspected["Config"].get("Labels") or {})


def started_ns(inspected: Inspected) -> int:
    """Return when its main process last started, by the engine's clock; 0: never."""
    return parse_ns(inspected["State"].get("StartedAt", ""))


def ports_of(inspected: Inspected) -> tuple[str, ...]:
    """Return the ports that it publishes itself now."""
    return tuple(_ports((inspected.get("NetworkSettings") or {}).get("Ports") or {}))


def address_of(inspected: Inspected, network: str) -> str:
    """Return a running container's IP address in a network, or this machine's; empty where it has none."""
    if (inspected.get("HostConfig") or {}).get("NetworkMode") == HOST_NETWORK:
        return "127.0.0.1"
    joined = ((inspected.get("NetworkSettings") or {}).get("Networks") or {}).get(network) or {}
    return str(joined.get("IPAddress") or joined.get("GlobalIPv6Address") or "")


def env_of(inspected: Inspected) -> dict[str, str]:
    """Return a container's environment, the image's included."""
    return dict(entry.partition("=")[::2] for entry in inspected["Config"].get("Env") or ())


def is_live(inspected: Inspected) -> bool:
    """Tell whether its main process exists, running or paused."""
    return bool(inspected["State"].get("Running"))


def is_paused(inspected: Inspected) -> bool:
    """Tell whether somebody paused it."""
    return bool(inspected["State"].get("Paused"))


def ending_of(inspected: Inspected) -> tuple[str, float]:
    """Return the signal that a container is asked to end with, and the seconds it is given."""
    config = inspected["Config"]
    grace = config.get("StopTimeout")
    return config.get("StopSignal") or DEFAULT_SIGNAL, DEFAULT_GRACE_S if grace is None else float(grace)


def shown_by(inspected: Inspected) -> Shown | None:
    """Return the host folder with the source that a container shows, None where it shows none.

    A container of an earlier version does not say which one that is: it has no other.
    """
    place = labels_of(inspected).get(labels.MOUNT)
    for mount in (inspected.get("HostConfig") or {}).get("Mounts") or ():
        if mount.get("Type") == "bind" and place in (None, mount["Target"]):
            return Shown(Path(mount["Source"]), PurePosixPath(mount["Target"]))
    return None


def python_of(inspected: Inspected) -> PythonSeen | None:
    """Return the container's interpreter, None where none was found."""
    words = labels_of(inspected).get(labels.PYTHON, "").rsplit(" ", 2)
    if len(words) != 3:
        return None
    uid, _, gid = words[2].partition(":")
    return PythonSeen(words[0], words[1], int(uid), int(gid))


def _phase(status: str) -> Phase:
    match status:
        case "created":
            return Phase.CREATED
        case "running" | "restarting":
            return Phase.RUNNING
        case "paused":
            return Phase.PAUSED
        case _:
            return Phase.EXITED


def _ports(published: Mapping[str, Any]) -> list[str]:
    """Return the published ports; the two loopback addresses are one to users."""
    shown = []
    for inner, bindings in sorted(published.items(), key=lambda item: int(item[0].partition("/")[0])):
        places = {(binding["HostIp"], binding["HostPort"]) for binding in bindings or ()}
        for address, port in sorted(places):
            if address != "::1" or ("127.0.0.1", port) not in places:
                host = f"[{address}]" if ":" in address else address
                shown.append(f"{host}:{port}->{inner}")
    return shown
