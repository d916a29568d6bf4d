"""What lies on the disk, as last seen: the truth that events only hint at.

A snapshot holds the stat of every file below its roots that is not ignored. `scan` looks at everything,
`look` at the named paths; both return the paths that may have another content than before. Paths are absolute
strings; a name that is no UTF-8 keeps its bytes as surrogates. Symbolic links to files are followed, to
directories not: what they show inside the root is seen at its own place, and what lies outside is nobody's
business here; of those only where they lead is noted.
"""

import os
import stat
import time
from collections.abc import Callable, Container, Iterable, Iterator
from itertools import accumulate
from typing import NamedTuple

from devrun.errors import DevrunError
from devrun.sources.content import Stamp
from devrun.sources.unwatched import generated

YOUNG_NS = 50_000_000
"""File times advance in ticks of up to 10 ms: what was written just now may change again under one time."""
MANY_DIRECTORIES = 32
"""From so many on, one look at everything is cheaper than a look below each."""
MARKERS = frozenset({"pyvenv.cfg", "conda-meta", "CACHEDIR.TAG"})
OUTPUT = frozenset({"build", "dist"})
"""What may turn the directory it lies in into one that is left out, by its name or by that directory's."""


class Entry(NamedTuple):
    """The part of a file's stat that changes when its content may have."""

    mtime_ns: int
    ctime_ns: int
    size: int
    inode: int
    is_executable: bool
    link: str = ""
    """Where a symbolic link leads."""
    is_file: bool = True
    """Whether there is content: a link may lead nowhere, or to a directory."""

    @property
    def stamp(self) -> Stamp:
        """What changes with the content, as hashes are kept by it."""
        return self.mtime_ns, self.ctime_ns, self.size, self.inode

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
    is_optional: bool = False
    """Where it is not there, its files are simply not there either."""


