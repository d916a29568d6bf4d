"""Looks into a running container: what listens there, and what its own Python thinks of a file."""

import ipaddress
import json
from collections.abc import Iterable, Sequence

from devrun.config.project import Project
from devrun.core.values import Broken, ContainerId, Saved
from devrun.engine.connection import Connection
from devrun.engine.frames import split_frames
from devrun.engine.inspected import Inspected, python_of, shown_by
from devrun.engine.ports import listening
from devrun.errors import EngineError

LOOK_TIMEOUT_S = 10.0
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

    def _place(self, inspected: Inspected, path: str) -> str:
        shown = shown_by(inspected)
        place = shown.inside(self._project.root / path) if shown else None
        return str(place or "")

    def _run(self, container: str, argv: Sequence[str]) -> str:
        """Return what a program writes to its standard output in a running container."""
        client = self._connection.client
        with self._connection.asking("look into the container"):
            made = client.exec_create(container, list(argv), stdout=True, stderr=False)["Id"]
            with self._connection.open(
                "POST",
                f"/exec/{made}/start",
                body=json.dumps({"Detach": False, "Tty": False}).encode(),
                headers={"Content-Type": "application/json"},
                timeout=LOOK_TIMEOUT_S,
                silence=LOOK_TIMEOUT_S,
            ) as exchange:
                frames = split_frames(exchange.chunks())
                return b"".join(content for _, content in frames).decode("utf-8", "replace")


def read_address(hexadecimal: str) -> str:
    """Return an address of /proc/net/tcp or tcp6: words of four bytes in the machine's order."""
    raw = bytes.fromhex(hexadecimal)
    swapped = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
    return str(ipaddress.ip_address(swapped))
