"""`devrun completion`: the script by which a shell completes commands, options, and names of the project."""

import click
from click.shell_completion import get_completion_class

from devrun.errors import ConfigError

VARIABLE = "_DEVRUN_COMPLETE"
"""By which the script asks; click knows it from the program's name."""
SHELLS = {
    "bash": 'eval "$(devrun completion bash)", in ~/.bashrc',
    "zsh": 'eval "$(devrun completion zsh)", in ~/.zshrc, behind `compinit`',
    "fish": "devrun completion fish > ~/.config/fish/completions/devrun.fish",
}

EPILOG = "\b\nIt is put to use by\n" + "\n".join(f"  {shell:<5} {line}" for shell, line in SHELLS.items())


@click.command("completion", epilog=EPILOG)
@click.argument("shell", metavar="|".join(SHELLS), type=click.Choice(list(SHELLS)))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print what makes a shell complete commands, options, and the names of targets and images."""
    made = get_completion_class(shell)
    if made is None:
        raise ConfigError(f"click completes nothing in {shell}")
    click.echo(made(context.find_root().command, {}, "devrun", VARIABLE).source())
