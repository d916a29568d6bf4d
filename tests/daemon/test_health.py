"""One try of a healthcheck, on real sockets and the fake engine: healthy, or in words why not."""

import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from devrun.config.project import Check, CommandCheck, Healthcheck, HttpCheck, TcpCheck
from devrun.core.published import Address
from devrun.core.values import BuildContext, Container, ContainerId, Fingerprint
from devrun.daemon.health import MOST_SHOWN, Answer, ask
from devrun.errors import EngineError
from tests.engine.bench import make_project, make_target
from tests.fake_engine import FakeEngine

LIMIT_S = 20.0


class Handler(BaseHTTPRequestHandler):
    """Answers with the number that is asked for."""

    def do_GET(self) -> None:
        self.send_response(int(self.path[1:4]))
        self.end_headers()
        self.wfile.write(b"x" * 100_000)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    """The port of a server."""
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A port at which nobody says anything."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        made.settimeout(LIMIT_S)
        yield made


@pytest.fixture
def engine(tmp_path: Path) -> FakeEngine:
    """An engine on which nothing runs."""
    return FakeEngine(make_project(tmp_path), source=lambda _: "signal.pause()")


@pytest.fixture
def container(engine: FakeEngine, tmp_path: Path) -> Container:
    """A container that runs there."""
    image = next(iter(engine.project.images.values()))
    built = engine.build_image(image, Fingerprint("f"), BuildContext("", (), ()), lambda _: None)
    return engine.recreate(make_target(tmp_path), built.id, None)


@pytest.fixture
def found(engine: FakeEngine, container: Container) -> Callable[..., str]:
    """Ask by a check, and return the reason."""

    def answer(check: Check, published: Address | None = None, timeout_s: float = LIMIT_S) -> str:
        return ask(engine, container.id, Healthcheck(check, timeout_s=timeout_s), published).reason

    return answer


Found = Callable[..., str]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (200, ""),
        (204, ""),
        (302, ""),
        (400, "GET /400 answers 400"),
        (503, "GET /503 answers 503"),
    ],
)
def test_an_answer_of_200_to_399_is_healthy(found: Found, port: int, status: int, reason: str) -> None:
    """At the published port, or else at the container's own address."""
    assert found(HttpCheck(f"/{status}", 5000), Address("127.0.0.1", port)) == reason
    assert found(HttpCheck(f"/{status}", port)) == reason


def test_a_port_at_which_nobody_answers_is_said(found: Found, listener: socket.socket) -> None:
    """It refuses, or accepts and closes at once, as the engine's proxy does."""
    port = listener.getsockname()[1]

    def hang_up() -> None:
        listener.accept()[0].close()

    thread = threading.Thread(target=hang_up)
    thread.start()
    assert found(HttpCheck("/", port)) == f"GET /: nothing answers at 127.0.0.1:{port}"
    thread.join()
    listener.close()
    assert found(HttpCheck("/", port)) == f"GET /: nothing answers at 127.0.0.1:{port}"


def test_an_answer_that_does_not_come_is_said(found: Found, listener: socket.socket) -> None:
    """After the time-out."""
    port = listener.getsockname()[1]

    assert found(HttpCheck("/", port), timeout_s=0.1) == "GET /: no answer within 0.1 s"


def test_what_is_no_http_is_said(found: Found, listener: socket.socket) -> None:
    """Another program may listen there."""
    port = listener.getsockname()[1]

    def greet() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"220 mail.example\r\n")
            connection.recv(1024)

    thread = threading.Thread(target=greet)
    thread.start()
    assert found(HttpCheck("/", port)) == f"GET /: what answers at 127.0.0.1:{port} is no HTTP"
    thread.join()


def test_a_port_on_an_engine_elsewhere_has_to_be_published(engine: FakeEngine, container: Container) -> None:
    """Its containers cannot be reached from here."""
    engine.reaches = False
    answer = ask(engine, container.id, Healthcheck(HttpCheck("/", 80)), None)

    assert answer.reason == "GET /: port 80 is not published, and the engine is not on this machine"


@pytest.mark.parametrize(
    ("listeners", "reason"),
    [
        ([], "nothing listens on port 5432"),
        ([("0.0.0.0", 5433)], "nothing listens on port 5432"),
        ([("0.0.0.0", 5432)], ""),
        ([("127.0.0.1", 5432), ("::", 5432)], ""),
        ([("127.0.0.1", 5432)], "port 5432 is listened on at 127.0.0.1 only, inside the container"),
        ([("::1", 5432)], "port 5432 is listened on at ::1 only, inside the container"),
    ],
)
def test_a_port_is_listened_on_where_others_reach_it(
    engine: FakeEngine, found: Found, listeners: list[tuple[str, int]], reason: str
) -> None:
    """Not on the loopback of the container alone."""
    engine.listening = frozenset(listeners)

    assert found(TcpCheck(5432)) == reason


def test_a_command_says_its_exit_code(engine: FakeEngine, found: Found) -> None:
    """And its words, as far as they are read at a glance."""
    engine.answers["sh"] = 2

    assert found(CommandCheck(("true", "-q"))) == ""
    assert found(CommandCheck(("sh", "-c", "a b"))) == "sh -c 'a b' exits with 2"
    assert found(CommandCheck(("sh", "x" * 100))) == f"sh {'x' * (MOST_SHOWN - 6)}... exits with 2"


def test_a_command_that_goes_on_is_said(engine: FakeEngine, container: Container) -> None:
    """It is not to be begun again soon."""
    answer = ask(engine, container.id, Healthcheck(CommandCheck(("sleep", "9"))), None)

    assert answer == Answer("sleep 9 does not end within 2 s", goes_on=True)


def test_a_refusal_of_the_engine_is_a_reason(engine: FakeEngine, found: Found) -> None:
    """In its own words."""
    engine.fail("probe", EngineError("the engine says no"))

    assert found(CommandCheck(("true",))) == "the engine says no"
    gone = ask(engine, ContainerId("0" * 64), Healthcheck(TcpCheck(1)), None)
    assert gone.reason.endswith("it is gone")
