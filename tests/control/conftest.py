"""A place of its own for each test, and a server there over a service that only takes notes."""

import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

import pytest

from devrun.config.project import TargetName
from devrun.control.feed import Feed, Reader
from devrun.control.limits import Limits
from devrun.control.lock import Lock
from devrun.control.place import Place, Roots
from devrun.control.server import Server
from devrun.control.waits import Answer
from devrun.core.explanation import Explained, Explanation, LastBatch
from devrun.core.journal import Entry, LogLine
from devrun.core.report import ImageReport, Problem, Report, TargetReport
from devrun.core.values import LastAction
from devrun.errors import UnknownNameError

LIMIT_S = 20.0
"""Longer than anything here takes on a busy machine: only a failing test waits for it."""


@dataclass
class Wait:
    """Somebody who waits."""

    names: frozenset[TargetName]
    timeout_s: float | None
    answer: Answer
    dropped: threading.Event = field(default_factory=threading.Event)
    """Set when the wish was taken back."""


class NotingService:
    """Answers with one report, and notes what it is asked to do."""

    def __init__(self, report: Report, ends: "SimpleQueue[bool]", waits: "SimpleQueue[Wait]") -> None:
        self._report = report
        self._ends = ends
        self._waits = waits
        self.wishes: list[tuple[str, ...]] = []
        self.journal: Feed[Entry] = Feed(most_items=100, most_weight=100)
        self.lines: Feed[LogLine] = Feed(most_items=100, most_weight=100_000)

    def report(self) -> Report:
        return self._report

    def explain(self, paths: Sequence[str], *, last: bool) -> Explained:
        files = tuple(Explanation(path) for path in paths)
        return Explained(files, LastBatch(7.0) if last else None)

    def shutdown(self, *, remove: bool) -> None:
        self._ends.put(remove)

    def wait(
        self, names: frozenset[TargetName], timeout_s: float | None, answer: Answer
    ) -> Callable[[], None]:
        wait = Wait(names, timeout_s, answer)
        self._waits.put(wait)
        return wait.dropped.set

    def restart(self, names: Iterable[str]) -> None:
        self._wish("restart", names)

    def start(self, names: Iterable[str]) -> None:
        self._wish("start", names)

    def stop(self, names: Iterable[str]) -> None:
        self._wish("stop", names)

    def rebuild(self, names: Iterable[str], *, no_cache: bool, pull: bool) -> None:
        self._wish(f"rebuild {no_cache} {pull}", names)

    def events(self, *, after: int | None, since: float, tail: int | None) -> Reader[Entry]:
        return self.journal.reader(after=after, since=since, tail=tail)

    def logs(
        self, names: Collection[str], *, builds: bool, after: int | None, since: float, tail: int | None
    ) -> Reader[LogLine]:
        self._check(names)
        channels = {"default"} if builds else set(names) or {"web", "job"}
        return self.lines.reader(channels, after=after, since=since, tail=tail)

    def _wish(self, verb: str, names: Iterable[str]) -> None:
        self._check(names)
        self.wishes.append((verb, *names))

    def _check(self, names: Iterable[str]) -> None:
        for name in names:
            if name not in {"web", "job", "default"}:
                raise UnknownNameError(f"no target is called {name}", hint="there is web, job")


class Nobody(NotingService):
    """A service that nobody asks anything."""

    def __init__(self) -> None:
        empty = Report(1, "p", "/", 1, 0.0, "", engine_up=True, settled=True)
        super().__init__(empty, SimpleQueue(), SimpleQueue())


@pytest.fixture
def roots() -> Iterator[Roots]:
    """A home without a runtime directory. Short, unlike pytest's: a socket's path has a limit."""
    directory = Path(tempfile.mkdtemp(prefix="dr-", dir="/tmp"))
    home = directory / "home"
    home.mkdir()
    yield Roots(home, directory / "run", directory)
    shutil.rmtree(directory)


@pytest.fixture
def place(roots: Roots) -> Place:
    return Place.of("0123456789ab", roots)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The project."""
    return tmp_path


@pytest.fixture
def lock(place: Place, root: Path) -> Iterator[Lock]:
    with Lock.acquire(place, root=root, version="1.2.3") as lock:
        yield lock


@pytest.fixture
def report() -> Report:
    """A report in which every field says something."""
    problem = Problem("no such file", "create it", "RUN false", ("one", "two \x1b[0m"))
    last = LastAction("BuildImage", "Dockerfile changed", 12.5, 3.25, ok=False)
    image = ImageReport("ready", "up to date", "up to date", "f00", "sha256:1", "2/5", 3, last, problem)
    target = TargetReport(
        program="имя.py",
        image="default",
        state="exited",
        doing="exited 1",
        hold="crashed",
        since=7.5,
        exit_code=1,
        ports=("127.0.0.1:8080->5000/tcp",),
        container="c1",
        restarts=2,
        last=last,
        problem=problem,
        hints=("listen on 0.0.0.0",),
    )
    return Report(
        version=1,
        project="имя",
        root="/srv/\udcff",
        pid=os.getpid(),
        started=1.5,
        engine="Docker 20.10",
        engine_up=True,
        settled=False,
        images={"default": image},
        targets={"web": target, "job": TargetReport("job.py", "default", "missing", "waiting", "")},
        notices=("devrun.toml changed: restart devrun",),
    )


@pytest.fixture
def ends() -> "SimpleQueue[bool]":
    """What the service was asked to do: to end, and whether to remove."""
    return SimpleQueue()


@pytest.fixture
def waits() -> "SimpleQueue[Wait]":
    """Those who wait, to be answered by the test."""
    return SimpleQueue()


@pytest.fixture
def deaths() -> "SimpleQueue[BaseException]":
    return SimpleQueue()


@pytest.fixture
def service(report: Report, ends: "SimpleQueue[bool]", waits: "SimpleQueue[Wait]") -> NotingService:
    return NotingService(report, ends, waits)


@pytest.fixture
def serve(
    lock: Lock,
    service: NotingService,
    deaths: "SimpleQueue[BaseException]",
) -> Iterator[Callable[[Limits], Server]]:
    """Start the server with limits; it is stopped at the end, and must not have died."""
    servers: list[Server] = []

    def start(limits: Limits) -> Server:
        servers.append(Server.start(lock, service, died=deaths.put, limits=limits))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
    assert deaths.empty()


@pytest.fixture
def server(serve: Callable[[Limits], Server]) -> Server:
    return serve(Limits())


@pytest.fixture
def dial(place: Place) -> Iterator[Callable[[], socket.socket]]:
    """Make a raw connection, on which nothing waits for longer than the limit."""
    connections: list[socket.socket] = []

    def connect() -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connections.append(connection)
        connection.settimeout(LIMIT_S)
        connection.connect(str(place.socket))
        return connection

    yield connect
    for connection in connections:
        connection.close()


@pytest.fixture
def send(dial: Callable[[], socket.socket]) -> Callable[[bytes], bytes]:
    """Send bytes, and return all that is answered until the server closes."""

    def exchange(said: bytes) -> bytes:
        connection = dial()
        connection.sendall(said)
        with connection.makefile("rb") as stream:
            return stream.read()

    return exchange
