"""A program in a container that a person has started: bytes go to it and come from it until it ends.

Everything else that devrun reads of containers comes from their logs; here the connection with the engine
itself is the stream, in both directions.
"""

import json
from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol

from devrun.engine.connection import CALL_TIMEOUT_S, Connection
from devrun.engine.exchange import Params
from devrun.engine.frames import split_frames

# Ctrl-P Ctrl-Q would be taken out of what is typed: the engine's way to leave a terminal. It cannot be
# switched off, only be made what nobody types.
DETACH_KEYS = "ctrl-^,ctrl-@,ctrl-^,ctrl-@"


class Size(NamedTuple):
    """Of a terminal, in characters."""

    rows: int
    columns: int

    @property
    def params(self) -> Params:
        """As the engine's calls take it."""
        return {"h": self.rows, "w": self.columns}


class Session(Protocol):
    """A program that runs. Every method may be called from any thread."""

    def output(self) -> Iterator[tuple[str, bytes]]:
        """Yield what it writes, with `stdout` or `stderr`, until it ends or `close` is called."""

    def write(self, data: bytes) -> None:
        """Let it read this; raises OSError when it can read no more."""

    def end_input(self) -> None:
        """Let it read the end of its input."""

    def resize(self, size: Size) -> None:
        """Tell its terminal how large it is."""

    def signal(self, name: str) -> None:
        """Send it a signal; one that ended is fine."""

    def wait(self) -> int:
        """Return its exit code, once there is no more output."""

    def close(self) -> None:
        """Leave it, and end it if it runs; a second call does nothing."""


class Stream:
    """The connection with one program."""

    def __init__(self, connection: Connection, *, tty: bool) -> None:
        self._connection = connection
        self._exchange = connection.exchange()
        self._tty = tty

    def open(self, path: str, what: str, *, params: Params | None = None, body: object = None) -> None:
        """Let the engine make a stream of the connection; errors begin with `what`."""
        headers = {"Connection": "Upgrade", "Upgrade": "tcp", "Content-Type": "application/json"}
        with self._connection.asking(what):
            self._exchange.send(
                "POST",
                path,
                params=params,
                body=None if body is None else json.dumps(body).encode(),
                headers=headers,
                timeout=CALL_TIMEOUT_S,
            )

    def output(self) -> Iterator[tuple[str, bytes]]:
        """Yield what comes, with where it was written to; a terminal has one stream only."""
        with self._connection.asking("read what the program writes"):
            if self._tty:
                yield from (("stdout", chunk) for chunk in self._exchange.chunks())
            else:
                yield from split_frames(self._exchange.chunks())

    def write(self, data: bytes) -> None:
        """Send what was typed; raises OSError when nobody reads it any more."""
        self._exchange.write(data)

    def end_input(self) -> None:
        """Say that nothing more is typed. A terminal has no such end: there, a character says it."""
        if not self._tty:
            self._exchange.end_input()

    def close(self) -> None:
        """Cut the connection."""
        self._exchange.close()


def post(connection: Connection, path: str, body: Mapping[str, object]) -> bytes:
    """Return the engine's answer to a body of JSON; within `asking`."""
    content = json.dumps(body).encode()
    return connection.open("POST", path, body=content, headers={"Content-Type": "application/json"}).read()
