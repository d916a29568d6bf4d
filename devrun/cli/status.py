"""`devrun status`: the daemon's report, as a table or as it came."""

import sys

import click

from devrun.cli.main import Options


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.pass_obj
def command(options: Options, as_json: bool) -> None:  # noqa: FBT001 - click's way
    """Show images and targets of the running daemon; ends with 3 where none runs."""
    from devrun.control.client import Client

    client = Client.connect(options.place())
    body = client.status_bytes()
    if client.mismatch:
        click.echo(client.mismatch, err=True)
    if as_json:
        sys.stdout.write(body.decode())
        return
    from devrun.cli.table import print_report
    from devrun.control.wire import decode
    from devrun.core.report import Report

    print_report(decode(Report, body))
