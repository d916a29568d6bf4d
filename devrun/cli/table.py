"""The report for people: a line for each image and each target, and below it what is worth knowing of it.

On a terminal a line is cut at its width; what is read by a program is not.
"""

import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.padding import Padding
from rich.text import Text

from devrun.cli.text import ago, safe
from devrun.core.report import ImageReport, Problem, Report, TargetReport

STYLES = {
    "running": "green",
    "ready": "green",
    "exited": "default",
    "starting": "yellow",
    "paused": "yellow",
    "missing": "yellow",
}
FAILED = frozenset({"crashed", "failed", "syntax error", "flapping"})
SILENT = frozenset({"up to date", "exited", "crashed", "failed", "syntax error", "flapping"})
"""Holds that the state, or the problem, says already."""
TAIL_LINES = 8
WIDE = 1000
"""Columns where nobody looks at a terminal: nothing is cut."""
GAP = "  "

IMAGE_HEADERS = ("IMAGE", "STATE", "AGE", "INPUTS", "TAG")
TARGET_HEADERS = ("TARGET", "STATE", "SINCE", "RESTARTS", "PORTS", "PROGRAM")
NOT_WEB = frozenset({22, 1433, 3306, 5432, 5672, 5678, 6379, 9092, 11211, 27017})
"""What databases, queues, ssh and debuggers listen on: nothing for a browser."""
LOOPBACK = frozenset({"127.0.0.1", "[::1]"})

_PUBLISHED = re.compile(r"(?P<host>\[[^\]]+\]|[^:]+):(?P<port>\d+)->(?P<inner>\d+)/(?P<protocol>\w+)")


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of cells, and lines below it; both as rich's markup."""

    cells: tuple[str, ...]
    below: tuple[str, ...]


def print_report(report: Report, *, width: int | None = None, console: Console | None = None) -> None:
    """Print a report on stdout, in lines of the terminal's width if no other is given."""
    console = console or Console(highlight=False, width=width or (None if sys.stdout.isatty() else WIDE))
    _print_header(console, report)
    console.print()
    _print_rows(console, IMAGE_HEADERS, [_image(*item) for item in report.images.items()])
    console.print()
    _print_rows(console, TARGET_HEADERS, [_target(*item) for item in report.targets.items()])
    for name, image in report.images.items():
        _print_details(console, f"image {name}", image.problem, ())
    for name, target in report.targets.items():
        _print_details(console, name, target.problem, target.hints)


def show_reports(reports: Iterable[Report]) -> None:
    """Show reports as they come, each in the place of the one before; below it where there is no terminal."""
    if not sys.stdout.isatty():
        for report in reports:
            print_report(report)
            sys.stdout.write("\n")
            sys.stdout.flush()
        return
    console = Console(highlight=False)
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        for report in reports:
            with console.capture() as captured:
                print_report(report, console=console)
            live.update(Text.from_ansi(captured.get()), refresh=True)


def _print_header(console: Console, report: Report) -> None:
    engine = _plain(report.engine)
    if not report.engine_up:
        engine = f"[red]the engine is not there[/]: {engine}"
    watched = f"watches {report.watched.files:,} files in {report.watched.directories:,} folders"
    console.print(f"[bold]{_plain(report.project)}[/]  {_plain(report.root)}")
    console.print(
        f"[dim]{engine}[/]",
        f"[dim]devrun: pid {report.pid}, up {ago(report.started)}, {watched}[/]",
        sep="\n",
    )
    for notice in report.notices:
        for line in notice.splitlines():
            console.print(_plain(line), style="yellow")


def _image(name: str, image: ImageReport) -> _Row:
    cells = (
        _plain(name),
        _styled(image.state, image.hold),
        ago(image.tagged) if image.tagged else "",
        str(image.inputs or ""),
        _plain(image.tag or image.fingerprint),
    )
    return _Row(cells, tuple(_below(image.doing, image.hold, image.progress, image)))


def _target(name: str, target: TargetReport) -> _Row:
    cells = (
        _plain(name),
        _styled(state_of(target), target.hold),
        ago(target.since) if target.since else "",
        str(target.restarts),
        ", ".join(_ports(target)),
        _plain(target.program),
    )
    return _Row(cells, tuple(_below(target.doing, target.hold, "", target)))


