"""What devrun has set itself, by the names of series; a median above it is a goal not met."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.figures import SAVE, Series


@dataclass(frozen=True, slots=True)
class Goal:
    """The most that a median may be, of series whose names begin so."""

    what: str
    who: str
    most: float
    peer: str = ""
    """Of the same table: `most` is so many times its median."""


GOALS = (
    Goal(SAVE, 'devrun, reload = "container"', 0.30),
    Goal(SAVE, 'devrun, reload = "process"', 0.14),
    Goal(SAVE, 'devrun, reload = "warm"', 0.045),
    Goal("start-up", "devrun, container there", 1, "compose, container there"),
    Goal("start-up", "devrun, none", 1, "compose, none"),
    Goal("unchanged build", "devrun", 0.15),
    Goal("watch latency", "10000 files: median", 15),
    Goal("scale", "large: start", 2),
    Goal("scale", "large: memory", 80),
    Goal("scale", "large: median", 1.2, "small: median"),
    Goal("scale", "50 targets: median", 1.2, "1 target: median"),
    Goal("idle", "processor", 0.2),
    Goal("idle", "memory", 80),
    Goal("idle", "written", 0),
)


def goal(series: Series, beside: Sequence[Series] = ()) -> float | None:
    """The goal of a series; None: it has none, or the peer that it is taken to is not `beside` it."""
    for found in GOALS:
        if series.what.startswith(found.what) and series.who.startswith(found.who):
            medians = [peer.median for peer in beside if peer.who == found.peer and peer.samples]
            return found.most * medians[0] if medians else None if found.peer else found.most
    return None


def verdict(series: Series, beside: Sequence[Series] = ()) -> str:
    """Tells whether the goal is met, in a word; empty where there is none, or nothing was measured."""
    most = goal(series, beside)
    if most is None or not series.samples:
        return ""
    return "met" if series.median <= most else "not met"
