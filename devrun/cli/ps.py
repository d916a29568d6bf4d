"""`devrun ps`: all daemons of this user, each with the state of its targets; what is stale is cleaned up."""

import json
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import click

from devrun.cli.main import Options
from devrun.cli.text import ago, safe
from devrun.control.client import Client
from devrun.control.lock import Holder, read
from devrun.control.place import Place, places
from devrun.control.stale import clean
from devrun.core.report import Report
from devrun.errors import DevrunError

TIMEOUT_S = 1.0
"""A daemon answers in milliseconds; one that hangs must not hide the others."""


@dataclass(frozen=True, slots=True)
class Row:
    """A daemon."""

    holder: Holder
    report: Report | None
    error: str = ""

    @property
    def state(self) -> str:
        """What its targets do, in a few words."""
        if self.report is None:
            return self.error
        if not self.report.engine_up:
            return "no engine"
        counted = Counter(_word(target.state, target.hold) for target in self.report.targets.values())
        return ", ".join(f"{number} {word}" for word, number in counted.items()) or "no targets"


@click.command("ps")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@click.option(
    "--socket", "is_socket", is_flag=True, help="Print where this project's devrun listens, for curl."
)
@click.pass_obj
def command(options: Options, as_json: bool, is_socket: bool) -> None:  # noqa: FBT001 - click's way
    """List the projects that devrun runs for you, wherever they are."""
    if is_socket:
        click.echo(str(Client.connect(options.place()).holder.socket))
        return
    rows = []
    for place in places():
        if holder := read(place):
            rows.append(_row(place, holder))
        else:
            clean(place)
    if as_json:
        sys.stdout.write(json.dumps([_as_json(row) for row in rows]) + "\n")
    elif rows:
        _print(rows)
    else:
        click.echo("devrun: nothing runs", err=True)


def _row(place: Place, holder: Holder) -> Row:
    try:
        return Row(holder, Client(place, holder, TIMEOUT_S).status())
    except DevrunError:
        return Row(holder, None, "does not answer")


def _word(state: str, hold: str) -> str:
    return hold if hold in {"crashed", "failed", "stopped"} else state


def _as_json(row: Row) -> dict[str, object]:
    holder, report = row.holder, row.report
    return {
        "project": report.project if report else None,
        "root": str(holder.root),
        "pid": holder.pid,
        "version": holder.version,
        "socket": str(holder.socket),
        "started": holder.started,
        "state": row.state,
        "settled": report.settled if report else None,
    }


def _print(rows: Iterable[Row]) -> None:
    table = [("PROJECT", "PID", "UP", "STATE", "FOLDER")]
    for row in rows:
        project = row.report.project if row.report else "?"
        table.append(
            (
                safe(project),
                str(row.holder.pid),
                ago(row.holder.started),
                row.state,
                safe(_short(row.holder.root)),
            )
        )
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    for line in table:
        click.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip())


def _short(root: Path) -> str:
    home = Path.home()
    return f"~/{root.relative_to(home)}" if root.is_relative_to(home) else str(root)
