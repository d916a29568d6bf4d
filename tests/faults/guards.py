"""What keeps stories from ending badly, guard by guard: with any one of them disabled they do.

`python -m tests.faults.guards` disables one after the other, in this one place where devrun's own modules
are patched, and counts the stories until the first that ends badly. Where another guard stands behind it,
that one is put aside, or what is too quick to be met is slowed down, in the control stories as well: these
end well.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial, partialmethod
from pathlib import Path
from unittest.mock import patch

from devrun.config.project import ImageName
from devrun.control.place import Place
from devrun.core import outcomes
from devrun.core.actions import (
    Action,
    BuildImage,
    HashInputs,
    InspectTarget,
    RecreateContainer,
    RestartContainer,
    Start,
)
from devrun.core.events import ActionFinished, Cancelled, Failed
from devrun.core.model import Image, State, Target
from devrun.core.values import Container
from devrun.daemon import work
from devrun.daemon.workers import CANCEL_PAUSE_S, Workers
from devrun.sources.lookout import Lookout
from devrun.sources.snapshot import Root, Snapshot
from tests.faults.engine import StoryEngine
from tests.faults.stories import Ended, tell_many

BLOCK = 8
MOST = 240


@dataclass(frozen=True)
class Guard:
    """A guard: how to disable it, and the stories that miss it."""

    name: str
    disable: tuple[tuple[str, object], ...]
    """What stands in its place, by dotted name."""
    theme: tuple[str, ...]
    aside: tuple[tuple[str, object], ...] = ()
    """What is put in place of others, in the control stories too."""
    asks: bool = True
    """Whether the end may be waited for: a wait looks at everything by itself."""


def _write_now(
    target: Target, action: Start, container: Container, at: float, written: Callable[..., Target]
) -> Target:
    now = replace(action, digest=target.source or action.digest)
    return written(replace(target, wavered=False), now, container, at)


def _write_steadily(
    target: Target, action: Start, container: Container, at: float, written: Callable[..., Target]
) -> Target:
    return written(replace(target, wavered=False), action, container, at)


def _fail_now(
    target: Target, action: Action, failed: Failed, at: float, fail: Callable[..., Target]
) -> Target:
    now: Action = action
    if isinstance(action, RecreateContainer | RestartContainer) and target.source:
        now = replace(action, digest=target.source)
    return fail(target, now, failed, at)


def _hashed_now(image: Image, action: Action, event: ActionFinished, write: Callable[..., Image]) -> Image:
    now: Action = action
    if isinstance(action, HashInputs):
        now = replace(action, revision=image.inputs_revision)
    return write(image, now, event)


def _inspected_now(
    state: State, target: Target, action: Action, event: ActionFinished, write: Callable[..., Target]
) -> Target:
    now: Action = action
    if isinstance(action, InspectTarget):
        now = replace(action, revision=target.observed_revision)
    return write(state, target, now, event)


def _take_without(place: Place) -> int:
    return os.open(place.lock, os.O_RDWR | os.O_CREAT)


def _goes_on_by_values(workers: Workers, image: ImageName, building: Action | None) -> bool:
    def is_same() -> bool:
        known = workers._state().images.get(image)
        if known is None or not isinstance(building, BuildImage):
            return False
        return known.is_building(building.fingerprint, building.build)

    if not is_same():
        return False
    time.sleep(CANCEL_PAUSE_S)
    return is_same()


def _look_at_nothing_below(snapshot: Snapshot, root: Root, directory: str) -> set[str]:
    snapshot.directories[directory] = Path(directory).stat().st_ino
    return set()


def _follow_blindly(
    lookout: Lookout, watcher: object, watched: object, *, follow: Callable[..., None]
) -> None:
    """Watch without the look at everything that comes first."""
    look = lookout._look
    looks = iter([True])
    lookout._look = lambda hints: next(looks, None) or look(hints)
    try:
        follow(lookout, watcher, watched)
    finally:
        lookout._look = look


def _slowly(count: Callable[..., int], *given: object) -> int:
    time.sleep(0.06)
    return count(*given)


def _heal_slowly(engine: StoryEngine) -> None:
    engine.slowness_s = 0.25
    engine.go_up()


SECOND_NET = (("devrun.sources.lookout.POLL_S", 60.0),)
"""A look at everything that follows hints after a second."""

GUARDS = (
    Guard(
        "the lock",
        (("devrun.control.lock._take", _take_without),),
        ("second-daemon",),
    ),
    Guard(
        "a start writes back what it was decided with",
        (("devrun.core.outcomes._start_written", partial(_write_now, written=outcomes._start_written)),),
        ("slow", "flip", "edit", "flap"),
    ),
    Guard(
        "a start during which the source was another one is not trusted",
        (("devrun.core.outcomes._start_written", partial(_write_steadily, written=outcomes._start_written)),),
        ("slow", "flip", "flap", "restart"),
    ),
    Guard(
        "a failure is one of the values that were decided with",
        (("devrun.core.outcomes._fail_target", partial(_fail_now, fail=outcomes._fail_target)),),
        ("slow", "fail", "edit"),
    ),
    Guard(
        "a fingerprint counts at its revision only",
        (("devrun.core.outcomes._write_back_image", partial(_hashed_now, write=outcomes._write_back_image)),),
        ("flip", "flap", "edit"),
        aside=(("devrun.daemon.work._count_inputs", partial(_slowly, work._count_inputs)),),
    ),
    Guard(
        "an inspection counts at its revision only",
        (
            (
                "devrun.core.outcomes._write_back_target",
                partial(_inspected_now, write=outcomes._write_back_target),
            ),
        ),
        ("slow", "vanish", "crash", "cut-off"),
    ),
    Guard(
        "what is touched during an action is looked at again",
        (
            (
                "devrun.core.step._touch",
                lambda target: target if target.running else target.with_unknown_containers(),
            ),
        ),
        ("slow", "vanish", "crash", "restart"),
    ),
    Guard(
        "a cancellation is of one build only",
        (("devrun.daemon.workers.Workers._goes_on", _goes_on_by_values),),
        ("slow", "flap", "flip", "rebuild"),
        aside=(("tests.faults.engine.StoryEngine.heal", _heal_slowly),),
    ),
    Guard(
        "a build that is out of date puts its fingerprint in doubt",
        (("devrun.daemon.work.Cancelled", lambda *, is_outdated=False: Cancelled()),),
        ("slow-edit", "flip", "flap", "rebuild"),
        aside=(("devrun.sources.disk.Disk._doubt_glimpses", lambda *_: None),),
    ),
    Guard(
        "what was hashed between two looks is put in doubt",
        (("devrun.sources.disk.Disk._doubt_glimpses", lambda *_: None),),
        ("slow-edit", "flip", "flap", "rebuild"),
    ),
    Guard(
        "folders that are new are looked at",
        (
            ("devrun.sources.snapshot.Snapshot._look_below", _look_at_nothing_below),
            (
                "devrun.sources.lookout.Lookout._follow",
                partialmethod(_follow_blindly, follow=Lookout._follow),
            ),
        ),
        ("make-folders", "remove-folder", "move-folder"),
        aside=SECOND_NET,
        asks=False,
    ),
    Guard(
        "lost hints lead to a look at everything",
        (("devrun.sources.inotify.OVERFLOW", 0),),
        ("overflow",),
        aside=SECOND_NET,
        asks=False,
    ),
)


@contextmanager
def patched(*patches: tuple[str, object]) -> Iterator[None]:
    """Have others in the place of parts of devrun."""
    with ExitStack() as stack:
        for name, value in patches:
            stack.enter_context(patch(name, value))
        yield


def stories_until_missed(guard: Guard, most: int) -> tuple[int, Ended | None]:
    """Return how many stories it took until one ended badly without a guard, and that one."""
    with patched(*guard.aside, *guard.disable):
        return _until_bad(guard, most)


def control(guard: Guard, stories: int) -> tuple[int, Ended | None]:
    """Return the first of some stories that ends badly though the guard is there."""
    with patched(*guard.aside):
        return _until_bad(guard, stories)


def _until_bad(guard: Guard, most: int) -> tuple[int, Ended | None]:
    told = 0
    while told < most:
        seeds = range(told, told + BLOCK) if guard.asks else range(2 * told + 1, 2 * (told + BLOCK), 2)
        ended = tell_many(seeds, guard.theme)
        told += BLOCK
        if bad := [one for one in ended if one.wrong]:
            return told, bad[0]
    return told, None


def main() -> int:
    """Disable one guard after the other, and say how soon it was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=MOST, help="stories for each guard")
    parser.add_argument("--control", type=int, default=0, help="stories with the guard in its place")
    parser.add_argument("--only", default="", help="guards whose name contains this")
    asked = parser.parse_args()
    is_bad = False
    for guard in GUARDS:
        if asked.only not in guard.name:
            continue
        told, missed = stories_until_missed(guard, asked.most)
        said = f"missed within {told} stories" if missed else f"not missed in {told} stories"
        why = missed.wrong[0].splitlines()[-1][:160] if missed else ""
        kept, bad = control(guard, asked.control) if asked.control else (0, None)
        with_it = (
            f"; with it, {'one of' if bad else 'all of'} {kept} end {'badly' if bad else 'well'}"
            if kept
            else ""
        )
        sys.stdout.write(f"{guard.name}: {said}{with_it}\n    {why}\n")
        sys.stdout.write(f"{bad}\n" if bad else "")
        sys.stdout.flush()
        is_bad = is_bad or missed is None or bad is not None
    return 1 if is_bad else 0


if __name__ == "__main__":
    sys.exit(main())
