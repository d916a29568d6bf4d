"""A wait over the socket: answered later, given up by whoever goes, ended with the server."""

import json
import os
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import pytest

from devrun.control.client import Client
from devrun.control.limits import OPEN_FILES, Limits
from devrun.control.place import Place
from devrun.control.server import Server
from devrun.control.wire import decode, encode
from devrun.core.waiting import Obstacle, WaitOutcome
from devrun.errors import DevrunError, NotRunningError
from tests.control.conftest import LIMIT_S, Wait
from tests.control.test_endpoints import Send, ask

READY = WaitOutcome("ready", (), 0.25)
FAILED = WaitOutcome(
    "failed",
    (Obstacle("image default", "exit code 1", "mend it", "RUN pip", ("one", "two")), Obstacle("", "имя")),
    12.5,
)
Waits = SimpleQueue[Wait]


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Threads for clients."""
    with ThreadPoolExecutor(4) as made:
        yield made


@pytest.mark.parametrize("outcome", [READY, FAILED])
def test_a_wait_is_answered_when_the_service_answers(
    place: Place, server: Server, waits: Waits, pool: ThreadPoolExecutor, outcome: WaitOutcome
) -> None:
    """Meanwhile others are; the wish is taken back in the end."""
    asked = pool.submit(Client.connect(place).wait, ("web", "имя %&?"), timeout_s=30.5)
    wait = waits.get(timeout=LIMIT_S)
    assert (set(map(str, wait.names)), wait.timeout_s) == ({"web", "имя %&?"}, 30.5)
    assert Client.connect(place).status_bytes()
    assert not asked.done()

    wait.answer(outcome)
    assert asked.result(LIMIT_S) == outcome
    assert wait.dropped.wait(LIMIT_S)


def test_a_wait_for_all_has_neither_names_nor_a_limit(
    place: Place, server: Server, waits: Waits, pool: ThreadPoolExecutor
) -> None:
    """The client's own patience does not end it."""
    asked = pool.submit(Client.connect(place, timeout_s=0.05).wait)
    wait = waits.get(timeout=LIMIT_S)
    assert (wait.names, wait.timeout_s) == (frozenset(), None)
    with pytest.raises(DevrunError, match="timed out"):  # one that began later, and has a limit
        Client.connect(place, timeout_s=0.05).wait(timeout_s=0.1)
    assert not asked.done()

    wait.answer(READY)
    assert asked.result(LIMIT_S) == READY


def test_a_daemon_that_does_not_keep_to_the_limit_is_named(
    place: Place, server: Server, waits: Waits
) -> None:
    """It hangs: the client goes by its own clock."""
    with pytest.raises(DevrunError, match="does not answer: timed out"):
        Client.connect(place, timeout_s=0.05).wait(timeout_s=0.05)
    assert waits.get(timeout=LIMIT_S).dropped.wait(LIMIT_S)


def test_an_answer_is_json(send: Send, server: Server, waits: Waits, pool: ThreadPoolExecutor) -> None:
    """For whoever has no devrun at hand."""
    asked = pool.submit(ask, send, "POST /v1/wait?target=web&target=job&timeout=3")
    wait = waits.get(timeout=LIMIT_S)
    assert (set(map(str, wait.names)), wait.timeout_s) == ({"web", "job"}, 3.0)
    wait.answer(FAILED)
    status, headers, body = asked.result(LIMIT_S)

    assert (status, headers["content-type"]) == (200, "application/json")
    said = json.loads(body)
    assert (said["outcome"], said["seconds"]) == ("failed", 12.5)
    assert said["problems"][0] == {
        "subject": "image default",
        "error": "exit code 1",
        "hint": "mend it",
        "step": "RUN pip",
        "output": ["one", "two"],
    }


@pytest.mark.parametrize("said", ["soon", "", "nan", "0", "-1", "inf", "1e300"])
def test_a_limit_that_is_none_is_refused(send: Send, server: Server, waits: Waits, said: str) -> None:
    """Nobody begins to wait."""
    status, _, body = ask(send, f"POST /v1/wait?timeout={said}")

    assert (status, json.loads(body)["error"]) == (400, f"parameter 'timeout' is '{said}'")
    assert waits.empty()


