"""Files that are nowhere on a disk, and the graph over them."""

from collections.abc import Mapping

from devrun.sources.imports import Imports, imports_of
from devrun.sources.reach import Entry, ReachGraph


class Tree:
    """Files by their paths relative to the project."""

    def __init__(self, files: Mapping[str, str], *scripts: str) -> None:
        self.files = {f"/p/{name}": text for name, text in files.items()}
        self.parsed: list[str] = []
        self.graph = ReachGraph(self._parse, frozenset(f"/p/{name}" for name in scripts))
        for path in self.files:
            self.graph.add(path)

    def _parse(self, path: str) -> Imports | None:
        self.parsed.append(path)
        return imports_of(self.files[path].encode())

    def write(self, name: str, text: str) -> None:
        """Write a file, be it there or not."""
        self.files[f"/p/{name}"] = text
        self.graph.add(f"/p/{name}")
        self.graph.changed(f"/p/{name}")

    def remove(self, name: str) -> None:
        """Remove a file."""
        del self.files[f"/p/{name}"]
        self.graph.remove(f"/p/{name}")


def start(*files: str, roots: tuple[str, ...] = ("", "src"), **more: tuple[str, ...]) -> Entry:
    """Return the start of a program, by paths relative to the project."""
    places = tuple(f"/p/{root}".rstrip("/") for root in roots)
    return Entry(places, tuple(f"/p/{file}" for file in files), **more)


def names(paths: frozenset[str]) -> set[str]:
    """Return paths relative to the project."""
    return {path.removeprefix("/p/") for path in paths}
