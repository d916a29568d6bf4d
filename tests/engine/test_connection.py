"""The connection against an engine that misbehaves: a small server in place of one."""

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from devrun.engine.connection import Connection, RefusedError, find_connection
from devrun.engine.endpoints import Endpoint
from devrun.errors import EngineError, EngineUnreachableError
from tests.engine.bench import LIMIT_S, running

VERSION = {"Version": "9.9", "ApiVersion": "1.99", "MinAPIVersion": "1.24"}
Answer = Callable[[BaseHTTPRequestHandler], None]


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Answers each path by a function; unknown ones with 404."""

    daemon_threads = True

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), Requests)
        self.ended = threading.Event()
        self.answers: dict[str, Answer] = {
            "/version": answering(VERSION),
            "/_ping": answering("OK"),
            "/hang": lambda _: self._hang(),
            "/half": half,
            "/broken": answering(None, body=b"{broken"),
            "/refuse": answering({"message": "Error response from daemon: No such thing."}, 409),
            "/fail": answering({"message": "boom"}, 500),
            "/page": answering(None, 502, body=b"<html>bad gateway</html>"),
            "/empty": answering(None, 503, body=b""),
        }

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients of these tests go away in the middle."""

    def _hang(self) -> None:
        self.ended.wait(LIMIT_S)


class Requests(BaseHTTPRequestHandler):
    """Looks up the answer."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        path = self.path.partition("?")[0]
        known = path.removeprefix("/v1.51") or "/"
        self.server.answers.get(known, answering({"message": f"page not found: {path}"}, 404))(self)

    do_POST = do_GET  # noqa: N815 - the library finds it by this name

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def address_string(self) -> str:
        return "test"


def answering(content: object, status: int = 200, *, body: bytes | None = None) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        text = json.dumps(content).encode() if body is None else body
        request.send_response(status)
        request.send_header("Content-Length", str(len(text)))
        request.end_headers()
        request.wfile.write(text)

    return answer


def half(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Transfer-Encoding", "chunked")
    request.end_headers()
    request.wfile.write(b"5\r\nline\n\r\n7\r\npar")
    request.wfile.flush()
    request.close_connection = True


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "engine.sock")
    with running(lambda: made.serve_forever(poll_interval=0.01)):
        yield made
        made.ended.set()
        made.shutdown()
    made.server_close()


@pytest.fixture
def connection(server: Server) -> Iterator[Connection]:
    made = Connection(Endpoint(f"unix://{server.server_address!s}"))
    yield made
    made.close()


@pytest.mark.parametrize(
    ("said", "spoken"),
    [
        ({"ApiVersion": "1.41", "MinAPIVersion": "1.12"}, "1.41"),
        ({"ApiVersion": "1.99", "MinAPIVersion": "1.44"}, "1.51"),
        ({"ApiVersion": "1.99", "MinAPIVersion": "1.60"}, "1.60"),
        ({"ApiVersion": "1.41"}, "1.41"),
    ],
)
def test_the_version_is_negotiated(server: Server, said: dict[str, str], spoken: str) -> None:
    """The engine's, but none newer than tested, unless the engine takes no older one."""
    server.answers["/version"] = answering(
        {**said, "Components": [{"Name": "Podman Engine"}], "Version": "5.0"}
    )
    connection = Connection(Endpoint(f"unix://{server.server_address!s}"))

    assert (connection.version, connection.name) == (spoken, "Podman 5.0")
    connection.close()


@pytest.mark.parametrize("answer", [answering({}), answering([]), answering(None, body=b"<html>")])
def test_what_is_no_engine_is_told_apart(server: Server, answer: Answer) -> None:
    """Something else may listen where the environment points."""
    server.answers["/version"] = answer

    with pytest.raises(EngineUnreachableError, match="is no container engine") as caught:
        Connection(Endpoint(f"unix://{server.server_address!s}"))
    assert "DOCKER_HOST" in caught.value.hint


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/refuse", 409, "try it: no such thing"),
        ("/fail", 500, "try it: boom"),
        ("/page", 502, "try it: <html>bad gateway</html>"),
        ("/empty", 503, "try it: the engine answers with status 503"),
    ],
)
def test_a_refusal_names_the_call_and_the_cause(
    connection: Connection, path: str, status: int, message: str
) -> None:
    """An error status of an engine that lives is its no."""
    with pytest.raises(RefusedError) as caught, connection.asking("try it"):
        connection.open("GET", path)

    assert (caught.value.status, caught.value.message) == (status, message)


def test_an_error_of_an_engine_that_goes_away_is_none(server: Server, connection: Connection) -> None:
    """When its ping fails too, nobody knows what became of the call."""
    server.answers["/_ping"] = answering({"message": "shutting down"}, 503)

    with pytest.raises(EngineUnreachableError, match=r"^try it: .*"), connection.asking("try it"):
        connection.open("GET", "/fail")


