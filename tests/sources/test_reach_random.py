"""Random trees of modules and random edits: the graph agrees with one made anew, and with a reference."""

from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devrun.sources.imports import Imports
from devrun.sources.reach import Entry, Reach, ReachGraph

ROOTS = ("/p", "/p/src")
SCRIPTS = frozenset({"/p/aa.py", "/p/aa/bb.py"})
ENTRIES = (
    Entry(ROOTS, ("/p/main.py",)),
    Entry(ROOTS, names=("aa", "aa.__main__"), strings=("bb.aa",)),
    Entry(("/p/aa", "/p"), ("/p/aa/bb.py", "/p/main.py")),
)

parts = st.sampled_from(["aa", "bb", "tests"])
dotted = st.lists(parts, min_size=1, max_size=3).map(".".join)
modules = st.sampled_from(["aa.py", "bb.py", "__init__.py", "__main__.py", "aa.so", "bb.cpython-313.so"])
folders = st.sampled_from(["", "aa/", "bb/", "aa/bb/", "aa/aa/", "src/", "src/aa/", "src/bb/", "tests/"])
paths = st.one_of(st.just("/p/main.py"), st.tuples(folders, modules).map(lambda both: "/p/" + "".join(both)))
imports = st.builds(
    Imports,
    st.frozensets(dotted, max_size=3),
    st.frozensets(st.tuples(st.integers(1, 3), st.one_of(st.just(""), dotted)), max_size=2),
    st.frozensets(dotted, max_size=2),
)
edits = st.tuples(paths, st.one_of(st.none(), imports), st.booleans())
"""A path, what it imports then (None: it is removed), and whether all is looked at afterwards."""


@dataclass
class Reference:
    """Which files count, worked out by going over all files for each name."""

    files: dict[str, Imports]

    def at(self, place: str) -> set[str]:
        """Return what an import finds at a place."""
        return {
            path
            for path in self.files
            if path in (f"{place}.py", f"{place}/__init__.py")
            or (path.endswith(".so") and path.startswith(f"{place}.") and "/" not in path[len(place) :])
            or (path.endswith(".so") and path.startswith(f"{place}/__init__."))
        }

    def loaded(self, root: str, name: str) -> set[str]:
        """Return what the import of a name from a folder loads."""
        words = name.split(".")
        places = ["/".join([root.rstrip("/"), *words[:length]]) for length in range(1, len(words) + 1)]
        return set().union(*map(self.at, places))

    def meant(self, root: str, name: str) -> set[str]:
        """Return what a string means in a folder."""
        found = self.loaded(root, name)
        first, *more = name.split(".")
        if found == self.at(f"{root}/{first}"):
            found = {path for path in found if self.is_free(root, path)}
        folder = f"{root}/{name.replace('.', '/')}"
        below = {path for path in self.files if path.startswith(f"{folder}/")}
        if more or any(path.startswith(f"{folder}/__init__.") for path in below):
            found |= {path for path in below if self.is_free(root, path)}
        return found

    def is_free(self, root: str, path: str) -> bool:
        """Return whether a word may mean a file."""
        return path not in SCRIPTS and "/tests/" not in path[len(root) :]

    def leads(self, roots: tuple[str, ...], path: str) -> tuple[set[str], set[str]]:
        """Return what a file leads to, by imports and by strings."""
        said = self.files[path]
        imported, named = set[str](), set[str]()
        for name in said.names:
            imported |= set().union(*(self.loaded(root, name) for root in roots))
        for dots, name in said.relative:
            folder = "/".join(path.split("/")[:-dots])
            imported |= self.loaded(folder, name or "__init__")
        for name in said.strings:
            named |= set().union(*(self.meant(root, name) for root in roots))
            if path.endswith("/__init__.py"):
                named |= self.loaded(path.rpartition("/")[0], name) - SCRIPTS
        return imported, named

    def reach(self, entry: Entry) -> tuple[set[str], set[str]]:
        """Return what is reached by imports, and in all."""
        starts = {path for path in entry.files if path in self.files}
        starts |= {path for root in entry.roots for name in entry.names for path in self.loaded(root, name)}
        strings = {path for root in entry.roots for name in entry.strings for path in self.meant(root, name)}
        imported = self.closed(entry.roots, starts, by_strings=False)
        return imported, self.closed(entry.roots, imported | strings, by_strings=True)

    def closed(self, roots: tuple[str, ...], found: set[str], *, by_strings: bool) -> set[str]:
        """Return files with all that they lead to."""
        while True:
            more = set(found)
            for path in found:
                imported, named = self.leads(roots, path)
                more |= imported | (named if by_strings else set())
            if more == found:
                return found
            found = more


class Graph:
    """A graph over files that are nowhere on a disk."""

    def __init__(self, files: dict[str, Imports]) -> None:
        self.files = files
        self.graph = ReachGraph(lambda path: self.files[path], SCRIPTS)
        for path in files:
            self.graph.add(path)

    def edit(self, path: str, said: Imports | None) -> None:
        """Write or remove a file."""
        if said is None:
            self.files.pop(path, None)
            self.graph.remove(path)
            return
        self.files[path] = said if path.endswith(".py") else Imports()
        self.graph.add(path)
        self.graph.changed(path)


def check(graph: Graph) -> None:
    """Compare all that is reached with the reference, and with a new graph."""
    reference, anew = Reference(dict(graph.files)), Graph(dict(graph.files))
    for entry in ENTRIES:
        reach = graph.graph.reach(entry)
        imported, reached = reference.reach(entry)
        assert reach.imported == imported
        assert reach.reached == reached
        again = anew.graph.reach(entry)
        assert (again.imported, again.reached) == (reach.imported, reach.reached)
        assert graph.graph.reach(entry) is reach
        for path in reached:
            check_chain(reference, entry, reach, path)


def check_chain(reference: Reference, entry: Entry, reach: Reach, path: str) -> None:
    """See that a chain consists of steps that are there, and of imports alone where the file is imported."""
    chain = reach.chain(path)
    steps = list(pairwise(chain))
    assert all(below in set().union(*reference.leads(entry.roots, above)) for above, below in steps)
    if path in reach.imported:
        assert all(below in reference.leads(entry.roots, above)[0] for above, below in steps)


@pytest.mark.usefixtures("unmeasured")
@given(st.dictionaries(paths, imports, max_size=12), st.lists(edits, max_size=12))
@settings(deadline=None, max_examples=150)
def test_after_any_edits_the_graph_is_as_if_made_anew(
    files: dict[str, Imports], steps: list[tuple[str, Imports | None, bool]]
) -> None:
    """Modules that come, go and import something else, one or several at a time."""
    graph = Graph({path: said if path.endswith(".py") else Imports() for path, said in files.items()})
    check(graph)
    for path, said, is_looked_at in steps:
        graph.edit(path, said)
        if is_looked_at:
            check(graph)
    check(graph)
