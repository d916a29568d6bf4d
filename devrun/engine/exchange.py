"""One HTTP request to the engine on a socket of its own, and its reply, which any thread may cut short.

docker-py cannot be interrupted while it waits, and truncates what some endpoints need (`since` in
nanoseconds, the stream an output line came from), so builds, output and events are asked this way.
Errors come as they are; `Connection.asking` gives them their words.
"""

import http.client
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Protocol
from urllib.parse import urlencode

from devrun.engine.endpoints import Endpoint

CHUNK_BYTES = 65536
ERROR_BYTES = 65536
"""An error's body is a line of JSON; one that never ends must not fill the memory."""


class Readable(Protocol):
    """A body that is read while it is sent."""

    def read(self, size: int = ..., /) -> bytes: ...


Body = bytes | Readable | Iterable[bytes]
Params = Mapping[str, str | int]


class StatusError(Exception):
    """The engine answered with an error status."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.body = body


class LinkError(Exception):
    """The socket to the engine could not be opened, or broke."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause) or type(cause).__name__)
        self.cause = cause


class _UnixLink(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        """Connect within the time-out."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _link(endpoint: Endpoint) -> http.client.HTTPConnection:
    if endpoint.socket:
        return _UnixLink(str(endpoint.socket))
    host, port = endpoint.address
    if endpoint.certificates:
        return http.client.HTTPSConnection(host, port, context=endpoint.certificates.context())
    return http.client.HTTPConnection(host, port)


class Exchange:
    """A request and its reply. `close` may be called at any time from any thread, `send` only once."""

    def __init__(self, endpoint: Endpoint, prefix: str, ended: Callable[["Exchange"], None]) -> None:
        self._link = _link(endpoint)
        # The link lets go of its socket where the reply ends with the connection, so it is kept here.
        self._socket: socket.socket | None = None
        self._prefix = prefix
        self._ended = ended
        self._lock = threading.Lock()
        self._in_use = False
        self._response: http.client.HTTPResponse | None = None
        self._closing = threading.Event()
        self.status = 0
        self.headers: Mapping[str, str] = {}

    def __enter__(self) -> "Exchange":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def closed(self) -> bool:
        """Tell whether `close` was called, so that an end may be told from a loss."""
        return self._closing.is_set()

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float,
        silence: float | None = None,
    ) -> "Exchange":
        """Send the request and wait for the reply's head; raises StatusError for an error status.

        `timeout` limits each wait until the head is there, `silence` each wait for more of the reply
        (None: as long as it takes). A body that is no bytes is sent in chunks.
        """
        self._take()
        try:
            self._ask(method, path, params, body, headers, timeout)
            if self._socket:
                self._socket.settimeout(silence)
        except BaseException:
            self._release(end=True)
            raise
        self._release()
        return self

    def chunks(self) -> Iterator[bytes]:
        """Yield the reply's bytes as they come; ends quietly where `close` was called."""
        self._take()
        try:
            while chunk := self._read(CHUNK_BYTES):
                yield chunk
        finally:
            self._release(end=True)

    def lines(self) -> Iterator[bytes]:
        """Yield the reply's lines, without their ends."""
        rest = b""
        for chunk in self.chunks():
            *whole, rest = (rest + chunk).split(b"\n")
            yield from (line.removesuffix(b"\r") for line in whole)
        if rest and not self._closing.is_set():
            yield rest

    def read(self) -> bytes:
        """Return the whole reply."""
        return b"".join(self.chunks())

    def write(self, data: bytes) -> None:
        """Send more after the request, where the engine made a stream of the connection; raises OSError."""
        if self._socket is not None:
            self._socket.sendall(data)

    def end_input(self) -> None:
        """Say that no more is sent; the reply goes on. One that ended already is fine."""
        if self._socket is not None:
            with suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_WR)

    def close(self) -> None:
        """End the exchange: whoever waits in it goes on at once."""
        with self._lock:
            self._closing.set()
            self._shut()
            idle = not self._in_use
        # Closing a file that another thread reads from waits for that thread; it closes by itself.
        if idle:
            self._discard()

    def _ask(
        self,
        method: str,
        path: str,
        params: Params | None,
        body: Body | None,
        headers: Mapping[str, str] | None,
        timeout: float,
    ) -> None:
        self._connect(timeout)
        query = f"?{urlencode(params)}" if params else ""
        chunked = body is not None and not isinstance(body, bytes)
        given = {**(headers or {}), **({"Transfer-Encoding": "chunked"} if chunked else {})}
        # An engine that refuses a body answers without taking all of it: its words are worth more than the
        # broken pipe, and where there are none, reading them fails as well.
        with suppress(BrokenPipeError, ConnectionResetError):
            self._link.request(method, f"{self._prefix}{path}{query}", body, given, encode_chunked=chunked)
        self._response = self._link.getresponse()
        self.status = self._response.status
        self.headers = dict(self._response.headers.items())
        if self.status >= http.HTTPStatus.BAD_REQUEST:
            raise StatusError(self.status, self._response.read(ERROR_BYTES))

    def _connect(self, timeout: float) -> None:
        self._link.timeout = timeout
        try:
            self._link.connect()
        except OSError as error:
            raise LinkError(error) from error
        self._socket = self._link.sock
        if self._closing.is_set():
            raise ConnectionAbortedError("closed by devrun")

    def _read(self, size: int) -> bytes:
        if self._response is None or self._closing.is_set():
            return b""
        try:
            if self.status == http.HTTPStatus.SWITCHING_PROTOCOLS:
                # To HTTP the reply ends with its head; what follows is the stream.
                return self._response.fp.read1(size)
            return self._response.read1(size)
        except (OSError, http.client.HTTPException) as error:
            if self._closing.is_set():
                return b""
            raise LinkError(error) from error

    def _take(self) -> None:
        with self._lock:
            if self._closing.is_set():
                raise ConnectionAbortedError("closed by devrun")
            self._in_use = True

    def _release(self, *, end: bool = False) -> None:
        with self._lock:
            self._in_use = False
            end = end or self._closing.is_set()
        if end:
            self._discard()

    def _shut(self) -> None:
        if self._socket is not None:
            # A TLS socket's own shutdown would pull its state from under a thread that reads.
            with suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _discard(self) -> None:
        if self._response is not None:
            self._response.close()
        self._link.close()
        self._ended(self)
