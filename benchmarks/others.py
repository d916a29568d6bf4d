"""The figures beside the saves: builds and idle, start-up, watch latency and scale."""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from benchmarks.figures import Series
from benchmarks.progress import say

Figures: TypeAlias = Mapping[str, float | Sequence[float] | Mapping[str, float]]
"""Samples by name and unit ("docker build, s"), or for each name a few figures ("median ms")."""
UNITS = ("s", "ms", "%", "MiB", "bytes", "1/s")
"""A name that ends with none of them is of seconds."""


@dataclass(frozen=True, slots=True)
class Other:
    """A module that measures: what it is called in tables, and how many rounds by effort; none: left out."""

    module: str
    what: str
    full: int
    quick: int
    check: int

    def rounds(self, effort: str) -> int:
        """How many rounds an effort gets."""
        return {"full": self.full, "quick": self.quick, "check": self.check}[effort]

    def measure(self, rounds: int) -> Figures:
        """Measures so many rounds."""
        module = importlib.import_module(f"benchmarks.{self.module}")
        found: Callable[[int], Figures] = module.measure
        return found(rounds)

    def is_there(self) -> bool:
        """Tells whether the module is in this checkout."""
        return importlib.util.find_spec(f"benchmarks.{self.module}") is not None


OTHERS = (
    Other("startup", "start-up", full=15, quick=3, check=1),
    Other("builds", "unchanged build", full=20, quick=5, check=1),
    Other("building", "parts of a build", full=10, quick=0, check=0),
    Other("watching", "watch latency", full=50, quick=5, check=0),
    Other("scale", "scale", full=50, quick=5, check=0),
    Other("idle", "idle", full=60, quick=10, check=1),
)


def measure(effort: str) -> list[Series]:
    """Measures all that an effort has rounds for, one after the other."""
    found = []
    for other in OTHERS:
        rounds = other.rounds(effort)
        if rounds and other.is_there():
            say(other.what)
            for name, figures in other.measure(rounds).items():
                found += series(other.what, name, figures)
    return found


def series(what: str, name: str, figures: float | Sequence[float] | Mapping[str, float]) -> list[Series]:
    """The series of a figure: one, or one for each of those that it consists of."""
    if isinstance(figures, Mapping):
        return [one for part, value in figures.items() for one in series(what, f"{name}: {part}", value)]
    samples = tuple(figures) if isinstance(figures, Sequence) else (float(figures),)
    who, _, unit = name.rpartition(" ")
    return [
        Series(what, who.rstrip(","), unit, samples) if unit in UNITS else Series(what, name, "s", samples)
    ]
