"""What lies in a build context, after its ignore file: regular files, symbolic links, empty directories.

Links are never followed, and sockets, devices and what cannot be read are left out: a listing never fails.
"""

import os
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from operator import attrgetter
from pathlib import Path
from types import MappingProxyType

from devrun.sources.content import Stamp, stamp_of
from devrun.sources.globs import literal_head
from devrun.sources.ignore import IgnoreRules


class Kind(str, Enum):
    """What an entry is."""

    FILE = "file"
    LINK = "link"
    DIRECTORY = "directory"


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that can be sent to the engine. A directory is listed only where nothing in it is."""

    path: Path
    name: str
    """Relative to the context, with forward slashes."""
    kind: Kind
    executable: bool = False
    stamp: Stamp | None = field(default=None, compare=False)
    """Of a file, as it was seen."""


_KINDS = {stat.S_IFREG: Kind.FILE, stat.S_IFLNK: Kind.LINK}
NONE_KNOWN: Mapping[str, Entry] = MappingProxyType({})


def list_entries(
    context: Path,
    rules: IgnoreRules,
    sources: Iterable[str],
    enters: Callable[[str], bool] = lambda _directory: True,
    known: Mapping[str, Entry] = NONE_KNOWN,
) -> tuple[Entry, ...]:
    """Return what lies at or below the literal beginnings of `sources`, sorted by name.

    Directories deeper down are walked only where `enters` says so of their names. `known` are entries, by
    their names, that were listed earlier in the same context and by the same rules: it saves the asking.
    """
    walk = _Walk(context, rules, enters, known)
    heads = {head for head in map(literal_head, sources) if not _is_behind_link(context, head)}
    for top in heads:
        if not any(_is_below(top, other) for other in heads):
            walk.begin(top)
    return tuple(sorted(walk.found, key=attrgetter("name")))


@dataclass(frozen=True, slots=True)
class _Walk:
    context: Path
    rules: IgnoreRules
    enters: Callable[[str], bool]
    known: Mapping[str, Entry]
    found: list[Entry] = field(default_factory=list)

    def begin(self, name: str) -> None:
        """Add what lies at `name` and below it."""
        path = self.context / name
        try:
            seen = path.lstat()
        except (OSError, ValueError):
            return
        if stat.S_ISDIR(seen.st_mode):
            self._add_directory(name, path)
        else:
            self._add_file(name, seen)

    def _add_directory(self, name: str, path: Path) -> None:
        ignored = bool(name) and self.rules.excludes(name)
        if ignored and not self.rules.may_reinclude_below(name):
            return
        before = len(self.found)
        self._add_below(name, path)
        if name and not ignored and len(self.found) == before:
            self.found.append(Entry(path, name, Kind.DIRECTORY))

    def _add_below(self, directory: str, path: Path) -> None:
        """Add what lies in a directory; what goes away meanwhile is left out."""
        above = f"{directory}/" if directory else ""
        for child in _children(path):
            name = above + child.name
            try:
                seen = None if child.is_dir(follow_symlinks=False) else child.stat(follow_symlinks=False)
            except OSError:
                continue
            if seen is not None:
                self._add_file(name, seen)
            elif self.enters(name):
                self._add_directory(name, path / child.name)

    def _add_file(self, name: str, seen: os.stat_result) -> None:
        kind = _KINDS.get(stat.S_IFMT(seen.st_mode))
        known = self.known.get(name)
        if kind is None or (known is None and self.rules.excludes(name)):
            return
        stamp, executable = stamp_of(seen), kind is Kind.FILE and bool(seen.st_mode & stat.S_IXUSR)
        if known is None or (known.stamp, known.kind, known.executable) != (stamp, kind, executable):
            path = known.path if known else self.context / name
            known = Entry(path, name, kind, executable, stamp)
        self.found.append(known)


def _is_behind_link(context: Path, name: str) -> bool:
    above = [name[:at] for at, char in enumerate(name) if char == "/"]
    return any((context / directory).is_symlink() for directory in above)


def _is_below(name: str, directory: str) -> bool:
    return name != directory and (not directory or name.startswith(f"{directory}/"))


def _children(directory: Path) -> "list[os.DirEntry[str]]":
    try:
        with os.scandir(directory) as children:
            return list(children)
    except OSError:
        return []
