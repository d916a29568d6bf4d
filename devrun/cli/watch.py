"""`devrun watch`: the daemon in the foreground, in the background, or followed where it runs already."""

import sys
from functools import partial
from typing import TYPE_CHECKING

import click

from devrun import __version__
from devrun.cli.grants import allow_option, granted
from devrun.cli.imports import uncollected
from devrun.cli.main import Options
from devrun.cli.names import complete_targets, target_of
from devrun.config.project import Project, TargetName
from devrun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from devrun.config.grants import Grants
    from devrun.control.lock import Lock
    from devrun.daemon.loop import Daemon

SWITCH_S = 0.001
"""A fifth of Python's own; an answer takes several switches between threads."""


@click.command("watch")
@click.argument("targets", nargs=-1, metavar="[TARGET...]", shell_complete=complete_targets)
@click.option("-d", "--detach", is_flag=True, help="Run in the background; return when the socket answers.")
@click.option("-a", "--attach", is_flag=True, help="Follow the devrun that runs already.")
@allow_option
@click.option("--ready-fd", type=int, hidden=True)
@click.pass_obj
def command(
    options: Options,
    targets: tuple[str, ...],
    detach: bool,  # noqa: FBT001 - click's way
    attach: bool,  # noqa: FBT001
    allow: bool,  # noqa: FBT001
    ready_fd: int | None,
) -> int:
    """Build the images, run the targets, and keep running what you edit.

    With TARGETs, only these are run. Ctrl-C stops the containers and keeps them; the next watch starts them
    again without a build.
    """
    if detach and attach:
        raise ConfigError("--detach and --attach exclude one another")
    if attach:
        from devrun.cli.attach import attach as follow

        return follow(options)
    project = options.project()
    only = chosen(project, targets)
    grants = granted(options, project, allow=allow)
    if detach:
        from devrun.cli.background import detach as go

        return go(options, targets, allow=allow)
    return _run(options, project, grants, only, ready_fd)


def chosen(project: Project, names: tuple[str, ...]) -> frozenset[TargetName]:
    """Return the names as targets; raises ConfigError where there is none of that name."""
    return frozenset(target_of(project, name) for name in names)


def _run(
    options: Options, project: Project, grants: "Grants", only: frozenset[TargetName], ready_fd: int | None
) -> int:
    # The engine first: it needs its time, and the rest is imported meanwhile.
    with uncollected():
        from devrun.control.lock import Lock
        from devrun.daemon.ahead import Ahead
        from devrun.daemon.cache import Cache
        from devrun.engine.docker import connect

    # Targets that flood their output keep threads busy: whoever asks for the status must not wait for them.
    sys.setswitchinterval(SWITCH_S)
    place = options.place()
    with Lock.acquire(place, root=project.root, version=__version__) as lock:
        wanted = project.wanted(only, Cache(place.cache).read().stopped)
        ahead = Ahead(partial(connect, agents=place.agents, probed=place.probed), project, wanted)
        # The loop brings the watcher and the server with it: nothing that a wrong file should wait for.
        with uncollected():
            from devrun.daemon.loop import Daemon

        make = partial(Daemon, project, ahead.connect, place=place, only=only, permit=grants.require)
        names = [name for name in project.targets if not only or name in only]
        return _serve(options, names, make, lock, ready_fd)


def _serve(
    options: Options,
    names: "Sequence[TargetName]",
    make: "Callable[..., Daemon]",
    lock: "Lock",
    ready_fd: int | None,
) -> int:
    from devrun.cli.background import tell_starter
    from devrun.cli.logfile import LogFile

    with LogFile(lock.place.log) as log:
        if ready_fd is not None:
            return make(log.hearing(), detached=True).run(lock, partial(tell_starter, ready_fd))
        said = f"watching {lock.holder.root} ({', '.join(names)}); Ctrl-C stops"
        if not has_screen(options):
            from devrun.cli.terminal import Terminal

            terminal = Terminal(names, quiet=options.verbosity < 0)
            terminal.say(said)
            return make(log.hearing(terminal)).run(lock)
        from devrun.cli.controls import LocalControls
        from devrun.cli.live import LiveView

        view = LiveView(names, quiet=options.verbosity < 0)
        view.say(said)
        daemon = make(log.hearing(view))
        try:
            return daemon.run(lock, lambda: view.begin(LocalControls(daemon.desk)))
        finally:
            view.close()


def has_screen(options: Options) -> bool:
    """Tell whether there is a terminal to draw on, with keys, and nothing else that writes to it."""
    return options.verbosity <= 0 and all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
