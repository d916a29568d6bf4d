"""`devrun status`: the daemon's report, as a table or as it came, once or for as long as one looks."""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from devrun.cli.main import Options
from devrun.errors import ExitCode, NotRunningError

if TYPE_CHECKING:
    from devrun.control.client import Client


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("-f", "--follow", is_flag=True, help="Show it anew whenever it changes.")
@click.option(
    "--wait", is_flag=True, help="First wait until all that was saved is ready, as `devrun wait` does."
)
@click.pass_obj
def command(options: Options, as_json: bool, follow: bool, wait: bool) -> int:  # noqa: FBT001 - click's way
    """Show images and targets of the running daemon; ends with 3 where none runs."""
    from devrun.control.client import Client

    client = Client.connect(options.place())
    code: int = ExitCode.OK
    if wait:
        from devrun.core.waiting import EXIT_CODES

        code = EXIT_CODES.get(client.wait().outcome, ExitCode.ERROR)
    body = client.status_bytes()
    if client.mismatch:
        click.echo(client.mismatch, err=True)
    if follow:
        _follow(client, as_json=as_json)
    elif as_json:
        sys.stdout.write(body.decode())
    else:
        from devrun.cli.table import print_report
        from devrun.control.wire import decode
        from devrun.core.report import Report

        print_report(decode(Report, body))
    return code


def _follow(client: "Client", *, as_json: bool) -> None:
    if as_json:
        for body in _bodies(client):
            sys.stdout.write(body.decode())
            sys.stdout.flush()
        return
    from devrun.cli.table import show_reports
    from devrun.control.wire import decode
    from devrun.core.report import Report

    show_reports(decode(Report, body) for body in _bodies(client))


def _bodies(client: "Client") -> Iterator[bytes]:
    """Yield the report whenever something happened, until the daemon ends."""
    last = b""
    for _ in client.events(follow=True, tail=1):
        try:
            body = client.status_bytes()
        except NotRunningError:
            return  # It ended between the two.
        if body != last:
            yield body
        last = body
