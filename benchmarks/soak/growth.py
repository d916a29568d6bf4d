"""Whether something grows: the middle of the last samples beside the middle of the first ones.

The first part of a run is warm-up: caches fill, and so do the 5,000 entries and 10,000 lines that a daemon
keeps. After that, the medians of the first and the last tenth are compared, so that a look in the midst of
a restart decides nothing.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.soak.samples import Sample

WARM_UP = 0.25
TENTH = 0.1
ENOUGH = 20
"""Fewer samples are no ground for a judgement."""
TOLERANCES = {
    "daemon RSS MiB": 6.0,
    "daemon own MiB": 6.0,
    "daemon descriptors": 2,
    "daemon threads": 2,
    "daemon children": 0,
    "agent RSS MiB": 1.0,
    "agent descriptors": 1,
    "agent threads": 0,
    "target own MiB": 2.0,
    "target processes": 1,
    "containers": 0,
    "images": 1,
    "networks": 0,
    "volumes": 0,
    "state KiB": 4096,
}
"""By how much a figure may be larger in the end. On the disk, journal and log have a MiB each at most; the
daemon's memory holds what it keeps of them."""


@dataclass(frozen=True, slots=True)
class Growth:
    """A figure in the beginning, in the end, and at its highest."""

    what: str
    first: float
    last: float
    highest: float

    @property
    def is_too_much(self) -> bool:
        """Whether it is more than its tolerance allows; a figure without one may not grow."""
        return self.last - self.first > TOLERANCES.get(self.what, 0)

    def __str__(self) -> str:
        return f"{self.what}: {self.first:.1f} -> {self.last:.1f}, {self.highest:.1f} at most"


def growths(samples: Sequence[Sample]) -> list[Growth]:
    """Returns each figure's growth after the warm-up; none where there are too few samples to tell."""
    after = samples[int(len(samples) * WARM_UP) :]
    names = after[0].figures if len(samples) >= ENOUGH else ()
    return [_growth(what, [sample.figures[what] for sample in after]) for what in names]


def _growth(what: str, values: Sequence[float]) -> Growth:
    few = max(1, int(len(values) * TENTH))
    return Growth(what, statistics.median(values[:few]), statistics.median(values[-few:]), max(values))
