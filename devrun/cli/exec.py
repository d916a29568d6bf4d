"""`devrun exec`: a command in the container in which a target runs."""

import click

from devrun.cli.main import Options
from devrun.cli.names import complete_targets
from devrun.cli.sessions import REST, command_of, execute, telling_own_errors


@click.command("exec", context_settings=REST)
@click.argument("name", metavar="TARGET", shell_complete=complete_targets)
@click.argument("words", nargs=-1, required=True, metavar="COMMAND...", type=click.UNPROCESSED)
@click.pass_obj
def command(options: Options, name: str, words: tuple[str, ...]) -> int:
    """Run COMMAND in the running container of TARGET, beside its program.

    Ends with the command's exit code; with 125 where devrun itself fails.
    """
    with telling_own_errors():
        return execute(options, name, command_of(words))
