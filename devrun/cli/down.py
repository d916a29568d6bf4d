"""`devrun down`: the end of the daemon, the containers and the network, whether or not a daemon runs."""

import os

import click

from devrun.cli.main import Options
from devrun.cli.text import safe
from devrun.config.project import Project
from devrun.engine.protocol import Engine, Removal
from devrun.errors import ConfigError, DevrunError, NotRunningError


@click.command("down")
@click.option("--images", is_flag=True, help="Remove the images too that were built for this project.")
@click.option("--volumes", is_flag=True, help="Remove its named volumes too, with all that is in them.")
@click.pass_obj
def command(options: Options, *, images: bool, volumes: bool) -> None:
    """Stop the daemon if one runs, and remove this project's containers and network.

    Images and named volumes are kept unless they are asked for. What others build, or use, is never removed.
    """
    _end_daemon(options)
    # What the daemon could not remove, or left when it was killed, is known by its labels.
    from devrun.engine.docker import connect

    engine = connect(_project(options), options.place().agents)
    try:
        _remove(engine, images=images, volumes=volumes)
    finally:
        engine.close()


def _end_daemon(options: Options) -> None:
    from devrun.control.client import Client

    try:
        client = Client.connect(options.place())
        client.shutdown(remove=True)
        if not client.wait_until_gone():
            raise DevrunError(
                f"the daemon (pid {client.holder.pid}) does not end", hint=f"kill -9 {client.holder.pid}"
            )
        click.echo("devrun: stopped the daemon", err=True)
    except NotRunningError:
        pass


def _remove(engine: Engine, *, images: bool, volumes: bool) -> None:
    _tell(Removal(engine.remove_everything()))
    if images:
        _tell(engine.remove_images())
    if volumes:
        _tell(engine.remove_volumes())


def _tell(removal: Removal) -> None:
    for name in removal.removed:
        click.echo(f"devrun: removed {safe(name)}", err=True)
    for text in removal.left:
        click.echo(f"devrun: left {safe(text)}", err=True)


def _project(options: Options) -> Project:
    """Return the project, as far as labels need it: a broken file must not keep containers alive."""
    from devrun.config.load import load_identity

    try:
        return options.project()
    except ConfigError:
        return load_identity(options.file, os.environ)
