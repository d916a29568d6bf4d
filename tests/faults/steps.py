"""The steps of a story: plain values, made by chance from a seed, written and read as lines of text."""

import random
from dataclasses import dataclass

from tests.faults.tree import EXTRA, LONELY, NAMES, REQUIREMENTS, SCRIPTS

EDITS = ("edit", "slow-edit", "atomic", "backup", "vim", "flip", "flap")
WORLD = (
    "touch",
    "delete",
    "move",
    "move-folder",
    "make-folders",
    "remove-folder",
    "burst",
    "checkout",
    "break",
)
CONFIGURATION = ("configure", "configure-slowly", "misconfigure", "unconfigure")
COMMANDS = ("restart", "stop", "start", "rebuild", "wait", "second-daemon")
HARM = ("crash", "vanish", "cut-off", "pause-container", "strand")
ENGINE = ("down", "outage", "up", "fail", "lose", "slow")
FAULTS = (*HARM, *ENGINE, "kill", "kill-and-forget", "end", "overflow")
PATHLESS = {
    "move-folder": "pkg",
    "make-folders": "deep/a/b/mod.py",
    "remove-folder": "deep",
    "overflow": LONELY,
}
METHODS = (
    *("restart", "recreate", "stop", "remove", "inspect_target", "check_syntax", "probe"),
    *("build_image", "cancel_build", "inspect_image", "remove_image", "known_targets"),
)
MOST_PAUSES_MS = (0, 0, 0, 1, 5, 12, 30, 60, 120, 250)
SLOWNESS_MS = (0, 10, 40, 120)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that somebody does, or that happens; then `ms` pass."""

    what: str
    path: str = "-"
    number: int = 0
    """The version that a file has afterwards, or by which something is chosen."""
    inner_ms: int = 0
    """Between the two halves of what has two."""
    ms: int = 0

    def __str__(self) -> str:
        return f"{self.what} {self.path} {self.number} {self.inner_ms} {self.ms}"

    @classmethod
    def parse(cls, line: str) -> "Step":
        """Return the step that a line says."""
        what, path, number, inner_ms, ms = line.split()
        return cls(what, path, int(number), int(inner_ms), int(ms))


def make(seed: int, theme: tuple[str, ...] = ()) -> tuple[Step, ...]:
    """Return the steps of a story; a theme is what most of them are about."""
    chance = random.Random(seed)
    kinds = [*EDITS * 6, *WORLD * 2, *CONFIGURATION, *COMMANDS, *FAULTS]
    if theme:
        kinds = [*theme * 4, *EDITS]
    return tuple(_make_step(chance, chance.choice(kinds)) for _ in range(chance.randint(4, 24)))


def _make_step(chance: random.Random, what: str) -> Step:
    return Step(
        what,
        _choose_path(chance, what),
        chance.randrange(1000),
        chance.choice(MOST_PAUSES_MS),
        chance.choice(MOST_PAUSES_MS),
    )


def _choose_path(chance: random.Random, what: str) -> str:
    if what in PATHLESS:
        return PATHLESS[what]
    if what in COMMANDS or what in HARM:
        return chance.choice(tuple(SCRIPTS))
    if what in {"fail", "lose"}:
        return chance.choice(METHODS)
    if what in {*EDITS, *WORLD}:
        return chance.choice((*NAMES, *EXTRA, REQUIREMENTS, REQUIREMENTS, "views.py", "pkg/core.py"))
    return "-"
