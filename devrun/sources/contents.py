"""The contents of the files that matter: what they hash to, whether they parse, whether byte code can lie.

CPython takes compiled byte code for current if the source has the same size and the same modification time in
whole seconds. So each Python file keeps the pairs of all its contents so far: a new content under the pair of
another one is *stale*, its byte code must go before the file is loaded again.
"""

import os
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from devrun.core.values import Broken
from devrun.sources import parsed
from devrun.sources.content import HashFile
from devrun.sources.imports import Imports, Problem
from devrun.sources.python_source import PythonSources
from devrun.sources.snapshot import Entry, Snapshot, look_at

HALF_WRITTEN_S = 0.03
"""Editors truncate first, or move the old file away: what is empty, gone or broken gets a second look."""

SECOND_NS = 1_000_000_000

Form = tuple[bool, str]
"""What is not content: the executable bit, and where a link leads. It counts where a build copies it."""


@dataclass(frozen=True, slots=True)
class Change:
    """A file whose content or form is another one now; None: there is, or was, no file."""

    path: str
    before: str | None
    after: str | None
    newest: float
    is_stale: bool

    @property
    def is_content(self) -> bool:
        """Whether more than the form changed."""
        return self.before != self.after


@dataclass(slots=True)
class Contents:
    """What is known of the files that matter. Owned by one thread."""

    snapshot: Snapshot
    hash_file: HashFile
    root: str = ""
    """The project's folder: users know files relative to it."""
    hashes: dict[str, str] = field(default_factory=dict)
    errors: dict[str, Problem] = field(default_factory=dict)
    """For each Python file that may be loaded and does not compile."""
    _unread: set[str] = field(default_factory=set)
    """Files that are there by the last look and could not be read: their folder may be back soon."""
    _sources: PythonSources = field(default_factory=PythonSources)
    _forms: dict[str, Form] = field(default_factory=dict)
    _seen: dict[str, dict[tuple[int, int], set[str]]] = field(default_factory=dict)
    """For each Python file: the contents that it had under each pair of size and second."""

    def learn(self, path: str) -> str | None:
        """Take note of a file as it is; returns its content hash."""
        known = self.hashes.get(path)
        return known if known is not None else self._read(path)[0]

    def forget(self, paths: Iterable[str]) -> None:
        """Know nothing of some files any more; what their byte code was compiled from is remembered."""
        for path in paths:
            self.hashes.pop(path, None)
            self.errors.pop(path, None)
            self._forms.pop(path, None)

    def changes(self, paths: Iterable[str], is_loaded: Callable[[str], bool]) -> list[Change]:
        """Return those of `paths` whose content or form is another one than before.

        `is_loaded` tells of which files a syntax error would matter: only these are parsed.
        """
        found = {path: self._change(path, is_loaded) for path in sorted(self._unread.union(paths))}
        unfinished = {path for path, change in found.items() if self._seems_unfinished(path, change)}
        if unfinished:
            threading.Event().wait(HALF_WRITTEN_S)
            # A file may have become a directory meanwhile: what lies in it is told only now.
            again = self.snapshot.look(unfinished) | unfinished
            found |= {path: _joined(found.get(path), self._change(path, is_loaded)) for path in sorted(again)}
        return [change for change in found.values() if change is not None]

    def broken(self, path: str) -> Broken | None:
        """Return what does not parse in a file."""
        error = self.errors.get(path)
        return Broken(self.shown(path), *error, self.hashes.get(path, "")) if error else None

    def shown(self, path: str) -> str:
        """Return a path as people know it: relative to the project where it lies inside."""
        return path.removeprefix(f"{self.root}{os.sep}")

    def imports(self, path: str) -> Imports | None:
        """Return what a Python file may load; None where it does not parse."""
        imports = self._sources.imports(path, self._hash(path))
        if imports is None:
            self._check_syntax(path)
        return imports

    def recall(self, place: Path) -> None:
        """Take up what an earlier run found in the same contents; before the first question."""
        self._sources = PythonSources(parsed.read(place))

    def keep(self, place: Path) -> None:
        """Have what was found kept for the next run, where that saves it some time."""
        found, new = self._sources.found()
        if new >= parsed.MANY:
            parsed.write_soon(place, found)

    def _hash(self, path: str) -> str:
        """Return the hash of a file's bytes; empty where it cannot be read."""
        entry = self.snapshot.files.get(path)
        try:
            return self.hash_file(Path(path), entry.stamp if entry else None)
        except OSError:
            return ""

    def _check_syntax(self, path: str) -> None:
        problem = self._sources.problem(path)
        if problem:
            self.errors[path] = problem
        else:
            self.errors.pop(path, None)

    def _change(self, path: str, is_loaded: Callable[[str], bool]) -> Change | None:
        before, form = self.hashes.get(path), self._forms.get(path)
        after, is_stale = self._read(path)
        entry = self.snapshot.files.get(path)
        if after is None:
            self.errors.pop(path, None)
        elif (before != after or path in self.errors) and is_loaded(path):
            self._check_syntax(path)
        elif before != after:
            self.errors.pop(path, None)  # Whoever comes to load it parses it again.
        if before == after and form == self._forms.get(path):
            return None
        # A file that was moved here keeps its times, and one that is gone has none.
        newest = max(time.time(), entry.newest_s if entry else 0.0)
        return Change(path, before, after, newest, is_stale)

    def _read(self, path: str) -> tuple[str | None, bool]:
        """Return the content hash, and whether its pair was another content's before."""
        entry = self.snapshot.files.get(path)
        before = self.hashes.pop(path, None)
        content = self._content(path, entry, before)
        self._forms.pop(path, None)
        if entry is None or content is None:
            return None, False
        self.hashes[path] = content
        self._forms[path] = (entry.is_executable, entry.link)
        if not path.endswith(".py"):
            return content, False
        return content, self._is_stale(path, entry, content)

    def _is_stale(self, path: str, entry: Entry, content: str) -> bool:
        """Note the content's pairs: it may have been written between the look and the reading of it."""
        seen = self._seen.setdefault(path, {})
        pairs = {(stamp.size, stamp.mtime_ns // SECOND_NS) for stamp in (entry, look_at(path)) if stamp}
        for pair in pairs:
            seen.setdefault(pair, set()).add(content)
        return any(len(seen[pair]) > 1 for pair in pairs)

    def _content(self, path: str, entry: Entry | None, before: str | None) -> str | None:
        """Return the content hash; of what cannot be read nothing is known but what was known before."""
        self._unread.discard(path)
        if entry is None:
            return None
        if not entry.is_file:
            return f"leads to {entry.link}"
        try:
            return self.hash_file(Path(path), entry.stamp)
        except OSError:
            self._unread.add(path)
            return before

    def _seems_unfinished(self, path: str, change: Change | None) -> bool:
        if change is None or not change.is_content:
            return False
        entry = self.snapshot.files.get(path)
        return entry is None or entry.size == 0 or path in self.errors


def _joined(first: Change | None, second: Change | None) -> Change | None:
    """Return both looks as one change; None: it is as it was, or was only away for a moment."""
    if first is None or second is None:
        return first or second
    if first.before == second.after:
        return None
    return Change(first.path, first.before, second.after, second.newest, second.is_stale)
