"""Where a target's program starts, by what devrun.toml and the Dockerfile say: files, and names to look up.

What is written there is written for the container, so that its paths are brought back through the mount.
"""

import posixpath
from collections.abc import Iterator, Mapping

from devrun.config.project import Command, ImageCommand, Module, Project, Script, TargetConfig
from devrun.sources.closure import mount_path
from devrun.sources.imports import name_in
from devrun.sources.input_rules import Runtime
from devrun.sources.reach import Entry

TEST_RUNNERS = frozenset({"pytest", "py.test", "unittest", "nose2", "tox", "nox", "ptw", "pytest-watch"})
"""They load by patterns what nothing names: tests, conftest.py."""
SOURCE_FOLDER = "src"
"""Where packages are kept that are installed by a link to it."""


def entry_of(project: Project, target: TargetConfig, runtime: Runtime, source: str | None) -> Entry:
    """Return where a target starts; `source` is what its mount shows. Empty: that cannot be told."""
    if source is None:
        return Entry()
    mount = mount_path(target.mount, runtime.workdir) or "/"
    place = _Container(source, mount, target.workdir or runtime.workdir or mount)
    variables = {**dict(runtime.variables), **target.env}
    words = _words(target, runtime)
    files = [file for word in words if word.endswith(".py") and (file := place.on_host(word))]
    if isinstance(target.program, Script):
        files.append(posixpath.normpath(f"{project.root}/{target.program.path}"))
    entry = Entry(
        roots=tuple(dict.fromkeys(_roots(files, place, variables))),
        files=tuple(files),
        names=tuple(_names(words, is_module=isinstance(target.program, Module))),
        strings=tuple(name for value in variables.values() if (name := name_in(value))),
    )
    is_tests = any(posixpath.basename(word) in TEST_RUNNERS for word in words)
    return Entry(entry.roots) if is_tests else entry


class _Container:
    """What a container sees of the host."""

    def __init__(self, source: str, mount: str, workdir: str) -> None:
        self.source = source
        self._mount = posixpath.normpath(mount)
        self._workdir = workdir

    def on_host(self, path: str) -> str:
        """Return where a path of the container lies on the host; empty: it is not shown."""
        absolute = posixpath.normpath(posixpath.join(self._workdir, path))
        if absolute == self._mount:
            return self.source
        inside = absolute.removeprefix(f"{self._mount.rstrip('/')}/")
        return posixpath.join(self.source, inside) if inside != absolute else ""


def _words(target: TargetConfig, runtime: Runtime) -> tuple[str, ...]:
    match target.program:
        case Script():
            return target.args
        case Module(name=name):
            return (name, *target.args)
        case Command(argv=argv):
            return (*argv, *target.args)
        case ImageCommand():  # pragma: no branch - no other is left
            return (*runtime.words, *target.args)


def _names(words: tuple[str, ...], *, is_module: bool) -> Iterator[str]:
    """Yield the modules that words name, alone or as the value of an option; a package runs its __main__."""
    before = "-m" if is_module else ""
    for word in words:
        name = name_in(word.rpartition("=")[2])
        if name and not word.endswith(".py"):
            yield name
            if before == "-m":
                yield f"{name}.__main__"
        before = word


def _roots(files: list[str], place: _Container, variables: Mapping[str, str]) -> Iterator[str]:
    yield from (posixpath.dirname(file) for file in files)
    for folder in (place.on_host("."), place.source):
        if folder:
            yield folder
            yield posixpath.join(folder, SOURCE_FOLDER)
    for path in variables.get("PYTHONPATH", "").split(":"):
        if path and (folder := place.on_host(path)):
            yield folder
