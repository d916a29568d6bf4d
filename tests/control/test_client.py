"""What a command gets from the daemon, or instead of it."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import pytest

from devrun.control.client import Client
from devrun.control.limits import Limits
from devrun.control.lock import Lock
from devrun.control.place import Place
from devrun.control.server import Server
from devrun.control.wire import encode
from devrun.core.explanation import Explained, Explanation, LastBatch
from devrun.core.report import Report
from devrun.errors import DevrunError, NotRunningError

LIMIT_S = 20.0
IMPOSTOR = """
import os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
os.setuid(65534)
listener.listen()
print("listening", flush=True)
sys.stdin.readline()
"""
Answering = Callable[[bytes], threading.Thread]


@pytest.fixture
def answering(place: Place, lock: Lock) -> Iterator[Answering]:
    """Be a daemon of another make, which answers one request with the given bytes and closes."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place.socket))
        listener.listen()
        listener.settimeout(LIMIT_S)

        def answer(said: bytes) -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(10_000)
                connection.sendall(said)

        def start(said: bytes) -> threading.Thread:
            thread = threading.Thread(target=answer, args=(said,))
            thread.start()
            threads.append(thread)
            return thread

        threads: list[threading.Thread] = []
        yield start
        for thread in threads:
            thread.join(LIMIT_S)


def test_the_report_arrives_whole(place: Place, server: Server, report: Report) -> None:
    """As bytes for `--json`, as a value for a table; and there is nothing to warn of."""
    client = Client.connect(place)

    assert client.status() == report
    assert client.status_bytes() == encode(report)
    assert client.mismatch == ""


def test_explanations_arrive_whole(place: Place, server: Server) -> None:
    """For each path that is asked for, whatever is in its name; the last changes where they are asked for."""
    client = Client.connect(place)
    odd = "a b/&=?\udcff.py"

    assert client.explain(["a.py", odd]) == Explained((Explanation("a.py"), Explanation(odd)))
    assert client.explain([], last=True) == Explained((), LastBatch(7.0))


def test_without_a_daemon_the_client_says_so(place: Place) -> None:
    """With the command that starts one."""
    with pytest.raises(NotRunningError, match="devrun is not running for this project") as raised:
        Client.connect(place)
    assert raised.value.hint == "start it with `devrun watch`"


def test_a_stale_socket_is_no_daemon(place: Place, lock: Lock) -> None:
    """Whoever held the lock was killed."""
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(place.socket))
    lock.release()

    with pytest.raises(NotRunningError):
        Client.connect(place)


@pytest.mark.parametrize("stale", [False, True])
def test_a_daemon_that_is_about_to_listen_is_waited_for(
    place: Place, lock: Lock, serve: Callable[[Limits], Server], report: Report, *, stale: bool
) -> None:
    """Between its lock and its socket lies a moment, in which an old socket may still lie there."""
    if stale:
        with socket.socket(socket.AF_UNIX) as killed:
            killed.bind(str(place.socket))
    client = Client.connect(place)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(client.status)
        began = time.monotonic()
        with pytest.raises(DevrunError):
            Client.connect(place, timeout_s=0.2).status_bytes()
        assert time.monotonic() - began >= 0.2
        serve(Limits())

        assert asked.result(LIMIT_S) == report


def test_a_daemon_that_never_listens_is_named(place: Place, lock: Lock) -> None:
    """With its pid and how to end it."""
    client = Client.connect(place, timeout_s=0.2)

    with pytest.raises(DevrunError, match=f"pid {lock.holder.pid}, does not answer: no such file") as raised:
        client.status_bytes()
    assert raised.value.hint == f"end it: kill {lock.holder.pid}"


