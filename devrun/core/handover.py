"""Who has to let go of a port, or of a name, before another target's next container can have it.

A target may be renamed, or two may exchange their ports, in one edit of `devrun.toml`. The engine gives a
port to one running container at a time, so that the order of what follows matters.
"""

import re

from devrun.config.names import slugify
from devrun.config.project import TargetConfig, TargetName
from devrun.core.actions import RecreateContainer, RestartContainer
from devrun.core.model import State, Target

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
        if other == name:
            continue
        if (needed or target.gone) and _is_unclear(state, target):
            return other
        container = target.container
        ports = needed & _held(target)
        is_namesake = container is not None and container.name == own
        if (ports or is_namesake) and _lets_go(state, other, target, ports):
            return other
    return None


def breaks_ring(state: State, name: TargetName) -> bool:
    """Tell whether targets wait for one another in a ring, and this one is to stop first."""
    ring = [name]
    while (other := awaited(state, ring[-1])) is not None and other not in ring:
        ring.append(other)
    is_clear = not any(_is_unclear(state, state.targets[member]) for member in ring)
    return is_clear and other == name == min(ring)


def awaits_in_turn(state: State, name: TargetName) -> TargetName | None:
    """Return a target that needs something which `name` has, where `name` waits for that target to start."""
    pending = [need.target for need in state.targets[name].depends_on]
    seen: set[TargetName] = set()
    while pending:
        other = pending.pop()
        if other in seen:
            continue
        seen.add(other)
        holder = awaited(state, other)
        if holder == name:
            return other
        pending += [need.target for need in state.targets[other].depends_on]
        pending += [holder] if holder else []
    return None


def _is_unclear(state: State, target: Target) -> bool:
    """Tell whether it is about to be known what a target holds, and not known yet."""
    if target.observed is None:
        return True
    begun = target.running
    is_other = not state.is_wanted(target) or (
        isinstance(begun, RecreateContainer) and begun.spec != target.spec
    )
    return isinstance(begun, RecreateContainer | RestartContainer) and is_other


def _lets_go(state: State, name: TargetName, target: Target, ports: Ports) -> bool:
    """Tell whether a target will give up ports by itself: not if what would do it has failed."""
    if target.gone:
        return "RemoveContainer" not in target.failures
    if not state.is_wanted(target):
        return "StopContainer" not in target.failures
    keeps = ports & _asked(state.project.targets[name])
    return not keeps and "RecreateContainer" not in target.failures


def _asked(config: TargetConfig) -> Ports:
    return frozenset((port.host_port, port.protocol) for port in config.published if port.host_port)


def _held(target: Target) -> Ports:
    container = target.container
    if container is None:
        return frozenset()
    runs = target.is_running or container.keeps_network or isinstance(target.running, RestartContainer)
    texts = container.ports if runs else ()
    found = (_PUBLISHED.search(text) for text in texts)
    return frozenset((int(match["host"]), match["protocol"]) for match in found if match)
