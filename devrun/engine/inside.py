"""Looks into a running container: what listens there, what a command ends with, what its Python parses."""

import ipaddress
import json
import time
from collections.abc import Iterable, Sequence

from devrun.config.project import Project
from devrun.core.values import Broken, ContainerId, Saved
from devrun.engine.connection import Connection
from devrun.engine.exchange import Exchange, LinkError
from devrun.engine.frames import split_frames
from devrun.engine.inspected import Inspected, python_of, shown_by
from devrun.engine.ports import listening
from devrun.engine.refusals import explain
from devrun.errors import EngineError

LOOK_TIMEOUT_S = 10.0
EXIT_PAUSE_S = 0.01
"""The engine may know of an end a moment after the output's."""
NOT_STARTED = "OCI runtime exec failed"
"""Older engines write it where the program should have written."""
ENGINE_DNS = "127.0.0.11"
"""Where the engine itself answers for names; not the program's."""

_PARSE = """
import json, sys, warnings
warnings.simplefilter("ignore")
broken = {}
for path in sys.argv[1:]:
    try:
        with open(path, "rb") as file:
            compile(file.read(), path, "exec")
    except OSError:
        pass
    except Exception as error:
        broken[path] = [getattr(error, "lineno", 0) or 1, getattr(error, "msg", 0) or str(error)]
print(json.dumps(broken))
"""


class Inside:
    """Programs that devrun runs in a container of the user's, each for some milliseconds."""

    def __init__(self, connection: Connection, project: Project) -> None:
        self._connection = connection
        self._project = project

    def listeners(self, container: ContainerId) -> frozenset[tuple[str, int]]:
        """Return the addresses and TCP ports on which programs listen."""
        tables = self._run(container, ("cat", "/proc/net/tcp", "/proc/net/tcp6"))
        found = {(read_address(address), port) for address, port, _ in listening(tables)}
        return frozenset((address, port) for address, port in found if address != ENGINE_DNS)

    def broken(self, inspected: Inspected, files: Iterable[Saved]) -> frozenset[Broken]:
        """Return the files that the container's Python does not parse; raises EngineError if it has none."""
        python = python_of(inspected)
        if not python:
            raise EngineError("check the syntax in the container: it has no Python")
        places = {self._place(inspected, file.path): file for file in files}
        seen = sorted(place for place in places if place)
        said = self._run(inspected["Id"], (python.executable, "-I", "-S", "-B", "-c", _PARSE, *seen))
        try:
            broken: dict[str, tuple[int, str]] = json.loads(said)
        except ValueError as error:
            raise EngineError("check the syntax in the container: its Python gave no answer") from error
        return frozenset(
            Broken(places[place].path, line, message, places[place].content)
            for place, (line, message) in broken.items()
        )

    def exit_code(self, container: ContainerId, argv: Sequence[str], timeout_s: float) -> int | None:
        """Return what a command ends with; None where it does not end in time, and so goes on."""
        until = time.monotonic() + timeout_s
        calls = self._connection.calls
        with self._connection.asking("look into the container"):
            made = calls.exec_create(container, argv, stderr=True)
            said = self._read_until(made, until)
            found = calls.exec_inspect(made)
            while found["Running"] and time.monotonic() < until:
                time.sleep(EXIT_PAUSE_S)
                found = calls.exec_inspect(made)
        if NOT_STARTED in said:
            raise EngineError(explain(said)[0])
        return None if found["Running"] else int(found["ExitCode"])

    def _read_until(self, made: str, until: float) -> str:
        """Return the beginning of what an exec writes; ends with it, or at that moment."""
        said = ""
        with self._start(made, max(until - time.monotonic(), 0.01)) as exchange:
            try:
                for _, content in split_frames(exchange.chunks()):
                    said = said or content.decode("utf-8", "replace")
                    if time.monotonic() > until:
                        break
            except LinkError as error:
                if not isinstance(error.cause, TimeoutError):
                    raise
        return said

    def _place(self, inspected: Inspected, path: str) -> str:
        shown = shown_by(inspected)
        place = shown.inside(self._project.root / path) if shown else None
        return str(place or "")

    def _run(self, container: str, argv: Sequence[str]) -> str:
        """Return what a program writes to its standard output in a running container."""
        calls = self._connection.calls
        with self._connection.asking("look into the container"):
            made = calls.exec_create(container, argv, stderr=False)
            with self._start(made, LOOK_TIMEOUT_S) as exchange:
                frames = split_frames(exchange.chunks())
                return b"".join(content for _, content in frames).decode("utf-8", "replace")

    def _start(self, made: str, silence_s: float) -> Exchange:
        return self._connection.open(
            "POST",
            f"/exec/{made}/start",
            body=json.dumps({"Detach": False, "Tty": False}).encode(),
            headers={"Content-Type": "application/json"},
            timeout=LOOK_TIMEOUT_S,
            silence=silence_s,
        )


def read_address(hexadecimal: str) -> str:
    """Return an address of /proc/net/tcp or tcp6: words of four bytes in the machine's order."""
    raw = bytes.fromhex(hexadecimal)
    swapped = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
    return str(ipaddress.ip_address(swapped))