def test_a_client_that_goes_away_is_forgotten(
    server: Server, waits: Waits, dial: Callable[[], socket.socket]
) -> None:
    """An answer that comes later is nobody's."""
    client = dial()
    client.sendall(b"POST /v1/wait HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nany")
    wait = waits.get(timeout=LIMIT_S)
    assert not wait.dropped.is_set()
    client.close()

    assert wait.dropped.wait(LIMIT_S)
    wait.answer(READY)


def test_the_end_of_the_service_ends_a_wait(
    place: Place, server: Server, waits: Waits, pool: ThreadPoolExecutor
) -> None:
    """As if no daemon ran."""
    asked = pool.submit(Client.connect(place).wait)
    waits.get(timeout=LIMIT_S).answer(None)

    with pytest.raises(NotRunningError, match="devrun ended before all was ready"):
        asked.result(LIMIT_S)


def test_the_end_of_the_server_ends_all_waits(
    place: Place, server: Server, waits: Waits, pool: ThreadPoolExecutor
) -> None:
    """With an answer, and at once; what the service says later hurts nobody."""
    asked = [pool.submit(Client.connect(place).wait) for _ in range(3)]
    open_waits = [waits.get(timeout=LIMIT_S) for _ in asked]
    server.stop()

    for one in asked:
        with pytest.raises(NotRunningError, match="devrun ended before all was ready"):
            one.result(LIMIT_S)
    for wait in open_waits:
        assert wait.dropped.wait(LIMIT_S)
        wait.answer(READY)


def test_more_waits_than_there_is_room_for_are_refused(
    place: Place,
    serve: Callable[[Limits], Server],
    waits: Waits,
    send: Send,
    dial: Callable[[], socket.socket],
) -> None:
    """Others still get their answers, and whoever goes makes room."""
    serve(Limits(connections=8))
    clients = [dial() for _ in range(6)]
    open_waits: list[Wait] = []
    for client in clients:
        client.sendall(b"POST /v1/wait HTTP/1.1\r\nHost: localhost\r\n\r\n")
        open_waits.append(waits.get(timeout=LIMIT_S))
    status, _, body = ask(send, "POST /v1/wait")
    assert (status, json.loads(body)["error"]) == (429, "6 clients wait already")
    assert Client.connect(place).status_bytes()

    clients[0].close()
    assert open_waits[0].dropped.wait(LIMIT_S)
    dial().sendall(b"POST /v1/wait HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert not waits.get(timeout=LIMIT_S).dropped.is_set()


def test_an_outcome_of_a_newer_daemon_is_read_as_far_as_it_is_known() -> None:
    """What is no outcome is refused."""
    said = json.loads(encode(FAILED)) | {"mood": 1}
    assert decode(WaitOutcome, json.dumps(said).encode()) == FAILED
    with pytest.raises(DevrunError, match="the answer of the running devrun cannot be read"):
        decode(WaitOutcome, b"{}")


def test_a_process_makes_room_for_a_thousand_waits() -> None:
    """As far as it may: its soft limit of open files is raised."""
    script = """
import resource, sys
soft, hard = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
from devrun.control.limits import Limits
limits = Limits.of_process()
print(limits.connections, limits.waits, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)

    def limits(soft: int, hard: int) -> list[int]:
        command = [sys.executable, "-c", script, str(soft), str(hard)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=dict(os.environ))
        return list(map(int, done.stdout.split()))

    assert limits(256, hard) == [most // 2, most // 2 * 3 // 4, most]
    assert limits(256, 512) == [256, 192, 512]
    assert limits(512, 512) == [256, 192, 512]


def test_nothing_is_left_of_many_waits(
    place: Place, server: Server, waits: Waits, dial: Callable[[], socket.socket]
) -> None:
    """One after the other, as an editor asks."""
    for _ in range(50):
        thread = threading.Thread(target=Client.connect(place).wait)
        thread.start()
        wait = waits.get(timeout=LIMIT_S)
        wait.answer(READY)
        thread.join(LIMIT_S)
        assert wait.dropped.wait(LIMIT_S)
    assert waits.empty()
