"""`devrun init`: a devrun.toml to begin with, from the Dockerfile and the scripts beside it."""

import os
from pathlib import Path

import click

from devrun.cli.main import Options
from devrun.cli.text import safe
from devrun.config.find import FILE_NAME
from devrun.config.mount_source import refusal
from devrun.config.pyproject import PYPROJECT, has_table
from devrun.errors import ConfigError, DevrunError


@click.command("init")
@click.option("-n", "--stdout", "is_shown", is_flag=True, help="Print it instead of writing it.")
@click.option("--vscode", is_flag=True, help="Write the entries by which VS Code attaches to debuggers.")
@click.pass_obj
def command(options: Options, is_shown: bool, vscode: bool) -> None:  # noqa: FBT001 - click's way
    """Write a devrun.toml with a target for what the Dockerfile starts, and one for each other script.

    Scripts are the files that say `if __name__ == "__main__":`. A file that is there is left as it is.
    """
    if vscode:
        _write_launch(options)
        return
    root = options.directory.resolve()
    file = root / (options.config or FILE_NAME)
    if not is_shown:
        _refuse_existing(root, file)
    if reason := refusal(root):
        raise ConfigError(f"{root}: {reason}", hint="move the project to a folder of its own")
    text = _draft(root)
    if is_shown:
        click.echo(text, nl=False)
        return
    _write(file, text)
    click.echo(
        f"devrun: wrote {file.name}; `devrun check` says what it means, `devrun watch` starts it", err=True
    )


def _write_launch(options: Options) -> None:
    from devrun.cli.vscode import write_launch

    launch = write_launch(options.project())
    if launch is None:
        raise ConfigError("no target has a debugger", hint="give one `debug = true` in devrun.toml")
    if launch.to_add:
        click.echo(f"devrun: add this to `configurations` of {safe(str(launch.path))}:", err=True)
        click.echo(launch.to_add)
        return
    said = "wrote" if launch.is_written else "nothing to add to"
    click.echo(f"devrun: {said} {safe(str(launch.path))}: {', '.join(map(safe, launch.names))}", err=True)


def _draft(root: Path) -> str:
    from devrun.cli.draft import draft
    from devrun.sources.survey import survey

    return draft(root.name, survey(root), lambda path: (root / path).is_file())


def _refuse_existing(root: Path, file: Path) -> None:
    if os.path.lexists(file):
        raise ConfigError(f"{file.name} is there already", hint="`devrun check` says what it means")
    if has_table(root / PYPROJECT):
        raise ConfigError(f"{PYPROJECT} has [tool.devrun] already", hint="`devrun check` says what it means")


def _write(file: Path, text: str) -> None:
    try:
        # Never over what somebody else has written in this moment.
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise DevrunError(f"write {file}: {(error.strerror or str(error)).lower()}") from error
