"""What `devrun watch` prints: its own lines on stderr, what targets write on stdout."""

import os
import sys
import threading
from collections.abc import Collection
from typing import TextIO

import click

from devrun.cli.lines import Line, lines_of
from devrun.cli.text import safe
from devrun.core.journal import Entry, LogLine

COLOURS = ("cyan", "yellow", "green", "magenta", "blue", "bright_cyan", "bright_yellow", "bright_green")


class Prefixes:
    """What stands before the lines of each target where there are several; who has a colour keeps it."""

    def __init__(self, names: Collection[str]) -> None:
        self._colours = {name: COLOURS[index % len(COLOURS)] for index, name in enumerate(names)}
        self._width = max(map(len, names), default=0)

    def of(self, name: str, *, colours: bool) -> str:
        """Return the prefix of a name, which may be a new one; empty where there is no other."""
        if name not in self._colours:
            self._colours[name] = COLOURS[len(self._colours) % len(COLOURS)]
            self._width = max(self._width, len(name))
        if len(self._colours) < 2:
            return ""
        prefix = f"{safe(name):<{self._width}} | "
        return click.style(prefix, fg=self._colours[name]) if colours else prefix


class Terminal:
    """Prints what it is told, from several threads, in lines that do not mix."""

    def __init__(self, names: Collection[str], *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._prefixes = Prefixes(names)
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        """Say something of devrun's own."""
        self._say(Line(text))

    def told(self, entry: Entry) -> None:
        """Say what happened."""
        for line in lines_of(entry):
            self._say(line)

    def wrote(self, line: LogLine) -> None:
        """Print a line of a target on stdout."""
        colours = has_colours(sys.stdout)
        self._print(
            self._prefixes.of(line.name, colours=colours) + safe(line.text, colours=colours), sys.stdout
        )

    def close(self) -> None:
        """Print what is left."""

    def leave(self) -> None:
        """Put nothing back: nothing was taken."""

    def _say(self, line: Line) -> None:
        if self._quiet and not line.always:
            return
        mark, text = "devrun:", safe(line.text)
        if has_colours(sys.stderr):
            mark = click.style(mark, bold=True)
            text = click.style(text, fg=line.colour) if line.colour else text
        self._print(f"{mark} {text}", sys.stderr)

    def _print(self, text: str, stream: TextIO) -> None:
        with self._lock:
            try:
                stream.write(f"{text}\n")
                stream.flush()
            except (BrokenPipeError, ValueError):
                pass  # Whoever read it has gone; the containers run on.


def has_colours(stream: TextIO) -> bool:
    """Tell whether a stream is a terminal whose user wants colours."""
    return not stream.closed and stream.isatty() and not os.environ.get("NO_COLOR")
