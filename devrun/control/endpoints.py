"""What can be asked over the socket, and from whom a question is taken.

An endpoint is one function and one line in `_routes`. It takes its answer from the service, which returns at
once; what takes time is answered later, and holds up nobody. Browsers are kept out: any page that a user
looks at could make them send something.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from devrun.control.refusal import CONTENT_TYPE, refusal
from devrun.control.waits import TooManyError, Waitable, Waits
from devrun.control.wire import encode, to_json
from devrun.core.explanation import Explained
from devrun.core.report import Report
from devrun.errors import DevrunError

HOSTS = frozenset({"", "localhost", "devrun"})
"""What programs send. A page can only make a browser send the name of a site, which is none of these."""
_FLAGS = {"true": True, "false": False}


class Service(Waitable, Protocol):
    """What the socket is the door of. Called in the server's thread, and must return at once."""

    def report(self) -> Report:
        """Return the newest finished report."""

    def explain(self, paths: Sequence[str], *, last: bool) -> Explained:
        """Return what changes of files do; this alone is called in a thread of its own, and may take time."""

    def shutdown(self, *, remove: bool) -> None:
        """Begin to end, and remove the containers if `remove`."""


class Endpoints:
    """The questions and their answers, over one service."""

    def __init__(self, service: Service, *, most_waits: int) -> None:
        self._service = service
        self._waits = Waits(service, most_waits)
        self._explaining = asyncio.Lock()

    def _routes(self) -> list[Route]:
        return [
            Route("/v1/status", self.status),
            Route("/v1/explain", self.explain),
            Route("/v1/wait", self.wait, methods=["POST"]),
            Route("/v1/shutdown", self.shutdown, methods=["POST"]),
        ]

    async def status(self, _: Request) -> Response:
        """Answer GET /v1/status with the report."""
        return _answer(200, encode(self._service.report()))

    async def explain(self, request: Request) -> Response:
        """Answer GET /v1/explain?path=PATH&last=true|false, for any number of paths."""
        # One at a time: each waits until the disk is not looked at, and threads are few.
        paths = _texts(request, "path")
        async with self._explaining:
            explained = await run_in_threadpool(self._service.explain, paths, last=_flag(request, "last"))
        return _answer(200, encode(explained))

    async def wait(self, request: Request) -> Response:
        """Answer POST /v1/wait?target=NAME&timeout=SECONDS when what was saved before it is settled."""
        outcome = await self._waits.outcome(request)
        if outcome is None:
            return _error(503, "devrun ended before all was ready", "start it with `devrun watch`")
        return _answer(200, encode(outcome))

    def end_waits(self) -> None:
        """Answer all open waits that devrun ends; in the server's thread."""
        self._waits.end()

    async def shutdown(self, request: Request) -> Response:
        """Answer POST /v1/shutdown?remove=true|false; the end comes after the answer."""
        self._service.shutdown(remove=_flag(request, "remove"))
        return _answer(202, to_json({"accepted": True}))

    def application(self, *, body_bytes: int) -> ASGIApp:
        """Return what uvicorn serves."""
        app = Starlette(
            routes=self._routes(),
            exception_handlers={HTTPException: _http_error, DevrunError: _plain_error, Exception: _bug},
        )
        app.router.redirect_slashes = False  # one name for each endpoint
        return Guard(app, body_bytes)


class Guard:
    """Turns away what no client of devrun sends, before it comes to an endpoint."""

    def __init__(self, inner: ASGIApp, body_bytes: int) -> None:
        self._inner = inner
        self._body_bytes = body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._refuse(Request(scope)) or self._inner
        await app(scope, receive, send)

    def _refuse(self, request: Request) -> Response | None:
        headers = request.headers
        if "origin" in headers:
            return _error(403, "the request comes from a web page", "devrun speaks to programs only")
        if headers.get("host", "") not in HOSTS:
            return _error(403, "the request names another host", "ask for http://localhost/v1/...")
        if "transfer-encoding" in headers:
            return _error(411, "the body has no length", "send a Content-Length")
        # The header is digits only, and no more than 20: h11 sees to it.
        if int(headers.get("content-length", "0")) > self._body_bytes:
            return _error(413, "the body is too large", f"send {self._body_bytes} bytes at most")
        return None


def _flag(request: Request, name: str) -> bool:
    said = request.query_params.get(name, "false")
    if said not in _FLAGS:
        raise DevrunError(f"parameter {name!r} is {said!r}", hint="give true or false")
    return _FLAGS[said]


def _texts(request: Request, name: str) -> list[str]:
    """Return the values of a parameter; a file's name may be no UTF-8."""
    pairs = parse_qsl(request.url.query, errors="surrogateescape", keep_blank_values=True)
    return [value for key, value in pairs if key == name]


def _answer(status: int, body: bytes) -> Response:
    return Response(body, status, media_type=CONTENT_TYPE, headers={"cache-control": "no-store"})


def _error(status: int, error: str, hint: str = "") -> Response:
    answer = _answer(status, refusal(error, hint=hint))
    # Whoever was refused may go on to send a body that nobody reads.
    answer.headers["connection"] = "close"
    return answer


async def _http_error(request: Request, error: Exception) -> Response:
    """Answer what Starlette itself refuses: a path or a method that is not there."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    cause = "no such method" if status == 405 else "no such endpoint"
    return _error(status, f"{cause}: {request.method} {request.url.path}", "it may need a newer devrun")


async def _plain_error(_: Request, error: Exception) -> Response:
    hint = error.hint if isinstance(error, DevrunError) else ""
    return _error(429 if isinstance(error, TooManyError) else 400, str(error), hint)


async def _bug(_: Request, error: Exception) -> Response:
    """Answer what should not happen; Starlette raises it again after this, and uvicorn logs it."""
    return _error(500, f"a bug of devrun: {type(error).__name__}: {error}", "see the daemon's log")
