"""What names lead to: each is looked up once, and again when a file comes or goes that it may lead to.

Names are looked up in all folders that Python may search, and every match counts: to reach too much costs a
restart, to reach too little would run old code.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

from devrun.sources.imports import Imports
from devrun.sources.modules import (
    INIT,
    Files,
    folders_above,
    is_unreached_source,
    module_place,
    package_place,
    places_of,
)

DATA_ENDINGS = frozenset(
    {"cfg", "conf", "css", "csv", "html", "ini", "jpg", "js", "json", "log", "md", "png", "rst", "sh", "sock"}
    | {"sql", "sqlite", "sqlite3", "svg", "toml", "txt", "xml", "yaml", "yml", "com", "net", "org"}
)
"""`config.yaml` names no attribute of `config.py`; nor does the name of a host."""


@dataclass(frozen=True, slots=True)
class Edges:
    """What one file leads to."""

    imported: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()
    """By strings alone."""


class _By(Enum):
    IMPORT = auto()
    STRING = auto()


_Question = tuple[_By | str, str]
"""How, and a name; a folder instead: an import from there alone."""


@dataclass(slots=True)
class _Answer:
    files: tuple[str, ...]
    askers: set[str] = field(default_factory=set)
    """The files in which the name stands."""


class Lookups:
    """The answers for all programs that search the same folders. Owned by one thread."""

    def __init__(
        self, roots: tuple[str, ...], files: Files, scripts: frozenset[str], forget: Callable[[str], None]
    ) -> None:
        """`scripts` are what targets run; `forget` is told of files whose edges may be other ones now."""
        self._roots = roots
        self._files = files
        self._scripts = scripts
        self._forget = forget
        self._answers: dict[_Question, _Answer] = {}
        self._looked_at: dict[str, set[_Question]] = {}
        """By the places where a module was looked for, found or not."""
        self._looked_below: dict[str, set[_Question]] = {}
        """By the folders of which all that lies in them counts."""

    def edges(self, path: str, imports: Imports) -> Edges:
        """Return what a file leads to."""
        imported = {other for name in imports.names for other in self.imported(name, path)}
        for dots, name in imports.relative:
            imported.update(self._answer((package_place(path, dots), name or INIT), path))
        named = {other for name in imports.strings for other in self.named(name, path)}
        package, module = module_place(path).rsplit("/", 1)
        if module == INIT and imports.strings:
            # `from package import *` loads the modules that `__all__` lists.
            lists = (other for name in imports.strings for other in self._answer((package, name), path))
            named.update(other for other in lists if other not in self._scripts)
        return Edges(frozenset(imported - {path}), frozenset(named - imported - {path}))

    def imported(self, name: str, asker: str = "") -> tuple[str, ...]:
        """Return what the import of a name loads, the packages on the way too."""
        return self._answer((_By.IMPORT, name), asker)

    def named(self, name: str, asker: str = "") -> tuple[str, ...]:
        """Return what a string may name; one that names a package means all that lies in it.

        A single word may well mean something else, and so may one with but an attribute, or a file's ending,
        behind it: it names no test, and no script of a target.
        """
        return self._answer((_By.STRING, name), asker)

    def withdraw(self, path: str, before: Imports, after: Imports) -> None:
        """Forget the names that stand in a file no more, unless they stand in another one."""
        for question in set(_questions(path, before)).difference(_questions(path, after)):
            answer = self._answers.get(question)
            if answer is not None:
                answer.askers.discard(path)
            if answer is None or not answer.askers:
                self._drop(question)

    def look_again(self, path: str, new_folders: Iterable[str]) -> None:
        """Forget the answers that a file which came or went may change."""
        asked = set[_Question]()
        for place in (*places_of(path), *new_folders):
            asked |= self._looked_at.get(place, set())
        for folder in folders_above(path):
            asked |= self._looked_below.get(folder, set())
        for question in asked:
            answer = self._answers.pop(question, None)
            for asker in answer.askers if answer else ():
                self._forget(asker)

    def _answer(self, question: _Question, asker: str) -> tuple[str, ...]:
        answer = self._answers.get(question)
        if answer is None:
            answer = self._answers[question] = _Answer(tuple(dict.fromkeys(self._look_up(question))))
        answer.askers.add(asker)
        return answer.files

    def _drop(self, question: _Question) -> None:
        self._answers.pop(question, None)
        for root in self._folders(question):
            place = root.rstrip("/")
            for part in question[1].split("."):
                place = f"{place}/{part}"
                _discard(self._looked_at, place, question)
            _discard(self._looked_below, place, question)

    def _folders(self, question: _Question) -> tuple[str, ...]:
        where, _ = question
        return (where,) if isinstance(where, str) else self._roots

    def _look_up(self, question: _Question) -> Iterator[str]:
        where, name = question
        for root in self._folders(question):
            if where is _By.STRING:
                yield from self._meant(root, name, question)
            else:
                yield from self._loaded(root, name, question)

    def _loaded(self, root: str, name: str, question: _Question) -> Iterator[str]:
        for place in self._files.on_the_way(root, name):
            self._looked_at.setdefault(place, set()).add(question)
            yield from self._files.at(place)

    def _meant(self, root: str, name: str, question: _Question) -> Iterator[str]:
        loaded = list(self._loaded(root, name, question))
        first, _, rest = name.partition(".")
        if loaded == list(self._files.at(f"{root.rstrip('/')}/{first}")):
            may_be_meant = rest.rpartition(".")[2] not in DATA_ENDINGS
            loaded = [path for path in loaded if may_be_meant and self._may_be_meant(root, path)]
        yield from loaded
        folder = f"{root.rstrip('/')}/{name.replace('.', '/')}"
        self._looked_below.setdefault(folder, set()).add(question)
        if self._files.is_package(folder) or (rest and self._files.is_folder(folder)):
            yield from (path for path in self._files.below(folder) if self._may_be_meant(root, path))

    def _may_be_meant(self, root: str, path: str) -> bool:
        return path not in self._scripts and is_unreached_source(path[len(root) + 1 :])


def _questions(path: str, imports: Imports) -> Iterator[_Question]:
    """Yield all that is asked for a file's imports."""
    yield from ((_By.IMPORT, name) for name in imports.names)
    yield from ((package_place(path, dots), name or INIT) for dots, name in imports.relative)
    yield from ((_By.STRING, name) for name in imports.strings)
    package, module = module_place(path).rsplit("/", 1)
    if module == INIT:
        yield from ((package, name) for name in imports.strings)


def _discard(kept: dict[str, set[_Question]], place: str, question: _Question) -> None:
    questions = kept.get(place, set())
    questions.discard(question)
    if not questions:
        kept.pop(place, None)
