"""What the soak takes for growth."""

from collections.abc import Iterable

import pytest

from benchmarks.soak.growth import ENOUGH, TOLERANCES, growths
from benchmarks.soak.samples import Sample


def samples(values: Iterable[float], what: str = "containers") -> list[Sample]:
    return [Sample(number, {what: value}) for number, value in enumerate(values)]


def test_what_rises_a_little_all_the_time_has_grown() -> None:
    """A container more in a hundred samples is one too many."""
    (grown,) = growths(samples(number // 20 for number in range(100)))

    assert (grown.first, grown.last, grown.highest) == (1, 4, 4)
    assert grown.is_too_much


@pytest.mark.parametrize(
    "values",
    [
        [2] * 100,
        [*range(25), *[25] * 75],
        [2] * 50 + [9] + [2] * 49,
        [2] * 99 + [3],
        [5] * 50 + [2] * 50,
    ],
    ids=["level", "warming up", "a peak", "the last look", "falling"],
)
def test_what_has_settled_has_not_grown(values: list[float]) -> None:
    """What fills in the beginning, and a look at a wrong moment, decide nothing."""
    assert [grown for grown in growths(samples(values)) if grown.is_too_much] == []


def test_memory_may_grow_within_its_tolerance_only() -> None:
    """Allocators keep pages, and a daemon keeps a part of what it has told."""
    what = "daemon RSS MiB"
    within, beyond = 50 + TOLERANCES[what], 51 + TOLERANCES[what]

    assert not growths(samples([50] * 50 + [within] * 50, what))[0].is_too_much
    assert growths(samples([50] * 50 + [beyond] * 50, what))[0].is_too_much


def test_few_samples_tell_nothing() -> None:
    """A short story shows whether all goes right, and no more."""
    assert growths([]) == []
    assert growths(samples(range(ENOUGH - 1))) == []
