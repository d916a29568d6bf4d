"""`devrun shell`: a shell where a target runs, or in a container like it."""

import click

from devrun.cli.grants import allow_option
from devrun.cli.main import Options
from devrun.cli.names import complete_targets_and_images
from devrun.cli.sessions import open_shell, telling_own_errors


@click.command("shell")
@click.argument("name", metavar="TARGET|IMAGE", shell_complete=complete_targets_and_images)
@allow_option
@click.pass_obj
def command(options: Options, name: str, allow: bool) -> int:  # noqa: FBT001 - click's way
    """Open bash, or else sh, in the container of TARGET.

    Where it does not run, and for an IMAGE, in a new container, which is removed afterwards. Ends with the
    shell's exit code; with 125 where devrun itself fails.
    """
    with telling_own_errors():
        return open_shell(options, name, allow=allow)
