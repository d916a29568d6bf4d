"""The table of `devrun status` shows what is, why, and what went wrong, in the width that there is."""

import time
from dataclasses import replace

import pytest

from devrun.cli.table import print_report
from devrun.core.report import ImageReport, Problem, Report, TargetReport, Watched
from devrun.core.values import LastAction

NOW = time.time()
DAY_S = 86400
WIDTH = 80

READY = ImageReport(
    "ready",
    "up to date",
    "up to date",
    "365f460925e9",
    "sha256:1",
    tag="devrun/hello-0-default:365f460925e9",
    tagged=NOW - 1.5 * DAY_S,
    inputs=4,
)
RUNNING = TargetReport(
    program="hello.py",
    image="default",
    state="running",
    doing="up to date",
    hold="up to date",
    since=NOW - 1.5 * DAY_S,
    ports=("127.0.0.1:8080->5000/tcp", "127.0.0.1:5433->5432/tcp"),
    container="c1",
    restarts=3,
    last=LastAction("RestartContainer", "hello.py changed", NOW - 1.5 * DAY_S, 0.61, ok=True),
)
CRASHED = replace(
    RUNNING,
    program="a/script/of/a/very/long/name/that/nobody/would/like/to/type.py",
    state="exited",
    exit_code=1,
    doing="exited 1",
    hold="crashed",
    ports=("0.0.0.0:9000->9000/udp",),
    problem=Problem("/app/a.py:7: ValueError: no", "mend it", output=tuple(f"line {n}" for n in range(20))),
    hints=("it listens on 127.0.0.1 inside its container",),
)
BUILDING = replace(
    READY,
    state="missing",
    doing="building: requirements.txt changed",
    hold="",
    progress="2/5 RUN pip install",
)
FAILED = replace(
    READY,
    state="missing",
    doing="exit code: 1",
    hold="failed",
    last=LastAction("BuildImage", "requirements.txt changed", NOW - 1.5 * DAY_S, 12.5, ok=False),
    problem=Problem("exit code: 1", "", "RUN pip install -r requirements.txt", ("no matching version",)),
)
REPORT = Report(
    version=1,
    project="hello",
    root="/srv/hello",
    pid=7,
    started=NOW - 2.5 * DAY_S,
    engine="Docker 20.10",
    engine_up=True,
    settled=True,
    images={"default": READY},
    targets={"web": RUNNING},
    watched=Watched(1234, 56),
)


@pytest.fixture(autouse=True)
def width(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of the usual width, without colours."""
    monkeypatch.setenv("NO_COLOR", "1")


def shown(report: Report, capsys: pytest.CaptureFixture[str]) -> str:
    print_report(report)
    return capsys.readouterr().out


def test_a_settled_project_is_a_few_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each image and target, and below it what was done last."""
    assert (
        shown(REPORT, capsys)
        == """\
hello  /srv/hello
Docker 20.10
devrun: pid 7, up 2d, watches 1,234 files in 56 folders

IMAGE    STATE  AGE  INPUTS  TAG
default  ready  1d   4       devrun/hello-0-default:365f460925e9

TARGET  STATE    SINCE  RESTARTS  PORTS                              PROGRAM
web     running  1d     3         http://127.0.0.1:8080, 5433->5432  hello.py
  last: hello.py changed → restarted in 0.61 s, 1d ago
"""
    )


def test_a_crash_is_shown_with_its_reason_its_last_lines_and_hints(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Below the table, and no more lines than fit a glance."""
    text = shown(replace(REPORT, targets={"web": CRASHED}), capsys)

    assert "web     exited 1  1d     3         0.0.0.0:9000->9000/udp  a/script/of" in text
    assert (
        """
web: /app/a.py:7: ValueError: no
  | line 12
"""
        in text
    )
    assert (
        """
  | line 19
  hint: mend it
web: hint: it listens on 127.0.0.1 inside its container
"""
        in text
    )
    assert "line 11" not in text


def test_what_runs_and_is_not_ready_is_starting(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody answers at its port yet; other states say more."""
    starting = replace(RUNNING, ready=False)
    print_report(replace(REPORT, targets={"web": starting, "api": RUNNING, "job": CRASHED}), width=WIDTH)
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line]

    assert [line[1] for line in lines if line[0] in {"web", "api", "job"}] == [
        "starting",
        "running",
        "exited",
    ]


def test_a_running_build_is_shown_with_its_progress(capsys: pytest.CaptureFixture[str]) -> None:
    """And why it is built."""
    text = shown(replace(REPORT, images={"default": BUILDING}), capsys)

    assert "\n  now: building: requirements.txt changed 2/5 RUN pip install\n" in text


def test_a_failed_build_is_shown_with_its_step_and_output(capsys: pytest.CaptureFixture[str]) -> None:
    """And when it was tried."""
    text = shown(replace(REPORT, images={"default": FAILED}), capsys)

    assert "\n  last: requirements.txt changed → BuildImage failed in 12.50 s, 1d ago\n" in text
    assert (
        """
image default: exit code: 1
  at RUN pip install -r requirements.txt
  | no matching version
"""
        in text
    )


def test_a_missing_engine_and_notices_are_shown_on_top(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing below is true any more without it."""
    report = replace(
        REPORT,
        engine_up=False,
        engine="connection refused",
        notices=("devrun.toml is not applied:\ndevrun.toml:1: targets: must be a table",),
        targets={
            "web": replace(RUNNING, state="unknown", doing="engine down", hold="engine down", since=0.0)
        },
    )
    text = shown(report, capsys)

    assert "\nthe engine is not there: connection refused\n" in text
    assert "\ndevrun.toml is not applied:\ndevrun.toml:1: targets: must be a table\n" in text
    assert "\n  now: engine down\n" in text


def test_foreign_text_is_neither_markup_nor_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    """Names, errors and output come from anywhere."""
    nasty = "[red]x[/] \x1b]0;t\x07 \r[/nope]"
    problem = Problem(nasty, nasty, nasty, (nasty,))
    report = replace(
        REPORT,
        project=nasty,
        root="/srv/\udcff",
        engine=nasty,
        notices=(nasty,),
        images={nasty: replace(FAILED, problem=problem, doing=nasty, hold="", progress=nasty)},
        targets={nasty: replace(CRASHED, program=nasty, problem=problem, hints=(nasty,), ports=(nasty,))},
    )
    text = shown(report, capsys)

    assert "\x1b" not in text
    assert "\r" not in text
    assert text.count("[red]x[/]") >= 13


def test_on_a_terminal_no_line_is_wider_than_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Cells are cut at its edge; sentences go on in the next line."""
    long = replace(
        CRASHED, last=LastAction("RestartContainer", "some/file.py changed " * 6, NOW, 1.0, ok=True)
    )
    print_report(replace(REPORT, targets={"web": RUNNING, "crashed-one": long}), width=WIDTH)
    lines = capsys.readouterr().out.splitlines()

    assert max(map(len, lines)) <= WIDTH
    assert any(line.startswith("crashed-one  exited 1  1d") and line.endswith("…") for line in lines)
