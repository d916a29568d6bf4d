"""Who has to let go of a port, or of a name, before another target's next container can have it.

A target may be renamed, or two may exchange their ports, in one edit of `devrun.toml`. The engine gives a
port to one running container at a time, so that the order of what follows matters.
"""

import re

from devrun.config.names import slugify
from devrun.config.project import TargetConfig, TargetName
from devrun.core.model import State, Target
from devrun.core.values import Container

Ports = frozenset[tuple[int, str]]
"""Host ports with their protocols."""

_PUBLISHED = re.compile(r":(?P<host>\d+)->\d+/(?P<protocol>\w+)$")


def awaited(state: State, name: TargetName) -> TargetName | None:
    """Return a target that has what the next container of `name` needs, and is about to let go of it."""
    config = state.project.targets.get(name)
    if config is None or not state.is_wanted(state.targets[name]):
        return None
    needed = _asked(config)
    own = f"{state.project.slug}-{slugify(name)}"
    for other, target in state.targets.items():
        container = target.container
        if other == name or container is None:
            continue
        ports = needed & _held(container) if target.is_running else frozenset()
        if (ports or container.name == own) and _lets_go(state, other, target, ports):
            return other
    return None


def breaks_ring(state: State, name: TargetName) -> bool:
    """Tell whether targets wait for one another in a ring, and this one is to stop first."""
    ring = [name]
    while (other := awaited(state, ring[-1])) is not None and other not in ring:
        ring.append(other)
    return other == name == min(ring)


def _lets_go(state: State, name: TargetName, target: Target, ports: Ports) -> bool:
    """Tell whether a target will give up ports by itself: not if what would do it has failed."""
    if target.gone:
        return "RemoveContainer" not in target.failures
    if not state.is_wanted(target):
        return "StopContainer" not in target.failures
    keeps = ports & _asked(state.project.targets[name])
    return not keeps and "RecreateContainer" not in target.failures


def _asked(config: TargetConfig) -> Ports:
    return frozenset((port.host_port, port.protocol) for port in config.ports if port.host_port)


def _held(container: Container) -> Ports:
    found = (_PUBLISHED.search(text) for text in container.ports)
    return frozenset((int(match["host"]), match["protocol"]) for match in found if match)
