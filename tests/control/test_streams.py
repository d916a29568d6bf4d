"""Answers that go on: lines as they come, a slow client that is told what it lost, an end with the server."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from devrun.control.client import Client
from devrun.control.limits import Limits
from devrun.control.place import Place
from devrun.control.server import Server
from devrun.core.journal import Entry, LogLine, Missed
from devrun.errors import DevrunError, UnknownNameError
from tests.control.conftest import LIMIT_S, NotingService
from tests.control.test_endpoints import Send, ask


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Threads for clients."""
    with ThreadPoolExecutor(4) as made:
        yield made


def write(service: NotingService, name: str, *texts: str, at: float = 1.0) -> None:
    """Let a target write lines."""
    for text in texts:
        service.lines.put(name, at, lambda number, text=text: LogLine(at, name, "stdout", text, number))  # type: ignore[misc]


def happen(service: NotingService, text: str) -> None:
    service.journal.put("", 1.0, lambda number: Entry(1.0, "notice", text=text, number=number))


def texts(lines: "Iterator[LogLine | Missed] | list[LogLine | Missed]") -> list[str]:
    return [line.text if isinstance(line, LogLine) else f"lost {line.lost}" for line in lines]


def test_logs_are_what_is_there(place: Place, server: Server, service: NotingService) -> None:
    """Of all targets or some, of builds, the last ones, what came after a number or a moment."""
    write(service, "web", "one", "two")
    write(service, "job", "three", at=5.0)
    write(service, "default", "FROM python")
    client = Client.connect(place)

    assert texts(client.logs()) == ["one", "two", "three"]
    assert texts(client.logs(["job"])) == ["three"]
    assert texts(client.logs(build=True)) == ["FROM python"]
    assert texts(client.logs(tail=1)) == ["two", "three"]
    assert texts(client.logs(after=1)) == ["two", "three"]
    assert texts(client.logs(since=4.5)) == ["three"]
    assert list(client.logs(["job"])) == [LogLine(5.0, "job", "stdout", "three", 3)]


def test_events_may_begin_with_a_snapshot(send: Send, server: Server, service: NotingService) -> None:
    """What follows it is news."""
    happen(service, "hello")
    status, headers, body = ask(send, "GET /v1/events?snapshot=true")
    first, second = map(json.loads, body.split("\r\n")[1].splitlines() + body.split("\r\n")[3].splitlines())

    assert (status, headers["content-type"]) == (200, "application/x-ndjson")
    assert first["project"] == "имя"
    assert (second["text"], second["number"]) == ("hello", 1)


def test_whoever_follows_gets_what_comes(
    place: Place, server: Server, service: NotingService, pool: ThreadPoolExecutor
) -> None:
    """Until the daemon ends, which is a quiet end."""
    write(service, "web", "old")
    lines = Client.connect(place).logs(follow=True)
    assert texts([next(lines)]) == ["old"]
    rest = pool.submit(texts, lines)
    write(service, "web", "new")
    entries = Client.connect(place).events(follow=True)
    happen(service, "first")
    entry = next(entries)
    assert isinstance(entry, Entry)
    assert entry.text == "first"

    server.stop()
    assert rest.result(LIMIT_S) == ["new"]


def test_a_client_that_does_not_read_loses_lines_and_holds_up_nobody(
    place: Place, server: Server, service: NotingService, dial: Callable[[], socket.socket]
) -> None:
    """It is told how many; what it reads in the end is the newest."""
    slow = dial()
    slow.sendall(b"GET /v1/logs?follow=true HTTP/1.0\r\n\r\n")
    fast = Client.connect(place).logs(follow=True)
    for _ in range(400):
        write(service, "web", "x" * 10_000)
        next(fast)
    write(service, "web", "last")
    assert "last" in texts([next(fast)])
    said = b""
    while b'"last"' not in said:
        said += slow.recv(1 << 20)
    lines = [json.loads(line) for line in said.partition(b"\r\n\r\n")[2].splitlines()]
    lost = sum(line.get("lost", 0) for line in lines)
    read = sum("text" in line for line in lines)

    assert lost > 0
    assert lost + read == 401
    assert Client.connect(place).status_bytes()


def test_clients_that_go_are_forgotten(
    place: Place, serve: Callable[[Limits], Server], service: NotingService, dial: Callable[[], socket.socket]
) -> None:
    """Otherwise there would be no room for others some day."""
    serve(Limits(connections=20))
    for _ in range(60):
        lines = Client.connect(place).logs(follow=True)
        write(service, "web", "x")
        next(lines)
        lines.close()  # type: ignore[attr-defined]

    assert texts([next(Client.connect(place).logs(follow=True))]) == ["x"]


def test_too_many_followers_are_refused(
    place: Place, serve: Callable[[Limits], Server], service: NotingService
) -> None:
    """Quick questions find room all the same."""
    serve(Limits(connections=8))
    write(service, "web", "x")
    open_ones = [Client.connect(place).logs(follow=True) for _ in range(6)]
    for lines in open_ones:
        next(lines)

    with pytest.raises(DevrunError, match="6 clients follow already"):
        next(Client.connect(place).logs(follow=True))
    assert Client.connect(place).status_bytes()


def test_a_reader_in_another_thread_is_woken_by_each_line(
    place: Place, server: Server, service: NotingService
) -> None:
    """One by one, as a person types."""
    lines = Client.connect(place).logs(follow=True)
    heard: list[str] = []
    woken = threading.Event()

    def listen() -> None:
        for line in lines:
            heard.extend(texts([line]))
            woken.set()

    threading.Thread(target=listen, daemon=True).start()
    for number in range(20):
        woken.clear()
        write(service, "web", str(number))
        assert woken.wait(LIMIT_S)

    assert heard == [str(number) for number in range(20)]


def test_wishes_are_taken_up(place: Place, server: Server, service: NotingService) -> None:
    """With a name that has to be quoted, too."""
    client = Client.connect(place)
    client.restart("web")
    client.start("job")
    client.stop("web")
    client.rebuild("default", no_cache=True)
    client.rebuild("default", pull=True)

    assert service.wishes == [
        ("restart", "web"),
        ("start", "job"),
        ("stop", "web"),
        ("rebuild True False", "default"),
        ("rebuild False True", "default"),
    ]


@pytest.mark.parametrize("name", ["nope", "имя", "a b%2f?&", "../web"])
def test_an_unknown_name_is_told(place: Place, server: Server, service: NotingService, name: str) -> None:
    """As a mistake of the command line."""
    client = Client.connect(place)
    with pytest.raises(UnknownNameError, match=r"no target is called|no such endpoint"):
        client.restart(name)
    with pytest.raises(UnknownNameError, match="no target is called"):
        next(client.logs([name]))
    assert service.wishes == []
