"""`devrun events`: every decision with its cause, action and seconds, over restarts of devrun itself."""

from collections.abc import Iterable, Iterator

import click

from devrun.cli.lines import lines_of, plain
from devrun.cli.main import Options
from devrun.cli.moments import Moment, clock
from devrun.cli.text import safe
from devrun.core.decide import HoldKind
from devrun.core.journal import Entry, EntryKind, Missed
from devrun.core.report import VERBS
from devrun.errors import NotRunningError


@click.command("events")
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens from now on.")
@click.option(
    "--since", type=Moment(), metavar="TIME", help="Only what is not older: 10m, 16:05, 2026-01-31."
)
@click.option("-n", "--tail", type=click.IntRange(min=0), metavar="N", help="Only the last N.")
@click.option("--json", "as_json", is_flag=True, help="Print each as JSON.")
@click.pass_obj
def command(
    options: Options,
    follow: bool,  # noqa: FBT001 - click's way
    since: float | None,
    tail: int | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Say what happened, and why: decisions, actions with their seconds, errors."""
    from devrun.control.client import Client
    from devrun.control.wire import encode

    try:
        client = Client.connect(options.place())
        entries: Iterable[Entry | Missed] = client.events(follow=follow, since=since, tail=tail)
    except NotRunningError:
        if follow:
            raise
        entries = _kept(options, since or 0.0, tail)
    for entry in entries:
        if isinstance(entry, Missed):
            click.echo(f"devrun: {entry.lost} events are gone", err=True)
        elif as_json:
            click.echo(encode(entry), nl=False)
        else:
            for text in texts_of(entry):
                click.echo(f"{clock(entry.at)}  {safe(text)}")


def texts_of(entry: Entry) -> Iterator[str]:
    """Yield an entry in words; what goes without saying elsewhere is said here, too."""
    said = [line.text for line in lines_of(entry)]
    subject = plain(entry.subject)
    match entry.kind:
        case _ if said:
            yield from said
        case EntryKind.BEGAN:
            yield f"{subject}: {VERBS.get(entry.action, entry.action)} ({entry.text})"
        case EntryKind.HELD if entry.hold != HoldKind.FAILED.value:  # which its action has said
            yield f"{subject}: {entry.text}"
        case EntryKind.STARTED:
            yield f"started: {entry.text}"
        case EntryKind.ENDED:
            yield "ended"
        case EntryKind.HELD:
            pass
        case _:
            seconds = "" if entry.seconds is None else f" in {entry.seconds:.2f} s"
            yield f"{subject}: {VERBS.get(entry.action, entry.action)}: {entry.kind}{seconds}"


def _kept(options: Options, since: float, tail: int | None) -> list[Entry]:
    """Return what the last daemon left."""
    from devrun.daemon.journal import read

    found = [entry for entry in read(options.place().journal) if entry.at >= since]
    return found if tail is None else found[max(0, len(found) - tail) :]
