"""Runs stories: `python -m tests.faults.stories --stories 1000`, or one again by `--seed N`.

A story that ends badly is printed as steps; `--shrink` leaves out what it can do without, and `--replay FILE`
tells steps that were printed.
"""

import argparse
import multiprocessing
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.faults.judging import Judge
from tests.faults.steps import Step, make
from tests.faults.telling import Teller
from tests.faults.yard import Yard

AT_ONCE = 4
"""Stories in one process: most of the time each of them lets time pass."""
CHUNK = 40
SHRINK_TRIES = 3
"""Threads do not always meet in the same way: a step is needed where no try of so many fails without it."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a story ended."""

    seed: int
    steps: tuple[Step, ...]
    wrong: tuple[str, ...]
    edits: int
    told: tuple[str, ...] = ()
    """What the last daemon said of its doings."""

    def __str__(self) -> str:
        lines = [f"story {self.seed} ends badly:", *(f"  {one}" for one in self.wrong)]
        return "\n".join([*lines, *(f"    {step}" for step in self.steps)])


def tell(seed: int, steps: Sequence[Step] | None = None, theme: tuple[str, ...] = ()) -> Ended:
    """Tell a story from its beginning to its end."""
    steps = make(seed, theme) if steps is None else steps
    folder = Path(tempfile.mkdtemp(prefix="story-"))
    yard = Yard(folder, seed)
    teller = Teller(yard)
    try:
        teller.tell(steps)
        wrong = Judge(teller, asks=seed % 2 == 0).verdict()
    except Exception:  # noqa: BLE001 - whatever it is, the story ends badly
        wrong = [traceback.format_exc()]
    told = tuple(yard.running.witness.told_of)
    yard.running.end()
    shutil.rmtree(folder, ignore_errors=True)
    return Ended(seed, tuple(steps), tuple(wrong), teller.edits, told)


def shrink(ended: Ended) -> Ended:
    """Leave out steps, one after the other, while the story still ends badly."""
    smallest = ended
    at = len(ended.steps) - 1
    while at >= 0:
        steps = smallest.steps[:at] + smallest.steps[at + 1 :]
        smallest = next(
            (again for _ in range(SHRINK_TRIES) if (again := tell(ended.seed, steps)).wrong), smallest
        )
        at -= 1
    return smallest


def tell_many(seeds: Iterable[int], theme: tuple[str, ...] = ()) -> list[Ended]:
    """Tell stories, some at a time; of those that end well only figures are kept."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda seed: tell(seed, theme=theme), seeds))


def _summed_up(seeds: range) -> tuple[int, list[Ended]]:
    ended = tell_many(seeds)
    return sum(one.edits for one in ended), [one for one in ended if one.wrong]


def _run(first: int, stories: int, processes: int) -> int:
    began = time.monotonic()
    blocks = [range(at, min(at + CHUNK, first + stories)) for at in range(first, first + stories, CHUNK)]
    told = edits = failed = 0
    with multiprocessing.get_context("spawn").Pool(processes, maxtasksperchild=20) as pool:
        for block, (more, bad) in zip(blocks, pool.imap(_summed_up, blocks), strict=True):
            told, edits, failed = told + len(block), edits + more, failed + len(bad)
            for one in bad:
                sys.stdout.write(f"{one}\n")
            minutes = (time.monotonic() - began) / 60
            sys.stdout.write(f"{told} stories, {edits} edits, {failed} bad, {told / minutes:.0f} a minute\n")
            sys.stdout.flush()
    return 1 if failed else 0


def _again(ended: Ended, *, is_shrunk: bool, is_told: bool) -> int:
    if ended.wrong and is_shrunk:
        ended = shrink(ended)
    sys.stdout.write(f"{ended}\n" if ended.wrong else f"story {ended.seed} ends well\n")
    if is_told:
        sys.stdout.write("\n".join(ended.told) + "\n")
    return 1 if ended.wrong else 0


def main() -> int:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stories", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="the seed of the first one")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, help="tell this one alone")
    parser.add_argument("--times", type=int, default=1, help="how often, until it ends badly")
    parser.add_argument("--replay", type=Path, help="a file with the steps of a story")
    parser.add_argument("--shrink", action="store_true")
    parser.add_argument("--told", action="store_true", help="print what the last daemon did")
    asked = parser.parse_args()
    if asked.seed is None and asked.replay is None:
        return _run(asked.first, asked.stories, asked.processes)
    lines = asked.replay.read_text().split("\n") if asked.replay else []
    steps = tuple(Step.parse(line) for line in lines if len(line.split()) == 5) or None
    ended = tell(asked.seed or 0, steps)
    for _ in range(asked.times - 1):
        ended = ended if ended.wrong else tell(asked.seed or 0, steps)
    return _again(ended, is_shrunk=asked.shrink, is_told=asked.told)


if __name__ == "__main__":
    sys.exit(main())
