"""`devrun logs`: what targets wrote, over restarts, and what builds did."""

import sys
from collections import deque
from collections.abc import Iterable, Iterator

import click

from devrun.cli.main import Options
from devrun.cli.moments import Moment, clock
from devrun.cli.names import complete_targets
from devrun.cli.terminal import Prefixes, has_colours
from devrun.cli.text import safe
from devrun.config.project import TargetName
from devrun.core.journal import LogLine, Missed
from devrun.errors import NotRunningError

NS = 1_000_000_000


@click.command("logs")
@click.argument("targets", nargs=-1, metavar="[TARGET...]", shell_complete=complete_targets)
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written from now on.")
@click.option(
    "--since", type=Moment(), metavar="TIME", help="Only what is not older: 10m, 16:05, 2026-01-31."
)
@click.option("-n", "--tail", type=click.IntRange(min=0), metavar="N", help="Only the last N lines of each.")
@click.option("-t", "--timestamps", is_flag=True, help="Say when each line was written.")
@click.option("--json", "as_json", is_flag=True, help="Print each line as JSON.")
@click.option("--build", is_flag=True, help="What builds of the images wrote, instead.")
@click.pass_obj
def command(
    options: Options,
    targets: tuple[str, ...],
    follow: bool,  # noqa: FBT001 - click's way
    since: float | None,
    tail: int | None,
    timestamps: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
    build: bool,  # noqa: FBT001
) -> None:
    """Show what targets wrote, all of them or some; nothing is lost or shown twice over restarts.

    Where devrun does not run, it is read from the containers that are there.
    """
    from devrun.control.client import Client

    try:
        client = Client.connect(options.place())
    except NotRunningError:
        if follow or build:
            raise
        names = _named(options, targets)
        lines: Iterable[LogLine | Missed] = _from_engine(options, names, since or 0.0, tail)
    else:
        names = list(targets or client.status().targets)
        lines = client.logs(targets, follow=follow, build=build, since=since, tail=tail)
        if client.mismatch:
            click.echo(client.mismatch, err=True)
    _print(lines, Prefixes([] if build else names), timestamps=timestamps, as_json=as_json)


def _print(
    lines: "Iterable[LogLine | Missed]", prefixes: Prefixes, *, timestamps: bool, as_json: bool
) -> None:
    from devrun.control.wire import encode

    colours = has_colours(sys.stdout)
    for line in lines:
        if isinstance(line, Missed):
            click.echo(f"devrun: {line.lost} lines were written faster than they could be shown", err=True)
        elif as_json:
            click.echo(encode(line), nl=False)
        else:
            when = f"{clock(line.at)} " if timestamps else ""
            click.echo(f"{when}{prefixes.of(line.name, colours=colours)}{safe(line.text, colours=colours)}")


def _named(options: Options, names: tuple[str, ...]) -> list[str]:
    """Return the targets that are meant; raises ConfigError where there is none of that name."""
    from devrun.cli.watch import chosen

    project = options.project()
    chosen(project, names)
    return list(names or project.targets)


def _from_engine(options: Options, names: Iterable[str], since: float, tail: int | None) -> Iterator[LogLine]:
    """Yield what the engine kept of the containers' output, oldest first."""
    from devrun.engine.docker import connect

    engine = connect(options.project())
    found: list[LogLine] = []
    try:
        for target in map(TargetName, names):
            lines: deque[LogLine] = deque(maxlen=tail)
            for container in engine.inspect_target(target):
                engine.follow_output(
                    target,
                    container.id,
                    int(since * NS),
                    lambda line, lines=lines: lines.append(  # type: ignore[misc]
                        LogLine(line.at_ns / NS, line.target, line.stream, line.text)
                    ),
                )
            found += lines
    finally:
        engine.close()
    yield from sorted(found, key=lambda line: line.at)