def test_docker_py_s_errors_become_the_same_two(connection: Connection) -> None:
    """Whoever asks through it sees no other errors."""
    with pytest.raises(RefusedError, match="inspect it: page not found"), connection.asking("inspect it"):
        connection.client.inspect_container("x")
    connection.client.timeout = 1
    with pytest.raises(EngineUnreachableError, match="ask: "), connection.asking("ask"):
        connection.client.get(f"{connection.client.base_url}/half", stream=True).json()


def test_a_hung_engine_is_noticed(server: Server, connection: Connection) -> None:
    """Each call has a time-out; the words tell a hung engine from a missing one."""
    server.answers["/_ping"] = server.answers["/hang"]

    with pytest.raises(EngineUnreachableError, match=r"ping: .* does not answer") as caught:
        connection.ping()
    assert "restart" in caught.value.hint


def test_a_slow_call_to_an_engine_that_lives_times_out(connection: Connection) -> None:
    """It is not known what became of it."""
    with (
        pytest.raises(EngineUnreachableError, match="try it: the engine does not answer in time"),
        connection.asking("try it"),
    ):
        connection.open("GET", "/hang", timeout=0.05)


def test_half_a_reply_is_a_loss(connection: Connection) -> None:
    """What came before is delivered; the end is an error, not an end."""
    lines = connection.open("GET", "/half").lines()
    assert next(lines) == b"line"

    lost = "read it: the connection with the engine was lost"
    with pytest.raises(EngineUnreachableError, match=lost), connection.asking("read it"):
        next(lines)


def test_an_engine_that_is_gone_is_named(server: Server, connection: Connection) -> None:
    """Not there, and nobody listening, are two things."""
    place = Path(str(server.server_address))
    place.rename(place.with_name("elsewhere"))
    with pytest.raises(EngineUnreachableError, match="there is no container engine at") as caught:
        connection.ping()
    assert "start Docker" in caught.value.hint

    with pytest.raises(EngineUnreachableError, match="no container engine listens at"):
        Connection(Endpoint("tcp://127.0.0.1:1"))


def test_the_error_of_a_chosen_engine_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DOCKER_HOST is named, since that is what to mend."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")

    with pytest.raises(EngineUnreachableError, match="DOCKER_HOST"):
        find_connection()


def test_closing_an_exchange_ends_who_reads_it(connection: Connection) -> None:
    """A reader in another thread goes on at once, without an error."""
    exchange = connection.exchange()

    def wait() -> None:
        with pytest.raises(ConnectionError):
            exchange.send("GET", "/hang", timeout=LIMIT_S)

    with running(wait):
        exchange.close()
    assert exchange.closed
    with pytest.raises(ConnectionAbortedError):
        exchange.send("GET", "/_ping", timeout=1)


def test_closing_the_connection_ends_all(server: Server, connection: Connection) -> None:
    """Also those that wait for an answer; what is asked later is refused at once."""
    reached = threading.Event()

    def hang(_: BaseHTTPRequestHandler) -> None:
        reached.set()
        server.ended.wait(LIMIT_S)

    server.answers["/reached"] = hang

    def ask() -> None:
        with pytest.raises(EngineUnreachableError, match="devrun ends"), connection.asking("wait"):
            connection.open("GET", "/reached", timeout=LIMIT_S)

    with running(ask):
        assert reached.wait(LIMIT_S)
        connection.close()
    with pytest.raises(EngineUnreachableError, match="devrun ends"):
        connection.ping()


def test_a_body_may_be_sent_in_chunks(server: Server, connection: Connection) -> None:
    """Archives are sent while they are made."""

    def echo(request: BaseHTTPRequestHandler) -> None:
        assert request.headers["Transfer-Encoding"] == "chunked"
        sent = [request.rfile.readline() for _ in range(6)]
        answering(None, body=b"".join(sent))(request)

    server.answers["/upload"] = echo
    with connection.asking("send"):
        sending = connection.open("POST", "/upload", params={"t": "a b"}, body=iter([b"one", b"three"]))
        reply = sending.read()

    assert reply == b"3\r\none\r\n5\r\nthree\r\n0\r\n\r\n"


def test_an_answer_before_the_body_s_end_is_heard(server: Server, connection: Connection) -> None:
    """An engine that refuses what is sent does not take all of it; its words are the error."""

    def refuse(request: BaseHTTPRequestHandler) -> None:
        request.close_connection = True
        answering({"message": "no such builder"}, 400)(request)

    server.answers["/upload"] = refuse
    with pytest.raises(RefusedError, match="send: no such builder"), connection.asking("send"):
        connection.open("POST", "/upload", body=iter([b"x" * 65536] * 100))


def test_a_bug_of_the_caller_is_no_error_of_the_engine(connection: Connection) -> None:
    """Only what the engine and the way to it can raise is translated."""
    with pytest.raises(FileNotFoundError), connection.asking("read a file"):
        Path("/none/such").read_text()
    with pytest.raises(EngineError, match="own words"), connection.asking("refuse"):
        raise EngineError("own words")
