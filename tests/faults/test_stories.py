"""A few of the random stories of `python -m tests.faults.stories`, and one with a guard disabled."""

import os

import pytest

from tests.faults.guards import GUARDS, patched
from tests.faults.steps import Step, make
from tests.faults.stories import tell, tell_many

FIRST = int(os.environ.get("DEVRUN_STORIES_FIRST", "0"))
"""The seed of the first story: CI may begin with others."""


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("block", range(4))
def test_every_story_ends_with_what_is_on_the_disk(block: int) -> None:
    """Edits, commands and faults in any order; a story that does not is printed as its steps."""
    first = FIRST + block * 5
    bad = [str(ended) for ended in tell_many(range(first, first + 5)) if ended.wrong]

    assert not bad, "\n".join(bad)


def test_a_story_is_the_same_for_the_same_seed_and_can_be_told_from_its_lines() -> None:
    """So that what went wrong can be told again."""
    steps = make(7)

    assert steps == make(7) != make(8)
    assert tuple(Step.parse(str(step)) for step in steps) == steps


def test_a_guard_that_is_disabled_is_missed() -> None:
    """Without the lock a second daemon runs, which the story sees."""
    guard = next(guard for guard in GUARDS if guard.name == "the lock")
    steps = (Step("second-daemon", "web"),)
    assert not tell(0, steps).wrong
    with patched(*guard.disable):
        assert "a second daemon runs for the project" in tell(0, steps).wrong
