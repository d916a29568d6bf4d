"""Where the first TCP port that a container publishes is reached: there it shows whether a target serves."""

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
    matches = map(_PUBLISHED.fullmatch, container.ports)
    found = [match for match in matches if match and int(match["inner"]) != config.debug_port]
    # A container that is about to be recreated may publish others than the file says by now.
    ranked = sorted(found, key=lambda match: _rank(wanted, int(match["inner"])))
    for match in ranked:
        host = match["six"] or match["four"]
        return Address(_NEAREST.get(host, host), int(match["port"]))
    return None


def _rank(wanted: list[int], port: int) -> int:
    return wanted.index(port) if port in wanted else len(wanted)
