"""What our own Python says of source files, worked out once for each content.

The container's Python may be another one, and has the last word on what does not parse.
"""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

from devrun.sources.imports import Imports, Problem, imports_of, problem_in

MOST_KNOWN = 50_000
"""Contents, a few hundred bytes each: those of a large project."""
MOST_PAST = 2_000
"""Contents that files had before, which a switch of branches or an undo brings back."""

Found = TypeVar("Found")


class PythonSources:
    """Owned by whoever looks at the disk."""

    def __init__(self, remembered: Mapping[bytes, Imports] | None = None) -> None:
        """`remembered` is what an earlier run found, by the hashes of contents."""
        self._imports = _ByContent(imports_of, remembered or {})
        self._problems = _ByContent(problem_in, {})

    def imports(self, path: str, content: str = "") -> Imports | None:
        """Return what a file may load; None where it cannot be read or does not parse.

        `content` is the hash of what it holds, where that is known: what it says may be known as well.
        """
        return self._imports(path, bytes.fromhex(content))

    def problem(self, path: str) -> Problem | None:
        """Return what in a file does not compile; None: it does, or cannot be read."""
        return self._problems(path)

    def found(self) -> tuple[dict[bytes, Imports], int]:
        """Return what the files asked for import, and how many of them had to be parsed for it."""
        known = self._imports.known
        return {key: imports for key, imports in known.items() if imports is not None}, self._imports.new


class _ByContent(Generic[Found]):
    """What a function finds in the bytes of files."""

    def __init__(self, find: Callable[[bytes], Found | None], remembered: Mapping[bytes, Found]) -> None:
        self._find = find
        self._remembered = remembered
        self.known: dict[bytes, Found | None] = {}
        self._now: dict[str, bytes] = {}
        """Which content a file has."""
        self._past: dict[bytes, None] = {}
        """Contents that files had, the oldest first."""
        self.new = 0
        """How many were not remembered."""

    def __call__(self, path: str, key: bytes = b"") -> Found | None:
        if not self._recalls(key):
            try:
                source = Path(path).read_bytes()
            except OSError:
                return None
            key = hashlib.sha256(source).digest()  # It may hold something else by now.
            if not self._recalls(key):
                self.new += 1
                self._learn(key, self._find(source))
        self._note(path, key)
        return self.known[key]

    def _recalls(self, key: bytes) -> bool:
        """Return whether something is known of a content, now or from an earlier run."""
        if key not in self.known and (remembered := self._remembered.get(key)) is not None:
            self._learn(key, remembered)
        return key in self.known

    def _learn(self, key: bytes, found: Found | None) -> None:
        if len(self.known) >= MOST_KNOWN:
            self._forget_all()
        self.known[key] = found

    def _note(self, path: str, key: bytes) -> None:
        """Take note of the content that a file has; of those that files had, the oldest are forgotten."""
        before = self._now.get(path)
        self._now[path] = key
        self._past.pop(key, None)
        if before is None or before == key:
            return
        self._past.pop(before, None)
        self._past[before] = None
        if len(self._past) > MOST_PAST:
            oldest = next(iter(self._past))
            del self._past[oldest]
            self.known.pop(oldest, None)

    def _forget_all(self) -> None:
        self.known.clear()
        self._now.clear()
        self._past.clear()
