"""Which files a program reaches: a graph over the project's Python files, with their imports as edges.

Names are looked up in all folders that Python may search, and every match counts: to reach too much costs a
restart, to reach too little would run old code. The graph never touches the disk; it is told of files that
come and go, and asks for the imports of those that are reached, once for each content.
"""

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from devrun.sources.imports import Imports

_PASSED_OVER = re.compile(
    r"(?:.*/)?(?:tests?/.*|docs?/.*|test_[^/]*\.py|[^/]*_test\.py|conftest\.py|setup\.py|noxfile\.py)"
)
"""What nobody loads who is not asked to."""


def is_unreached_source(path: str) -> bool:
    """Return whether a file that no target reaches counts for all; by its path relative to the project."""
    return not _PASSED_OVER.fullmatch(path)


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


@dataclass(frozen=True, slots=True)
class Edges:
    """What one file leads to."""

    imported: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()
    """By strings."""


Found = dict[str, None]
"""A set in the order of finding."""
Ways = Callable[[Edges], tuple[frozenset[str], ...]]
"""Which of a file's edges are followed."""


class Files:
    """The Python files that there are, by folder."""

    def __init__(self) -> None:
        self._all: set[str] = set()
        self._children: dict[str, set[str]] = {}
        self._extensions: dict[str, set[str]] = {}
        """Extension modules by their path without endings: `a.cpython-313-x86_64-linux-gnu.so` is `a`."""

    def __contains__(self, path: str) -> bool:
        return path in self._all

    def add(self, path: str) -> None:
        """Add a file, and the folders that lead to it."""
        self._all.add(path)
        if not path.endswith(".py"):
            self._extensions.setdefault(module_place(path), set()).add(path)
        while (above := posixpath.dirname(path)) != path:
            siblings = self._children.setdefault(above, set())
            if path in siblings:
                return
            siblings.add(path)
            path = above

    def remove(self, path: str) -> None:
        """Remove a file, and the folders that nothing is left in."""
        self._all.discard(path)
        self._extensions.get(module_place(path), set()).discard(path)
        while (siblings := self._children.get(posixpath.dirname(path))) is not None:
            siblings.discard(path)
            path = posixpath.dirname(path)
            if siblings:
                return
            del self._children[path]

    def loaded_by(self, root: str, name: str) -> Iterator[str]:
        """Yield what the import of a dotted name loads from a folder: the packages on the way too."""
        place = root
        for part in name.split("."):
            place = f"{place}/{part}"
            yield from self._at(place)
            if place not in self._children:
                return

    def has_package(self, place: str) -> bool:
        """Return whether a folder has an `__init__.py`."""
        return f"{place}/__init__.py" in self._all

    def has_folder(self, place: str) -> bool:
        """Return whether there are Python files in or below a folder."""
        return place in self._children

    def below(self, folder: str) -> Iterator[str]:
        """Yield all files below a folder."""
        for child in self._children.get(folder, ()):
            if child in self._all:
                yield child
            else:
                yield from self.below(child)

    def _at(self, place: str) -> Iterator[str]:
        for path in (f"{place}.py", f"{place}/__init__.py"):
            if path in self._all:
                yield path
        yield from self._extensions.get(place, ())


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
            self._files.add(path)
            self._look_again(path)

    def remove(self, path: str) -> None:
        """Take note of a file that is gone."""
        if path in self._files:
            self._files.remove(path)
            self._imports.pop(path, None)
            self._look_again(path)

    def changed(self, path: str) -> None:
        """Take note of another content; one that does not parse leads to what it led to before."""
        before = self._imports.get(path)
        if before is None:
            return
        after = self._parse(path)
        if after is not None and after != before:
            self._imports[path] = after
            for view in self._views.values():
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
            known = self._imports[path] = (path.endswith(".py") and self._parse(path)) or Imports()
        return known

    def _look_again(self, path: str) -> None:
        for view in self._views.values():
            view.look_again(path, self._imports)


