"""What devrun has set itself, by the names of series; a median above it is a goal not met."""

from dataclasses import dataclass

from benchmarks.figures import SAVE, Series


@dataclass(frozen=True, slots=True)
class Goal:
    """The most that a median may be, of series whose names begin so."""

    what: str
    who: str
    most: float


GOALS = (
    Goal(SAVE, 'devrun, reload = "container"', 0.30),
    Goal(SAVE, 'devrun, reload = "process"', 0.14),
    Goal(SAVE, 'devrun, reload = "warm"', 0.045),
    Goal("unchanged build", "devrun", 0.15),
    Goal("watch latency", "10000 files: median", 15),
    Goal("scale", "large: start", 2),
    Goal("idle", "processor", 0.2),
    Goal("idle", "memory", 80),
    Goal("idle", "written", 0),
)


def goal(series: Series) -> float | None:
    """The goal of a series, None where it has none."""
    found = (
        goal.most for goal in GOALS if series.what.startswith(goal.what) and series.who.startswith(goal.who)
    )
    return next(found, None)


def verdict(series: Series) -> str:
    """Tells whether the goal is met, in a word; empty where there is none, or nothing was measured."""
    most = goal(series)
    if most is None or not series.samples:
        return ""
    return "met" if series.median <= most else "not met"
