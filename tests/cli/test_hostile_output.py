"""What programs and builds print commands nothing, whichever way it comes out, and fills nothing.

Each way out is tried with each text of a table; of escapes, only colours reach a terminal.
"""

import io
import json
import logging
import re
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console, ConsoleDimensions

from devrun.cli.footer import footer
from devrun.cli.live import LiveView
from devrun.cli.logfile import LINE_LIMIT, LOG_BYTES, LogFile
from devrun.cli.table import print_report
from devrun.cli.terminal import Terminal
from devrun.control.wire import encode
from devrun.core.journal import Entry, EntryKind, LogLine
from devrun.core.report import Problem, Report
from devrun.engine.steps import ERROR_LIMIT, BuildSteps, plain
from tests.cli.test_table import CRASHED, FAILED, REPORT
from tests.cli.test_terminal import Screen

HOSTILE = {
    "title": "\x1b]0;owned\x07",
    "title by C1": "\x9d0;owned\x9c",
    "clipboard": "\x1b]52;c;cm0gLXJm\x1b\\",
    "link": "\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "a string without an end": "\x1b]52;c;cm0g",
    "screen": "\x1b[2J\x1b[H\x1b[?1049h\x1bc",
    "question": "\x1b[6n\x1b[c\x1bP+q544e\x1b\\",
    "C1": "\x9b2J\x90q\x9c\x85\x84\x8d",
    "application command": "\x1b_Gf=100;AAAA\x1b\\\x1b^x\x1b\\\x1bXx\x1b\\",
    "bidi": "\u202eexe.cod\u202c \u2066a\u2069 \u200f\u061c\u206a",
    "lines that are none": "a\u2028error: b\u2029c\x0b\x0c",
    "overwriting": "good\rbad\x08\x08\x7f\x00",
    "colours in pieces": "\x1b[\x1b[31m2J\x1b[0m31m",
    "binary": bytes(range(256)).decode("latin-1").replace("\n", ""),
    "no UTF-8": "\udcff\udc9b2J",
    "markup": "[bold]x[/bold] [link=http://evil.example]y[/link] \\[",
}
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ud800-\udfff]")
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")

WayOut = Callable[[str], str]


def _report(text: str) -> Report:
    """Return a report that has the text wherever a program or a build can bring it."""
    problem = Problem(text, text, text, (text, text))
    image = replace(FAILED, doing=text, progress=text, problem=problem)
    target = replace(CRASHED, doing=text, program=text, problem=problem, hints=(text,))
    return replace(REPORT, images={"default": image}, targets={"web": target}, notices=(text,), engine=text)


def _entries(text: str) -> list[Entry]:
    """Return entries that bring the text to a person."""
    kinds = [EntryKind.FAILED, EntryKind.STEP, EntryKind.HINT, EntryKind.NOTICE, EntryKind.ENGINE_DOWN]
    return [Entry(0.0, kind, "target web", text, hint=text, step=text, output=(text,)) for kind in kinds]


