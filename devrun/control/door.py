"""The door of the socket: who may speak, for how long and how much, before anything is answered.

uvicorn reads HTTP; this adds what it does not do: the peer's user is checked before a byte is read, a
request that does not come whole in time and an answer that nobody takes end the connection, and where there
are too many connections, the one that has waited longest makes room for the next.
"""

import asyncio
import logging
import os

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from devrun.control.limits import Limits
from devrun.control.peer import peer_uid
from devrun.control.refusal import CONTENT_TYPE, refusal
from devrun.errors import DevrunError

log = logging.getLogger(__name__)


class Door(H11Protocol):
    """One connection."""

    limits = Limits()
    own_uid = os.geteuid()
    _late: asyncio.TimerHandle | None = None
    _refused = False

    @property
    def waiting_until(self) -> float:
        """Return the moment, of the loop's clock, at which it is too late for the peer; 0: it is our turn."""
        return self._late.when() if self._late else 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Let the peer in, or close at once."""
        if not self._may_enter(transport):
            self._refused = True
            transport.abort()
            return
        super().connection_made(transport)
        self._await_peer()
        self._make_room()

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the peer."""
        self._cancel()
        if not self._refused:
            super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        """Go on reading a request."""
        super().data_received(data)
        self._keep_time()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self._cancel()
        super().on_response_complete()
        self._keep_time()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, in the form of all other errors; uvicorn calls this by its name."""
        log.debug("a client of the control socket is refused: %s", msg)
        if self.conn.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            self.transport.abort()
            return
        body = refusal("the request is no HTTP/1.1, or too large", hint="see what `devrun status` sends")
        headers = [*self.server_state.default_headers, (b"content-type", CONTENT_TYPE.encode())]
        headers += [(b"content-length", b"%d" % len(body)), (b"connection", b"close")]
        answer = h11.Response(status_code=400, reason=b"Bad Request", headers=headers)
        for event in (answer, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def shutdown(self) -> None:
        """End now, or after the answer that is being given."""
        if self.waiting_until:
            self.transport.close()
        else:
            super().shutdown()

    def _may_enter(self, transport: asyncio.Transport) -> bool:
        try:
            return peer_uid(transport.get_extra_info("socket")) == self.own_uid
        except (OSError, DevrunError):
            return False  # a peer of whom the kernel knows nothing is not us

    def _make_room(self) -> None:
        if len(self.connections) <= self.limits.connections:
            return
        waiting = [one for one in self.connections if isinstance(one, Door) and one.waiting_until]
        longest = min(waiting, key=lambda door: door.waiting_until)
        # The loop tells of the loss later, and until then it must not be chosen a second time.
        self.connections.discard(longest)
        longest.transport.abort()

    def _keep_time(self) -> None:
        ours = self.conn.our_state in {h11.SEND_RESPONSE, h11.SEND_BODY}
        if ours and self.conn.their_state is not h11.SEND_BODY:
            self._cancel()
        elif self._late is None and self in self.connections:
            self._await_peer()

    def _await_peer(self) -> None:
        self._late = self.loop.call_later(self.limits.request_s, self._end)

    def _end(self) -> None:
        # Not close(), which would wait for a peer that does not read.
        self.transport.abort()

    def _cancel(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


def door(limits: Limits) -> type[Door]:
    """Return a Door with these limits, as a class: uvicorn makes the instances."""

    class LimitedDoor(Door):
        pass

    LimitedDoor.limits = limits
    return LimitedDoor
