"""`devrun restart`: a wish to the running daemon."""

import click

from devrun.cli.main import Options
from devrun.cli.names import complete_targets
from devrun.cli.wishes import Wish, active, no_wait


@click.command("restart")
@click.argument("targets", nargs=-1, metavar="[TARGET...]", shell_complete=complete_targets)
@no_wait
@click.pass_obj
def command(options: Options, targets: tuple[str, ...], no_wait: bool) -> int:  # noqa: FBT001 - click's way
    """Start targets anew, all that run or some; a stopped one that is named runs again."""
    wish = Wish(options)
    names = list(targets or active(wish.report))
    return wish.of_each(names, wish.client.restart, wish.until_ready, wait=not no_wait)
