"""`devrun down`: the end of the daemon, the containers and the network, whether or not a daemon runs."""

import os

import click

from devrun.cli.main import Options
from devrun.cli.text import safe
from devrun.config.project import Project
from devrun.errors import ConfigError, DevrunError, NotRunningError


@click.command("down")
@click.pass_obj
def command(options: Options) -> None:
    """Stop the daemon if one runs, and remove this project's containers and network. Images are kept."""
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
    # What the daemon could not remove, or left when it was killed, is known by its labels.
    from devrun.engine.docker import connect

    engine = connect(_project(options))
    try:
        for name in engine.remove_everything():
            click.echo(f"devrun: removed {safe(name)}", err=True)
    finally:
        engine.close()


def _project(options: Options) -> Project:
    """Return the project, as far as labels need it: a broken file must not keep containers alive."""
    from devrun.config.load import load_identity

    try:
        return options.project()
    except ConfigError:
        return load_identity(options.file, os.environ)
