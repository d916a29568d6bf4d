"""Who is let in, for how long and how much; and that nobody else notices."""

import os
import select
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import pytest

from devrun.control.client import Client
from devrun.control.endpoints import Service
from devrun.control.limits import Limits
from devrun.control.lock import Lock
from devrun.control.place import Place
from devrun.control.server import Server
from devrun.core.report import Report
from tests.control.conftest import Nobody

STATUS = b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n"
LIMIT_S = 20.0
INTRUDE = """
import os, socket, sys
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
client = socket.socket(socket.AF_UNIX)
client.settimeout(20)
try:
    client.connect(sys.argv[1])
    client.sendall(b"POST /v1/shutdown HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n")
    print("answer", client.recv(1000))
except OSError as error:
    print(type(error).__name__)
"""


def intrude(place: Place) -> str:
    """Return what another user gets."""
    argv = [sys.executable, "-I", "-S", "-c", INTRUDE, str(place.socket)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
def test_another_user_does_not_get_to_the_socket(place: Place, server: Server) -> None:
    """Its directory is private."""
    assert intrude(place) == "PermissionError"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
def test_another_user_at_the_socket_is_not_listened_to(
    place: Place, server: Server, ends: "SimpleQueue[bool]"
) -> None:
    """Where the file modes failed us, the kernel's word on the peer does not: no byte is read or sent."""
    for path in (place.socket, *place.socket.parents[:6]):
        path.chmod(0o777)

    said = {intrude(place) for _ in range(3)}

    assert said <= {"answer b''", "BrokenPipeError", "ConnectionResetError"}
    for path in place.socket.parents[:6]:
        path.chmod(0o700)
    assert Client.connect(place).status_bytes()
    assert ends.empty()


@pytest.mark.parametrize(
    "said",
    [
        b"garbage\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(50) + b"\r\n\r\n",
        b"GET /v1/status HTTP/1.1\r\n\r\n",
        b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"GET /" + b"x" * 100_000,
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100_000,
        STATUS.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n").replace(b"GET", b"\x00"),
    ],
)
def test_what_is_no_http_or_too_large_is_refused(
    send: Callable[[bytes], bytes], server: Server, said: bytes
) -> None:
    """In JSON like every error, and the connection ends."""
    head, _, body = send(said).partition(b"\r\n\r\n")

    assert head.startswith(
        b"HTTP/1.1 400 Bad Request\r\ndevrun-protocol: 1\r\ncontent-type: application/json\r\n"
    )
    assert body.startswith(b'{"error": "the request is no HTTP/1.1, or too large", "hint": ')


def test_garbage_after_a_request_is_refused_after_its_answer(
    send: Callable[[bytes], bytes], server: Server
) -> None:
    """What came before it is answered all the same."""
    answer = send(STATUS + STATUS + b"garbage\r\n\r\n")

    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.count(b"HTTP/1.1 400 Bad Request") == 1


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"GET /v1/sta",
        b"GET /v1/status HTTP/1.1\r\nHost: loc",
        b"POST /v1/shutdown HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n12345",
    ],
)
def test_a_request_that_does_not_come_whole_in_time_ends(
    serve: Callable[[Limits], Server], send: Callable[[bytes], bytes], said: bytes
) -> None:
    """A slow client is not waited for."""
    serve(Limits(request_s=0.1))

    assert b"HTTP/1.1 200" not in send(said)


def test_a_request_in_many_pieces_is_read(server: Server, dial: Callable[[], socket.socket]) -> None:
    """As long as it comes in time."""
    connection = dial()
    for byte in STATUS:
        connection.sendall(bytes([byte]))

    assert connection.recv(12) == b"HTTP/1.1 200"


def test_an_idle_connection_ends(serve: Callable[[Limits], Server], send: Callable[[bytes], bytes]) -> None:
    """It is answered, and closed when no other request follows."""
    serve(Limits(request_s=0.2))

    assert send(STATUS + STATUS).count(b"HTTP/1.1 200") == 2


class Talkative(Nobody):
    """A service whose report is larger than what the kernel keeps for a reader."""

    def report(self) -> Report:
        return Report(1, "x" * 5_000_000, "/", 1, 0.0, "", engine_up=True, settled=True)


def test_an_answer_that_nobody_takes_ends_the_connection(
    place: Place, lock: Lock, dial: Callable[[], socket.socket], deaths: "SimpleQueue[BaseException]"
) -> None:
    """And others are answered meanwhile."""
    service: Service = Talkative()
    server = Server.start(lock, service, died=deaths.put, limits=Limits(request_s=0.5))
    silent = dial()
    silent.sendall(STATUS)
    assert len(Client.connect(place).status().project) == 5_000_000

    ended = select.poll()
    ended.register(silent, select.POLLHUP)
    assert ended.poll(LIMIT_S * 1000)
    server.stop()


def test_one_too_many_makes_room_by_ending_the_longest_wait(
    place: Place, serve: Callable[[Limits], Server], dial: Callable[[], socket.socket], report: Report
) -> None:
    """So that a crowd of silent connections keeps nobody out."""
    serve(Limits(connections=50, request_s=2 * LIMIT_S))
    assert Client.connect(place).status() == report
    crowd = [dial() for _ in range(200)]

    assert Client.connect(place).status() == report
    assert {connection.recv(1) for connection in crowd[:151]} == {b""}
    crowd[-1].sendall(STATUS)
    assert crowd[-1].recv(12) == b"HTTP/1.1 200"


def test_two_hundred_clients_at_once_are_answered(place: Place, server: Server, report: Report) -> None:
    """Each with the whole report."""
    with ThreadPoolExecutor(200) as pool:
        reports = list(pool.map(lambda _: Client.connect(place).status(), range(400)))

    assert reports == [report] * 400


def test_clients_that_vanish_leave_nothing(
    place: Place, server: Server, dial: Callable[[], socket.socket], report: Report
) -> None:
    """Whether they said nothing, half a request, or did not wait for the answer."""
    assert Client.connect(place).status() == report
    assert server._serving
    before = len(server._serving.server_state.connections)
    for said in (b"", STATUS[:20], STATUS, STATUS * 5) * 20:
        with dial() as connection:
            connection.sendall(said)
    # The server accepts in turn, so that whoever is answered last came after all of them.
    connection = dial()
    connection.sendall(STATUS)
    assert connection.recv(12) == b"HTTP/1.1 200"
    ended = Client.connect(place)
    assert ended.status() == report

    assert before == 0
    server.stop()
    assert not server._serving.server_state.connections
