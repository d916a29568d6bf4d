"""What git shows of its work on the disk: its locks, where HEAD stands, and whether it is amid a rebase.

Git itself is not asked: a few looks at small files are all that a save has time for. The git directory is
looked for anew each time, since a project may become a repository, or cease to be one, at any moment. What
follows from a glance is not known here.
"""

import os
import stat
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

LOCKS = ("index.lock", "HEAD.lock")
"""The first lies there while the tree is rewritten, and also while `git status` notes what it has seen."""
SEQUENCES = ("rebase-merge", "rebase-apply", "sequencer")
"""One of these lies there during an operation of many steps, and while it waits for its user."""

LONGEST_TEXT = 4096
"""What is read here is one line each: a longer file is something else."""


class Lock(NamedTuple):
    """A lock that somebody holds, or left behind; the next one under its name is another one."""

    name: str
    inode: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Glance:
    """What a git directory shows at one moment. Two that differ: git did something in between."""

    locks: frozenset[Lock] = frozenset()
    head: str = ""
    """What HEAD names, and which commit that is."""
    sequences: frozenset[str] = frozenset()
    stamps: tuple[int, ...] = ()
    """When anything came to the git directory or went, such as a lock too short to be seen."""

    @property
    def position(self) -> tuple[str, frozenset[str]]:
        """Return what stays as it is while git only looks, or adds to the index."""
        return self.head, self.sequences

    def without(self, locks: frozenset[Lock]) -> "Glance":
        """Return the same with some locks passed over."""
        return replace(self, locks=self.locks - locks)


def glance(folder: Path) -> Glance:
    """Return what the repository shows that a folder lies in; an empty glance where there is none."""
    place = find_git_directory(folder)
    if place is None:
        return Glance()
    sequences = frozenset(name for name in SEQUENCES if _stat(place / name))
    return Glance(
        frozenset(lock for name in LOCKS if (lock := _lock(place, name))),
        _head(place),
        sequences,
        tuple(seen.st_mtime_ns for name in (".", *sorted(sequences)) if (seen := _stat(place / name))),
    )


def find_git_directory(folder: Path) -> Path | None:
    """Return the git directory of the innermost repository that a folder lies in.

    In a worktree and in a submodule `.git` is a file which names it.
    """
    for above in (folder, *folder.parents):
        link = above / ".git"
        kind, _, named = _line(link).partition(": ")
        place = Path(os.path.normpath(above / named)) if kind == "gitdir" else link
        if _line(place / "HEAD"):
            return place
    return None


def _lock(place: Path, name: str) -> Lock | None:
    seen = _stat(place / name)
    return Lock(name, seen.st_ino, seen.st_mtime_ns) if seen else None


def _head(place: Path) -> str:
    head = _line(place / "HEAD")
    kind, _, branch = head.partition(": ")
    if kind != "ref":
        return head
    # The branches of a worktree lie in the main repository. One without a file of its own is packed away with
    # others, and gets such a file as soon as it moves.
    return f"{head} {_line(place / _line(place / 'commondir') / branch)}"


def _line(file: Path) -> str:
    """Return the text of a file that has one line; empty for all else, also for a fifo that nobody fills."""
    seen = _stat(file)
    if seen is None or not stat.S_ISREG(seen.st_mode) or seen.st_size > LONGEST_TEXT:
        return ""
    try:
        return file.read_text("utf-8", "surrogateescape").strip()
    except OSError:
        return ""


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except (OSError, ValueError):
        return None
