"""`devrun watch --detach`: the daemon in a process of its own, and how its starter hears that it serves.

The daemon is a fresh process in a session of its own, not a fork: nothing of the starter lives on in it. It
says through a pipe that its socket answers; a pipe that ends without it means that it could not start.
"""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import click

from devrun.cli.logfile import LogFile
from devrun.cli.main import Options
from devrun.cli.text import safe
from devrun.control.lock import already_running, read
from devrun.errors import DevrunError, ExitCode

READY = b"ready"
LAST_LINES = 20
LAST_BYTES = 16 * 1024


def detach(options: Options, targets: tuple[str, ...], *, allow: bool) -> int:
    """Start the daemon, and return when its socket answers; else say why it does not."""
    place = options.place()
    if holder := read(place):
        raise already_running(holder)
    place.check_outside(options.root)
    place.make()
    before = place.log.stat().st_size if place.log.exists() else 0
    reading, writing = os.pipe()
    with LogFile(place.log) as log:
        daemon = subprocess.Popen(
            [*_command(options), "--ready-fd", str(writing), *(["--allow"] if allow else []), *targets],
            stdin=subprocess.DEVNULL,
            stdout=log.file.fileno(),
            stderr=log.file.fileno(),
            pass_fds=(writing,),
            start_new_session=True,
            cwd="/",  # where no folder of the user's can take a module's place, or be kept from being removed
        )
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read(len(READY))
    if said == READY:
        click.echo(f"devrun: runs in the background, pid {daemon.pid}", err=True)
        click.echo("devrun: `devrun logs -f` follows it, `devrun down` ends it", err=True)
        return ExitCode.OK
    code = daemon.wait()
    for line in _last_lines(place.log, before):
        click.echo(safe(line), err=True)
    if code in set(ExitCode) and code:
        return code
    raise DevrunError(f"the daemon ended with {code} before it served", hint=f"its log is {place.log}")


def _command(options: Options) -> list[str]:
    given = ["-C", str(options.directory.resolve())]
    given += ["--config", str(options.config)] if options.config else []
    return [sys.executable, "-m", "devrun", *given, "watch"]


def _last_lines(log: Path, start: int) -> list[str]:
    size = log.stat().st_size
    with log.open("rb") as file:
        file.seek(max(0, size - LAST_BYTES, start if start <= size else 0))
        return file.read().decode("utf-8", "replace").splitlines()[-LAST_LINES:]


def tell_starter(descriptor: int) -> None:
    """Tell over the pipe that the socket answers; a starter that has gone need not know."""
    with contextlib.suppress(BrokenPipeError):
        os.write(descriptor, READY)
    os.close(descriptor)
