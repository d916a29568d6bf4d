"""What our own Python says of source files, worked out once for each content.

The container's Python may be another one, and has the last word on what does not parse.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from devrun.sources.imports import Imports, Problem, imports_of, problem_in

MOST_KNOWN = 50_000
"""Contents, a few hundred bytes each: those of some branches of a large project."""

Found = TypeVar("Found")


class PythonSources:
    """Owned by whoever looks at the disk."""

    def __init__(self) -> None:
        self._imports = _ByContent(imports_of)
        self._problems = _ByContent(problem_in)

    def imports(self, path: str) -> Imports | None:
        """Return what a file may load; None where it cannot be read or does not parse."""
        return self._imports(path)

    def problem(self, path: str) -> Problem | None:
        """Return what in a file does not compile; None: it does, or cannot be read."""
        return self._problems(path)


class _ByContent(Generic[Found]):
    """What a function finds in the bytes of files."""

    def __init__(self, find: Callable[[bytes], Found | None]) -> None:
        self._find = find
        self._known: dict[bytes, Found | None] = {}

    def __call__(self, path: str) -> Found | None:
        try:
            source = Path(path).read_bytes()
        except OSError:
            return None
        key = hashlib.sha256(source).digest()
        if key not in self._known:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[key] = self._find(source)
        return self._known[key]
