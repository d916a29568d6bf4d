"""The journal: what happened, kept for readers of the socket and, capped, on the disk over restarts.

What cannot be written is said in the log once; nothing depends on the file.
"""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

from devrun.control.feed import Feed, Numbered
from devrun.control.wire import decode, encode
from devrun.core.journal import Entry, EntryKind
from devrun.daemon.capped import CappedFile
from devrun.errors import DevrunError

log = logging.getLogger(__name__)

CHANNEL = "journal"
STEPS = "steps"
"""Steps of builds are many, and of no interest once the build has ended: they push nothing else out."""
MOST_ENTRIES = 5_000
MOST_STEPS = 500
FILE_BYTES = 1024 * 1024
"""A few days of work."""

Tell = Callable[[Entry], None]


class Journal:
    """Takes entries from any thread, numbers them, and hands them on."""

    def __init__(self, path: Path, tell: Tell) -> None:
        self._tell = tell
        self._file = CappedFile(path, FILE_BYTES)
        self._news = News()
        self.feed: Feed[Entry] = Feed(most_items=MOST_ENTRIES, most_weight=MOST_ENTRIES)

    def open(self) -> None:
        """Take up the entries of earlier daemons, and begin to write."""
        self.feed.restore(CHANNEL, (Numbered(one.number, one.at, one, 1) for one in read(self._file.path)))
        self._file.open()

    def add(self, entry: Entry) -> None:
        """Number an entry, keep it, and tell of it, if it is news."""
        if not entry.is_of_interest or not self._news.is_new(entry):
            return
        channel = CHANNEL if entry.is_kept else STEPS
        numbered = self.feed.put(channel, entry.at, entry.numbered)
        if entry.is_kept:
            self._file.write(encode(numbered))
        self._tell(numbered)

    def close(self) -> None:
        """Write no more."""
        self._file.close()


class News:
    """Knows what was told already, and need not be told again."""

    def __init__(self) -> None:
        self._holds: dict[str, str] = {}
        self._hints: set[tuple[str, str]] = set()

    def is_new(self, entry: Entry) -> bool:
        """Tell whether an entry says something new, and take note of it."""
        match entry.kind:
            case EntryKind.HINT:
                hint = (entry.subject, entry.text)
                is_new = hint not in self._hints
                self._hints.add(hint)
                return is_new
            case EntryKind.HELD:
                before = self._holds.get(entry.subject)
                self._holds[entry.subject] = entry.text
                return before != entry.text
            case EntryKind.BEGAN:
                self._holds.pop(entry.subject, None)
                return True
            case _:
                return True


def read(path: Path) -> Iterator[Entry]:
    """Yield the entries of a file; what is no entry is passed over, as after a power cut."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return
    for line in lines:
        try:
            yield decode(Entry, line)
        except DevrunError:
            log.debug("%s has a line that is no entry", path)