class RootMissingError(DevrunError):
    """A root is not there, or is no directory: nothing can be said of what lies below it."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"watch {path}: there is no such folder, or it cannot be read",
            hint="bring it back, or name the right one in devrun.toml",
        )


class Snapshot:
    """The files below some roots. Owned by one thread."""

    def __init__(self, roots: Iterable[Root]) -> None:
        self.roots = tuple(roots)
        self.files: dict[str, Entry] = {}
        self.directories: dict[str, int] = {}
        """With their inodes: one that was made anew is another one, and its watch is gone."""
        self.unreadable: set[str] = set()
        self.missing: tuple[str, ...] = ()
        """The roots that were not there at the last look: their files stay as they were seen before."""
        self._young: set[str] = set()
        """Files whose stat would stay the same if they were written once more: it proves nothing."""
        self._judged: tuple[Root, ...] = ()
        self._kept: Container[str] = ()
        """Files that these roots do not ignore: rules cost more than all else in a look at everything."""

    def scan(self) -> set[str]:
        """Look at everything."""
        before, young = self.files, self._young
        self._kept = before if self._judged is self.roots else ()
        self._judged = self.roots
        self.files, self.directories, self.unreadable, self._young = {}, {}, set(), set()
        kept: dict[str, Entry] = {}
        missing = []
        for root in self.roots:
            if not self._walk(root, root.path) and not root.is_optional:
                missing.append(root.path)
                kept |= {path: entry for path, entry in before.items() if _is_below(path, root.path)}
        self._kept = ()
        changed = _differing(before, self.files | kept) | (young & self.files.keys())
        self.missing = tuple(missing)
        self.files |= kept
        self._young |= young & kept.keys()
        return changed

    def look(self, paths: Iterable[str]) -> set[str]:
        """Look again at some paths; a directory stands for all that lies below it."""
        wanted = {place for path in paths for place in (path, _told_by(path)) if place}
        if any(root.path in wanted or not _is_there(root) for root in self.roots):
            return self.scan()
        changed: set[str] = set()
        directories = 0
        for path in sorted(wanted):
            root = self._root_of(path)
            if root is None:
                continue
            place = self._nearest(root, path)
            if not _is_directory(place):
                changed |= self._look_at_file(root, place)
                continue
            directories += 1
            if directories > MANY_DIRECTORIES:
                return changed | self.scan()
            changed |= self._look_below(root, place)
        return changed

    def _nearest(self, root: Root, path: str) -> str:
        """Return the path, or the uppermost directory above it that is not known yet or left out."""
        above = os.path.dirname(path)  # noqa: PTH120 - strings all through: this is the hot path
        while above != root.path and above not in self.directories:
            path, above = above, os.path.dirname(above)  # noqa: PTH120
        return path

    def _look_at_file(self, root: Root, path: str) -> set[str]:
        changed = self._forget_below(path) if path in self.directories else set()
        before, was_young = self.files.pop(path, None), path in self._young
        self._young.discard(path)
        entry = None if root.ignores(_relative(root, path)) else look_at(path)
        if entry is not None:
            self._note(path, entry)
        return changed if before == entry and not was_young else {*changed, path}

    def _look_below(self, root: Root, directory: str) -> set[str]:
        young = set(self._young)
        before = {path: entry for path, entry in self.files.items() if _is_at_or_below(path, directory)}
        self._forget_below(directory)
        if not root.prunes(_relative(root, directory)):
            self._walk(root, directory)
        after = {path: entry for path, entry in self.files.items() if _is_below(path, directory)}
        return _differing(before, after) | (young & after.keys())

    def _forget_below(self, directory: str) -> set[str]:
        gone = {path for path in self.files if _is_at_or_below(path, directory)}
        for path in gone:
            del self.files[path]
        self._young -= gone
        self.directories = {
            known: inode for known, inode in self.directories.items() if not _is_at_or_below(known, directory)
        }
        self.unreadable = {path for path in self.unreadable if not _is_at_or_below(path, directory)}
        return gone

    def _walk(self, root: Root, top: str) -> bool:
        """Add all that lies below a directory which is not ignored itself; False: it cannot be read."""
        pending = [top]
        is_read = False
        while pending:
            here = pending.pop()
            try:
                with os.scandir(here) as listing:
                    inode, found = os.stat(here).st_ino, list(listing)  # noqa: PTH116
            except OSError as error:
                # It went away meanwhile, or we may not read it; its siblings are as good as before.
                if isinstance(error, PermissionError):
                    self.unreadable.add(here)
                continue
            is_read = True
            if here != root.path and generated(os.path.basename(here), {item.name for item in found}):  # noqa: PTH119
                continue
            self.directories[here] = inode
            pending.extend(self._take(root, found))
        return is_read

    def _take(self, root: Root, found: Iterable["os.DirEntry[str]"]) -> Iterator[str]:
        """Add files, and return the directories to go on with."""
        for item in found:
            relative = _relative(root, item.path)
            if _is_real_directory(item):
                yield from () if root.prunes(relative) else (item.path,)
            elif (item.path in self._kept or not root.ignores(relative)) and (entry := look_at(item.path)):
                self._note(item.path, entry)

    def _note(self, path: str, entry: Entry) -> None:
        self.files[path] = entry
        if time.time_ns() - entry.ctime_ns < YOUNG_NS:
            self._young.add(path)

    def _root_of(self, path: str) -> Root | None:
        return next((root for root in self.roots if _is_below(path, root.path)), None)


def is_shown(roots: Iterable[Root], path: str) -> bool:
    """Tell whether the rules of some roots let a file be seen, be it there or not."""
    root = next((root for root in roots if _is_below(path, root.path)), None)
    if root is None:
        return False
    *above, _ = accumulate(_relative(root, path).split("/"), lambda folder, name: f"{folder}/{name}")
    return not root.ignores(_relative(root, path)) and not any(map(root.prunes, above))


def _told_by(path: str) -> str:
    """Return the directory of which a path tells that it is, or is no longer, one to leave out."""
    above = os.path.dirname(path)  # noqa: PTH120
    is_telling = os.path.basename(path) in MARKERS or os.path.basename(above) in OUTPUT  # noqa: PTH119
    return above if is_telling else ""


def _is_there(root: Root) -> bool:
    return root.is_optional or os.path.isdir(root.path)  # noqa: PTH112


def _is_directory(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)  # noqa: PTH112, PTH114


def _is_real_directory(item: "os.DirEntry[str]") -> bool:
    try:
        return item.is_dir(follow_symlinks=False)
    except OSError:  # Some file systems have to be asked, and it is gone.
        return False


def look_at(path: str) -> Entry | None:
    """Return the entry of a regular file or a link; fifos, sockets and devices are nobody's source."""
    try:
        seen, link = os.lstat(path), ""
        if stat.S_ISLNK(seen.st_mode):
            link = os.readlink(path)  # noqa: PTH115
            seen = _followed(path) or seen
    except (OSError, ValueError):
        return None
    is_file = stat.S_ISREG(seen.st_mode)
    if not is_file and not link:
        return None
    is_executable = is_file and bool(seen.st_mode & 0o111)
    return Entry(seen.st_mtime_ns, seen.st_ctime_ns, seen.st_size, seen.st_ino, is_executable, link, is_file)


def _followed(path: str) -> os.stat_result | None:
    """Return the stat of the regular file that a link leads to, if it does."""
    try:
        seen = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return seen if stat.S_ISREG(seen.st_mode) else None


def _differing(before: dict[str, Entry], after: dict[str, Entry]) -> set[str]:
    changed = {path for path, entry in after.items() if before.get(path) != entry}
    return changed | (before.keys() - after.keys())


def _relative(root: Root, path: str) -> str:
    return path[len(root.path) + 1 :] if root.path != "/" else path[1:]


def _is_below(path: str, directory: str) -> bool:
    return path.startswith(directory + "/")


def _is_at_or_below(path: str, directory: str) -> bool:
    return path == directory or _is_below(path, directory)
