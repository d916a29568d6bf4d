"""Where container engines are: DOCKER_HOST, the docker client's context, then the usual sockets.

The order is Docker's own. What the user chose (a host, a context) is the only candidate, and a context that
does not exist is an error as it is for `docker` itself: docker-py would quietly take the default socket
instead, and look for contexts below the current directory where there is no config.json.
"""

import hashlib
import json
import logging
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from devrun.errors import EngineUnreachableError

DEFAULT_SOCKET = Path("/var/run/docker.sock")
PLAIN_PORT = 2375
TLS_PORT = 2376

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Certificates:
    """The files for TLS, and whether the engine's own certificate is verified."""

    folder: Path
    verify: bool = True

    @property
    def pair(self) -> tuple[str, str]:
        """Return the client's certificate and key."""
        return str(self.folder / "cert.pem"), str(self.folder / "key.pem")

    @property
    def authority(self) -> str:
        """Return the certificate that the engine's is checked with."""
        return str(self.folder / "ca.pem")

    def context(self) -> ssl.SSLContext:
        """Return what a TLS socket to the engine is made with."""
        made = ssl.create_default_context(cafile=self.authority if self.verify else None)
        made.load_cert_chain(*self.pair)
        if not self.verify:
            made.check_hostname = False
            made.verify_mode = ssl.CERT_NONE
        return made


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One place at which an engine may answer, and what named it."""

    host: str
    origin: str = ""
    certificates: Certificates | None = None

    def __str__(self) -> str:
        return f"{self.host} ({self.origin})" if self.origin else self.host

    @property
    def socket(self) -> Path | None:
        """Return the path of its unix socket, None for one that is reached by TCP."""
        parts = urlsplit(self.host)
        return Path(parts.netloc + parts.path or DEFAULT_SOCKET) if parts.scheme == "unix" else None

    @property
    def address(self) -> tuple[str, int]:
        """Return host and port of one that is reached by TCP."""
        parts = urlsplit(self.host)
        return parts.hostname or "127.0.0.1", parts.port or (TLS_PORT if self.certificates else PLAIN_PORT)


def find_endpoints(environ: Mapping[str, str] = os.environ, home: Path | None = None) -> tuple[Endpoint, ...]:
    """Return the places to ask, best first; raises EngineUnreachableError for an unusable choice."""
    home = home or Path.home()
    chosen = _chosen_host(environ, home) or _chosen_context(environ, home)
    if not chosen:
        return tuple(Endpoint(f"unix://{path}") for path in _usual_sockets(environ, home))
    _refuse_foreign_transport(chosen)
    return (chosen,)


def _chosen_host(environ: Mapping[str, str], home: Path) -> Endpoint | None:
    host = environ.get("DOCKER_HOST", "").strip()
    if not host:
        return None
    folder = environ.get("DOCKER_CERT_PATH") or ""
    verify = bool(environ.get("DOCKER_TLS_VERIFY"))
    # TLS is for TCP only; docker-py asks for certificates even where the host is a unix socket.
    if host.startswith("unix:") or not (folder or verify):
        return Endpoint(host, "DOCKER_HOST")
    certificates = Certificates(Path(folder or home / ".docker"), verify=verify)
    return Endpoint(host, "DOCKER_HOST", certificates)


def _chosen_context(environ: Mapping[str, str], home: Path) -> Endpoint | None:
    folder = Path(environ.get("DOCKER_CONFIG") or home / ".docker")
    name = environ.get("DOCKER_CONTEXT") or _read_object(folder / "config.json").get("currentContext")
    if not isinstance(name, str) or name in ("", "default"):
        return None
    key = hashlib.sha256(name.encode()).hexdigest()
    endpoint: object = _read_object(folder / "contexts/meta" / key / "meta.json")
    for part in ("Endpoints", "docker"):
        endpoint = endpoint.get(part) if isinstance(endpoint, dict) else None
    if not isinstance(endpoint, dict) or not isinstance(endpoint.get("Host"), str):
        raise EngineUnreachableError(
            f'docker context "{name}": there is no such context',
            hint="`docker context ls` shows those there are, DOCKER_CONTEXT or `docker context use` chooses",
        )
    files = folder / "contexts/tls" / key / "docker"
    verify = not endpoint.get("SkipTLSVerify")
    certificates = Certificates(files, verify=verify) if (files / "cert.pem").is_file() else None
    return Endpoint(endpoint["Host"], f'docker context "{name}"', certificates)


def _refuse_foreign_transport(endpoint: Endpoint) -> None:
    scheme = urlsplit(endpoint.host).scheme
    if scheme in ("unix", "tcp", "http", "https"):
        return
    # A folder of this machine cannot be mounted on another one, so ssh would work without mounts only.
    raise EngineUnreachableError(
        f'container engine {endpoint}: devrun cannot use "{scheme}" engines',
        hint="choose a local engine, or forward its socket: "
        "ssh -N -L /tmp/engine.sock:/var/run/docker.sock HOST, then DOCKER_HOST=unix:///tmp/engine.sock",
    )


def _usual_sockets(environ: Mapping[str, str], home: Path) -> list[Path]:
    """Return where Docker, Colima, OrbStack, Rancher Desktop and Podman listen, as far as it is there."""
    runtime = Path(environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    places = [
        DEFAULT_SOCKET,
        runtime / "docker.sock",
        home / ".docker/run/docker.sock",
        home / ".docker/desktop/docker.sock",
        home / ".colima/default/docker.sock",
        home / ".config/colima/default/docker.sock",
        home / ".orbstack/run/docker.sock",
        home / ".rd/docker.sock",
        runtime / "podman/podman.sock",
        Path("/run/podman/podman.sock"),
        home / ".local/share/containers/podman/machine/podman.sock",
    ]
    return [place for place in places if _exists(place)] or [DEFAULT_SOCKET]


def _exists(place: Path) -> bool:
    try:
        return place.exists()
    except OSError:
        # In a folder that we may not enter; the error of connecting would say the same.
        return False


def _read_object(path: Path) -> dict[str, object]:
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        log.warning("%s: %s", path, error)
        return {}
    return content if isinstance(content, dict) else {}
