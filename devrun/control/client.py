"""The client of the socket, for the commands: one connection for each question.

It is on the path of `devrun status --json`, which should answer before a user has looked up. So it speaks
the little HTTP/1.0 that it needs itself (no chunks; the end of the connection is the end of the answer):
`http.client` takes longer to import than all the rest. Models are imported where they are used.
"""

import json
import os
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from devrun.control.lock import Holder, read
from devrun.control.peer import peer_uid
from devrun.control.place import Place
from devrun.control.protocol import PROTOCOL, PROTOCOL_HEADER
from devrun.errors import DevrunError, NotRunningError

if TYPE_CHECKING:
    from devrun.core.explanation import Explained
    from devrun.core.report import Report
    from devrun.core.waiting import WaitOutcome

TIMEOUT_S = 5.0
"""A daemon binds its socket a moment after it took the lock, and answers at once: later, it hangs."""
GONE_TIMEOUT_S = 30.0
"""To stop, a daemon waits for its containers' grace: 2 s for images we build, 10 s for others."""
ENDING = 503
"""The status of an answer that a daemon gives because it ends."""
_PAUSE_S = 0.02
_NOT_YET = (FileNotFoundError, ConnectionRefusedError, BlockingIOError)
"""No socket yet, or a stale one; nobody listens yet; too many wait already (EAGAIN, on Linux)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the daemon answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Client:
    """Asks the daemon of a project."""

    def __init__(self, place: Place, holder: Holder, timeout_s: float) -> None:
        self.place = place
        self.holder = holder
        self._timeout_s = timeout_s
        self.mismatch = ""
        """After an answer: what to tell the user where the daemon speaks another version of the protocol."""

    @classmethod
    def connect(cls, place: Place, *, timeout_s: float = TIMEOUT_S) -> "Client":
        """Return a client of the daemon that holds the lock; raises NotRunningError where none does.

        The time-out is that of each step: until the daemon listens, and until it sends.
        """
        holder = read(place)
        if holder is None:
            raise _not_running()
        return cls(place, holder, timeout_s)

    def status_bytes(self) -> bytes:
        """Return the report as the daemon sent it, in JSON."""
        return self._ask("GET", "/v1/status").body

    def status(self) -> "Report":
        """Return the report."""
        from devrun.control.wire import decode  # `status_bytes` needs no models

        return decode(self.status_bytes())

    def wait(self, targets: Iterable[str] = (), *, timeout_s: float | None = None) -> "WaitOutcome":
        """Return when all that was saved before this call is settled, or the time is over.

        Without `targets`, all that should run are waited for; without a time-out, for as long as it takes.
        """
        from urllib.parse import urlencode

        from devrun.control.wire import decode_outcome

        asked = [("target", name) for name in targets]
        asked += [] if timeout_s is None else [("timeout", str(timeout_s))]
        query = urlencode(asked, errors="surrogateescape")
        return decode_outcome(self._ask("POST", f"/v1/wait?{query}", more_s=timeout_s).body)

    def explain(self, paths: Iterable[str], *, last: bool = False) -> "Explained":
        """Return what a change of files would do; `last`: what the last changes did, too."""
        from urllib.parse import urlencode

        from devrun.control.wire import decode_explained

        asked = [("path", path) for path in paths]
        asked += [("last", "true")] if last else []
        query = urlencode(asked, errors="surrogateescape")
        return decode_explained(self._ask("GET", f"/v1/explain?{query}").body)

    def shutdown(self, *, remove: bool = False) -> None:
        """Ask the daemon to end, and to remove its containers if `remove`; returns when it has agreed."""
        self._ask("POST", f"/v1/shutdown?remove={'true' if remove else 'false'}")

    def wait_until_gone(self, limit_s: float = GONE_TIMEOUT_S) -> bool:
        """Wait until the daemon has let go of the lock; tells whether it did within the limit."""
        limit = time.monotonic() + limit_s
        while self._is_there():
            if time.monotonic() > limit:
                return False
            time.sleep(_PAUSE_S)
        return True

    def _is_there(self) -> bool:
        """Tell whether the lock is still held by the daemon that we speak with, and not by the next one."""
        return read(self.place) == self.holder

    def _ask(self, method: str, target: str, *, more_s: float | None = 0.0) -> Answer:
        """Return the answer; `more_s` is for how long the daemon may think it over, None: for ever."""
        try:
            with self._connect() as connection:
                connection.settimeout(None if more_s is None else self._timeout_s + more_s)
                answer = _exchange(connection, method, target)
        except (OSError, ValueError) as error:
            if not self._is_there():
                raise _not_running() from error
            raise self._silent(error) from error
        self._compare(answer)
        if answer.status >= 400:
            raise _refusal(answer)
        return answer

    def _connect(self) -> socket.socket:
        """Return a connection; waits a little for a daemon that is about to listen."""
        limit = time.monotonic() + self._timeout_s
        while True:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(self._timeout_s)
            try:
                connection.connect(str(self.holder.socket))
                _check_peer(connection)
                return connection
            except BaseException as error:
                connection.close()
                if not isinstance(error, _NOT_YET) or time.monotonic() > limit or not self._is_there():
                    raise
            time.sleep(_PAUSE_S)

    def _compare(self, answer: Answer) -> None:
        theirs = answer.headers.get(PROTOCOL_HEADER.lower(), "")
        if theirs != PROTOCOL:
            self.mismatch = (
                f"the running devrun {self.holder.version} speaks protocol {theirs or 'unknown'},"
                f" this one {PROTOCOL}: restart it"
            )

    def _silent(self, error: Exception) -> DevrunError:
        cause = str(getattr(error, "strerror", None) or error).lower()
        pid = self.holder.pid
        return DevrunError(
            f"the running devrun, pid {pid}, does not answer: {cause}", hint=f"end it: kill {pid}"
        )


def _check_peer(connection: socket.socket) -> None:
    uid = peer_uid(connection)
    if uid != os.geteuid():
        raise DevrunError(
            f"user {uid} answers at devrun's socket", hint="end that process, then restart devrun"
        )


def _exchange(connection: socket.socket, method: str, target: str) -> Answer:
    """Send a request and return the whole answer; raises ValueError where it is cut short or no HTTP."""
    request = f"{method} {target} HTTP/1.0\r\nHost: localhost\r\n{PROTOCOL_HEADER}: {PROTOCOL}\r\n\r\n"
    connection.sendall(request.encode("ascii"))
    with connection.makefile("rb") as stream:
        head, end, body = stream.read().partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    if not end or not first.startswith("HTTP/1."):
        raise ValueError("the answer is no HTTP")
    named = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in named}
    if int(headers.get("content-length", len(body))) != len(body):
        raise ValueError("the answer is cut short")
    return Answer(int(first.split()[1]), headers, body)


def _refusal(answer: Answer) -> DevrunError:
    try:
        said = json.loads(answer.body)
        kind = NotRunningError if answer.status == ENDING else DevrunError
        return kind(str(said["error"]), hint=str(said.get("hint", "")))
    except (ValueError, TypeError, KeyError, AttributeError):
        return DevrunError(f"the running devrun refuses: status {answer.status}", hint="restart it")


def _not_running() -> NotRunningError:
    return NotRunningError("devrun is not running for this project", hint="start it with `devrun watch`")
