"""The conversation with one agent: lines of JSON over the unix socket in its control directory.

One thread reads. What comes from the other side was written in a container: it is checked, and nothing is
believed of it but what is a run of a program.
"""

import contextlib
import json
import os
import queue
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from devrun.config.project import Depth
from devrun.engine.depth import SOCKET

ANSWER_TIMEOUT_S = 2.0
"""An agent answers in less than a millisecond; a machine under load may let it wait."""
FIRST_RUN_S = 10.0
"""An agent listens before the first run, for which a warm one has to make an interpreter ready."""
LINE_LIMIT_BYTES = 1024 * 1024
MOST_WORDS = 300
"""Characters of a note that are shown."""
_CHUNK_BYTES = 65536


class SilentError(Exception):
    """The agent does not answer, or what answers is none."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a program, as its agent tells of it."""

    number: int
    started: float
    is_over: bool
    code: int
    depth: Depth
    note: str = ""


class Channel:
    """An open conversation. Every method may be called from any thread."""

    def __init__(
        self,
        link: socket.socket,
        name: str,
        changed: Callable[[], None],
        ended: Callable[[], None],
        patience_s: float,
    ) -> None:
        """`changed` is called when the program ended, or another run began, unasked; `ended` once."""
        self._link = link
        self._patience_s = patience_s
        self._changed = changed
        self._ended = ended
        self._lock = threading.Lock()
        self._asked = 0
        self._answers: dict[int, queue.SimpleQueue[Mapping[str, object]]] = {}
        self._restarts = 0
        """How many restarts are under way: what they change is no news."""
        self._run: Run | None = None
        self._has_run = threading.Event()
        self._closed = False
        self.opened = time.monotonic()
        self._thread = threading.Thread(target=self._read, name=f"agent-{name}", daemon=True)
        self._thread.start()

    @property
    def run(self) -> Run:
        """The newest run that was told of; raises SilentError where none was in time."""
        if not self._has_run.wait(FIRST_RUN_S) or self._run is None:
            raise SilentError("it starts no program")
        return self._run

    def ask(self) -> Run:
        """Return the present run."""
        with self._request("status") as (line, answer):
            self._send(line)
            return self._answered(answer, self._patience_s)

    def restart(self, stale: tuple[str, ...], timeout_s: float) -> Run:
        """Start the program anew, without byte code that must not be trusted; returns its new run.

        The question before it, in the same breath, tells soon whether anybody listens.
        """
        with (
            self._request("status") as (asking, there),
            self._request("restart", stale=list(stale)) as (line, done),
        ):
            with self._lock:
                self._restarts += 1
            try:
                self._send(asking + line)
                self._answered(there, self._patience_s)
                return self._answered(done, timeout_s)
            finally:
                with self._lock:
                    self._restarts -= 1

    def close(self) -> None:
        """End the conversation."""
        with self._lock:
            self._closed = True
        with contextlib.suppress(OSError):
            self._link.shutdown(socket.SHUT_RDWR)

    @contextlib.contextmanager
    def _request(
        self, what: str, **more: object
    ) -> Iterator[tuple[bytes, "queue.SimpleQueue[Mapping[str, object]]"]]:
        answer: queue.SimpleQueue[Mapping[str, object]] = queue.SimpleQueue()
        with self._lock:
            self._asked += 1
            number = self._asked
            self._answers[number] = answer
        try:
            yield json.dumps({"id": number, "do": what, **more}).encode() + b"\n", answer
        finally:
            with self._lock:
                del self._answers[number]

    def _send(self, lines: bytes) -> None:
        try:
            self._link.sendall(lines)
        except OSError as error:
            raise SilentError(_words(error)) from error

    def _answered(self, answer: "queue.SimpleQueue[Mapping[str, object]]", timeout_s: float) -> Run:
        try:
            said = answer.get(timeout=timeout_s)
        except queue.Empty:
            raise SilentError(f"it does not answer within {timeout_s:g} s") from None
        if "error" in said:
            raise SilentError(str(said["error"])[:MOST_WORDS])
        return self.run

    # What follows runs in the thread.

    def _read(self) -> None:
        try:
            for line in self._lines():
                self._hear(line)
        except (OSError, ValueError):
            pass  # It went away, or is no agent: whoever waits for an answer hears of the end.
        with contextlib.suppress(OSError):
            self._link.close()
        with self._lock:
            waiting = tuple(self._answers.values())
            was_closed, self._closed = self._closed, True
        for answer in waiting:
            answer.put({"error": "its connection ended"})
        self._has_run.set()
        if not was_closed:
            self._ended()

    def _lines(self) -> Iterator[bytes]:
        rest = b""
        while chunk := self._link.recv(_CHUNK_BYTES):
            *whole, rest = (rest + chunk).split(b"\n")
            yield from whole
            if len(rest) > LINE_LIMIT_BYTES:
                raise ValueError("its line is too long")

    def _hear(self, line: bytes) -> None:
        said = json.loads(line)
        if not isinstance(said, dict):
            raise ValueError("it says no object")  # noqa: TRY004 - a wrong value, whatever its type
        number = said.get("id")
        with self._lock:
            answer = self._answers.get(number) if isinstance(number, int) else None
            is_news = "run" in said and self._take(read_run(said["run"])) and self._restarts == 0
        if answer:
            answer.put(said)
        elif is_news:
            self._changed()

    def _take(self, run: Run) -> bool:
        """Take note of a run, and tell whether it is another one than before, or over now."""
        if run.number == 0:
            return False  # The program was not started yet.
        before, self._run = self._run, run
        self._has_run.set()
        return before is not None and before != run


def connect(
    control: Path,
    name: str,
    changed: Callable[[], None],
    ended: Callable[[], None],
    *,
    patience_s: float = ANSWER_TIMEOUT_S,
) -> Channel:
    """Return a conversation with the agent that listens in a directory; raises SilentError.

    The path may be longer than a socket's can be: it is reached through an open directory.
    """
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        folder = os.open(control, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            # A full pipe to somebody who does not read must not keep the sender.
            seconds = struct.pack("ll", int(ANSWER_TIMEOUT_S), 0)
            link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, seconds)
            link.connect(f"/proc/self/fd/{folder}/{SOCKET}")
        finally:
            os.close(folder)
    except OSError as error:
        link.close()
        raise SilentError(_words(error)) from error
    return Channel(link, name, changed, ended, patience_s)


def read_run(said: object) -> Run:
    """Return a run as an agent wrote it; raises ValueError."""
    if not isinstance(said, dict):
        raise ValueError("a run is an object")  # noqa: TRY004 - a wrong value, whatever its type
    number, started, code = said.get("number"), said.get("started"), said.get("code", 0)
    if not isinstance(number, int) or not isinstance(started, int | float) or not isinstance(code, int):
        raise ValueError("a run has a number, a start and a code")  # noqa: TRY004
    depth = Depth.WARM if said.get("depth") == Depth.WARM.value else Depth.PROCESS
    note = str(said.get("note") or "")[:MOST_WORDS]
    return Run(number, float(started), said.get("state") != "running", code, depth, note)


def _words(error: OSError) -> str:
    if isinstance(error, BlockingIOError | TimeoutError):
        return f"it takes nothing within {ANSWER_TIMEOUT_S:g} s"
    if isinstance(error, FileNotFoundError):
        return "its socket is not there"
    return f"its socket: {(error.strerror or str(error)).lower()}"
