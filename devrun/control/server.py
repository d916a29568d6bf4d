"""The socket's server: uvicorn on a listening unix socket of our own, in a thread of its own.

It exists under the lock only, so that what lies at the socket's place is either stale or not a socket. It
hears no signals, and ends by `stop` alone; any other end is told through `died`.
"""

import asyncio
import logging
import os
import socket
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import uvicorn

from devrun.control.door import Limits, door
from devrun.control.endpoints import Endpoints, Service
from devrun.control.lock import Lock
from devrun.control.peer import require_unix
from devrun.control.protocol import PROTOCOL, PROTOCOL_HEADER
from devrun.errors import DevrunError

log = logging.getLogger(__name__)

THREAD_NAME = "devrun-control"
ANSWER_TIMEOUT_S = 1
"""How long the answers that are being given when the server stops may take."""
STOP_TIMEOUT_S = 3.0
"""After this the thread is given up: no more than the answers' time and what the loop needs to end."""
_ACCEPTED_AT_ONCE = 32
"""Connections that one turn of the loop accepts: the others wait in the kernel, and not as open files."""
_TURNS_TO_ENTER = 3
"""Turns of the loop from a connection's acceptance to `connection_made`."""
_QUEUE = 1024
"""Connections that wait in the kernel; above it, a client is told to try again (EAGAIN)."""


class Server:
    """Answers over the socket until `stop`."""

    def __init__(self, path: Path, uvicorn_server: "_Uvicorn", died: Callable[[BaseException], None]) -> None:
        self._path = path
        self._uvicorn = uvicorn_server
        self._died = died
        self._seen = _identity(path)
        self._thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)

    @classmethod
    def start(
        cls,
        lock: Lock,
        service: Service,
        *,
        died: Callable[[BaseException], None],
        limits: Limits | None = None,
    ) -> "Server":
        """Bind the socket at the lock's place and serve; `died` is called in the server's thread."""
        require_unix()
        limits = limits or Limits()
        path = lock.holder.socket
        endpoints = Endpoints(service, most_waits=limits.waits)
        config = uvicorn.Config(
            endpoints.application(body_bytes=limits.body_bytes),
            http=door(limits),
            ws="none",
            loop="asyncio",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="error",  # what clients do wrong is answered, and is no news
            access_log=False,
            workers=1,  # otherwise uvicorn asks the environment
            proxy_headers=False,
            server_header=False,
            date_header=False,
            backlog=_ACCEPTED_AT_ONCE,
            h11_max_incomplete_event_size=limits.header_bytes,
            timeout_graceful_shutdown=ANSWER_TIMEOUT_S,
        )
        server = cls(path, _Uvicorn(config, _listen(path), endpoints.end), died)
        server._thread.start()
        return server

    def stop(self) -> None:
        """End the answers, the thread and the socket; a second call does nothing."""
        self._uvicorn.leave()
        self._thread.join(STOP_TIMEOUT_S)
        if self._thread.is_alive():
            log.error("the control socket's thread does not end within %s s", STOP_TIMEOUT_S)
        if self._seen and _identity(self._path) == self._seen:
            self._path.unlink(missing_ok=True)
        self._seen = None

    def _run(self) -> None:
        try:
            asyncio.run(self._uvicorn.serve_listener())
        except BaseException as error:
            # SystemExit too, with which uvicorn ends where it cannot start.
            log.exception("the control socket's thread died")
            self._died(error)
            return
        if not self._uvicorn.should_exit:
            self._died(DevrunError("the control socket ended by itself", hint="restart devrun"))


class _Uvicorn(uvicorn.Server):
    """uvicorn's server, woken by an event instead of ten times a second."""

    def __init__(self, config: uvicorn.Config, listener: socket.socket, end_open: Callable[[], None]) -> None:
        super().__init__(config)
        self._listener = listener
        self._end_open = end_open
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leaving = asyncio.Event()

    async def serve_listener(self) -> None:
        """Serve until `leave`."""
        with self._listener:
            await self.serve(sockets=[self._listener])

    def leave(self) -> None:
        """Make it end, from any thread, also before it began."""
        self.should_exit = True
        if self._loop is None or self._loop.is_closed():
            return
        try:
            self._loop.call_soon_threadsafe(self._leaving.set)
        except RuntimeError:
            log.debug("the control socket's loop closed first")

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin; uvicorn looks at `should_exit` after this."""
        self._loop = asyncio.get_running_loop()
        self.server_state.default_headers = [(PROTOCOL_HEADER.lower().encode(), PROTOCOL.encode())]
        await super().startup(sockets)
        self._listener.listen(_QUEUE)

    async def main_loop(self) -> None:
        """Wait; uvicorn's own would poll, and has no other work without a Date header."""
        await self._leaving.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End politely, then what is left of the connections."""
        # asyncio loses a connection that it accepts in the same turn in which the server is closed: it stays
        # open until it is collected. So accept no more, and let those that were accepted come in.
        asyncio.get_running_loop().remove_reader(self._listener)
        for _ in range(_TURNS_TO_ENTER):
            await asyncio.sleep(0)
        self._end_open()
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        # One turn, in which the loop closes them; it would leave them open when it ends.
        await asyncio.sleep(0)


def _listen(path: Path) -> socket.socket:
    """Return a socket that listens at `path`, and is ours alone from its first moment."""
    _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # The umask is the whole process's: the daemon has no other thread yet that makes files.
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
        listener.listen(_QUEUE)
    except OSError as error:
        listener.close()
        raise _unusable(path, str(error.strerror).lower()) from error
    finally:
        os.umask(before)
    return listener


def _remove_stale(path: Path) -> None:
    try:
        seen = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(seen.st_mode):
        raise _unusable(path, "something else lies there")
    if seen.st_uid != os.geteuid():
        raise _unusable(path, f"the one there belongs to user {seen.st_uid}")
    path.unlink()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        seen = path.lstat()
    except FileNotFoundError:
        return None
    return seen.st_dev, seen.st_ino


def _unusable(path: Path, cause: str) -> DevrunError:
    return DevrunError(f"the socket '{path}' cannot be made: {cause}", hint=f"remove '{path}'")
