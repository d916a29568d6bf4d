"""The connection with the engine: found, negotiated, with a time-out on every call and one tongue for errors.

All that Docker, HTTP and the socket can raise becomes one of two errors here: EngineError, the engine said
no; EngineUnreachableError, nobody knows what it did. Whoever asks the engine does so inside `asking`.
"""

import http.client
import json
import logging
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING

from devrun.engine.calls import Calls
from devrun.engine.endpoints import Endpoint, find_endpoints
from devrun.engine.exchange import Body, Exchange, LinkError, Params, StatusError
from devrun.engine.refusals import explain
from devrun.errors import EngineError, EngineUnreachableError

if TYPE_CHECKING:
    import docker

PING_TIMEOUT_S = 2.0
CALL_TIMEOUT_S = 60.0
"""Creating and starting take seconds on a machine under load; beyond a minute the engine hangs."""
NEWEST_VERSION = (1, 51)
"""The newest API that devrun was tested with: a newer engine is asked to speak this one."""

log = logging.getLogger(__name__)

LIBRARY = "devrun.engine.library"
"""Where docker-py is: until it was imported, nothing can have raised its errors."""

_LOST = (http.client.HTTPException, LinkError, ConnectionError)


class RefusedError(EngineError):
    """The engine answered with an error status."""

    def __init__(self, message: str, status: int, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


class Connection:
    """An engine that answered once. Every method may be called from any thread."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Ask the engine for its version; raises EngineUnreachableError."""
        self.endpoint = endpoint
        self._lock = threading.Lock()
        self._open: set[Exchange] = set()
        self._closed = False
        self._prefix = ""
        about = self._ask_version()
        self.version = _negotiated(str(about.get("ApiVersion", "")), str(about.get("MinAPIVersion", "")))
        self.name = _name(about)
        self.platform = _platform(about)
        self.is_docker = _brand(about) == "Docker"
        self.architecture = str(about.get("Arch", "")) if about.get("Os") == "linux" else ""
        self._prefix = f"/v{self.version}"
        self.calls = Calls(endpoint, self._prefix, CALL_TIMEOUT_S)
        """What is asked most, without docker-py."""
        self._client: docker.APIClient | None = None
        if endpoint.certificates:
            with self.asking("connect to the engine"):
                _ = self.client  # which reads them, so that an error of theirs comes now

    @property
    def client(self) -> "docker.APIClient":
        """docker-py's client, for all that `calls` has not; made when it is first asked for."""
        from devrun.engine.library import client_of

        with self._lock:
            if self._client is None:
                self._client = client_of(self.endpoint, self.version, CALL_TIMEOUT_S)
            return self._client

    @property
    def closed(self) -> bool:
        """Tell whether `close` was called, so that an end may be told from a loss."""
        return self._closed

    def ping(self) -> None:
        """Return if the engine answers within two seconds, on a socket of its own."""
        silent = self._silence()
        if silent:
            raise EngineUnreachableError(f"ping: {silent.message}", hint=silent.hint)

    @contextmanager
    def asking(self, what: str) -> Iterator[None]:
        """Turn what goes wrong inside into EngineError or EngineUnreachableError, which begin with `what`."""
        try:
            yield
        except StatusError as error:
            raise self._refusal(what, error.status, _message(error.body)) from error
        except (TimeoutError, *_LOST) as error:
            raise self._unreachable(what, _cause(error)) from error
        except Exception as error:
            library = sys.modules.get(LIBRARY)
            if library is None or not isinstance(error, library.LOST):
                raise
            raise self._translated(what, error, library) from error

    def open(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = CALL_TIMEOUT_S,
        silence: float | None = None,
    ) -> Exchange:
        """Send a request on a socket of its own; the reply is read from, and closed at, what is returned.

        To be able to cut it short even while it is being sent, take an `exchange` and `send` it.
        """
        exchange = self.exchange()
        return exchange.send(
            method, path, params=params, body=body, headers=headers, timeout=timeout, silence=silence
        )

    def create(self, body: Mapping[str, object], name: str | None = None, platform: str | None = None) -> str:
        """Create a container from the engine's own payload, and return its id; within `asking`."""
        if platform:  # docker-py knows which engines heed it.
            made = self.client.create_container_from_config(dict(body), name, platform)  # type: ignore[no-untyped-call]
        else:
            made = self.calls.create_container(body, name)
        return str(made["Id"])

    def exchange(self, *, versioned: bool = True) -> Exchange:
        """Return a request that is not sent yet; `close` of it, or of the connection, ends it at any time."""
        made = Exchange(self.endpoint, self._prefix if versioned else "", self._forget)
        with self._lock:
            self._open.add(made)
            closed = self._closed
        if closed:
            made.close()
        return made

    def close(self) -> None:
        """End all exchanges, those of other threads too; what is asked later ends at once."""
        with self._lock:
            self._closed = True
            exchanges = tuple(self._open)
        for exchange in exchanges:
            exchange.close()
        if self._client is not None:
            self._client.close()

    def _forget(self, exchange: Exchange) -> None:
        with self._lock:
            self._open.discard(exchange)

    def _ask_version(self) -> dict[str, object]:
        with self.asking("connect to the engine"), self.exchange() as exchange:
            body = exchange.send("GET", "/version", timeout=PING_TIMEOUT_S, silence=PING_TIMEOUT_S).read()
        try:
            about = json.loads(body)
        except ValueError:
            about = None
        if not isinstance(about, dict) or "ApiVersion" not in about:
            raise EngineUnreachableError(
                f"connect to the engine: {self.endpoint} is no container engine",
                hint="DOCKER_HOST or the docker context names the wrong place",
            )
        return about

    def _translated(
        self, what: str, error: Exception, library: ModuleType
    ) -> EngineError | EngineUnreachableError:
        """Return an error of docker-py's in our own words."""
        if isinstance(error, library.APIError):
            return self._refusal(what, error.status_code or 0, error.explanation or str(error))
        if isinstance(error, library.LATE):
            return self._unreachable(what, _cause(TimeoutError()))
        is_its_own = isinstance(error, library.DockerException)
        return self._unreachable(what, str(error) if is_its_own else _cause(error))

    def _refusal(self, what: str, status: int, message: str) -> EngineError | EngineUnreachableError:
        """Return the engine's no; an error of an engine that is going away says nothing about the call."""
        if status >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
            silent = self._silence()
            if silent:
                return EngineUnreachableError(f"{what}: {silent.message}", hint=silent.hint)
        cause, hint = explain(message)
        return RefusedError(
            f"{what}: {cause or f'the engine answers with status {status}'}", status, hint=hint
        )

    def _unreachable(self, what: str, cause: str) -> EngineUnreachableError:
        silent = self._silence()
        if silent:
            return EngineUnreachableError(f"{what}: {silent.message}", hint=silent.hint)
        return EngineUnreachableError(f"{what}: {cause}")

    def _silence(self) -> EngineUnreachableError | None:
        """Return why the engine does not answer, None where it does."""
        with self.exchange(versioned=False) as exchange:
            try:
                exchange.send("GET", "/_ping", timeout=PING_TIMEOUT_S, silence=PING_TIMEOUT_S).read()
            except LinkError as error:
                return _why_silent(self.endpoint, error.cause)
            except (OSError, http.client.HTTPException, StatusError) as error:
                if self._closed:
                    return EngineUnreachableError("given up, because devrun ends")
                return _why_silent(self.endpoint, error)
        return None


def find_connection() -> Connection:
    """Return a connection with the first engine that answers; raises EngineUnreachableError."""
    tried = []
    for endpoint in find_endpoints():
        found = _try(endpoint)
        if isinstance(found, Connection):
            return found
        tried.append(found)
    raise tried[0]


def _try(endpoint: Endpoint) -> Connection | EngineUnreachableError:
    try:
        return Connection(endpoint)
    except (EngineError, EngineUnreachableError) as error:
        return EngineUnreachableError(error.message, hint=error.hint)


def _negotiated(newest: str, oldest: str) -> str:
    """Return the version to speak: the engine's, no newer than tested, no older than it still takes."""
    chosen = max(min(_numbers(newest), NEWEST_VERSION), _numbers(oldest))
    return ".".join(str(number) for number in chosen)


def _numbers(version: str) -> tuple[int, int]:
    major, _, minor = version.partition(".")
    return (int(major), int(minor)) if major.isdigit() and minor.isdigit() else (0, 0)


def _name(about: Mapping[str, object]) -> str:
    """Return the engine's name and version, for people."""
    return f"{_brand(about)} {about.get('Version', '')}".strip()


def _brand(about: Mapping[str, object]) -> str:
    components = about.get("Components")
    first = components[0] if isinstance(components, list) and components else {}
    name = str(first.get("Name", "Engine")) if isinstance(first, dict) else "Engine"
    return name.removesuffix(" Engine") if name != "Engine" else "Docker"


def _platform(about: Mapping[str, object]) -> str:
    """Return what the engine is a part of, such as `Docker Desktop 4.34`."""
    said = about.get("Platform")
    return str(said.get("Name", "")) if isinstance(said, dict) else ""


def _message(body: bytes) -> str:
    """Return the words of an error's body, which is JSON unless something else than an engine answers."""
    text = body.decode("utf-8", "replace").strip()
    try:
        content = json.loads(text)
    except ValueError:
        return text
    return str(content.get("message", text)) if isinstance(content, dict) else text


def _cause(error: BaseException) -> str:
    cause = error.cause if isinstance(error, LinkError) else error
    if isinstance(cause, TimeoutError):
        return "the engine does not answer in time"
    return f"the connection with the engine was lost ({type(cause).__name__})"


def _why_silent(endpoint: Endpoint, error: Exception) -> EngineUnreachableError:
    match error:
        case FileNotFoundError():
            words, hint = f"there is no container engine at {endpoint}", "start Docker, or set DOCKER_HOST"
        case PermissionError():
            words = f"not permitted to use the container engine at {endpoint}"
            hint = "let your user use it: sudo usermod -aG docker $USER, then log in again"
        case ConnectionRefusedError():
            words, hint = f"no container engine listens at {endpoint}", "start Docker"
        case TimeoutError() | BlockingIOError():
            words, hint = f"the container engine at {endpoint} does not answer", "it hangs: restart it"
        case _:
            words = f"the container engine at {endpoint} does not answer ({error})"
            hint = "see its log, or restart it"
    return EngineUnreachableError(words, hint=hint)
