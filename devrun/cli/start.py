"""`devrun start`: a wish to the running daemon."""

import click

from devrun.cli.main import Options
from devrun.cli.names import complete_targets
from devrun.cli.wishes import Wish, no_wait


@click.command("start")
@click.argument("targets", nargs=-1, metavar="[TARGET...]", shell_complete=complete_targets)
@no_wait
@click.pass_obj
def command(options: Options, targets: tuple[str, ...], no_wait: bool) -> int:  # noqa: FBT001 - click's way
    """Have targets run, all or some; one that runs goes on."""
    wish = Wish(options)
    names = list(targets or wish.report.targets)
    return wish.of_each(names, wish.client.start, wish.until_ready, wait=not no_wait)
