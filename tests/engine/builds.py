"""What the tests of builds share: a project folder whose images are built on the real engine."""

import os
import secrets
import socket
import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from devrun.config.find import root_key
from devrun.config.names import project_slug
from devrun.config.project import ImageConfig, ImageName, Project
from devrun.config.session import Session
from devrun.core.values import BuildContext, Built, Fingerprint
from devrun.engine.connection import Connection
from devrun.engine.images import Images
from devrun.engine.protocol import BuildProgress
from devrun.errors import EngineError

BASE = os.environ.get("DEVRUN_PYTHON_IMAGE") or "devrun-stand-in/python:3"
FROM = f"FROM {BASE}\n"
IMAGE = ImageName("default")
LIMIT_S = 60.0


class Workshop:
    """A project folder, the images that are built from it, and all progress that was told."""

    def __init__(self, root: Path, connection: Connection) -> None:
        self.root = root
        self.connection = connection
        self.project = Project("workshop", project_slug("workshop", root), root, root_key(root), None, {}, {})
        self.images = Images(connection, self.project)
        self.nonce = secrets.token_hex(4)
        """Put into an instruction, it keeps the engine from answering out of its cache."""
        self.told: list[BuildProgress] = []
        self.on_progress = threading.Event()
        """Set with the first line that a build's instruction wrote."""

    def write(self, name: str, content: str = "") -> None:
        """Make a file of the project."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    def build(
        self,
        dockerfile: str,
        fingerprint: str = "f1",
        *,
        args: Mapping[str, str] | None = None,
        stage: str | None = None,
        bases: tuple[str, ...] = (BASE,),
        platform: str | None = None,
        session: Session | None = None,
    ) -> Built:
        """Build with all files of the folder as the context."""
        self.write("Dockerfile", dockerfile)
        files = tuple(
            (path, str(path.relative_to(self.root))) for path in self.root.rglob("*") if not path.is_dir()
        )
        image = ImageConfig(
            IMAGE,
            self.root / "Dockerfile",
            self.root,
            stage,
            args or {},
            platform=platform,
            session=session or Session(),
        )
        context = BuildContext(dockerfile, files, bases)
        return self.images.build_image(image, Fingerprint(fingerprint), context, self._take)

    def failure(self, dockerfile: str, *, session: Session | None = None) -> EngineError:
        """Return the error that the build ends with."""
        with pytest.raises(EngineError) as caught:
            self.build(dockerfile, session=session)
        return caught.value

    def cancel(self) -> None:
        """Give the running build up."""
        self.images.cancel_build(IMAGE)

    def inspect(self) -> tuple[Built, ...]:
        """Return the images that the engine has."""
        return self.images.inspect_image(IMAGE)

    def lines(self) -> list[str]:
        """Return the lines that the instructions wrote."""
        return [told.line for told in self.told if told.line and not told.instruction.startswith("exporting")]

    def forget(self) -> None:
        """Remove what was built."""
        for built in self.inspect():
            self.images.remove_image(IMAGE, built.fingerprint)

    def _take(self, progress: BuildProgress) -> None:
        self.told.append(progress)
        if progress.line:
            self.on_progress.set()


@contextmanager
def open_workshop(
    root: Path, connection: Connection, *, through: Connection | None = None
) -> Iterator[Workshop]:
    """Yield a workshop that asks the engine through another connection, if one is given."""
    try:
        yield Workshop(root, through or connection)
    finally:
        Workshop(root, connection).forget()


class EngineProxy(socketserver.ThreadingUnixStreamServer):
    """Stands between devrun and the engine: refuses BuildKit if told to, and cuts all connections."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, path: Path, engine: Path, *, refuses_buildkit: bool = False) -> None:
        super().__init__(str(path), _Passage)
        self.engine = engine
        self.refuses_buildkit = refuses_buildkit
        self.builds_asked: list[bytes] = []
        self.open: list[socket.socket] = []

    def stop(self) -> None:
        """End as an engine does that is killed: nobody listens, and what is open breaks."""
        self.shutdown()
        self.server_close()
        for end in self.open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def serve_proxy(path: Path, engine: Path, *, refuses_buildkit: bool = False) -> Iterator[EngineProxy]:
    """Yield a running proxy at `path`."""
    proxy = EngineProxy(path, engine, refuses_buildkit=refuses_buildkit)
    thread = threading.Thread(target=proxy.serve_forever, name="engine proxy", args=(0.01,))
    thread.start()
    try:
        yield proxy
    finally:
        proxy.stop()
        thread.join()


class _Passage(socketserver.BaseRequestHandler):
    """One connection through the proxy."""

    server: EngineProxy
    request: socket.socket

    def handle(self) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = self.request.recv(65536)
            if not piece:
                return
            head += piece
        if b"/build?" in head:
            self.server.builds_asked.append(head.partition(b"\r\n")[0])
            if self.server.refuses_buildkit and b"version=2" in head:
                self._refuse(head)
                return
        self._pass(head)

    def _refuse(self, received: bytes) -> None:
        # The answer comes once the request is read, as a client that still sends would not see it.
        while not received.endswith(b"0\r\n\r\n"):
            received = received[-8:] + self.request.recv(65536)
        body = b'{"message":"builder version 2 (BuildKit) is not supported"}'
        self.request.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    def _pass(self, head: bytes) -> None:
        with socket.socket(socket.AF_UNIX) as engine:
            engine.connect(str(self.server.engine))
            self.server.open += [engine, self.request]
            engine.sendall(head)
            back = threading.Thread(target=_pump, args=(engine, self.request), name="proxy back")
            back.start()
            _pump(self.request, engine)
            back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(piece)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
