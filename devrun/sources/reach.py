"""Which files a program reaches: a graph over the project's Python files, with their imports as edges.

The graph never touches the disk; it is told of files that come and go, and asks for the imports of those that
are reached, once for each content. What is reached is worked out from the start only where a way that was
taken is gone: else what is new is added.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from devrun.sources.imports import Imports
from devrun.sources.lookups import Edges, Lookups
from devrun.sources.modules import EXTENSIONS, Files


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a program starts."""

    roots: tuple[str, ...] = ()
    """The folders in which its Python may look for modules."""
    files: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    """Modules that are run, or imported by name."""
    strings: tuple[str, ...] = ()
    """Names in its settings: they add to what is known, but say nothing of where it starts."""
    others: tuple[str, ...] = ()
    """What else it runs: shell scripts, and Python whose name does not say so."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What a program reaches."""

    reached: frozenset[str] = frozenset()
    imported: frozenset[str] = frozenset()
    """Those that it reaches by imports alone."""
    parents: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def is_known(self) -> bool:
        """Whether anything of where the program starts was found."""
        return bool(self.imported)

    def chain(self, path: str) -> tuple[str, ...]:
        """Return the files that lead to a reached one, from where the program starts."""
        chain = [path]
        while (above := self.parents.get(chain[-1], "")) and above not in chain:
            chain.append(above)
        return tuple(reversed(chain))


class ReachGraph:
    """Owned by one thread. Paths are absolute."""

    def __init__(self, parse: Callable[[str], Imports | None], scripts: frozenset[str]) -> None:
        """`parse` returns a file's imports, None where it does not parse; `scripts` are what targets run."""
        self._parse = parse
        self._scripts = scripts
        self._files = Files()
        self._imports: dict[str, Imports] = {}
        self._views: dict[tuple[str, ...], _View] = {}

    def add(self, path: str) -> None:
        """Take note of a file that is there now."""
        if path not in self._files:
            new_folders = self._files.add(path)
            for view in self._views.values():
                view.look_again(path, new_folders)

    def remove(self, path: str) -> None:
        """Take note of a file that is gone."""
        if path in self._files:
            self._files.remove(path)
            before = self._imports.pop(path, None) or Imports()
            for view in self._views.values():
                view.withdraw(path, before, Imports())
                view.look_again(path, ())

    def changed(self, path: str) -> None:
        """Take note of another content; one that does not parse leads to what it led to before."""
        before = self._imports.get(path)
        after = None if before is None or path.endswith(EXTENSIONS) else self._parse(path)
        if before is not None and after is not None and after != before:
            self._imports[path] = after
            for view in self._views.values():
                view.withdraw(path, before, after)
                view.forget(path)

    def reach(self, entry: Entry) -> Reach:
        """Return what a program reaches; the same object for as long as it is the same."""
        view = self._views.get(entry.roots)
        if view is None:
            view = self._views[entry.roots] = _View(entry.roots, self._files, self._scripts, self._imports_of)
        return view.reach(entry)

    def _imports_of(self, path: str) -> Imports:
        known = self._imports.get(path)
        if known is None:
            known = None if path.endswith(EXTENSIONS) else self._parse(path)
            self._imports[path] = known = known or Imports()
        return known


@dataclass(frozen=True, slots=True)
class _Start:
    """Where a program starts, as files."""

    imported: tuple[str, ...]
    named: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Turn:
    """A file that leads elsewhere than before."""

    path: str
    before: Edges
    after: Edges

    def is_missed(self, reach: Reach) -> bool:
        """Return whether a way is gone by which a file was reached."""
        after = self.after
        return any(
            reach.parents.get(other) == self.path
            for other in self.before.imported | self.before.named
            if other not in after.imported and not (other in after.named and other not in reach.imported)
        )


