"""uvicorn on a listening socket, and all that answers there: imported when there is somebody to answer."""

import asyncio
import logging
import socket
from collections.abc import Callable

import uvicorn

from devrun.control.door import door
from devrun.control.endpoints import Endpoints, Service
from devrun.control.limits import Limits
from devrun.control.protocol import PROTOCOL, PROTOCOL_HEADER

log = logging.getLogger(__name__)

ANSWER_TIMEOUT_S = 1
"""How long the answers that are being given when the server stops may take."""
QUEUE = 1024
"""Connections that wait in the kernel; above it, a client is told to try again (EAGAIN)."""
_ACCEPTED_AT_ONCE = 32
"""Connections that one turn of the loop accepts: the others wait in the kernel, and not as open files."""
_TURNS_TO_ENTER = 3
"""Turns of the loop from a connection's acceptance to `connection_made`."""


def serving_of(service: Service, limits: Limits, listener: socket.socket) -> "Serving":
    """Return what answers for a service."""
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
    return Serving(config, listener, endpoints.end)


class Serving(uvicorn.Server):
    """uvicorn's server, woken by an event instead of ten times a second."""

    def __init__(self, config: uvicorn.Config, listener: socket.socket, end_open: Callable[[], None]) -> None:
        super().__init__(config)
        self._listener = listener
        self._end_open = end_open
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leaving = asyncio.Event()

    def run_until_left(self) -> None:
        """Serve until `leave`."""
        asyncio.run(self.serve(sockets=[self._listener]))

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
        self._listener.listen(QUEUE)

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
