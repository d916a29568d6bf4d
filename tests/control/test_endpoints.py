"""What can be asked, and the form of every answer."""

import json
from collections.abc import Callable
from queue import SimpleQueue

import pytest

from devrun.control.client import Client
from devrun.control.lock import Lock
from devrun.control.place import Place
from devrun.control.server import Server
from devrun.control.wire import decode
from devrun.core.report import Report
from tests.control.conftest import NotingService

LIMIT_S = 20.0
Send = Callable[[bytes], bytes]


def ask(send: Send, line: str, *headers: str, body: str = "") -> tuple[int, dict[str, str], str]:
    """Return the status, the headers and the body of an answer."""
    lines = [f"{line} HTTP/1.1", "Connection: close", *(headers or ("Host: localhost",)), "", body]
    head, _, text = send("\r\n".join(lines).encode()).decode().partition("\r\n\r\n")
    first, *rest = head.split("\r\n")
    return int(first.split()[1]), dict(line.split(": ", 1) for line in rest), text


def test_status_is_the_report(send: Send, server: Server, report: Report) -> None:
    """As JSON, in the version of the protocol, and not to be kept."""
    status, headers, body = ask(send, "GET /v1/status")

    assert (status, decode(Report, body.encode())) == (200, report)
    assert headers["devrun-protocol"] == "1"
    assert headers["content-type"] == "application/json"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers


@pytest.mark.parametrize(("query", "remove"), [("", False), ("?remove=true", True), ("?remove=false", False)])
def test_shutdown_is_accepted_and_begun(
    send: Send, server: Server, ends: "SimpleQueue[bool]", query: str, *, remove: bool
) -> None:
    """The answer comes before the end."""
    status, _, body = ask(send, f"POST /v1/shutdown{query}")

    assert (status, json.loads(body)) == (202, {"accepted": True})
    assert ends.get(timeout=LIMIT_S) is remove


@pytest.mark.parametrize(
    ("line", "status", "error"),
    [
        ("POST /v1/shutdown?remove=perhaps", 400, "parameter 'remove' is 'perhaps'"),
        ("GET /v1/weather", 404, "no such endpoint: GET /v1/weather"),
        ("GET /v1/status/", 404, "no such endpoint: GET /v1/status/"),
        ("GET /v1/../../etc/passwd", 404, "no such endpoint: GET /v1/../../etc/passwd"),
        ("GET http://localhost/v1/status", 404, None),
        ("CONNECT localhost:80", 404, None),
        ("OPTIONS *", 404, None),
        ("GET /v1/shutdown", 405, "no such method: GET /v1/shutdown"),
        ("DELETE /v1/status", 405, "no such method: DELETE /v1/status"),
    ],
)
def test_an_error_says_what_and_what_to_do(
    send: Send, server: Server, ends: "SimpleQueue[bool]", line: str, status: int, error: str | None
) -> None:
    """In JSON, whoever found it: the endpoint or the library below."""
    answered, headers, body = ask(send, line)
    said = json.loads(body)

    assert (answered, headers["devrun-protocol"]) == (status, "1")
    assert said["hint"]
    assert error is None or said["error"] == error
    assert ends.empty()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (["Host: localhost", "Origin: http://localhost"], 403),
        (["Host: localhost", "Origin: null"], 403),
        (["Host: evil.example"], 403),
        (["Host: localhost.evil.example"], 403),
        (["Host: localhost:80"], 403),
        (["Host: 127.0.0.1"], 403),
        (["Host: localhost", "Content-Length: 65537"], 413),
        (["Host: localhost", "Content-Length: 99999999999999999999"], 413),
        (["Host: localhost", "Transfer-Encoding: chunked"], 411),
        (["Host: devrun"], 202),
        (["Host: "], 202),
        (["Host: localhost", "Content-Length: 65536", "Expect: 100-continue"], 202),
    ],
)
def test_what_comes_by_a_browser_or_is_too_large_is_refused(
    send: Send, server: Server, ends: "SimpleQueue[bool]", headers: list[str], status: int
) -> None:
    """And does nothing."""
    body = "x" * 65536 if status == 202 and len(headers) > 1 else ""
    answered, sent, _ = ask(send, "POST /v1/shutdown", *headers, body=body)

    assert (answered, sent["devrun-protocol"]) == (status, "1")
    assert ends.empty() is (status != 202)


def test_http_1_0_needs_no_host(send: Send, server: Server) -> None:
    """The smallest client is enough."""
    assert send(b"GET /v1/status HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 OK")


class Buggy(NotingService):
    """A service with a bug."""

    def report(self) -> Report:
        raise ZeroDivisionError("by zero")


def test_a_bug_of_the_service_is_an_answer_too(
    lock: Lock,
    send: Send,
    report: Report,
    deaths: "SimpleQueue[BaseException]",
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The log has the traceback, and the server lives."""
    server = Server.start(lock, Buggy(report, SimpleQueue(), SimpleQueue()), died=deaths.put)
    status, _, body = ask(send, "GET /v1/status")
    again, _, _ = ask(send, "GET /v1/status")
    server.stop()

    assert (status, again) == (500, 500)
    assert json.loads(body)["error"] == "a bug of devrun: ZeroDivisionError: by zero"
    assert "ZeroDivisionError" in caplog.text
    assert deaths.empty()


def test_a_connection_may_carry_many_requests(send: Send, server: Server, place: Place) -> None:
    """A tool that asks often connects once."""
    asked = b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n" * 9
    last = b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

    assert send(asked + last).count(b"HTTP/1.1 200 OK") == 10
    assert Client.connect(place).status_bytes()
