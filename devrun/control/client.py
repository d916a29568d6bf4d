"""The client of the socket: one connection for each question.

It is on the path of `devrun status --json`, which should answer before a user has looked up. So it speaks
the little HTTP/1.0 that it needs itself (no chunks; the end of the connection is the end of the answer):
`http.client` takes longer to import than all the rest. Models are imported where they are used.
"""

import json
import os
import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeVar

from devrun.config.find import find_file, root_key
from devrun.control.lock import Holder, read
from devrun.control.peer import peer_uid
from devrun.control.place import Place
from devrun.control.protocol import PROTOCOL, PROTOCOL_HEADER
from devrun.errors import DevrunError, NotRunningError, UnknownNameError

if TYPE_CHECKING:
    from devrun.core.explanation import Explained
    from devrun.core.journal import Entry, LogLine, Missed
    from devrun.core.report import Report
    from devrun.core.waiting import WaitOutcome

TIMEOUT_S = 5.0
"""A daemon binds its socket a moment after it took the lock, and answers at once: later, it hangs."""
GONE_TIMEOUT_S = 30.0
"""To stop, a daemon waits for its containers' grace: 2 s for images we build, 10 s for others."""
ENDING = 503
"""The status of an answer that a daemon gives because it ends."""
UNKNOWN = 404
HEAD_BYTES = 64 * 1024
Said = TypeVar("Said")
Query = Sequence[tuple[str, object]]
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
    """Asks the daemon of a project. `devrun.Client.find()` is where programs begin."""

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

    @classmethod
    def find(cls, directory: "str | os.PathLike[str]" = ".", *, timeout_s: float = TIMEOUT_S) -> "Client":
        """Return a client of the daemon of the project that a directory lies in; raises NotRunningError."""
        return cls.connect(Place.of(root_key(find_file(Path(directory)).parent)), timeout_s=timeout_s)

    def status_bytes(self) -> bytes:
        """Return the report as the daemon sent it, in JSON."""
        return self._ask("GET", "/v1/status").body

    def status(self) -> "Report":
        """Return the report."""
        from devrun.core.report import Report  # `status_bytes` needs no models

        return _decoded(Report, self.status_bytes())

    def wait(self, targets: Iterable[str] = (), *, timeout_s: float | None = None) -> "WaitOutcome":
        """Return when all that was saved before this call is settled, or the time is over.

        Without `targets`, all that should run are waited for; without a time-out, for as long as it takes.
        """
        from devrun.core.waiting import WaitOutcome

        query = [*_several("target", targets), ("timeout", timeout_s)]
        return _decoded(WaitOutcome, self._ask("POST", "/v1/wait", query, more_s=timeout_s).body)

    def explain(self, paths: Iterable[str], *, last: bool = False) -> "Explained":
        """Return what a change of files would do; `last`: what the last changes did, too."""
        from devrun.core.explanation import Explained

        query = [*_several("path", paths), ("last", last)]
        return _decoded(Explained, self._ask("GET", "/v1/explain", query).body)

    def restart(self, target: str) -> None:
        """Have a target started anew, a stopped one too; raises UnknownNameError."""
        self._wish("targets", target, "restart")

    def start(self, target: str) -> None:
        """Have a target run; raises UnknownNameError."""
        self._wish("targets", target, "start")

    def stop(self, target: str) -> None:
        """Have a target stopped, until it is started; raises UnknownNameError."""
        self._wish("targets", target, "stop")

    def rebuild(self, image: str, *, no_cache: bool = False, pull: bool = False) -> None:
        """Have an image built anew; raises UnknownNameError."""
        self._wish("images", image, "rebuild", [("no-cache", no_cache), ("pull", pull)])

    def events(
        self,
        *,
        follow: bool = False,
        after: int | None = None,
        since: float | None = None,
        tail: int | None = None,
    ) -> "Iterator[Entry | Missed]":
        """Yield what happened: after a number, since a moment (seconds since the epoch), or the last ones.

        With `follow`, what happens from then on, until the daemon ends.
        """
        from devrun.core.journal import Entry, Missed

        query = [("follow", follow), ("after", after), ("since", since), ("tail", tail)]
        for line in self._lines("/v1/events", query):
            yield _decoded(Missed, line) if _is_loss(line) else _decoded(Entry, line)

    def logs(
        self,
        targets: Iterable[str] = (),
        *,
        follow: bool = False,
        build: bool = False,
        after: int | None = None,
        since: float | None = None,
        tail: int | None = None,
    ) -> "Iterator[LogLine | Missed]":
        """Yield what targets wrote, all of them or some; `build`: what builds of their images did.

        With `follow`, what they write from then on, until the daemon ends.
        """
        from devrun.core.journal import LogLine, Missed

        query = [*_several("target", targets), ("follow", follow), ("build", build), ("after", after)]
        for line in self._lines("/v1/logs", [*query, ("since", since), ("tail", tail)]):
            yield _decoded(Missed, line) if _is_loss(line) else _decoded(LogLine, line)

    def shutdown(self, *, remove: bool = False) -> None:
        """Ask the daemon to end, and to remove its containers if `remove`; returns when it has agreed."""
        self._ask("POST", "/v1/shutdown", [("remove", remove)])

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

    def _wish(self, kind: str, name: str, verb: str, query: Query = ()) -> None:
        from urllib.parse import quote

        self._ask("POST", f"/v1/{kind}/{quote(name, safe='')}/{verb}", query)

    def _ask(self, method: str, path: str, query: Query = (), *, more_s: float | None = 0.0) -> Answer:
        """Return the answer; `more_s` is for how long the daemon may think it over, None: for ever."""
        with self._speaking(), self._connect() as connection:
            connection.settimeout(None if more_s is None else self._timeout_s + more_s)
            with _sent(connection, method, path, query) as stream:
                answer = _read_answer(stream)
        self._compare(answer)
        if answer.status >= 400:
            raise _refusal(answer)
        return answer

    def _lines(self, path: str, query: Query) -> Iterator[bytes]:
        """Yield the lines of an answer as they come, for as long as they do."""
        with self._speaking(), self._connect() as connection, _sent(connection, "GET", path, query) as stream:
            answer = _read_head(stream)
            if answer.status >= 400:
                answer = Answer(answer.status, answer.headers, stream.read())
            self._compare(answer)
            if answer.status >= 400:
                raise _refusal(answer)
            connection.settimeout(None)
            for line in stream:
                if line.endswith(b"\n"):  # one that is cut short is of a daemon that was killed
                    yield line

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        """Give what goes wrong on a connection its words."""
        try:
            yield
        except (OSError, ValueError) as error:
            if not self._is_there():
                raise _not_running() from error
            raise self._silent(error) from error

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


