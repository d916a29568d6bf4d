"""`devrun watch`: the daemon in the foreground."""

import difflib

import click

from devrun.cli.main import Options
from devrun.cli.names import complete_targets
from devrun.config.project import Project, TargetName
from devrun.errors import ConfigError


@click.command("watch")
@click.argument("targets", nargs=-1, metavar="[TARGET...]", shell_complete=complete_targets)
@click.pass_obj
def command(options: Options, targets: tuple[str, ...]) -> int:
    """Build the images, run the targets, and keep running what you edit.

    With TARGETs, only these are run. Ctrl-C stops the containers and keeps them; the next watch starts them
    again without a build.
    """
    project = options.project()
    only = _chosen(project, targets)
    # The loop brings Docker, the watcher and the server with it: nothing that a wrong file should wait for.
    from devrun.cli.terminal import Terminal
    from devrun.daemon.loop import Daemon
    from devrun.engine.docker import connect

    terminal = Terminal(project, only, quiet=options.verbosity < 0)
    terminal.begin()
    return Daemon(project, connect, terminal, place=options.place(), only=only).run()


def _chosen(project: Project, names: tuple[str, ...]) -> frozenset[TargetName]:
    for name in names:
        if name not in project.targets:
            near = difflib.get_close_matches(name, project.targets, n=1)
            known = ", ".join(project.targets)
            hint = f"did you mean {near[0]}?" if near else f"there is {known}"
            raise ConfigError(f"no target is called {name}", hint=hint)
    return frozenset(TargetName(name) for name in names)