def _below(doing: str, hold: str, progress: str, said: ImageReport | TargetReport) -> Iterable[str]:
    """Yield what is going on, and what was done last."""
    if hold not in SILENT:
        yield f"now: {_plain(' '.join(filter(None, (doing, progress))))}"
    if said.last is not None:
        words = {
            "BuildImage": "built",
            "PullImage": "pulled",
            "RecreateContainer": "started",
            "RestartContainer": "restarted",
            "StopContainer": "stopped",
        }
        last = said.last
        verb = words.get(last.action, last.action) if last.ok else f"{last.action} failed"
        verb += f" ({last.reload})" if last.reload else ""
        yield f"[dim]last: {_plain(f'{last.cause} → {verb} in {last.seconds:.2f} s, {ago(last.at)} ago')}[/]"


def _print_rows(console: Console, headers: Sequence[str], rows: Sequence[_Row]) -> None:
    texts = [[Text.from_markup(cell) for cell in row.cells] for row in rows]
    widths = [
        max(len(header), *(line[column].cell_len for line in texts), 0)
        for column, header in enumerate(headers)
    ]
    console.print(_line([Text(header, style="dim") for header in headers], widths), no_wrap=True)
    for row, line in zip(rows, texts, strict=True):
        console.print(_line(line, widths), no_wrap=True, overflow="ellipsis")
        for text in row.below:
            console.print(Padding(Text.from_markup(text), (0, 0, 0, len(GAP)), expand=False))


def _line(cells: Sequence[Text], widths: Sequence[int]) -> Text:
    line = Text()
    for cell, width in zip(cells, widths, strict=True):
        line.append_text(cell).append(" " * (width - cell.cell_len) + GAP)
    line.rstrip()
    return line


def state_of(target: TargetReport) -> str:
    """Return a target's state in a word or two."""
    if target.exit_code is not None:
        return f"exited {target.exit_code}"
    return "starting" if target.state == "running" and not target.ready else target.state


def _styled(state: str, hold: str) -> str:
    style = "red" if hold in FAILED else STYLES.get(state.split()[0], "default")
    return f"[{style}]{_plain(state)}[/]"


def addresses(target: TargetReport) -> list[str]:
    """Return where published ports that speak HTTP are reached, as a browser takes it."""
    found = (_PUBLISHED.fullmatch(port) for port in target.ports)
    return list(dict.fromkeys(_url(match) for match in found if match and _is_web(match)))


def _ports(target: TargetReport) -> list[str]:
    """Return the published ports: addresses for a browser, others as short as they stay clear."""
    shown = []
    for port in target.ports:
        match = _PUBLISHED.fullmatch(port)
        if match is None:
            shown.append(_plain(port))
        elif _is_web(match):
            url = _url(match)
            shown.append(f"[link={url}]{_plain(url)}[/link]")
        else:
            host = "" if match["host"] in LOOPBACK else f"{match['host']}:"
            protocol = "" if match["protocol"] == "tcp" else f"/{match['protocol']}"
            shown.append(_plain(f"{host}{match['port']}->{match['inner']}{protocol}"))
    return list(dict.fromkeys(shown))


def _is_web(match: "re.Match[str]") -> bool:
    return match["protocol"] == "tcp" and int(match["inner"]) not in NOT_WEB


def _url(match: "re.Match[str]") -> str:
    host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(match["host"], match["host"])
    return f"http://{host}:{match['port']}"


def _print_details(console: Console, name: str, problem: Problem | None, hints: tuple[str, ...]) -> None:
    if problem:
        console.print()
        console.print(f"[bold]{_plain(name)}[/]: [red]{_plain(problem.error)}[/]")
        if problem.step:
            console.print(f"  at {_plain(problem.step)}")
        for line in problem.output[-TAIL_LINES:]:
            console.print(f"  | {_plain(line)}", style="dim")
        if problem.hint:
            console.print(f"  hint: {_plain(problem.hint)}")
    for hint in hints:
        console.print(f"[bold]{_plain(name)}[/]: [yellow]hint: {_plain(hint)}[/]")


def _plain(text: str) -> str:
    return escape(safe(text))
