"""The newest of what goes on and on, numbered, for readers who go through it at their own pace.

The memory is bounded, and none of it belongs to a reader: one who is too slow finds that what he would have
read next is gone, and is told how much it was.
"""

import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")

Channels = Collection[str] | None
"""Names of channels; None: all of them."""

PAGE = 500
"""What is read at once: enough to keep up, little enough to hold nobody up."""


@dataclass(frozen=True, slots=True)
class Numbered(Generic[Item]):
    """An item and its number, which rises over all channels of a feed."""

    number: int
    at: float
    item: Item
    weight: int


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """What a reader gets at once, and how much he lost before it."""

    items: tuple[Numbered[Item], ...]
    lost: int = 0


class _Channel(Generic[Item]):
    """The newest items of one kind. `first` counts those that are gone."""

    def __init__(self) -> None:
        self.kept: deque[Numbered[Item]] = deque()
        self.first = 0
        self.weight = 0

    @property
    def end(self) -> int:
        return self.first + len(self.kept)


class Feed(Generic[Item]):
    """Takes items from any thread, in channels that cannot push one another out."""

    def __init__(self, *, most_items: int, most_weight: int, first_number: int = 1) -> None:
        """Keep so many items, of so much weight, of each channel."""
        self._most_items = most_items
        self._most_weight = most_weight
        self._next = first_number
        self._channels: dict[str, _Channel[Item]] = {}
        self._bells: list[tuple[Channels, Callable[[], None]]] = []
        self._guard = threading.Lock()

    def put(self, channel: str, at: float, make: Callable[[int], Item], *, weight: int = 1) -> Item:
        """Add an item, made of its number."""
        with self._guard:
            item = make(self._next)
            self._add(channel, Numbered(self._next, at, item, weight))
            self._next += 1
            due = [ring for wanted, ring in self._bells if _is_wanted(channel, wanted)]
            if due:
                self._bells = [bell for bell in self._bells if not _is_wanted(channel, bell[0])]
        for ring in due:
            ring()
        return item

    @property
    def newest(self) -> int:
        """The number of the newest item, of whatever channel."""
        return self._next - 1

    def restore(self, channel: str, items: Iterable[Numbered[Item]]) -> None:
        """Add what an earlier feed numbered; what follows gets higher numbers."""
        with self._guard:
            for item in items:
                self._add(channel, item)
                self._next = max(self._next, item.number + 1)

    def _add(self, name: str, item: Numbered[Item]) -> None:
        channel = self._channels.setdefault(name, _Channel())
        channel.kept.append(item)
        channel.weight += item.weight
        while len(channel.kept) > self._most_items or (
            channel.weight > self._most_weight and len(channel.kept) > 1
        ):
            channel.weight -= channel.kept.popleft().weight
            channel.first += 1

    def reader(
        self,
        channels: Channels = None,
        *,
        after: int | None = None,
        since: float = 0.0,
        tail: int | None = None,
    ) -> "Reader[Item]":
        """Return a reader of some channels, or of all, new ones included.

        It begins after a number, at a moment, or with the last `tail` items of each channel.
        """
        with self._guard:
            positions = {
                name: _position(channel, after, since, tail)
                for name, channel in self._channels.items()
                if _is_wanted(name, channels)
            }
            return Reader(self, channels, positions, self._next - 1)

    def read(self, channels: Channels, positions: dict[str, int]) -> Page[Item]:
        """Return the next page of some channels, and move the positions on."""
        with self._guard:
            lost, found = 0, []
            for name, channel in self._channels.items():
                if not _is_wanted(name, channels):
                    continue
                position = positions.get(name, 0)
                lost += max(0, channel.first - position)
                positions[name] = max(position, channel.first)
                start = positions[name] - channel.first
                rest = range(start, min(len(channel.kept), start + PAGE))
                found += [(channel.kept[index].number, name, channel.kept[index]) for index in rest]
        found.sort(key=lambda one: one[0])
        for _, name, _ in found[:PAGE]:
            positions[name] += 1
        return Page(tuple(item for _, _, item in found[:PAGE]), lost)

    def call(self, channels: Channels, positions: dict[str, int], ring: Callable[[], None]) -> None:
        """Have `ring` called once, when there is more to read than these positions, at once if there is."""
        with self._guard:
            there_is = any(
                channel.end > positions.get(name, 0)
                for name, channel in self._channels.items()
                if _is_wanted(name, channels)
            )
            if not there_is:
                self._bells.append((channels, ring))
        if there_is:
            ring()

    def forget(self, ring: Callable[[], None]) -> None:
        """Take back a call that is no longer waited for."""
        with self._guard:
            self._bells = [bell for bell in self._bells if bell[1] is not ring]


class Reader(Generic[Item]):
    """One reader's place in a feed."""

    def __init__(self, feed: Feed[Item], channels: Channels, positions: dict[str, int], newest: int) -> None:
        self.newest = newest
        """The number of the newest item when the reader began."""
        self._feed = feed
        self._channels = channels
        self._positions = positions

    def read(self) -> Page[Item]:
        """Return what comes next, at once; empty where there is nothing yet."""
        return self._feed.read(self._channels, self._positions)

    def call(self, ring: Callable[[], None]) -> None:
        """Have `ring` called once, from any thread, when there may be more."""
        self._feed.call(self._channels, self._positions, ring)

    def forget(self, ring: Callable[[], None]) -> None:
        """Take back a call that is no longer waited for."""
        self._feed.forget(ring)


def _is_wanted(name: str, channels: Channels) -> bool:
    return channels is None or name in channels


def _position(channel: _Channel[Item], after: int | None, since: float, tail: int | None) -> int:
    passed = sum(
        1 for item in channel.kept if item.at < since or (after is not None and item.number <= after)
    )
    if tail is not None:
        passed = max(passed, len(channel.kept) - tail)
    return channel.first + passed
