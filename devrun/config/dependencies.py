"""What targets need of one another: names with their conditions, checked for sense.

A dependency that nobody has, or a ring of them, would keep a target waiting for ever: both are mistakes of
the file.
"""

from collections import deque
from collections.abc import Collection, Iterator, Mapping

from devrun.config.project import Condition, Dependency, TargetName
from devrun.config.schema import TargetTable

Needs = Mapping[TargetName, Collection[TargetName]]
"""What each target depends on."""


def dependencies_of(table: TargetTable, targets: Mapping[str, TargetTable]) -> tuple[Dependency, ...]:
    """Return what a target depends on; without a condition, one that has a healthcheck is to be healthy."""
    said = table.depends_on
    conditions = said if isinstance(said, dict) else {name: _usual(targets.get(name)) for name in said}
    return tuple(Dependency(TargetName(name), condition) for name, condition in conditions.items())


def rings(needs: Needs) -> Iterator[tuple[TargetName, ...]]:
    """Yield each ring of targets that need one another, begun at the one that comes first."""
    told: set[TargetName] = set()
    for name in needs:
        ring = _way_back(name, needs) if name not in told else ()
        if ring:
            told |= set(ring)
            yield ring


def _usual(target: TargetTable | None) -> Condition:
    return Condition.HEALTHY if target is not None and target.healthcheck is not None else Condition.STARTED


def _way_back(start: TargetName, needs: Needs) -> tuple[TargetName, ...]:
    """Return the shortest way from a target to itself, empty where there is none."""
    ways: deque[tuple[TargetName, ...]] = deque([(start,)])
    seen: set[TargetName] = set()
    while ways:
        way = ways.popleft()
        for name in needs.get(way[-1], ()):
            if name == start:
                return way
            if name not in seen:
                seen.add(name)
                ways.append((*way, name))
    return ()
