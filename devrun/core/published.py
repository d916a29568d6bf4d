"""Where the TCP ports that a container publishes are reached: there it shows whether a target serves."""

import re
from typing import NamedTuple

from devrun.config.project import TargetConfig
from devrun.core.values import Container

_PUBLISHED = re.compile(r"(?:\[(?P<six>[^\]]+)\]|(?P<four>[^:]+)):(?P<port>\d+)->(?P<inner>\d+)/tcp")
_NEAREST = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""A port that is published on every address is asked for on the loopback."""


class Address(NamedTuple):
    """An IP address and a port of it."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def first_address(config: TargetConfig, container: Container) -> Address | None:
    """Return the address of the TCP port that the target names first, None where it publishes none.

    A debugger's port says nothing of the program, and the debugger would take a probe for an editor.
    """
    wanted = [port.container_port for port in config.ports]
    # A container that is about to be recreated may publish others than the file says by now.
    published = [found for found in _published(container) if found[0] != config.debug_port]
    ranked = sorted(published, key=lambda found: _rank(wanted, found[0]))
    return ranked[0][1] if ranked else None


def address_of(container: Container, port: int) -> Address | None:
    """Return the address at which a TCP port of the container is published, None where it is not."""
    return next((address for inner, address in _published(container) if inner == port), None)


def _published(container: Container) -> list[tuple[int, Address]]:
    found = [match for match in map(_PUBLISHED.fullmatch, container.ports) if match]
    hosts = [match["six"] or match["four"] for match in found]
    return [
        (int(match["inner"]), Address(_NEAREST.get(host, host), int(match["port"])))
        for match, host in zip(found, hosts, strict=True)
    ]


def _rank(wanted: list[int], port: int) -> int:
    return wanted.index(port) if port in wanted else len(wanted)
