"""What lies on the disk, as last seen: the truth that events only hint at.

A snapshot holds the stat of every file below its roots that is not ignored. `scan` looks at everything,
`look` at the named paths; both return the paths whose stat differs from before. Paths are absolute strings;
a name that is no UTF-8 keeps its bytes as surrogates. Symbolic links to files are followed, to directories
not: what they show inside the root is seen at its own place, and what lies outside is nobody's business here.
"""

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from devrun.sources.unwatched import generated


class Entry(NamedTuple):
    """The part of a file's stat that changes when its content may have."""

    mtime_ns: int
    ctime_ns: int
    size: int
    inode: int
    is_executable: bool

    @property
    def newest_s(self) -> float:
        """When the file last changed in any way, in seconds since the epoch."""
        return max(self.mtime_ns, self.ctime_ns) / 1e9


class Root(NamedTuple):
    """A directory to look at, and what to leave out."""

    path: str
    ignores: Callable[[str], bool]
    """Whether a file, by its path relative to the root, is left out."""
    prunes: Callable[[str], bool]
    """Whether a directory is, with all that lies below it."""


class RootMissingError(Exception):
    """A root is not there, or is no directory: nothing can be said of what lies below it."""


class Snapshot:
    """The files below some roots. Owned by one thread."""

    def __init__(self, roots: Iterable[Root]) -> None:
        self.roots = tuple(roots)
        self.files: dict[str, Entry] = {}
        self.directories: dict[str, int] = {}
        """With their inodes: one that was made anew is another one, and its watch is gone."""
        self.unreadable: set[str] = set()

    def scan(self) -> set[str]:
        """Look at everything; raises RootMissingError before anything is taken as gone."""
        for root in self.roots:
            if not os.path.isdir(root.path):  # noqa: PTH112 - strings all through: this is the hot path
                raise RootMissingError(root.path)
        before = self.files
        self.files, self.directories, self.unreadable = {}, {}, set()
        for root in self.roots:
            self._walk(root, root.path)
        return _differing(before, self.files)

    def look(self, paths: Iterable[str]) -> set[str]:
        """Look again at some paths; a directory stands for all that lies below it."""
        changed: set[str] = set()
        for path in paths:
            root = self._root_of(path)
            if root is None:
                continue
            if path == root.path:
                return self.scan()
            seen = _stat(path)
            if seen is not None and stat.S_ISDIR(seen.st_mode):
                changed |= self._look_below(root, path)
            else:
                changed |= self._look_at_file(root, path, seen)
        return changed

    def _look_at_file(self, root: Root, path: str, seen: os.stat_result | None) -> set[str]:
        if path in self.directories:
            return self._forget_below(path)
        entry = _entry(seen)
        if entry is None or root.ignores(_relative(root, path)):
            return {path} if self.files.pop(path, None) else set()
        if self.files.get(path) == entry:
            return set()
        self.files[path] = entry
        return {path}

    def _look_below(self, root: Root, directory: str) -> set[str]:
        if os.path.islink(directory):  # noqa: PTH114
            return set()
        before = {path: entry for path, entry in self.files.items() if _is_below(path, directory)}
        gone = self._forget_below(directory)
        if not root.prunes(_relative(root, directory)):
            self._walk(root, directory)
        after = {path: entry for path, entry in self.files.items() if _is_below(path, directory)}
        return _differing(before, after) if after else gone

    def _forget_below(self, directory: str) -> set[str]:
        gone = {path for path in self.files if _is_below(path, directory)}
        for path in gone:
            del self.files[path]
        self.directories = {
            known: inode
            for known, inode in self.directories.items()
            if known != directory and not _is_below(known, directory)
        }
        return gone

    def _walk(self, root: Root, directory: str) -> None:
        """Add all that lies below a directory which is not ignored itself."""
        pending = [directory]
        while pending:
            here = pending.pop()
            try:
                with os.scandir(here) as listing:
                    inode, found = os.stat(here).st_ino, list(listing)  # noqa: PTH116
            except OSError:
                # It went away meanwhile, or we may not read it; its siblings are as good as before.
                self.unreadable.add(here)
                continue
            if here != root.path and generated(os.path.basename(here), {item.name for item in found}):  # noqa: PTH119
                continue
            self.directories[here] = inode
            pending.extend(self._take(root, found))

    def _take(self, root: Root, found: Iterable["os.DirEntry[str]"]) -> Iterator[str]:
        """Add files, and return the directories to go on with."""
        for item in found:
            is_directory = item.is_dir(follow_symlinks=False)
            relative = _relative(root, item.path)
            if is_directory:
                yield from () if root.prunes(relative) else (item.path,)
            elif not root.ignores(relative) and (entry := _entry(_stat(item.path))):
                self.files[item.path] = entry

    def _root_of(self, path: str) -> Root | None:
        return next((root for root in self.roots if path == root.path or _is_below(path, root.path)), None)


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return None


def _entry(seen: os.stat_result | None) -> Entry | None:
    """Return the entry of a regular file; fifos, sockets and devices are nobody's source."""
    if seen is None or not stat.S_ISREG(seen.st_mode):
        return None
    is_executable = bool(seen.st_mode & 0o111)
    return Entry(seen.st_mtime_ns, seen.st_ctime_ns, seen.st_size, seen.st_ino, is_executable)


def _differing(before: dict[str, Entry], after: dict[str, Entry]) -> set[str]:
    changed = {path for path, entry in after.items() if before.get(path) != entry}
    return changed | (before.keys() - after.keys())


def _relative(root: Root, path: str) -> str:
    return path[len(root.path) + 1 :] if root.path != "/" else path[1:]


def _is_below(path: str, directory: str) -> bool:
    return path.startswith(directory + "/")
