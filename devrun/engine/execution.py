"""A command in a target's running container, beside its program.

The engine can start such a command and tell how it ended, but knows neither signals for it nor an end. So
it carries a mark in its environment, by which it is found again from inside: with all that it started, as a
terminal reaches them too.
"""

import json
import logging
import secrets
import time
from collections.abc import Iterator

from devrun.core.values import ContainerId
from devrun.engine.connection import Connection, RefusedError
from devrun.engine.refusals import explain, program_error
from devrun.engine.session import DETACH_KEYS, Size, Stream, post
from devrun.errors import DevrunError, EngineError, ExitCode, ProgramError

MARK = "DEVRUN_SESSION"
REFUSED = b"OCI runtime exec failed: "
"""What the engine writes, as if the command had, where there is no such program."""
PAUSES_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
"""Between asking again for what engines know a moment later than they should."""

_SIGNAL = 'for it in /proc/[0-9]*; do grep -qs "$1" "$it/environ" && kill -s "$2" "${it#/proc/}"; done'

log = logging.getLogger(__name__)


class Execution:
    """A session in a container that runs already."""

    def __init__(
        self, connection: Connection, container: ContainerId, argv: tuple[str, ...], terminal: Size | None
    ) -> None:
        self._connection = connection
        self._container = container
        self._mark = f"{MARK}={secrets.token_hex(8)}"
        self._tty = terminal is not None
        self._stream = Stream(connection, tty=self._tty)
        self._ended = False
        self._refusal = b""
        size = {"ConsoleSize": [*terminal]} if terminal else {}
        wanted = {
            "Cmd": list(argv),
            "Env": [self._mark],
            "Tty": self._tty,
            "DetachKeys": DETACH_KEYS,
            **dict.fromkeys(("AttachStdin", "AttachStdout", "AttachStderr"), True),
            **size,
        }
        self._id = self._make(wanted)

    def start(self) -> None:
        """Start the command with its streams connected."""
        how = {"Detach": False, "Tty": self._tty}
        self._stream.open(f"/exec/{self._id}/start", "run the command in the container", body=how)

    def output(self) -> Iterator[tuple[str, bytes]]:
        """Yield what the command writes."""
        for stream, chunk in self._stream.output():
            # A command that writes this itself ends with another code, and gets it back then.
            if self._refusal or chunk.startswith(REFUSED):
                self._refusal += chunk
            else:
                yield stream, chunk
        self._ended = True
        if self._refusal and not self._is_refused(self._exit_code()):
            yield "stdout", self._refusal

    def write(self, data: bytes) -> None:
        """Let the command read this."""
        self._stream.write(data)

    def end_input(self) -> None:
        """Let it read the end of its input."""
        self._stream.end_input()

    def resize(self, size: Size) -> None:
        """Tell its terminal how large it is; the engine has the stream before it has the terminal."""
        for pause in (*PAUSES_S, 0.0):
            try:
                with self._connection.asking("resize the terminal"):
                    self._connection.open("POST", f"/exec/{self._id}/resize", params=size.params).read()
                return
            except RefusedError:
                if not pause:
                    raise
                time.sleep(pause)

    def signal(self, name: str) -> None:
        """Send a signal to the command and to what it started; one that ended is fine."""
        words = ["sh", "-c", _SIGNAL, "sh", self._mark, name.removeprefix("SIG")]
        made = self._make({"Cmd": words})
        with self._connection.asking("send a signal"):
            post(self._connection, f"/exec/{made}/start", {"Detach": True, "Tty": False})

    def wait(self) -> int:
        """Return its exit code; raises ProgramError where it could not be started."""
        code = self._exit_code()
        if self._is_refused(code):
            cause, _ = explain(self._refusal.decode("utf-8", "replace"))
            raise program_error(cause) or ProgramError(cause)
        return code

    def close(self) -> None:
        """Leave it; what it leaves running hangs up, as where a terminal is closed."""
        self._stream.close()
        if self._ended:
            return
        self._ended = True
        try:
            self.signal("SIGHUP")
        except DevrunError as error:
            log.info("the command was left in the container: %s", error.message)

    def _make(self, wanted: dict[str, object]) -> str:
        with self._connection.asking("run a command in the container"):
            made = post(self._connection, f"/containers/{self._container}/exec", wanted)
        return str(json.loads(made)["Id"])

    def _exit_code(self) -> int:
        """Return the exit code, which the engine knows a moment after the end of the output."""
        for pause in (*PAUSES_S, 0.0):
            with self._connection.asking("ask how the command ended"):
                seen = json.loads(self._connection.open("GET", f"/exec/{self._id}/json").read())
            if not seen.get("Running") and seen.get("ExitCode") is not None:
                return int(seen["ExitCode"])
            time.sleep(pause)
        raise EngineError("the command's output ended, but the command did not")

    def _is_refused(self, code: int) -> bool:
        return bool(self._refusal) and code in (ExitCode.NOT_EXECUTABLE, ExitCode.NOT_FOUND)