@contextmanager
def _sent(connection: socket.socket, method: str, path: str, query: Query) -> Iterator[IO[bytes]]:
    """Send a request, and give the stream on which its answer comes."""
    target = f"{path}?{_encoded(query)}" if query else path
    request = f"{method} {target} HTTP/1.0\r\nHost: localhost\r\n{PROTOCOL_HEADER}: {PROTOCOL}\r\n\r\n"
    connection.sendall(request.encode("ascii"))
    with connection.makefile("rb") as stream:
        yield stream


def _encoded(query: Query) -> str:
    from urllib.parse import urlencode

    said = [(name, value) for name, value in query if value is not None and value is not False]
    texts = [(name, "true" if value is True else str(value)) for name, value in said]
    return urlencode(texts, errors="surrogateescape")


def _several(name: str, values: Iterable[str]) -> list[tuple[str, object]]:
    return [(name, value) for value in values]


def _read_head(stream: IO[bytes]) -> Answer:
    """Return an answer without its body; raises ValueError where it is no HTTP."""
    lines = list(iter(lambda: stream.readline(HEAD_BYTES).decode("latin-1").rstrip("\r\n"), ""))
    first = lines.pop(0) if lines else ""
    if not first.startswith("HTTP/1."):
        raise ValueError("the answer is no HTTP")
    named = (line.partition(":") for line in lines)
    return Answer(int(first.split()[1]), {name.lower(): value.strip() for name, _, value in named}, b"")


def _read_answer(stream: IO[bytes]) -> Answer:
    """Return the whole answer; raises ValueError where it is cut short or no HTTP."""
    head = _read_head(stream)
    body = stream.read()
    if int(head.headers.get("content-length", len(body))) != len(body):
        raise ValueError("the answer is cut short")
    return Answer(head.status, head.headers, body)


def _decoded(kind: type[Said], text: bytes) -> Said:
    from devrun.control.wire import decode

    return decode(kind, text)


def _is_loss(line: bytes) -> bool:
    return line.startswith(b'{"lost":')


def _refusal(answer: Answer) -> DevrunError:
    try:
        said = json.loads(answer.body)
        kind = {ENDING: NotRunningError, UNKNOWN: UnknownNameError}.get(answer.status, DevrunError)
        return kind(str(said["error"]), hint=str(said.get("hint", "")))
    except (ValueError, TypeError, KeyError, AttributeError):
        return DevrunError(f"the running devrun refuses: status {answer.status}", hint="restart it")


def _not_running() -> NotRunningError:
    return NotRunningError("devrun is not running for this project", hint="start it with `devrun watch`")