class _View:
    """The graph as it is for all programs that search the same folders."""

    def __init__(
        self,
        roots: tuple[str, ...],
        files: Files,
        scripts: frozenset[str],
        imports_of: Callable[[str], Imports],
    ) -> None:
        self._roots = roots
        self._files = files
        self._scripts = scripts
        self._imports_of = imports_of
        self._edges: dict[str, Edges] = {}
        self._forgotten: dict[str, Edges] = {}
        """Those that have to be worked out again, as they were."""
        self._version = 0
        """Raised by whatever may change what is reached."""
        self._known: dict[Entry, tuple[int, Reach]] = {}

    def forget(self, path: str) -> None:
        """Work out anew what a file leads to, when it is next asked for."""
        if path in self._edges:
            self._forgotten[path] = self._edges.pop(path)

    def look_again(self, path: str, imports: Mapping[str, Imports]) -> None:
        """Forget the edges of files that may lead to a file which came or went."""
        self._version += 1
        self.forget(path)
        places = _places(path)
        firsts = [place for place in places if posixpath.dirname(place) in self._roots]
        tops = {posixpath.basename(place) for place in firsts}
        near = tuple(f"{place}/" for place in firsts)
        for other in list(self._edges):
            found = imports[other]
            is_near = bool(found.relative) and other.startswith(near)
            if not tops.isdisjoint(found.tops) or (is_near and _leads_to(other, found, places)):
                self.forget(other)

    def reach(self, entry: Entry) -> Reach:
        """Return what a program reaches."""
        self._refresh()
        version, known = self._known.get(entry, (-1, Reach()))
        if version != self._version:
            known = self._search(entry)
            self._known[entry] = (self._version, known)
        return known

    def _refresh(self) -> None:
        """Work out forgotten edges: only where they are other ones than before is anything to search."""
        forgotten, self._forgotten = self._forgotten, {}
        for path, before in forgotten.items():
            if path in self._files and self._edges_of(path) != before:
                self._version += 1

    def _search(self, entry: Entry) -> Reach:
        parents: dict[str, str] = {}
        start = [path for path in entry.files if path in self._files]
        start += [path for name in entry.names for path in self._found(name)]
        imported = dict.fromkeys(start)
        self._walk(start, imported, parents, lambda edges: (edges.imported,))
        reached = dict(imported)
        named = [path for name in entry.strings for path in self._named(name) if path not in reached]
        reached |= dict.fromkeys(named)
        for path in imported:
            named += _note(path, self._edges_of(path).named, reached, parents)
        self._walk(named, reached, parents, lambda edges: (edges.imported, edges.named))
        return Reach(frozenset(reached), frozenset(imported), parents)

    def _walk(self, start: Iterable[str], found: Found, parents: dict[str, str], ways: Ways) -> None:
        """Add all that some files lead to, nearest first."""
        pending = list(start)
        for path in pending:  # which grows meanwhile
            for others in ways(self._edges_of(path)):
                pending += _note(path, others, found, parents)

    def _edges_of(self, path: str) -> Edges:
        known = self._edges.get(path)
        if known is None:
            known = self._edges[path] = self._look_up(path, self._imports_of(path))
        return known

    def _look_up(self, path: str, imports: Imports) -> Edges:
        imported = {other for name in imports.names for other in self._found(name)}
        for dots, name in imports.relative:
            imported.update(self._files.loaded_by(_package(path, dots), name or "__init__"))
        named = {other for name in imports.strings for other in self._named(name)}
        if path.endswith("/__init__.py"):
            # `from package import *` loads the modules that `__all__` lists.
            here = posixpath.dirname(path)
            named.update(other for name in imports.strings for other in self._files.loaded_by(here, name))
        return Edges(frozenset(imported - {path}), frozenset(named - imported - {path}))

    def _found(self, name: str) -> Iterator[str]:
        for root in self._roots:
            yield from self._files.loaded_by(root, name)

    def _named(self, name: str) -> Iterator[str]:
        """Yield what a string may name; one that names a package means all that lies in it.

        A single word may well mean something else, so that it names no test, and no script of a target.
        """
        is_word = "." not in name
        for root in self._roots:
            place = f"{root}/{name.replace('.', '/')}"
            if self._files.has_package(place) or (not is_word and self._files.has_folder(place)):
                yield from (path for path in self._files.below(place) if self._may_be_meant(root, path))
            for path in self._files.loaded_by(root, name):
                if path not in self._scripts and not (is_word and not self._may_be_meant(root, path)):
                    yield path

    def _may_be_meant(self, root: str, path: str) -> bool:
        return path not in self._scripts and is_unreached_source(path[len(root) + 1 :])


def _note(path: str, others: Iterable[str], found: Found, parents: dict[str, str]) -> list[str]:
    """Return those of the files that a file leads to which were not found before."""
    new = [other for other in others if other not in found]
    for other in new:
        found[other] = None
        parents[other] = path
    return new


def module_place(path: str) -> str:
    """Return a module's path without its endings: where a name leads that is looked up in a folder."""
    folder, name = posixpath.split(path)
    return f"{folder}/{name.partition('.')[0]}"


def _package(path: str, dots: int) -> str:
    """Return the folder that so many dots in a file stand for."""
    for _ in range(dots):
        path = posixpath.dirname(path)
    return path


def _places(path: str) -> frozenset[str]:
    """Return the places on the way to a file at which a look-up may find it."""
    place = module_place(path)
    places = [place]
    while (place := posixpath.dirname(place)) != "/":
        places.append(place)
    return frozenset(places)


def _leads_to(path: str, imports: Imports, places: frozenset[str]) -> bool:
    """Return whether a relative import of a file may lead to a file with these places."""
    return any(
        f"{_package(path, dots)}/{name.partition('.')[0] or '__init__'}" in places
        for dots, name in imports.relative
    )
