"""`devrun watch --attach`: the lines of a daemon that runs elsewhere, as its own terminal would show them."""

import signal
import threading
from collections.abc import Callable, Iterable
from types import FrameType
from typing import TypeVar

import click

from devrun.cli.main import Options
from devrun.cli.terminal import Terminal
from devrun.control.client import Client
from devrun.core.journal import Entry, LogLine, Missed
from devrun.errors import DevrunError, ExitCode

PAUSE_S = 0.2
Item = TypeVar("Item", Entry, LogLine)


def attach(options: Options) -> int:
    """Follow the daemon until it ends, or until the user has seen enough."""
    from devrun.cli.watch import has_screen

    client = Client.connect(options.place())
    report = client.status()
    if client.mismatch:
        click.echo(client.mismatch, err=True)
    left, ended = threading.Event(), threading.Event()

    def leave(_number: int = 0, _frame: FrameType | None = None) -> None:
        left.set()
        ended.set()

    signal.signal(signal.SIGINT, leave)
    if has_screen(options):
        from devrun.cli.controls import RemoteControls
        from devrun.cli.live import LiveView

        view = LiveView(list(report.targets), quiet=options.verbosity < 0)
        view.begin(RemoteControls(client, leave))
        terminal: Terminal = view
    else:
        terminal = Terminal(list(report.targets), quiet=options.verbosity < 0)
    terminal.say(
        f"attached to pid {client.holder.pid}, which watches {report.root}; Ctrl-C leaves it running"
    )
    for name, follow in (
        ("events", lambda: _follow(client.events(follow=True, after=report.entry), terminal.told, terminal)),
        ("logs", lambda: _follow(client.logs(follow=True, tail=0), terminal.wrote, terminal)),
    ):
        threading.Thread(target=_until_end, args=(follow, ended), name=name, daemon=True).start()
    while not ended.wait(PAUSE_S):
        pass
    terminal.close()
    terminal.say("left; devrun goes on" if left.is_set() else "devrun ended")
    return ExitCode.OK


def _follow(items: "Iterable[Item | Missed]", take: Callable[[Item], None], terminal: Terminal) -> None:
    for item in items:
        if isinstance(item, Missed):
            terminal.say(f"{item.lost} lines were too fast to be followed")
        else:
            take(item)


def _until_end(follow: Callable[[], None], ended: threading.Event) -> None:
    try:
        follow()
    except DevrunError:
        pass  # It went while it was asked: that is its end, too.
    finally:
        ended.set()
