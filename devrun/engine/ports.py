"""Who holds a port that a container was to get: read out of the engine's error, its list, and /proc."""

import re
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from devrun.config.project import Port
from devrun.engine import labels

_TAKEN = re.compile(r"port is already allocated|address already in use")
_PLACE = re.compile(r"(?:\d+\.\d+\.\d+\.\d+|\[[0-9a-f:]*\]|::1|::):(\d+)")
_LISTEN = "0A"
"""TCP_LISTEN, in /proc/net/tcp."""


def taken_port(message: str) -> int | None:
    """Return the port that the engine could not publish, None where its error is about something else."""
    if not _TAKEN.search(message):
        return None
    place = _PLACE.search(message)
    return int(place.group(1)) if place else None


def holder(port: int, containers: Iterable[Mapping[str, Any]], proc: Path = Path("/proc")) -> str:
    """Return who holds a port, in words: a container by name, a process by name and id, or another program.

    `containers` is what the engine lists; `proc` tells of programs only where they run on this machine.
    """
    for container in containers:
        if any(entry.get("PublicPort") == port for entry in container.get("Ports") or ()):
            name = labels.shown_name(container["Names"][0].lstrip("/"), container.get("Labels"))
            return f'container "{name}"'
    return _process(port, proc) or "another program"


def taken_by(port: Port, containers: Iterable[Mapping[str, Any]]) -> str:
    """Return who holds a port of this machine, in words; empty: nobody does, as far as can be told."""
    seen = tuple(containers)
    is_published = any(
        entry.get("PublicPort") == port.host_port and entry.get("Type") == port.protocol
        for container in seen
        for entry in container.get("Ports") or ()
    )
    return holder(port.host_port, seen) if is_published or not _can_be_bound(port) else ""


def listening(table: str) -> set[tuple[str, int, str]]:
    """Return address (hexadecimal), port and inode of the sockets that listen, from /proc/net/tcp or tcp6."""
    rows = (line.split() for line in table.splitlines())
    listed = set()
    for row in rows:
        if len(row) > 9 and row[3] == _LISTEN:
            address, _, port = row[1].rpartition(":")
            listed.add((address, int(port, 16), row[9]))
    return listed


def _can_be_bound(port: Port) -> bool:
    address = port.address or "127.0.0.1"
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kind = socket.SOCK_DGRAM if port.protocol == "udp" else socket.SOCK_STREAM
    with socket.socket(family, kind) as probe:
        # As the engine does it: connections that have just ended are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(kind is socket.SOCK_STREAM))
        try:
            probe.bind((address, port.host_port))
        except PermissionError:
            return True  # low ports are for root only, and so for the engine
        except OSError:
            return False
    return True


def _process(port: int, proc: Path) -> str:
    tables = (_read(proc / "net" / name) for name in ("tcp", "tcp6"))
    sockets = {f"socket:[{inode}]" for table in tables for _, at, inode in listening(table) if at == port}
    if not sockets:
        return ""
    for folder in proc.glob("[0-9]*"):
        if sockets & _files(folder / "fd"):
            return f'"{_read(folder / "comm").strip()}" (process {folder.name})'
    return ""


def _files(folder: Path) -> set[str]:
    """Return what a process has open, as far as it is ours to look at."""
    try:
        entries = list(folder.iterdir())
    except OSError:
        return set()
    return {link for link in map(_link, entries) if link}


def _link(entry: Path) -> str:
    try:
        return str(entry.readlink())
    except OSError:
        # Closed since it was listed.
        return ""


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
