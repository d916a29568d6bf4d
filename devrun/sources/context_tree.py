"""What lies in a build context, after its ignore file: regular files, symbolic links, empty directories.

Links are never followed, and sockets, devices and what cannot be read are left out: a listing never fails.
"""

import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

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


def list_entries(
    context: Path,
    rules: IgnoreRules,
    sources: Iterable[str],
    enters: Callable[[str], bool] = lambda _directory: True,
) -> tuple[Entry, ...]:
    """Return what lies at or below the literal beginnings of `sources`, sorted by name.

    Directories deeper down are walked only where `enters` says so of their names.
    """
    walk = _Walk(context, rules, enters)
    heads = {head for head in map(literal_head, sources) if not _is_behind_link(context, head)}
    tops = {head for head in heads if not any(_is_below(head, other) for other in heads)}
    found = {entry.name: entry for top in tops for entry in walk.entries(top)}
    return tuple(found[name] for name in sorted(found))


@dataclass(frozen=True, slots=True)
class _Walk:
    context: Path
    rules: IgnoreRules
    enters: Callable[[str], bool]

    def entries(self, name: str) -> Iterator[Entry]:
        """Yield what lies at `name` and below it."""
        path = self.context / name
        try:
            mode = path.lstat().st_mode
        except (OSError, ValueError):
            return
        yield from self._entries(name, path, mode)

    def _entries(self, name: str, path: Path, mode: int) -> Iterator[Entry]:
        ignored = bool(name) and self.rules.excludes(name)
        if stat.S_ISDIR(mode):
            if not ignored or self.rules.may_reinclude_below(name):
                yield from self._below(name, ignored=ignored)
        elif not ignored and stat.S_ISREG(mode):
            yield Entry(path, name, Kind.FILE, executable=bool(mode & stat.S_IXUSR))
        elif not ignored and stat.S_ISLNK(mode):
            yield Entry(path, name, Kind.LINK)

    def _below(self, directory: str, *, ignored: bool) -> Iterator[Entry]:
        empty = True
        for child, mode in _children(self.context / directory):
            name = f"{directory}/{child.name}" if directory else child.name
            if not stat.S_ISDIR(mode) or self.enters(name):
                for entry in self._entries(name, child, mode):
                    empty = False
                    yield entry
        if empty and directory and not ignored:
            yield Entry(self.context / directory, directory, Kind.DIRECTORY)


def _is_behind_link(context: Path, name: str) -> bool:
    above = [name[:at] for at, char in enumerate(name) if char == "/"]
    return any((context / directory).is_symlink() for directory in above)


def _is_below(name: str, directory: str) -> bool:
    return name != directory and (not directory or name.startswith(f"{directory}/"))


def _children(directory: Path) -> Iterator[tuple[Path, int]]:
    """Yield what lies in a directory, by name, with its mode; what goes away meanwhile is left out."""
    try:
        found = sorted(directory.iterdir(), key=lambda child: child.name)
    except OSError:
        return
    for child in found:
        try:
            yield child, child.lstat().st_mode
        except OSError:
            continue