def test_a_daemon_that_never_answers_is_named(place: Place, lock: Lock) -> None:
    """It may be stopped, or hang."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place.socket))
        listener.listen()

        with pytest.raises(DevrunError, match="does not answer: timed out"):
            Client.connect(place, timeout_s=0.2).status_bytes()


def test_a_daemon_with_a_full_queue_is_tried_again(place: Place, lock: Lock, report: Report) -> None:
    """Too many at once is no reason to give up."""
    answer = b"HTTP/1.1 200 OK\r\nDevrun-Protocol: 1\r\n\r\n" + encode(report)
    with socket.socket(socket.AF_UNIX) as listener, ThreadPoolExecutor(1) as pool:
        listener.bind(str(place.socket))
        listener.listen(0)
        listener.settimeout(LIMIT_S)
        with socket.socket(socket.AF_UNIX) as first:
            first.connect(str(place.socket))
            asked = pool.submit(Client.connect(place, timeout_s=LIMIT_S).status)
            listener.accept()[0].close()
            connection, _ = listener.accept()
        with connection:
            connection.recv(10_000)
            connection.sendall(answer)

        assert asked.result(LIMIT_S) == report


def test_a_daemon_that_ends_meanwhile_is_not_running(place: Place, lock: Lock) -> None:
    """It is gone: there is nothing to end or to restart."""
    client = Client.connect(place)
    lock.release()

    with pytest.raises(NotRunningError):
        client.status_bytes()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
def test_an_impostor_at_the_socket_is_not_asked(place: Place, lock: Lock) -> None:
    """What another user's process answers is not read."""
    argv = [sys.executable, "-I", "-S", "-c", IMPOSTOR, str(place.socket)]
    impostor = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert impostor.stdout
    assert impostor.stdout.readline() == "listening\n"

    with pytest.raises(DevrunError, match="user 65534 answers at devrun's socket"):
        Client.connect(place).status_bytes()
    impostor.communicate("\n")


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (b"", "the answer is no http"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "the answer is no http"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", "the answer is cut short"),
    ],
)
def test_half_an_answer_is_none(place: Place, answering: Answering, said: bytes, cause: str) -> None:
    """A report is never made of it."""
    answering(said)

    with pytest.raises(DevrunError, match=f"does not answer: {cause}"):
        Client.connect(place).status_bytes()


def test_another_version_of_the_protocol_is_noted(place: Place, answering: Answering) -> None:
    """The answer is given all the same: it may well be readable."""
    answering(b"HTTP/1.1 200 OK\r\nDevrun-Protocol: 2\r\n\r\n{}")
    client = Client.connect(place)

    assert client.status_bytes() == b"{}"
    assert client.mismatch == "the running devrun 1.2.3 speaks protocol 2, this one 1: restart it"


@pytest.mark.parametrize(
    ("body", "error", "hint"),
    [
        (b'{"error": "no", "hint": "ask again"}', "no", "ask again"),
        (b'{"error": "no"}', "no", ""),
        (b"[]", "the running devrun refuses: status 418", "restart it"),
        (b"teapot", "the running devrun refuses: status 418", "restart it"),
    ],
)
def test_a_refusal_is_an_error_of_ours(
    place: Place, answering: Answering, body: bytes, error: str, hint: str
) -> None:
    """With the daemon's own words where it has any."""
    answering(b"HTTP/1.1 418 Teapot\r\nDevrun-Protocol: 1\r\n\r\n" + body)

    with pytest.raises(DevrunError) as raised:
        Client.connect(place).shutdown()
    assert (raised.value.message, raised.value.hint) == (error, hint)


@pytest.mark.parametrize("remove", [False, True])
def test_shutdown_is_asked_for_and_waited_for(
    place: Place, lock: Lock, server: Server, ends: "SimpleQueue[bool]", *, remove: bool
) -> None:
    """The daemon is gone when it lets go of the lock, not when it agrees."""
    client = Client.connect(place)
    client.shutdown(remove=remove)
    assert ends.get(timeout=LIMIT_S) is remove

    assert not client.wait_until_gone(0.05)
    server.stop()
    lock.release()
    assert client.wait_until_gone(LIMIT_S)


def test_the_next_daemon_is_not_the_one_that_was_waited_for(place: Place, lock: Lock, root: Path) -> None:
    """A daemon that was started again at once does not make the wait longer."""
    client = Client.connect(place)
    lock.release()

    with Lock.acquire(place, root=root, version="2"):
        assert client.wait_until_gone(LIMIT_S)


def test_the_client_loads_nothing_heavy() -> None:
    """`devrun status --json` answers in the time that Python needs to start."""
    script = "import devrun.control.client, sys; print(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    heavy = {
        "docker",
        "watchfiles",
        "starlette",
        "uvicorn",
        "h11",
        "rich",
        "pydantic",
        "asyncio",
        "http",
    }

    assert not loaded & heavy
