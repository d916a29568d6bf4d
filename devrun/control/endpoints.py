"""What can be asked over the socket, and from whom a question is taken.

An endpoint is one function and one declaration. It takes its answer from the service, which returns at once;
what takes time is answered later, and holds up nobody. No endpoint takes a command, a path to mount or an
image. Browsers are kept out: any page that a user looks at could make them send something.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from devrun import __version__
from devrun.config.project import TargetName
from devrun.control.feed import Reader
from devrun.control.operations import Arguments, Kind, Operation, Parameter, read_arguments
from devrun.control.protocol import PROTOCOL
from devrun.control.refusal import CONTENT_TYPE, refusal
from devrun.control.streams import Streams
from devrun.control.waits import TooManyError, Waitable, Waits
from devrun.control.wire import encode, to_json
from devrun.core.explanation import Explained
from devrun.core.journal import Entry, LogLine, Missed
from devrun.core.report import Report
from devrun.core.waiting import LONGEST_WAIT_S, WaitOutcome
from devrun.errors import DevrunError, UnknownNameError

LINES_TYPE = "application/x-ndjson"
HOSTS = frozenset({"", "localhost", "devrun"})
"""What programs send. A page can only make a browser send the name of a site, which is none of these."""
UNKNOWN = {404: "There is no such name."}
BUSY = {429: "Too many wait already.", 503: "The daemon ends."}
LARGEST = 2**53
"""What JSON's numbers count to without a gap."""
FEED_PARAMETERS = (
    Parameter("follow", "go on with what comes", Kind.FLAG),
    Parameter("after", "only what has a higher number", Kind.COUNT, most=LARGEST),
    Parameter("since", "only what is not older, in seconds since the epoch", Kind.NUMBER, most=LARGEST),
    Parameter("tail", "of what is there, only so many", Kind.COUNT, most=LARGEST),
)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The wish was taken up; its outcome is among the events."""

    accepted: bool = True


class Service(Waitable, Protocol):
    """What the socket is the door of. Called in the server's thread, and must return at once.

    Names that it does not know raise UnknownNameError.
    """

    def report(self) -> Report:
        """Return the newest finished report."""

    def explain(self, paths: Sequence[str], *, last: bool) -> Explained:
        """Return what changes of files do; this alone is called in a thread of its own, and may take time."""

    def restart(self, names: Iterable[str]) -> None: ...

    def start(self, names: Iterable[str]) -> None: ...

    def stop(self, names: Iterable[str]) -> None: ...

    def rebuild(self, names: Iterable[str], *, no_cache: bool, pull: bool) -> None: ...

    def events(self, *, after: int | None, since: float, tail: int | None) -> Reader[Entry]: ...

    def logs(
        self, names: Collection[str], *, builds: bool, after: int | None, since: float, tail: int | None
    ) -> Reader[LogLine]: ...

    def shutdown(self, *, remove: bool) -> None:
        """Begin to end, and remove the containers if `remove`."""


class Endpoints:
    """The questions and their answers, over one service."""

    def __init__(self, service: Service, *, most_waits: int) -> None:
        self._service = service
        self._waits = Waits(service, most_waits)
        self._streams = Streams(most_waits)
        self._explaining = asyncio.Lock()
        self.operations = self._declare()

    def _declare(self) -> tuple[Operation, ...]:
        return (*self._questions(), *self._streamed(), *self._wishes())

    def _questions(self) -> tuple[Operation, ...]:
        return (
            Operation("GET", "/v1/status", "The report.", self._status, [Report]),
            Operation(
                "GET",
                "/v1/explain",
                "What a change of files would do, and by which rule.",
                self._explain,
                [Explained],
                (
                    Parameter("path", "a file, by its absolute path", many=True),
                    Parameter("last", "what the last changes did, too", Kind.FLAG),
                ),
            ),
            Operation(
                "POST",
                "/v1/wait",
                "Answered when all that was saved before is built, loaded and ready.",
                self._wait,
                [WaitOutcome],
                (
                    Parameter("target", "only these", many=True),
                    Parameter("timeout", "seconds", Kind.NUMBER, most=LONGEST_WAIT_S, above_zero=True),
                ),
                errors=BUSY,
            ),
            Operation("GET", "/v1/openapi.json", "This document.", self._openapi, [dict]),
        )

    def _streamed(self) -> tuple[Operation, ...]:
        return (
            Operation(
                "GET",
                "/v1/events",
                "What happened, an entry in a line.",
                self._events,
                [Entry, Missed, Report],
                (
                    *FEED_PARAMETERS,
                    Parameter("snapshot", "begin with the report", Kind.FLAG),
                ),
                streams=True,
                errors=BUSY,
            ),
            Operation(
                "GET",
                "/v1/logs",
                "What targets wrote, a line in a line.",
                self._logs,
                [LogLine, Missed],
                (
                    *FEED_PARAMETERS,
                    Parameter("target", "only these", many=True),
                    Parameter("build", "what builds of their images wrote, instead", Kind.FLAG),
                ),
                streams=True,
                errors=UNKNOWN | BUSY,
            ),
        )

    def _wishes(self) -> tuple[Operation, ...]:
        name = Parameter("name", "its name in devrun.toml")
        of_targets = (
            ("restart", "Have a target started anew, a stopped one too.", self._service.restart),
            ("start", "Have a target run.", self._service.start),
            ("stop", "Have a target stopped, until it is started.", self._service.stop),
        )
        return (
            *(
                Operation(
                    "POST",
                    f"/v1/targets/{{name}}/{verb}",
                    summary,
                    partial(self._wish, wish),
                    [Accepted],
                    (name,),
                    status=202,
                    errors=UNKNOWN,
                )
                for verb, summary, wish in of_targets
            ),
            Operation(
                "POST",
                "/v1/images/{name}/rebuild",
                "Have an image built anew.",
                self._rebuild,
                [Accepted],
                (
                    name,
                    Parameter("no-cache", "without what the builder kept", Kind.FLAG),
                    Parameter("pull", "on top of freshly pulled images", Kind.FLAG),
                ),
                status=202,
                errors=UNKNOWN,
            ),
            Operation(
                "POST",
                "/v1/shutdown",
                "Have the daemon end; the end comes after the answer.",
                self._shutdown,
                [Accepted],
                (Parameter("remove", "remove the containers, too", Kind.FLAG),),
                status=202,
            ),
        )

    async def _status(self, _request: Request, _: Arguments) -> Response:
        return _answer(200, encode(self._service.report()))

    async def _explain(self, _request: Request, said: Arguments) -> Response:
        # One at a time: each waits until the disk is not looked at, and threads are few.
        async with self._explaining:
            explained = await run_in_threadpool(
                self._service.explain, said.all("path"), last=said.flag("last")
            )
        return _answer(200, encode(explained))

    async def _wish(self, wish: Callable[[Iterable[str]], None], request: Request, _: Arguments) -> Response:
        wish([request.path_params["name"]])
        return _accepted()

    async def _rebuild(self, request: Request, said: Arguments) -> Response:
        self._service.rebuild(
            [request.path_params["name"]], no_cache=said.flag("no-cache"), pull=said.flag("pull")
        )
        return _accepted()

    async def _events(self, _request: Request, said: Arguments) -> Response:
        reader = self._service.events(
            after=said.count("after"), since=said.number("since") or 0.0, tail=said.count("tail")
        )
        first = encode(self._service.report()) if said.flag("snapshot") else b""
        return _stream(self._streams.lines(reader, follow=said.flag("follow"), first=first))

    async def _logs(self, _request: Request, said: Arguments) -> Response:
        reader = self._service.logs(
            said.all("target"),
            builds=said.flag("build"),
            after=said.count("after"),
            since=said.number("since") or 0.0,
            tail=said.count("tail"),
        )
        return _stream(self._streams.lines(reader, follow=said.flag("follow")))

    async def _wait(self, request: Request, said: Arguments) -> Response:
        names = frozenset(map(TargetName, said.all("target")))
        outcome = await self._waits.outcome(request, names, said.number("timeout"))
        if outcome is None:
            return _error(503, "devrun ended before all was ready", "start it with `devrun watch`")
        return _answer(200, encode(outcome))

    async def _shutdown(self, _request: Request, said: Arguments) -> Response:
        self._service.shutdown(remove=said.flag("remove"))
        return _accepted()

    async def _openapi(self, _request: Request, _: Arguments) -> Response:
        from devrun.control.openapi import document  # which takes longer to import than all else here

        return _answer(200, to_json(document(self.operations, version=__version__, protocol=PROTOCOL)))

    def end(self) -> None:
        """Answer all that is open that devrun ends; in the server's thread."""
        self._waits.end()
        self._streams.end()

    def application(self, *, body_bytes: int) -> ASGIApp:
        """Return what uvicorn serves."""
        app = Starlette(
            routes=[Route(one.path, _endpoint(one), methods=[one.method]) for one in self.operations],
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


def _endpoint(operation: Operation) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await operation.run(request, read_arguments(request, operation.parameters))

    return endpoint


def _accepted() -> Response:
    return _answer(202, encode(Accepted()))


def _stream(lines: AsyncIterator[bytes]) -> Response:
    return StreamingResponse(lines, media_type=LINES_TYPE, headers={"cache-control": "no-store"})


def _answer(status: int, body: bytes) -> Response:
    return Response(body, status, media_type=CONTENT_TYPE, headers={"cache-control": "no-store"})


def _error(status: int, error: str, hint: str = "") -> Response:
    answer = _answer(status, refusal(error, hint=hint))
    # Whoever was refused may go on to send a body that nobody reads.
    answer.headers["connection"] = "close"
    return answer


async def _http_error(request: Request, error: Exception) -> Response:
    """Answer what Starlette itself refuses: a path or a method that is not there."""
    assert isinstance(error, HTTPException)  # no other is handed to it
    cause = "no such method" if error.status_code == 405 else "no such endpoint"
    words = f"{cause}: {request.method} {request.url.path}"
    answer = _error(error.status_code, words, "it may need a newer devrun")
    answer.headers.update(error.headers or {})
    return answer


async def _plain_error(_: Request, error: Exception) -> Response:
    hint = error.hint if isinstance(error, DevrunError) else ""
    match error:
        case TooManyError():
            status = 429
        case UnknownNameError():
            status = 404
        case _:
            status = 400
    return _error(status, str(error), hint)


async def _bug(_: Request, error: Exception) -> Response:
    """Answer what should not happen; Starlette raises it again after this, and uvicorn logs it."""
    return _error(500, f"a bug of devrun: {type(error).__name__}: {error}", "see the daemon's log")
