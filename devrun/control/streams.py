"""Answers without an end: what a reader of a feed finds, line by line, and then what comes.

A client that reads slowly holds up nobody: it alone waits, and what the feed lets go of meanwhile is lost to
it, which it is told.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from functools import partial

from devrun.control.feed import Item, Reader
from devrun.control.waits import TooManyError
from devrun.control.wire import encode
from devrun.core.journal import Missed


class Streams:
    """The streams that are open. All of it happens in the server's thread."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open = 0
        self._ending = False
        self._bells: set[asyncio.Event] = set()

    def lines(self, reader: Reader[Item], *, follow: bool, first: bytes = b"") -> AsyncIterator[bytes]:
        """Yield the lines of a stream, `first` before them; raises TooManyError before it begins."""
        if self._open >= self._most:
            raise TooManyError(f"{self._most} clients follow already", hint="end some of them")
        return self._lines(reader, follow=follow, first=first)

    def end(self) -> None:
        """End all streams."""
        self._ending = True
        for bell in self._bells:
            bell.set()

    async def _lines(self, reader: Reader[Item], *, follow: bool, first: bytes) -> AsyncIterator[bytes]:
        self._open += 1
        try:
            if first:
                yield first
            # What is added while it is read belongs to those who follow.
            end = None if follow else reader.newest
            while not self._ending:
                page = reader.read()
                if page.lost:
                    yield encode(Missed(page.lost))
                for item in page.items:
                    if end is not None and item.number > end:
                        return
                    yield encode(item.item)
                if not page.items:
                    if not follow:
                        return
                    await self._news(reader)
        finally:
            self._open -= 1

    async def _news(self, reader: Reader[Item]) -> None:
        """Return when there may be more to read, or all streams end."""
        bell = asyncio.Event()
        ring = partial(_ring, asyncio.get_running_loop(), bell)
        self._bells.add(bell)
        reader.call(ring)
        try:
            await bell.wait()
        finally:
            reader.forget(ring)
            self._bells.discard(bell)


def _ring(loop: asyncio.AbstractEventLoop, bell: asyncio.Event) -> None:
    """Wake a stream from another thread; a loop that is closed has nobody left to wake."""
    call: Callable[[], None] = bell.set
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(call)
