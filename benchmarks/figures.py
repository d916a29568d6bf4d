"""What a run of the benchmarks found: series of samples, the machine, and what is worked out of them.

A run is written as JSON with all samples, so that whatever is shown of it can be made anew.
"""

import math
import statistics
from dataclasses import dataclass

from pydantic import TypeAdapter

from benchmarks.machine import Machine

SAVE = "save"
"""How the name of a series begins that goes from a save to the answer of the new code."""
AGAIN = "second save"
"""The same, of a save of equal size within the second of the one before."""


@dataclass(frozen=True, slots=True)
class Series:
    """The samples of one figure of one contender, in the unit named."""

    what: str
    who: str
    unit: str
    samples: tuple[float, ...]
    wrong: int = 0
    """Saves whose old code answered once more before the new one, in a process begun after the save."""
    lost: int = 0
    """Saves whose code never answered, so that they have no sample."""

    @property
    def median(self) -> float:
        """The middle sample; not a number where there is none."""
        return statistics.median(self.samples) if self.samples else math.nan

    @property
    def p95(self) -> float:
        """The sample that 95 % do not exceed, by nearest rank; not a number where there is none."""
        if not self.samples:
            return math.nan
        return sorted(self.samples)[math.ceil(0.95 * len(self.samples)) - 1]


@dataclass(frozen=True, slots=True)
class Run:
    """One run: when, how thoroughly and where it was made, what it found, and what it had to leave out."""

    made: str
    effort: str
    machine: Machine
    series: tuple[Series, ...]
    skipped: tuple[str, ...] = ()

    def of(self, what: str) -> list[Series]:
        """The series of that name, the quickest first and those without a sample last."""
        found = [series for series in self.series if series.what == what]
        return sorted(found, key=lambda series: (not series.samples, series.median))

    def names(self) -> list[str]:
        """The names of all series, each once, in the order of the run."""
        return list(dict.fromkeys(series.what for series in self.series))

    def to_json(self) -> str:
        """The run as JSON."""
        return _RUN.dump_json(self, indent=1).decode() + "\n"

    @staticmethod
    def from_json(text: str | bytes) -> "Run":
        """The run that was written; raises ValueError where the text is none."""
        return _RUN.validate_json(text, strict=True)


_RUN = TypeAdapter(Run)


def ratio(series: Series, to: Series | None) -> float | None:
    """How many times as fast the one is as the other; None where either has no sample."""
    if to is None or not to.samples or not series.samples:
        return None
    return to.median / series.median


def readable(value: float, unit: str) -> str:
    """A figure with as many digits as mean something."""
    if math.isnan(value):
        return "-"
    if unit == "s" and value < 1:
        return f"{value * 1000:.0f} ms" if value >= 0.01 else f"{value * 1000:.1f} ms"
    digits = 2 if value < 10 else 0
    return f"{value:,.{digits}f} {unit}"
