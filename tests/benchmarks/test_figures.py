"""What is worked out of samples, and what is shown of it."""

import math
import xml.etree.ElementTree as ET

import pytest

from benchmarks import others
from benchmarks.figures import Run, Series, ratio, readable
from benchmarks.goals import goal, verdict
from benchmarks.machine import this_machine
from benchmarks.page import BEGIN, END, with_figures
from benchmarks.plot import plot
from benchmarks.tables import faults, tables
from tests.benchmarks.conftest import SCRIPT, WARM

SVG = "{http://www.w3.org/2000/svg}"


def series(*samples: float) -> Series:
    return Series("save, light program", WARM, "s", samples)


def test_the_95th_percentile_is_a_sample_that_nineteen_of_twenty_do_not_exceed() -> None:
    """It is never worked out between two samples, and of few samples it is the longest."""
    assert series(*range(1, 21)).p95 == 19
    assert series(*range(1, 11)).p95 == 10
    assert series(3.0).p95 == 3.0


def test_a_series_without_a_sample_has_no_figures_and_no_ratio() -> None:
    """A contender that never answered is shown with dashes."""
    assert math.isnan(series().median)
    assert readable(series().p95, "s") == "-"
    assert ratio(series(), series(1.0)) is None
    assert ratio(series(1.0), None) is None
    assert verdict(series()) == ""


def test_a_ratio_tells_how_many_times_as_fast() -> None:
    """The ratio of medians."""
    assert ratio(series(0.5, 0.1, 0.2), series(1.0)) == pytest.approx(5)


def test_a_goal_is_met_by_the_median() -> None:
    """A late sample does not miss it; others have no goal."""
    assert goal(series(0.01)) == 0.045
    assert verdict(series(0.01, 0.02, 3)) == "met"
    assert verdict(series(0.01, 0.05, 0.06)) == "not met"
    assert goal(Series("save, light program", SCRIPT, "s", (1.0,))) is None


def test_a_goal_may_be_what_a_peer_takes() -> None:
    """Where the peer was not measured, there is nothing to be met."""
    ours, peer = (Series("start-up", f"{who}, none", "s", (1.0,)) for who in ("devrun", "compose"))

    assert (goal(ours, [ours, peer]), verdict(ours, [ours, peer])) == (1.0, "met")
    assert (goal(ours, [ours]), verdict(ours, [ours])) == (None, "")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(0.0153, "s", "15 ms"), (0.0042, "s", "4.2 ms"), (1.256, "s", "1.26 s"), (0.153, "%", "0.15 %")],
)
def test_figures_have_as_many_digits_as_mean_something(value: float, unit: str, text: str) -> None:
    """Below a second they are told in milliseconds."""
    assert readable(value, unit) == text


def test_a_run_comes_back_from_its_json_as_it_was(run: Run) -> None:
    """All samples are kept, and what is no run is refused."""
    assert Run.from_json(run.to_json()) == run
    with pytest.raises(ValueError, match="machine"):
        Run.from_json('{"made": "today"}')


def test_the_machine_can_be_told_apart() -> None:
    """What differs between two machines is in the run."""
    machine = this_machine("20.10.24+dfsg1")
    assert machine.cores > 0
    assert machine.memory_gib > 0
    assert machine.kind == f"{machine.cores}-cores-docker-20.10"


def test_the_picture_is_valid_and_has_all_data_in_it(run: Run) -> None:
    """Each contender has a bar as long as its median, devrun's has its goal, and both modes their colours."""
    root = ET.fromstring(plot(run))
    rows = {row.get("data-who"): row for row in root.iter(f"{SVG}g")}
    assert {who: row.get("data-median") for who, row in rows.items()} == {
        WARM: "0.025000",
        SCRIPT: "1.260000",
    }
    bars = {who: float(row.findall(f"{SVG}rect")[0].get("width") or 0) for who, row in rows.items()}
    assert bars[SCRIPT] / bars[WARM] == pytest.approx(1.26 / 0.025, rel=0.02)
    kinds = {who: [line.get("class") for line in row.iter(f"{SVG}line")] for who, row in rows.items()}
    assert kinds == {WARM: ["p95", "goal"], SCRIPT: ["p95"]}
    assert "prefers-color-scheme: dark" in (root.findtext(f"{SVG}style") or "")


def test_the_page_keeps_its_words_around_the_figures(run: Run) -> None:
    """Rendering twice changes nothing more; a page without a place for figures is refused."""
    page = f"# Performance\n\n{BEGIN}\nold\n{END}\nThe end.\n"
    once = with_figures(page, run, "benchmarks/results/x.json")
    assert once.startswith("# Performance\n\n")
    assert once.endswith(f"{END}\nThe end.\n")
    assert "old\n" not in once
    assert f"| {SCRIPT} | 1.26 s | 1.30 s | 1.0 | - | 1 of 3 |" in once
    assert f"| {WARM} | 25 ms | 30 ms | 50.4 | 45 ms | 1 of 5 |" in once
    assert "2026-11-24" in once
    assert "no compose plugin" in once
    assert with_figures(once, run, "benchmarks/results/x.json") == once
    with pytest.raises(ValueError, match="no part"):
        with_figures("# Performance\n", run, "x.json")


def test_the_terminal_shows_one_table_of_saves_and_one_of_each_other_figure(run: Run) -> None:
    """The quickest comes first, columns are aligned."""
    saves, others = (table.as_text().splitlines() for table in tables(run))
    assert saves[2].startswith(f"  {WARM} ")
    assert len({len(line) for line in saves[1:]}) == 1
    assert others[2].split() == ["devrun", "watch", "600", "ms", "700", "ms", "-"]


def test_only_devruns_own_wrong_answers_are_faults(run: Run) -> None:
    """A peer that serves old code is a figure of the run; no time is a fault."""
    assert faults(run) == [f"{WARM}: second save, light program: 0 with old code, 1 without an answer"]


def test_other_figures_become_series_by_name_and_unit() -> None:
    """Samples, a single figure, and figures that belong together are all told apart."""
    (build,) = others.series("builds", "docker build, 500 files, s", [1.0, 2.0])
    assert (build.who, build.unit, build.samples) == ("docker build, 500 files", "s", (1.0, 2.0))
    assert others.series("start-up", "devrun, none", 0.5) == [Series("start-up", "devrun, none", "s", (0.5,))]
    assert others.series("idle", "processor %", 0) == [Series("idle", "processor", "%", (0.0,))]
    small = others.series("scale", "small", {"median ms": 4.0, "memory MiB": 2.0})
    assert [(one.who, one.unit, one.median) for one in small] == [
        ("small: median", "ms", 4.0),
        ("small: memory", "MiB", 2.0),
    ]
