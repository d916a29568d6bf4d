"""Who holds a port that a container was to get: read out of the engine's error, its list, and /proc."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

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
            return f'container "{container["Names"][0].lstrip("/")}"'
    return _process(port, proc) or "another program"


def listening(table: str) -> set[tuple[str, int, str]]:
    """Return address (hexadecimal), port and inode of the sockets that listen, from /proc/net/tcp or tcp6."""
    rows = (line.split() for line in table.splitlines())
    listed = set()
    for row in rows:
        if len(row) > 9 and row[3] == _LISTEN:
            address, _, port = row[1].rpartition(":")
            listed.add((address, int(port, 16), row[9]))
    return listed


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
