"""The command line: options for all commands, and the commands, each imported when it is called."""

import difflib
import importlib
import io
import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from devrun import __version__
from devrun.cli.imports import uncollected
from devrun.cli.text import safe
from devrun.config.find import find_file, real_file, root_key
from devrun.control.peer import require_unix
from devrun.errors import ConfigError, DevrunError, ExitCode

if TYPE_CHECKING:
    from devrun.config.project import Project
    from devrun.control.place import Place

COMMANDS = {
    "watch": "Build, run, and keep running what you edit.",
    "status": "Show images and targets.",
    "logs": "Show what targets wrote.",
    "wait": "Return when what you saved is loaded and ready.",
    "restart": "Start targets anew.",
    "stop": "Stop targets until they are started.",
    "start": "Have targets run.",
    "rebuild": "Build images anew.",
    "events": "Say what happened, and why.",
    "explain": "Say what a change of a file does, and why.",
    "allow": "Grant what devrun.toml asks for beyond its containers.",
    "check": "Validate devrun.toml, and say what it means.",
    "ps": "List the projects that devrun runs for you.",
    "down": "Stop the daemon, remove containers and network.",
    "run": "Run a command in a container of its own.",
    "exec": "Run a command in a running container.",
    "shell": "Open a shell in a target's container.",
    "init": "Write a devrun.toml to begin with.",
    "doctor": "Find out what is in devrun's way.",
    "schema": "Print the JSON schema of devrun.toml.",
    "completion": "Print what makes a shell complete devrun.",
}

EPILOG = """\b
Exit codes: 0 good, 1 error, 2 usage or configuration, 3 not running, 4 engine unreachable,
5 already running, 6 a target failed, 124 time-out, 130 interrupted.
run, exec and shell end with the code of the command that they run; 125 is an error of their own.
"""


@dataclass(frozen=True, slots=True)
class Options:
    """The options before the command."""

    directory: Path
    config: Path | None
    verbosity: int

    @property
    def file(self) -> Path:
        """The project's file; raises ConfigError where there is none."""
        if self.config is None:
            return find_file(self.directory)
        file = self.directory / self.config
        if not file.exists():
            raise ConfigError(f"{self.config}: does not exist")
        return real_file(file)

    @property
    def root(self) -> Path:
        """The project's folder."""
        return self.file.parent

    def place(self) -> "Place":
        """Return where the project's lock and socket lie."""
        from devrun.control.place import Place

        return Place.of(root_key(self.root))

    def project(self) -> "Project":
        """Return the project; raises ConfigError with all problems of its file."""
        with uncollected():
            from devrun.config.load import load

            return load(self.file, os.environ)


class Commands(click.Group):
    """A group whose commands are modules of `devrun.cli`, imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's way
        """Return the commands in the order in which people need them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; raises ConfigError where there is none of this name."""
        if cmd_name not in COMMANDS and ctx.resilient_parsing:
            return None  # a shell asks what may follow: it has no use for an error
        if cmd_name not in COMMANDS:
            near = difflib.get_close_matches(cmd_name, COMMANDS, n=1)
            hint = f"did you mean `devrun {near[0]}`?" if near else "see `devrun --help`"
            raise ConfigError(f"no command is called {cmd_name}", hint=hint)
        with uncollected():
            command: click.Command = importlib.import_module(f"devrun.cli.{cmd_name}").command
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands, or options, that begin like a word, without importing them."""
        options = click.Command.shell_complete(self, ctx, incomplete)
        names = [name for name in COMMANDS if name.startswith(incomplete)]
        return [*options, *(CompletionItem(name, help=COMMANDS[name]) for name in names)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-C",
    "directory",
    metavar="DIR",
    default=".",
    type=click.Path(file_okay=False, exists=True),
    help="Look in DIR.",
)
@click.option("--config", metavar="FILE", type=click.Path(), help="Use FILE instead of devrun.toml.")
@click.option("-v", "--verbose", count=True, help="Say more; twice: everything.")
@click.option("-q", "--quiet", is_flag=True, help="Say only what went wrong.")
@click.version_option(__version__, prog_name="devrun", message="%(prog)s %(version)s")
@click.pass_context
def group(context: click.Context, directory: str, config: str | None, verbose: int, quiet: bool) -> None:  # noqa: FBT001 - click's way
    """A development runner for Python projects in Docker containers."""
    require_unix()  # before anything is imported that other systems do not have
    context.obj = Options(Path(directory), Path(config) if config else None, -1 if quiet else verbose)
    level = {0: logging.ERROR, 1: logging.INFO}.get(context.obj.verbosity, logging.DEBUG)
    logging.basicConfig(
        level=max(level, logging.ERROR) if quiet else level,
        format="%(asctime)s %(name)s %(levelname)s %(message)s",
        stream=sys.stderr,
    )


def cli() -> int:
    """Run the command line and return its exit code."""
    _open_streams()
    try:
        code = group.main(standalone_mode=False, prog_name="devrun")
        sys.stdout.flush()
    except DevrunError as error:
        return _told(error)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return ExitCode.USAGE
    except click.ClickException as error:
        return _told(_usage_error(error))
    except click.Abort:
        return ExitCode.INTERRUPTED
    except (BrokenPipeError, SystemExit):  # click, and rich, turn the one into the other
        _forget_stdout()
        return ExitCode.OK
    return code if isinstance(code, int) else ExitCode.OK


def _open_streams() -> None:
    """Let every text be written: names may hold what a terminal cannot show, and there may be none at all."""
    sys.stdout = sys.stdout or io.TextIOWrapper(io.BytesIO())
    sys.stderr = sys.stderr or io.TextIOWrapper(io.BytesIO())
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _usage_error(error: click.ClickException) -> ConfigError:
    message = error.format_message().rstrip(".")
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "devrun"
    return ConfigError(message[:1].lower() + message[1:], hint=f"see `{command} --help`")


def _forget_stdout() -> None:
    """Let nothing more be written: whoever read our output has seen enough, and Python flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _told(error: DevrunError) -> int:
    """Say an error on stderr: what, and then the remedy."""
    for line in error.message.splitlines():
        click.echo(f"error: {safe(line)}", err=True)
    for index, line in enumerate(error.hint.splitlines()):
        click.echo(("        " if index else "  hint: ") + safe(line), err=True)
    return error.exit_code
