"""Whether git rewrites the tree: a checkout or a rebase is one change, however long it takes.

git holds `index.lock` while it writes files, and `HEAD.lock` while it moves HEAD; but `git status` takes the
first one too. So a lock counts only beside many changed files or a HEAD that moved. A rebase takes and leaves
its locks many times: it goes on until none was seen for a while, also where it stops for a conflict.
"""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

LOCKS = ("index.lock", "HEAD.lock")
SEQUENCES = ("rebase-merge", "rebase-apply")

MANY = 8
"""Changed files that nobody saves at once by hand."""
QUIET_S = 0.1
"""Between two commits of a rebase its locks are away for some milliseconds."""
STALE_S = 5.0
"""A lock that is held for so long while nothing changes was left behind by a git that crashed."""
LONGEST_S = 60.0
"""No checkout takes longer; whatever goes on then, the user wants to see something happen."""
GLANCE_S = 0.05
"""`git status` holds its lock for a few milliseconds."""
PAUSE_S = 0.02
LOOK_S = 0.5
"""Between looks at the tree while git is at work: only to tell that it still is."""


class Git:
    """The repository that a folder belongs to, if there is one. Owned by one thread."""

    def __init__(self, folder: Path, *, stale_s: float = STALE_S) -> None:
        self._folder = folder
        self._stale_s = stale_s
        self._place: Path | None = None
        self._head = ""
        self._left_behind: set[tuple[str, int]] = set()
        """Locks that are nobody's, with their inodes."""

    def rest(self) -> None:
        """Take note of where HEAD is now."""
        self._head = self._read_head()

    def is_at_work(self, changed: int, stop: threading.Event) -> bool:
        """Return whether git rewrites the tree, by how many files changed; `git status` is given a moment."""
        place = self._find()
        if place is None:
            return False
        in_sequence = any((place / name).exists() for name in SEQUENCES)
        if not in_sequence and not self._is_locked():
            self.rest()  # A commit moves HEAD too, and changes no file.
            return False
        until = time.monotonic() + GLANCE_S
        while not self._has_moved() and self._is_locked():
            if changed >= MANY:
                return True
            if time.monotonic() > until or stop.wait(PAUSE_S / 4):
                return False
        return self._has_moved()

    def wait(self, has_changed: Callable[[], bool], stop: threading.Event) -> None:
        """Return when git has ended, or seems to be dead; `has_changed` looks at the tree."""
        began = seen = changed = looked = time.monotonic()
        while not stop.wait(PAUSE_S):
            now = time.monotonic()
            seen = now if self._is_locked() else seen
            if now - looked > LOOK_S:
                changed = now if has_changed() else changed
                looked = time.monotonic()
            if now - seen > QUIET_S:
                break
            if now - changed > self._stale_s or now - began > LONGEST_S:
                self._left_behind |= self._locks()
                break
        self.rest()

    def _is_locked(self) -> bool:
        return bool(self._locks() - self._left_behind)

    def _locks(self) -> set[tuple[str, int]]:
        found = set()
        for name in LOCKS if self._place else ():
            try:
                found.add((name, os.stat(f"{self._place}/{name}").st_ino))  # noqa: PTH116
            except OSError:
                continue
        return found

    def _has_moved(self) -> bool:
        return self._read_head() != self._head

    def _read_head(self) -> str:
        """Return what HEAD is, and which commit its branch has."""
        place = self._find()
        if place is None:
            return ""
        head = _text(place / "HEAD")
        branch = head.removeprefix("ref: ").strip()
        shared = _text(place / "commondir").strip()
        return head + _text(place / shared / branch) if branch != head.strip() else head

    def _find(self) -> Path | None:
        """Return the repository's own folder; in a worktree or a submodule `.git` is a file that names it."""
        if self._place is None or not self._place.is_dir():
            self._place = next(filter(None, map(_git_folder, (self._folder, *self._folder.parents))), None)
        return self._place


def _git_folder(folder: Path) -> Path | None:
    place = folder / ".git"
    if place.is_file():
        kind, _, named = _text(place).strip().partition(": ")
        place = folder / named if kind == "gitdir" else place
    return place if (place / "HEAD").is_file() else None


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8", "surrogateescape")
    except OSError:
        return ""
