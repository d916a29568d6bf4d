"""The report as tables for people."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from devrun.cli.text import ago, safe
from devrun.core.report import ImageReport, Problem, Report, TargetReport

STYLES = {"running": "green", "ready": "green", "exited": "default", "paused": "yellow", "missing": "yellow"}
FAILED = frozenset({"crashed", "failed", "syntax error", "flapping"})
TAIL_LINES = 8


def print_report(report: Report) -> None:
    """Print a report on stdout."""
    console = Console(highlight=False, soft_wrap=True)
    engine = report.engine if report.engine_up else f"[red]engine down[/]: {_plain(report.engine)}"
    console.print(f"[bold]{_plain(report.project)}[/]  {_plain(report.root)}")
    console.print(f"{engine}  ·  pid {report.pid}, up {ago(report.started)}", style="dim")
    for notice in report.notices:
        console.print(_plain(notice), style="yellow")
    console.print()
    console.print(_images(report))
    console.print()
    console.print(_targets(report))
    for name, target in report.targets.items():
        _print_details(console, name, target.problem, target.hints)
    for name, image in report.images.items():
        _print_details(console, f"image {name}", image.problem, ())


def _images(report: Report) -> Table:
    table = _table("IMAGE", "STATE", "FINGERPRINT", "NOW", "LAST")
    for name, image in report.images.items():
        table.add_row(
            _plain(name),
            _styled(image.state, image.hold),
            image.fingerprint[:12],
            _plain(" ".join(filter(None, (image.doing, image.progress)))),
            _last(image),
        )
    return table


def _targets(report: Report) -> Table:
    table = _table("TARGET", "PROGRAM", "STATE", "SINCE", "PORTS", "RESTARTS", "NOW", "LAST")
    for name, target in report.targets.items():
        table.add_row(
            _plain(name),
            _plain(target.program),
            _styled(_state(target), target.hold),
            ago(target.since) if target.since else "",
            _plain(", ".join(target.ports)),
            str(target.restarts),
            _plain(target.doing),
            _last(target),
        )
    return table


def _table(*headers: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for header in headers:
        table.add_column(header, no_wrap=header in {"IMAGE", "TARGET", "STATE", "SINCE"})
    return table


def _state(target: TargetReport) -> str:
    return f"exited {target.exit_code}" if target.exit_code is not None else target.state


def _styled(state: str, hold: str) -> str:
    style = "red" if hold in FAILED else STYLES.get(state.split()[0], "default")
    return f"[{style}]{_plain(state)}[/]"


def _last(said: ImageReport | TargetReport) -> str:
    last = said.last
    if last is None:
        return ""
    words = {"BuildImage": "built", "RecreateContainer": "started", "RestartContainer": "restarted"}
    verb = words.get(last.action, last.action) if last.ok else f"{last.action} failed"
    return _plain(f"{last.cause} -> {verb} in {last.seconds:.2f} s, {ago(last.at)} ago")


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
