"""`devrun allow`: the user grants what a devrun.toml asks for beyond its containers."""

import sys
from collections.abc import Iterator, Sequence

import click

from devrun.cli.main import Options
from devrun.cli.text import safe
from devrun.config.grants import Grants
from devrun.config.project import Project
from devrun.control.place import Place
from devrun.errors import ConfigError, DevrunError, ExitCode


@click.command("allow")
@click.option("-y", "--yes", is_flag=True, help="Grant it without being asked.")
@click.pass_obj
def command(options: Options, *, yes: bool) -> int:
    """Show what devrun.toml asks for beyond its containers, and grant it.

    Folders outside the project, engines' sockets, the home directory, this machine's network, devices and
    rights are had by a container only once they were granted here. What is asked for later is asked about
    again. The grant is kept outside the project.
    """
    project = options.project()
    place = options.place()
    place.check_outside(project.root)
    grants = Grants(place.grants)
    asked = [demand.text for demand in project.demands]
    before = grants.kept(project)
    if not grants.missing(project):
        said = "is all granted" if asked else "is nothing"
        click.echo(f"devrun: what {project.file_name} asks for beyond its containers {said}", err=True)
    else:
        click.echo(f"{safe(str(project.file))} asks for this beyond its containers:")
        for line in _difference(before, asked):
            click.echo(safe(line))
        if not yes and not _is_wanted():
            click.echo("devrun: nothing was granted", err=True)
            return ExitCode.ERROR
    if set(before) != set(asked):
        place.make()
        grants.keep(project)
        _tell_daemon(place, project)
    return ExitCode.OK


def _difference(before: Sequence[str], asked: Sequence[str]) -> Iterator[str]:
    """Yield what is asked for; beside what was granted before, what is new or gone is marked."""
    if not before:
        yield from (f"  {text}" for text in asked)
        return
    yield from (f"  {text}" if text in before else f"+ {text}" for text in asked)
    yield from (f"- {text}" for text in before if text not in asked)


def _is_wanted() -> bool:
    if not all(stream.isatty() for stream in (sys.stdin, sys.stderr)):
        raise ConfigError("there is no terminal to ask on", hint="`devrun allow --yes` grants it")
    return click.confirm("Grant it?", default=False, err=True)


def _tell_daemon(place: Place, project: Project) -> None:
    """Say that it was granted; a daemon that refused the file looks at it again."""
    click.echo(f"devrun: granted to {safe(str(project.root))}", err=True)
    from devrun.control.client import Client

    try:
        # A wait has the daemon look at everything; it need not be waited for.
        Client.connect(place).wait(timeout_s=0)
    except DevrunError:
        return  # None runs, or it has its own troubles, which status tells.