class _View:
    """The graph as it is for all programs that search the same folders."""

    def __init__(
        self,
        roots: tuple[str, ...],
        files: Files,
        scripts: frozenset[str],
        imports_of: Callable[[str], Imports],
    ) -> None:
        self._files = files
        self._lookups = Lookups(roots, files, scripts, self.forget)
        self._imports_of = imports_of
        self._edges: dict[str, Edges] = {}
        self._forgotten: dict[str, Edges] = {}
        """Those that have to be worked out again, as they were."""
        self._known: dict[Entry, tuple[_Start, Reach]] = {}

    def forget(self, path: str) -> None:
        """Work out anew what a file leads to, when it is next asked for."""
        if path in self._edges:
            self._forgotten[path] = self._edges.pop(path)

    def withdraw(self, path: str, before: Imports, after: Imports) -> None:
        """Forget what a file has named and names no more."""
        self._lookups.withdraw(path, before, after)

    def look_again(self, path: str, new_folders: Iterable[str]) -> None:
        """Take note of a file that came, with these folders, or went."""
        self.forget(path)
        self._lookups.look_again(path, new_folders)

    def reach(self, entry: Entry) -> Reach:
        """Return what a program reaches."""
        self._refresh()
        start = self._start(entry)
        if entry not in self._known or self._known[entry][0] != start:
            self._known[entry] = start, self._search(start)
        return self._known[entry][1]

    def _refresh(self) -> None:
        """Bring what is known up to date with the files that lead elsewhere than before."""
        if not self._forgotten:
            return
        forgotten, self._forgotten = self._forgotten, {}
        turns = [
            _Turn(path, before, self._edges_of(path))
            for path, before in forgotten.items()
            if path in self._files
        ]
        turns = [turn for turn in turns if turn.before != turn.after]
        for entry, (start, reach) in list(self._known.items()):
            mine = [turn for turn in turns if turn.path in reach.reached]
            if any(turn.is_missed(reach) for turn in mine):
                del self._known[entry]
            elif mine:
                self._known[entry] = start, self._extended(reach, [turn.path for turn in mine])

    def _start(self, entry: Entry) -> _Start:
        imported = [path for path in entry.files if path in self._files]
        imported += [path for name in entry.names for path in self._lookups.imported(name)]
        named = [path for name in entry.strings for path in self._lookups.named(name)]
        return _Start(tuple(dict.fromkeys(imported)), tuple(dict.fromkeys(named)))

    def _search(self, start: _Start) -> Reach:
        parents: dict[str, str] = {}
        imported = set(start.imported)
        self._walk(start.imported, imported, parents, by_strings=False)
        reached = {*imported, *start.named}
        self._walk([*start.named, *self._naming(imported)], reached, parents, by_strings=True)
        return Reach(frozenset(reached), frozenset(imported), parents)

    def _extended(self, reach: Reach, paths: Iterable[str]) -> Reach:
        """Return the reach with what some of its files lead to now; no way that was taken is gone."""
        parents, imported, reached = dict(reach.parents), set(reach.imported), set(reach.reached)
        self._walk([path for path in paths if path in imported], imported, parents, by_strings=False)
        new = imported - reach.imported
        reached |= new
        self._walk([*paths, *self._naming(new)], reached, parents, by_strings=True)
        if len(imported) == len(reach.imported) and len(reached) == len(reach.reached):
            return reach
        return Reach(frozenset(reached), frozenset(imported), parents)

    def _naming(self, paths: Iterable[str]) -> list[str]:
        """Return those of the files that lead anywhere by strings."""
        return sorted(path for path in paths if self._edges_of(path).named)

    def _walk(
        self, start: Iterable[str], found: set[str], parents: dict[str, str], *, by_strings: bool
    ) -> None:
        """Add all that some files lead to, nearest first."""
        pending = list(start)
        for path in pending:  # which grows meanwhile
            edges = self._edges_of(path)
            others = edges.imported - found
            if by_strings and edges.named:
                others |= edges.named - found
            if others:
                found |= others
                pending += sorted(others)
                parents.update(dict.fromkeys(others, path))

    def _edges_of(self, path: str) -> Edges:
        known = self._edges.get(path)
        if known is None:
            known = self._edges[path] = self._lookups.edges(path, self._imports_of(path))
        return known
