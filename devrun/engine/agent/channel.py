"""The socket on which devrun asks: lines of JSON both ways, any number of connections, none of them needed.

A peer that sends nonsense is told so, one that sends without end or never reads loses its connection. The
agent never waits for any of them.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from loop import Loop

    class Desk(Protocol):
        """Who answers."""

        def greeting(self) -> dict[str, object]: ...
        def ask(self, question: dict[str, object], answer: Callable[[dict[str, object]], None]) -> None: ...


LINE_LIMIT = 1 << 20
UNREAD_LIMIT = 1 << 18
"""An answer has less than a kilobyte: who leaves hundreds of them unread has gone."""
CONNECTIONS = 64
READ_SIZE = 1 << 16


class Channel:
    """The listening socket and those that are connected."""

    def __init__(self, loop: Loop, path: str, desk: Desk) -> None:
        """Listens; raises OSError where the socket cannot be made."""
        self._loop = loop
        self._desk = desk
        self._connections: set[Connection] = set()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self._socket.bind(path)
        # devrun may be another user than the container's; the directory keeps everybody else out.
        os.chmod(path, 0o777)
        self._socket.listen(16)
        loop.watch(self._socket.fileno(), self._accept)

    def broadcast(self, message: dict[str, object]) -> None:
        """Tells all that are connected."""
        for connection in tuple(self._connections):
            connection.send(message)

    def _accept(self) -> None:
        try:
            accepted, _ = self._socket.accept()
        except OSError:
            return
        if len(self._connections) >= CONNECTIONS:
            accepted.close()
            return
        connection = Connection(self._loop, accepted, self._desk, self._connections.discard)
        self._connections.add(connection)
        connection.send(self._desk.greeting())


class Connection:
    """One peer."""

    def __init__(
        self, loop: Loop, accepted: socket.socket, desk: Desk, closed: Callable[[Connection], None]
    ) -> None:
        accepted.settimeout(0)
        self._loop = loop
        self._socket = accepted
        self._desk = desk
        self._closed = closed
        self._received = b""
        self._unsent = b""
        self._open = True
        loop.watch(accepted.fileno(), self._ready)

    def send(self, message: dict[str, object]) -> None:
        """Sends what can be sent now, and the rest when the peer reads; does nothing once it is closed."""
        if self._open:
            self._unsent += json.dumps(message).encode() + b"\n"
            self._flush()

    def _ready(self) -> None:
        if self._unsent:
            self._flush()
        if self._open:
            self._read()

    def _flush(self) -> None:
        try:
            sent = self._socket.send(self._unsent, socket.MSG_NOSIGNAL)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._close()
            return
        self._unsent = self._unsent[sent:]
        if len(self._unsent) > UNREAD_LIMIT:
            self._close()
        else:
            self._loop.watch(self._socket.fileno(), self._ready, writing=bool(self._unsent))

    def _read(self) -> None:
        try:
            received = self._socket.recv(READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            received = b""
        if not received:
            self._close()
            return
        *lines, self._received = (self._received + received).split(b"\n")
        for line in lines:
            self._take(line)
        if len(self._received) > LINE_LIMIT:
            self.send({"id": None, "error": "a line is longer than 1 MiB"})
            self._close()

    def _take(self, line: bytes) -> None:
        try:
            question = json.loads(line)
        except (ValueError, RecursionError):
            question = None
        if not isinstance(question, dict):
            self.send({"id": None, "error": "not an object of JSON"})
            return
        asked = question.get("id")
        known = asked if isinstance(asked, (int, float, str)) else None
        self._desk.ask(question, lambda answer: self.send({"id": known, **answer}))

    def _close(self) -> None:
        if self._open:
            self._open = False
            self._loop.forget(self._socket.fileno())
            self._socket.close()
            self._closed(self)