def _on_screen(text: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return what a terminal with colours gets, of a target's line and of devrun's own."""
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal = Terminal(["web", "job"])
    terminal.wrote(LogLine(0.0, "web", "stdout", text))
    for entry in _entries(text):
        terminal.told(entry)
    return screen.getvalue()


def _in_live_view(text: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return what the live view draws of the same, and of a report."""
    lines = _on_screen(text, monkeypatch).splitlines()
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    view = LiveView(["web"])
    view._console = Console(file=screen, highlight=False, force_terminal=True)
    view._show(lines)
    view._console.print(footer(_report(text), ConsoleDimensions(80, 40), shown="", now=time.time()))
    return screen.getvalue()


def _in_status(text: str) -> str:
    out = io.StringIO()
    print_report(_report(text), console=Console(file=out, highlight=False, width=200))
    return out.getvalue()


def _in_json(text: str) -> str:
    said = [_report(text), *_entries(text), LogLine(0.0, "web", "stdout", text)]
    return b"".join(map(encode, said)).decode("ascii")


def _in_log(text: str, folder: Path) -> str:
    """Return the daemon's log of what it told, and of an error with a traceback."""
    with LogFile(folder / "daemon.log") as log:
        for entry in _entries(text):
            log.hearing().told(entry)
        log.handle(_record(text))
    return (folder / "daemon.log").read_text()


def _record(text: str) -> logging.LogRecord:
    """Return what a logger hands over; by a logger, pytest would keep the text too."""
    return logging.LogRecord("devrun", logging.WARNING, "", 0, "%s", (text,), None)


def _of_build(text: str) -> str:
    """Return what a build tells: instructions, output, and how it ended."""
    told: list[str] = []
    steps = BuildSteps(str, lambda news: told.append(news.instruction + news.line))
    for piece in (f"Step 1/2 : RUN {text}\n", f"{text}\n"):
        steps.take(json.dumps({"stream": piece}).encode())
    steps.take(json.dumps({"error": text}).encode())
    steps.end()
    assert steps.failed
    return "\n".join([*told, *steps.failed.output, steps.error])


@pytest.fixture(params=["screen", "live view", "status", "json", "log", "build"])
def way_out(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> WayOut:
    """One of the ways by which foreign text comes to a person."""
    ways: dict[str, WayOut] = {
        "screen": lambda text: _on_screen(text, monkeypatch),
        "live view": lambda text: _in_live_view(text, monkeypatch),
        "status": _in_status,
        "json": _in_json,
        "log": lambda text: _in_log(text, tmp_path),
        "build": lambda text: _of_build(text.replace("\udcff", "").replace("\udc9b", "")),
    }
    return ways[request.param]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_nothing_is_obeyed_but_colours(way_out: WayOut, text: str) -> None:
    """No title, clipboard, link, cursor, question, C1 control or direction of text comes through."""
    shown = way_out(f"begin {text} end")

    assert "begin" in shown
    assert _OBEYED.findall(_COLOUR.sub("", shown).replace("\n", "")) == []


def test_a_text_begins_no_record_of_its_own_in_the_log(tmp_path: Path) -> None:
    """Else a program could write what devrun seems to have done."""
    with LogFile(tmp_path / "daemon.log") as log:
        log.hearing().told(Entry(0.0, EntryKind.HINT, "target web", "x\n2026-01-01 devrun INFO all is well"))

    assert len((tmp_path / "daemon.log").read_text().splitlines()) == 1


def test_a_huge_line_fills_neither_log_nor_status(tmp_path: Path) -> None:
    """What a build says at its end is kept from both ends."""
    flood = "x" * 10_000_000
    steps = BuildSteps(str, lambda _: None)
    steps.take(json.dumps({"error": f"begin {flood} exit code: 7"}).encode())
    assert steps.error.startswith("begin ")
    assert steps.error.endswith(" exit code: 7")
    assert len(steps.error) < ERROR_LIMIT + 10

    with LogFile(tmp_path / "daemon.log") as log:
        log.handle(_record(flood))
    assert (tmp_path / "daemon.log").stat().st_size <= LINE_LIMIT + 1 < LOG_BYTES


def test_a_secret_at_the_cut_of_a_line_is_known_as_one() -> None:
    """It is hidden before the line is shortened, not after."""
    told: list[str] = []
    steps = BuildSteps(
        lambda text: text.replace("hunter2hunter2", "***"), lambda news: told.append(news.line)
    )
    steps.take(json.dumps({"stream": "Step 1/1 : RUN x\n"}).encode())
    steps.take(json.dumps({"stream": "x" * 4090 + "hunter2hunter2\n"}).encode())

    assert "hunter" not in told[-1]


@pytest.mark.parametrize("piece", ["\x1b]", "\x9d", "\x90", "\x9b", "\x1b[", "\x1bP", "a", "\u202e"])
def test_what_a_build_floods_with_is_made_plain_in_one_pass(piece: str) -> None:
    """Whatever never ends is looked at once; nothing of it is left to obey."""
    assert _OBEYED.search(plain(piece * 500_000)) is None
