"""The figures beside the saves: start-up, builds, watch latency, scale and idle."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.figures import Series
from benchmarks.progress import say


@dataclass(frozen=True, slots=True)
class Other:
    """A figure's module: its name, what measures so many rounds, and how many they are."""

    what: str
    measure: Callable[[int], Mapping[str, Sequence[float]]]
    rounds: Mapping[str, int]
    """By effort."""


OTHERS: tuple[Other, ...] = ()


def measure(effort: str) -> list[Series]:
    """Measures all others, one after the other."""
    found = []
    for other in OTHERS:
        say(other.what)
        samples = other.measure(other.rounds[effort])
        found += [series(other.what, name, values) for name, values in samples.items()]
    return found


def series(what: str, name: str, values: Sequence[float]) -> Series:
    """The series of a figure whose name ends with its unit: "docker compose up -d, s"."""
    who, _, unit = name.rpartition(", ")
    return Series(what, who, unit, tuple(values))
