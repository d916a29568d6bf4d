"""The Python files that there are, by folder, and which of them a name may load.

Nothing here touches the disk: it is told of files that come and go.
"""

import posixpath
import re
from collections.abc import Iterator

EXTENSIONS = (".so", ".pyd")
"""Of extension modules, which have no imports that can be read."""

PYTHON = (".py", *EXTENSIONS)
"""What can be imported."""

INIT = "__init__"

_PASSED_OVER = re.compile(
    r"(?:.*/)?(?:tests?/.*|docs?/.*|test_[^/]*\.py|[^/]*_test\.py|conftest\.py|setup\.py|noxfile\.py)"
)
"""What nobody loads who is not asked to."""


def is_unreached_source(path: str) -> bool:
    """Return whether a file that no target reaches counts for all; by its path relative to the project."""
    return not _PASSED_OVER.fullmatch(path)


def module_place(path: str) -> str:
    """Return a module's path without its endings: where a name leads that is looked up in a folder.

    Of an extension module that is all from the first dot on: `a.cpython-313-x86_64-linux-gnu.so` is `a`.
    """
    if path.endswith(".py"):
        return path[: -len(".py")]
    folder, name = posixpath.split(path)
    return posixpath.join(folder, name.partition(".")[0])


def package_place(path: str, dots: int) -> str:
    """Return the folder that so many dots in a file stand for."""
    for _ in range(dots):
        path = posixpath.dirname(path)
    return path


def places_of(path: str) -> tuple[str, ...]:
    """Return where an import finds a file: of a package's `__init__`, its folder is such a place too."""
    place = module_place(path)
    folder, name = posixpath.split(place)
    return (place, folder) if name == INIT else (place,)


def folders_above(path: str) -> Iterator[str]:
    """Yield the folders that a file lies in, the innermost first."""
    while (above := posixpath.dirname(path)) != path:
        yield above
        path = above


class Files:
    """The Python files that there are. Paths are absolute."""

    def __init__(self) -> None:
        self._all: set[str] = set()
        self._children: dict[str, set[str]] = {}
        self._extensions: dict[str, set[str]] = {}
        """Extension modules by their places."""

    def __contains__(self, path: str) -> bool:
        return path in self._all

    def add(self, path: str) -> tuple[str, ...]:
        """Add a file, and the folders that lead to it; returns those that are new."""
        self._all.add(path)
        if path.endswith(EXTENSIONS):
            self._extensions.setdefault(module_place(path), set()).add(path)
        new = []
        for folder in folders_above(path):
            siblings = self._children.get(folder)
            if siblings is not None:
                siblings.add(path)
                break
            self._children[folder] = {path}
            new.append(folder)
            path = folder
        return tuple(new)

    def remove(self, path: str) -> None:
        """Remove a file, and the folders that nothing is left in."""
        self._all.discard(path)
        self._extensions.get(module_place(path), set()).discard(path)
        for folder in folders_above(path):
            self._children[folder].discard(path)
            if self._children[folder]:
                return
            del self._children[folder]
            if folder in self._all:  # A script took the folder's name meanwhile.
                return
            path = folder

    def on_the_way(self, root: str, name: str) -> Iterator[str]:
        """Yield the places that the import of a dotted name from a folder looks at, as far as it comes."""
        place = root.rstrip("/")
        for part in name.split("."):
            place = f"{place}/{part}"
            yield place
            if place not in self._children:
                return

    def at(self, place: str) -> Iterator[str]:
        """Yield what may be loaded at a place: as a module, and as a package."""
        for path in (f"{place}.py", f"{place}/{INIT}.py"):
            if path in self._all:
                yield path
        yield from self._extensions.get(place, ())
        yield from self._extensions.get(f"{place}/{INIT}", ())

    def is_package(self, place: str) -> bool:
        """Return whether a folder has an `__init__`."""
        return f"{place}/{INIT}.py" in self._all or bool(self._extensions.get(f"{place}/{INIT}"))

    def is_folder(self, place: str) -> bool:
        """Return whether there are Python files in or below a folder."""
        return place in self._children

    def below(self, folder: str) -> Iterator[str]:
        """Yield all files below a folder."""
        for child in self._children.get(folder, ()):
            if child in self._all:
                yield child
            if child in self._children:
                yield from self.below(child)
