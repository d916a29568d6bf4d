"""The footer of the live view: a report in, a few lines out, never more than half of the screen."""

import re
from collections.abc import Iterator

from rich.console import ConsoleDimensions
from rich.text import Text

from devrun.cli.table import FAILED, STYLES, addresses, state_of
from devrun.cli.text import ago, safe
from devrun.core.report import ImageReport, Report, TargetReport

KEYS = (
    ("r", "restart"),
    ("b", "rebuild"),
    ("l", "filter"),
    ("o", "open"),
    ("e", "explain"),
    ("q", "quit"),
    ("?", "help"),
)
BAR = 16
"""Cells of a progress bar."""

_STEPS = re.compile(r"(?P<done>\d+)/(?P<all>\d+) ")
_BYTES = re.compile(r"(?P<done>\d+) of (?P<all>\d+) MB")


def footer(report: Report, size: ConsoleDimensions, *, shown: str, now: float) -> Text:
    """Return the footer; `shown` is the target whose output alone is shown."""
    rows = [*_images(report, now), *_targets(report, shown, now)]
    most = max(1, size.height // 2 - 2)
    left = len(rows) - most
    if left > 0:
        rows = [*rows[: most - 1], Text(f"  and {left + 1} more: devrun status", style="dim")]
    lines = [Text("─" * size.width, style="dim"), *rows, _keys(shown)]
    for line in lines:
        line.truncate(size.width, overflow="ellipsis")
    return Text("\n").join(lines)


def _targets(report: Report, shown: str, now: float) -> Iterator[Text]:
    width = max(map(len, report.targets), default=0)
    for name, target in report.targets.items():
        yield _target(f"{name:<{width}}", target, now, is_left_out=shown not in ("", name))


def _target(name: str, target: TargetReport, now: float, *, is_left_out: bool) -> Text:
    state = state_of(target)
    style = "red" if target.hold in FAILED else STYLES.get(state.split()[0], "default")
    line = Text(" ").append(safe(name), "dim" if is_left_out else "bold").append(f"  {safe(state)}", style)
    if target.since and target.state == "running":
        line.append(f" {ago(target.since, now)}", "dim")
    for url in addresses(target):
        line.append("  ").append(url, f"underline link {url}")
    if target.problem:
        line.append(f"  {safe(target.problem.error)}", "red")
    elif not target.hold or target.hold.startswith("waiting"):
        line.append(f"  {safe(target.doing)}", "yellow")
    return line


def _images(report: Report, now: float) -> Iterator[Text]:
    for name, image in report.images.items():
        if image.working_since:
            yield _work(name, image, now)
        elif image.problem:
            line = (
                Text(" ")
                .append(f"image {safe(name)}", "bold")
                .append(f"  {safe(image.problem.error)}", "red")
            )
            yield line


def _work(name: str, image: ImageReport, now: float) -> Text:
    line = Text(" ").append(f"image {safe(name)}", "bold").append("  ")
    if found := _STEPS.match(image.progress) or _BYTES.search(image.progress):
        done, whole = int(found["done"]), max(1, int(found["all"]))
        filled = min(BAR, BAR * done // whole)
        line.append("━" * filled, "green").append("━" * (BAR - filled), "dim").append(" ")
    line.append(f"{ago(image.working_since, now)}  ", "dim")
    return line.append(safe(image.progress or image.doing), "yellow")


def _keys(shown: str) -> Text:
    line = Text(" ")
    for key, word in KEYS:
        line.append(key, "bold").append(
            f" {word}{f': {safe(shown)}' if key == 'l' and shown else ''}   ", "dim"
        )
    return line
