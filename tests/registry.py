"""A container registry for tests: one tiny image behind bearer tokens, as the public registries do it.

It listens on 127.0.0.1, which engines take for a registry that needs no TLS.
"""

import base64
import gzip
import hashlib
import io
import json
import platform
import secrets
import socket
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

USER = "devrun"
PASSWORD = "a-pass-word"
REPOSITORY = "devrun/tiny"
FILE = "hello.txt"
CONTENT = b"hello from the registry\n"

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
_TLS_HELLO = b"\x16"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


class Registry(ThreadingHTTPServer):
    """The server and its image; `layer_allowed` holds the layer back while it is cleared."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.token = secrets.token_hex(8)
        self.layer_allowed = threading.Event()
        self.layer_allowed.set()
        self.layer_asked = threading.Event()
        self.blobs: dict[str, bytes] = {}
        layer = _layer()
        self.layer = self._keep(gzip.compress(layer, mtime=0))
        config = self._keep(json.dumps(_config(layer)).encode())
        self.manifest = json.dumps(self._manifest(config)).encode()
        self.blobs[_digest(self.manifest)] = self.manifest

    @property
    def host(self) -> str:
        """The registry's name in image references."""
        return f"127.0.0.1:{self.server_port}"

    @property
    def image(self) -> str:
        """The reference of its image."""
        return f"{self.host}/{REPOSITORY}:1"

    @property
    def digest(self) -> str:
        """What the image is pinned by."""
        return _digest(self.manifest)

    def _keep(self, blob: bytes) -> str:
        digest = _digest(blob)
        self.blobs[digest] = blob
        return digest

    def _manifest(self, config: str) -> dict[str, object]:
        return {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": {"mediaType": _CONFIG, "digest": config, "size": len(self.blobs[config])},
            "layers": [{"mediaType": _LAYER, "digest": self.layer, "size": len(self.blobs[self.layer])}],
        }


@contextmanager
def serve_registry() -> Iterator[Registry]:
    """Yield a running registry."""
    registry = Registry()
    thread = threading.Thread(target=registry.serve_forever, name="registry")
    thread.start()
    try:
        yield registry
    finally:
        registry.layer_allowed.set()
        registry.shutdown()
        thread.join()
        registry.server_close()


def docker_config(registry: Registry, user: str = USER, password: str = PASSWORD) -> str:
    """Return the text of a docker configuration that is logged in to the registry."""
    auth = base64.b64encode(f"{user}:{password}".encode()).decode()
    return json.dumps({"auths": {registry.host: {"auth": auth}}})


class _Answers(BaseHTTPRequestHandler):
    """The few answers that a pull asks for."""

    server: Registry
    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        """Answer a connection's requests; TLS is answered in plain HTTP.

        Engines with containerd's image store try TLS first, and go on without it only where the answer begins
        with "HTTP/", as http.server's own to a line that it cannot read does not.
        """
        if self.connection.recv(1, socket.MSG_PEEK) == _TLS_HELLO:
            # What is left unread would turn the answer into a reset.
            self.connection.recv(65536)
            self.wfile.write(b"HTTP/1.0 400 Bad Request\r\n\r\n")
        else:
            super().handle()

    def do_HEAD(self) -> None:  # http.server asks for this name.
        self.do_GET()

    def do_GET(self) -> None:  # http.server asks for this name.
        path = urlsplit(self.path).path
        if path == "/token":
            self._answer_token()
        elif self.headers.get("Authorization") != f"Bearer {self.server.token}":
            self._answer_unauthorized()
        elif path == "/v2/":
            self._answer(200, "application/json", b"{}")
        else:
            self._answer_content(path)

    def do_POST(self) -> None:  # http.server asks for this name.
        """Give no token this way, which containerd tries first; public registries answer so too."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer(404, "application/json", _errors("NOT_FOUND", "not found"))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # The parameter's name is given.
        """Say nothing: a test's output is its own."""

    def _answer_token(self) -> None:
        """Give the token to whoever knows the password, and a useless one to whoever says nothing."""
        expected = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        given = self.headers.get("Authorization")
        if given not in (None, f"Basic {expected}"):
            self._answer(401, "application/json", _errors("UNAUTHORIZED", "incorrect username or password"))
        else:
            token = self.server.token if given else "anonymous"
            self._answer(200, "application/json", json.dumps({"token": token}).encode())

    def _answer_unauthorized(self) -> None:
        challenge = f'Bearer realm="http://{self.server.host}/token",service="tests"'
        if "/v2/devrun" in self.path:
            challenge += f',scope="repository:{REPOSITORY}:pull"'
        body = _errors("UNAUTHORIZED", "authentication required")
        self._answer(401, "application/json", body, {"WWW-Authenticate": challenge})

    def _answer_content(self, path: str) -> None:
        kind, _, reference = path.removeprefix(f"/v2/{REPOSITORY}/").partition("/")
        digest = _digest(self.server.manifest) if reference == "1" else reference
        blob = self.server.blobs.get(digest)
        if blob is None:
            code = "MANIFEST_UNKNOWN" if kind == "manifests" else "BLOB_UNKNOWN"
            self._answer(404, "application/json", _errors(code, code.replace("_", " ").lower()))
            return
        if digest == self.server.layer:
            self.server.layer_asked.set()
            self.server.layer_allowed.wait()
        content_type = _MANIFEST if kind == "manifests" else "application/octet-stream"
        self._answer(200, content_type, blob, {"Docker-Content-Digest": digest})

    def _answer(
        self, status: int, content_type: str, body: bytes, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            # The engine may have given up meanwhile, as a test wants it to.
            try:
                self.wfile.write(body)
            except OSError:
                self.close_connection = True


def _layer() -> bytes:
    """Return a layer's tar archive."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.GNU_FORMAT) as tar:
        info = tarfile.TarInfo(FILE)
        # Each registry serves an image of its own, which no other test has pulled already.
        content = CONTENT + secrets.token_hex(8).encode()
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    return archive.getvalue()


def _config(layer: bytes) -> dict[str, object]:
    return {
        "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
    }


def _errors(code: str, message: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message}]}).encode()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
