"""The contents of the files that matter: what they hash to, whether they parse, whether byte code can lie.

CPython takes compiled byte code for current if the source has the same size and the same modification time in
whole seconds. So each Python file keeps the pairs of all its contents so far: a new content under an old pair
is *stale*, its byte code must go before the file is loaded again.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from devrun.core.values import Broken
from devrun.sources.content import HashFile
from devrun.sources.python_source import find_error
from devrun.sources.snapshot import Entry, Snapshot

HALF_WRITTEN_S = 0.03
"""Editors that write in place truncate first: a file that is empty, or does not parse, gets a second look."""

SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Change:
    """A file whose content is another one now; None: there is, or was, no file."""

    path: str
    before: str | None
    after: str | None
    newest: float
    is_stale: bool


@dataclass(slots=True)
class Contents:
    """What is known of the files that matter. Owned by one thread."""

    snapshot: Snapshot
    hash_file: HashFile
    hashes: dict[str, str] = field(default_factory=dict)
    errors: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Line and message for each Python file that changed and does not parse."""
    _seen: dict[str, set[tuple[int, int]]] = field(default_factory=dict)

    def learn(self, path: str) -> str | None:
        """Take note of a file as it is; returns its content hash."""
        known = self.hashes.get(path)
        return known if known is not None else self._read(path)[0]

    def changes(self, paths: Iterable[str]) -> list[Change]:
        """Return those of `paths` whose content is another one than before."""
        found = {path: self._change(path) for path in paths}
        unfinished = [path for path, change in found.items() if self._seems_unfinished(path, change)]
        if unfinished:
            threading.Event().wait(HALF_WRITTEN_S)
            self.snapshot.look(unfinished)
            found |= {path: self._later(found[path], self._change(path)) for path in unfinished}
        return [change for change in found.values() if change is not None and change.before != change.after]

    def broken(self, path: str, shown: str) -> Broken | None:
        """Return what does not parse in a file, under the name that users know it by."""
        error = self.errors.get(path)
        return Broken(shown, *error, self.hashes.get(path, "")) if error else None

    def _change(self, path: str) -> Change | None:
        before = self.hashes.get(path)
        after, is_stale = self._read(path)
        entry = self.snapshot.files.get(path)
        self._check_syntax(path, entry)
        if before == after:
            return None
        return Change(path, before, after, entry.newest_s if entry else 0.0, is_stale)

    def _later(self, first: Change | None, second: Change | None) -> Change | None:
        """Return both looks as one change."""
        if first is None or second is None:
            return first or second
        is_stale = first.is_stale or second.is_stale
        return Change(first.path, first.before, second.after, second.newest, is_stale)

    def _read(self, path: str) -> tuple[str | None, bool]:
        """Return the content hash, and whether its pair was another content's before."""
        entry = self.snapshot.files.get(path)
        try:
            content = (
                None if entry is None else self.hash_file(Path(path)) + ("x" if entry.is_executable else "")
            )
        except OSError:
            content = None
        before = self.hashes.pop(path, None)
        if entry is None or content is None:
            return None, False
        self.hashes[path] = content
        pairs = self._seen.setdefault(path, set()) if path.endswith(".py") else set()
        pair = (entry.size, entry.mtime_ns // SECOND_NS)
        is_stale = pair in pairs and content != before
        pairs.add(pair)
        return content, is_stale

    def _check_syntax(self, path: str, entry: Entry | None) -> None:
        error = find_error(Path(path)) if entry and path.endswith(".py") else None
        if error:
            self.errors[path] = error
        else:
            self.errors.pop(path, None)

    def _seems_unfinished(self, path: str, change: Change | None) -> bool:
        if change is None or change.after is None:
            return False
        entry = self.snapshot.files.get(path)
        was_emptied = entry is not None and entry.size == 0 and change.before is not None
        return was_emptied or path in self.errors
