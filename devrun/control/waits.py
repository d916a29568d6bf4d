"""Requests that are answered later: when what was saved before them is settled, or their client has gone.

All of it happens in the server's thread; the service answers from another one.
"""

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial
from typing import Protocol

from starlette.requests import Request

from devrun.config.project import TargetName
from devrun.core.waiting import WaitOutcome
from devrun.errors import DevrunError

Answer = Callable[[WaitOutcome | None], None]


class Waitable(Protocol):
    """What can be waited for."""

    def wait(
        self, names: frozenset[TargetName], timeout_s: float | None, answer: Answer
    ) -> Callable[[], None]:
        """Have `answer` called once, with None where the service ends; returns what takes the wish back."""


class TooManyError(DevrunError):
    """So many wait already that others would find no room to ask anything."""


class Waits:
    """The waits that are open."""

    def __init__(self, service: Waitable, most: int) -> None:
        self._service = service
        self._most = most
        self._open: set[asyncio.Future[WaitOutcome | None]] = set()

    async def outcome(
        self, request: Request, names: frozenset[TargetName], timeout_s: float | None
    ) -> WaitOutcome | None:
        """Return how a wait ended that a request asks for; None: the service ends, or the client has gone."""
        if len(self._open) >= self._most:
            raise TooManyError(f"{self._most} clients wait already", hint="end some of them")
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[WaitOutcome | None] = loop.create_future()
        take_back = self._service.wait(names, timeout_s, partial(_tell, loop, ended))
        self._open.add(ended)
        gone = asyncio.ensure_future(_gone(request))
        gone.add_done_callback(lambda _: _resolve(ended, None))
        try:
            return await ended
        finally:
            take_back()
            gone.cancel()
            self._open.discard(ended)

    def end(self) -> None:
        """Answer all that it is over."""
        for ended in self._open:
            _resolve(ended, None)


def _tell(
    loop: asyncio.AbstractEventLoop,
    ended: "asyncio.Future[WaitOutcome | None]",
    outcome: WaitOutcome | None,
) -> None:
    """Hand an outcome over from another thread; a loop that is closed has nobody left to tell."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(_resolve, ended, outcome)


def _resolve(ended: "asyncio.Future[WaitOutcome | None]", outcome: WaitOutcome | None) -> None:
    if not ended.done():
        ended.set_result(outcome)


async def _gone(request: Request) -> None:
    """Return when the client has closed its connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
