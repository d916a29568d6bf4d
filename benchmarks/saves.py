"""From a save to the answer of the new code: all contenders in turn, so that a noisy minute hits all of them.

In some rounds a second save follows at once, of equal size and, where the contender was quick enough, in the
same second. Its figures stand apart, since the contender was not at rest then; its answers are checked, too.
"""

import random
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import docker

from benchmarks.client import Taken, answer_to_save, free_port
from benchmarks.contenders import AfterSave, BrokenError, Contender, Place, end_of_log, first_answer
from benchmarks.engine import swept
from benchmarks.figures import AGAIN, SAVE, Series
from benchmarks.progress import say
from benchmarks.served import SETS, Source

LIMIT_S = 20.0
"""A peer may wait 10 s for a program that ends by force only."""
AGAIN_LIMIT_S = 3.0
"""Python runs old byte code for good: whoever has not answered by then will not."""
REST_S = (0.4, 0.9)
"""Between an answer and the next save, by chance: who looks once a second has to be met at any time."""
AGAIN_EVERY = 3


@dataclass(slots=True)
class Entry:
    """A contender at work, and what was measured of it."""

    contender: Contender
    place: Place
    source: Source
    after_save: AfterSave
    first: list[Taken] = field(default_factory=list)
    again: list[Taken] = field(default_factory=list)

    def series(self, served: str) -> list[Series]:
        """What was measured, by the name of what is served."""
        kinds = [(SAVE, self.first), *([(AGAIN, self.again)] if self.again else [])]
        return [series(f"{kind}, {served} program", self.contender.name, taken) for kind, taken in kinds]


def series(what: str, who: str, taken: Iterable[Taken]) -> Series:
    """The series of what was measured, saves without an answer counted."""
    taken = list(taken)
    samples = tuple(one.seconds for one in taken if one.seconds is not None)
    wrong = sum(one.wrong > 0 and one.seconds is not None for one in taken)
    return Series(what, who, "s", samples, wrong, len(taken) - len(samples))


def measure(
    contenders: list[Contender],
    served: str,
    rounds: int,
    *,
    engine: docker.DockerClient,
    image: str,
    folder: Path,
    run: str,
) -> list[Series]:
    """Has all contenders serve the light or the heavy program, and saves in turn."""
    dice = random.Random(run)
    with ExitStack() as stack:
        stack.enter_context(swept(engine, run))
        entries = []
        for number, contender in enumerate(contenders):
            root = folder / f"{served}{number}"
            place = Place(contender.name, run, root, free_port(), engine, image)
            entries.append(enter(stack, contender, place, served))
        for number in range(rounds):
            say(f"{served} program: round {number + 1} of {rounds}")
            for entry in dice.sample(entries, len(entries)):
                time.sleep(dice.uniform(*REST_S))
                take_turn(entry, number)
    return [one for entry in entries for one in entry.series(served)]


def enter(stack: ExitStack, contender: Contender, place: Place, served: str) -> Entry:
    """Has a contender run its program until the stack is left; returns once that answers."""
    source = Source(place.folder)
    source.write(SETS[served], flask=contender.flask)
    after_save = stack.enter_context(contender.runs(place))
    first_answer(place)
    return Entry(contender, place, source, after_save)


def take_turn(entry: Entry, number: int) -> None:
    """Saves one of the two modules, in some rounds twice within a second, and takes down how it went."""
    is_twice = number % AGAIN_EVERY == 0
    if is_twice:
        wait_for_new_second()
    which = number % 2
    entry.first.append(saved(entry, which, LIMIT_S))
    if entry.first[-1].seconds is None:
        recover(entry, which)
    elif is_twice and is_this_second(entry.source.path(which)):
        entry.again.append(saved(entry, which, AGAIN_LIMIT_S))
        if entry.again[-1].seconds is None:
            recover(entry, which)


def saved(entry: Entry, which: int, limit_s: float) -> Taken:
    """Saves, and measures until the answer."""
    began_s, began_ns = time.perf_counter(), time.time_ns()
    entry.source.save(which)
    entry.after_save()
    return answer_to_save(entry.place.port, entry.source, began_s, began_ns, limit_s)


def recover(entry: Entry, which: int) -> None:
    """Has a contender that lost a save serve what is there again; raises BrokenError if it does not."""
    wait_for_new_second()
    if saved(entry, which, LIMIT_S).seconds is None:
        raise BrokenError(f"{entry.place.name}: it does not serve what is saved\n{end_of_log(entry.place)}")


def wait_for_new_second() -> None:
    """Returns right after the file system's time stamps have reached a whole second."""
    time.sleep(1.01 - time.time() % 1)


def is_this_second(path: Path) -> bool:
    """Tells whether a file was saved in the present second, with time left to save it again."""
    return time.time() < int(path.stat().st_mtime) + 0.99
