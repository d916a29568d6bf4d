"""From the write of a file to the decision, in projects of several sizes.

    .venv/bin/python -m benchmarks.watching [EDITS]

The decision is the moment at which the restart is begun; the engine is one in memory.
"""

import random
import statistics
import sys
import time
from pathlib import Path

from benchmarks.decision import make_project, name
from benchmarks.yard import Ear, is_begun, is_done, project, running

SIZES = (100, 1_000, 10_000)
LINES = 20
"""Of a module beside its imports: they cost at the first look only."""
PAUSE_S = 0.15
"""Between edits: longer than what belongs to one batch."""


def measure(edits: int = 50, sizes: tuple[int, ...] = SIZES) -> dict[str, dict[str, float]]:
    """Returns for each number of files the milliseconds of edits, and the seconds of the first look."""
    return {f"{size} files": _measure_size(size, edits) for size in sizes}


def _measure_size(size: int, edits: int) -> dict[str, float]:
    with project({}) as root:
        root.mkdir(exist_ok=True)
        make_project(root, size, LINES)
        with running(root, 2) as (_, ear, first_s):
            times = edited(root, ear, size, edits)
        with running(root, 2) as (_, _, again_s):
            pass
    return {**spread(times), "first start s": first_s, "next start s": again_s}


def spread(times: list[float]) -> dict[str, float]:
    """Returns median and p95 of seconds, in milliseconds."""
    return {
        "median ms": statistics.median(times) * 1000,
        "p95 ms": sorted(times)[int(len(times) * 0.95)] * 1000,
    }


def edited(root: Path, ear: Ear, size: int, edits: int) -> list[float]:
    """Returns for each edit the seconds from before the write to the decision."""
    dice = random.Random(2)
    return [
        edit(root / f"{name(dice.randrange(size)).replace('.', '/')}.py", ear, f"# {n}\n")
        for n in range(edits)
    ]


def edit(place: Path, ear: Ear, line: str) -> float:
    """Appends a line as an editor saves, and returns the seconds until the restart is begun."""
    text = place.read_text() + line
    mark = ear.mark()
    began = time.perf_counter()
    place.write_text(text)
    decided = ear.since(mark, is_begun)
    ear.since(mark, is_done)
    time.sleep(PAUSE_S)
    return decided - began


def main() -> None:
    """Measures, and prints a line for each size."""
    for size, found in measure(int((*sys.argv[1:], "50")[0])).items():
        print(f"{size}: " + ", ".join(f"{what} {value:.2f}" for what, value in found.items()))


if __name__ == "__main__":
    main()
