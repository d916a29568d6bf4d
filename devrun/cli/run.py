"""`devrun run`: a command in a container of its own, made like a target's and removed afterwards."""

import click

from devrun.cli.grants import allow_option
from devrun.cli.main import Options
from devrun.cli.names import complete_targets_and_images
from devrun.cli.sessions import REST, command_of, run, telling_own_errors


@click.command("run", context_settings=REST)
@click.argument("name", metavar="TARGET|IMAGE", shell_complete=complete_targets_and_images)
@click.argument("words", nargs=-1, metavar="[-- COMMAND...]", type=click.UNPROCESSED)
@allow_option
@click.pass_obj
def command(options: Options, name: str, words: tuple[str, ...], allow: bool) -> int:  # noqa: FBT001 - click's way
    """Run COMMAND in a new container with all that TARGET has: image, mount, variables, network, no ports.

    Without a COMMAND, what the target runs; of an IMAGE, its own program, with the project's mount.
    The container is removed when the command ends. Ends with its exit code; with 125 where devrun itself
    fails.
    """
    with telling_own_errors():
        return run(options, name, command_of(words), allow=allow)
