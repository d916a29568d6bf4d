"""The client that judges: it asks every 4 ms from the moment of the save, each time on a new connection."""

import contextlib
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.served import Answer, Source

STEP_S = 0.004
TRY_S = 0.1
"""How long one try may take: a connection that a restart has swallowed is given up, then asked anew."""
REQUEST = b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Taken:
    """How one save went: the seconds to the answer of the new code, None where it never came."""

    seconds: float | None
    wrong: int


def answer_to_save(port: int, source: Source, began_s: float, began_ns: int, limit_s: float) -> Taken:
    """Asks until the code that is saved answers, and counts answers of old code by processes begun since."""
    wrong = 0
    for seconds, answer in answers(port, began_s, limit_s):
        if answer.stamps == source.stamps:
            return Taken(seconds, wrong)
        wrong += answer.began_ns > began_ns
    return Taken(None, wrong)


def answers(port: int, began_s: float, limit_s: float) -> Iterator[tuple[float, Answer]]:
    """Yields each answer within the limit, with the seconds (of `perf_counter`) since the beginning."""
    due = began_s
    while time.perf_counter() < began_s + limit_s:
        answer = ask(port)
        if answer:
            yield time.perf_counter() - began_s, answer
        now = time.perf_counter()
        due = max(due + STEP_S, now)
        time.sleep(due - now)


def ask(port: int) -> Answer | None:
    """Returns the answer on a port of this machine; None where nobody answers, or only half."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), TRY_S) as connection:
        connection.settimeout(TRY_S)
        connection.sendall(REQUEST)
        head, _, body = everything(connection).partition(b"\r\n\r\n")
        return Answer.of(body.decode(errors="replace")) if b" 200 " in head else None
    return None


def everything(connection: socket.socket) -> bytes:
    """Returns what comes until the other side closes."""
    return b"".join(iter(lambda: connection.recv(4096), b""))


def free_port() -> int:
    """Returns a port that nobody uses at present."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])
