"""Random edits of modules that import each other: no digest ever differs from that of a new look."""

import random
from pathlib import Path

import pytest

from devrun.core.events import SourceChange
from devrun.core.values import Digest
from tests.sources.closure_desk import Desk, desk
from tests.sources.live_disk import JOB, WEB

MODULES = ("a", "b", "c.d", "c", "e", "f")
FILES = {"a": "a.py", "b": "b.py", "c.d": "c/d.py", "c": "c/__init__.py", "e": "e.py", "f": "test_f.py"}
IMPORTS = ("import {}", "from {} import x", "x = '{}'", "def f():\n    import {}")


def text(dice: random.Random) -> str:
    """Return a random module, with a few imports."""
    lines = [dice.choice(IMPORTS).format(name) for name in dice.sample(MODULES, dice.randrange(4))]
    return "\n".join([*lines, f"x = {dice.randrange(3)}", ""])


def step(dice: random.Random, root: Path) -> dict[str, str | None]:
    """Return one or two edits of modules: new, other, gone, or with no more than another number."""
    names = dice.sample([*FILES.values(), "web.py", "job.py"], dice.choice((1, 1, 2)))
    edits: dict[str, str | None] = {}
    for name in names:
        present = (root / name).exists()
        is_kept = present and dice.random() < 0.3
        edits[name] = (root / name).read_text() + f"y = {dice.random()}\n" if is_kept else text(dice)
        if present and dice.random() < 0.2:
            edits[name] = None
    return edits


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("seed", range(2))
def test_after_any_edits_the_digests_are_what_a_new_look_gives(tmp_path: Path, seed: int) -> None:
    """And a target is told of its changes: those of files that count, and of nothing else."""
    dice = random.Random(seed)
    made = desk(
        tmp_path,
        {"web.py": "import a\n", "job.py": "import b\n", **{file: text(dice) for file in FILES.values()}},
    )
    web, job = made.project.targets.values()
    for _ in range(200):
        before = {name: made.closures.digest(name) for name in (WEB, JOB)}
        counted = {target.name: made.counting(target) for target in (web, job)}
        edits = step(dice, tmp_path)
        old = {name: (tmp_path / name).read_text() if (tmp_path / name).exists() else None for name in edits}
        told = made.edit(edits)

        anew = Desk(tmp_path)
        for target in (web, job):
            name = target.name
            assert made.closures.digest(name) == anew.closures.digest(name)
            changed = {path for path, now in edits.items() if old[path] != now}
            counting = {path for path in changed if edits[path] is None} & counted[name]
            expected = counting | (changed & made.counting(target))
            check(told.get(name), before[name], made.closures.digest(name), expected)


def check(told: SourceChange | None, before: Digest, after: Digest, expected: set[str]) -> None:
    """Compare what a target was told with what it should be."""
    if told is None:
        assert (before, expected) == (after, set())
        return
    assert set(told.paths) == expected
    assert told.digest == after
    if not expected:
        assert told.was == after != before
    elif told.was is None:
        assert before != after
