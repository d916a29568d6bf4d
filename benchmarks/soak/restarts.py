"""A story: thousands of restarts in a row at one depth, each of which has to serve what was saved.

Two modules are saved in turn, by texts of equal size: at the deeper depths many of them within one second,
which Python's byte code takes for one.
"""

import random
import statistics
import time

from benchmarks.client import Taken, answer_to_save
from benchmarks.progress import say
from benchmarks.soak.outcome import Outcome
from benchmarks.soak.stage import Stage

LIMIT_S = 20.0
SAMPLES = 100
REST_S = (0.0, 0.08)
"""Between an answer and the next save, by chance: devrun may be at rest then, or about to be."""
DEEP = 0.5
"""A save that comes before the next warm interpreter is ready gets a fresh one, which load makes likelier."""
EXTRA = 1.01
"""More restarts than saves by this factor were for nothing."""


def play(stage: Stage, count: int) -> Outcome:
    """Saves `count` times, and returns what came of it."""
    (depth,) = stage.ports
    began, dice = time.monotonic(), random.Random(count)
    taken: list[Taken] = []
    seconds: list[tuple[int, int]] = []
    stage.sample()
    stage.actions.clear()  # What came before is the start.
    for number in range(count):
        time.sleep(dice.uniform(*REST_S))
        taken.append(_save(stage, number % 2))
        seconds.append((number % 2, int(stage.source.path(number % 2).stat().st_mtime)))
        if (number + 1) % max(1, count // SAMPLES) == 0:
            stage.sample()
        if (number + 1) % 500 == 0:
            say(f"{depth}: {number + 1} of {count} restarts")
    stage.sample()
    return Outcome.of(
        f'{count} restarts, reload = "{depth}"',
        time.monotonic() - began,
        {
            **_counts(taken),
            "in the second of the save before": len(seconds) - len(set(seconds)),
            **stage.actions,
        },
        stage.sampler.samples,
        _faults(stage, taken),
    )


def _save(stage: Stage, which: int) -> Taken:
    began_s, began_ns = time.perf_counter(), time.time_ns()
    stage.source.save(which)
    taken = answer_to_save(stage.place.port, stage.source, began_s, began_ns, LIMIT_S)
    if taken.seconds is None:
        say(f"{stage.source.stamps} never answered: {stage.client().status().targets}")
    return taken


def _counts(taken: list[Taken]) -> dict[str, float]:
    """Returns what is worked out of the answers, times in ms."""
    times = sorted(one.seconds * 1000 for one in taken if one.seconds is not None)
    return {
        "saves": len(taken),
        "lost": sum(one.seconds is None for one in taken),
        "old code": sum(one.wrong > 0 for one in taken),
        "median ms": round(statistics.median(times), 1),
        "p99 ms": round(times[int(len(times) * 0.99)], 1),
        "longest ms": round(times[-1], 1),
    }


def _faults(stage: Stage, taken: list[Taken]) -> list[str]:
    counts = _counts(taken)
    restarts = sum(times for what, times in stage.actions.items() if what.startswith("RestartContainer"))
    others = [what for what in stage.actions if not what.startswith(("RestartContainer", "Check"))]
    return [
        *stage.trouble,
        *(f"{counts[what]:.0f} saves: {what}" for what in ("lost", "old code") if counts[what]),
        *([f"{restarts} restarts for {len(taken)} saves"] if restarts > len(taken) * EXTRA else []),
        *_shallower(stage, restarts),
        *(f"{stage.actions[what]} times {what}, which no save asked for" for what in others),
    ]


def _shallower(stage: Stage, restarts: int) -> list[str]:
    """Returns a fault where most restarts were not as deep as asked for, and devrun's word on it."""
    (depth,) = stage.ports
    asked = stage.actions[f"RestartContainer {depth}"] + stage.actions["RestartContainer"] * (
        depth == "container"
    )
    if asked >= restarts * DEEP:
        return []
    return [
        f"{restarts - asked} restarts were no {depth} ones: {stage.client().status().targets[depth].note}"
    ]
