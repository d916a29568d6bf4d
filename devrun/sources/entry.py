"""Where a target's program starts, by what devrun.toml and the Dockerfile say: files, and names to look up.

What is written there is written for the container, so that its paths are brought back through the mount. The
disk is not asked.
"""

import posixpath
from collections.abc import Iterable, Iterator

from devrun.config.project import Project, Script, TargetConfig
from devrun.sources.closure import mount_path
from devrun.sources.command_line import command_line, module_in
from devrun.sources.input_rules import Runtime
from devrun.sources.reach import Entry

SOURCE_FOLDER = "src"
"""Where packages are kept that are installed by a link to it."""


def entry_of(project: Project, target: TargetConfig, runtime: Runtime, source: str | None) -> Entry:
    """Return where a target starts; `source` is what its mount shows. Empty: that cannot be told."""
    if source is None:
        return Entry()
    mount = mount_path(target.mount, runtime.workdir) or "/"
    place = _Container(source, mount, target.workdir or runtime.workdir or mount)
    variables = {**dict(runtime.variables), **target.env}
    line = command_line(target, runtime.words, variables)
    folders = (".", *line.folders())
    script = script_of(project, target)
    paths = [posixpath.join(folder, file) for folder in folders for file in line.files()]
    files = tuple(filter(None, (script, *map(place.on_host, paths))))
    searched = (*folders, *variables.get("PYTHONPATH", "").split(":"))
    roots = tuple(dict.fromkeys(_roots(files, map(place.on_host, filter(None, searched)), source)))
    others = tuple(filter(None, map(place.on_host, line.others())))
    if line.is_for_tests(script):
        return Entry(roots, others=others)
    settings = filter(None, map(module_in, variables.values()))
    return Entry(roots, files, tuple(line.names()), (*settings, *line.strings()), others)


def script_of(project: Project, target: TargetConfig) -> str:
    """Return the script that a target runs; empty: it runs something else."""
    program = target.program
    return posixpath.normpath(f"{project.root}/{program.path}") if isinstance(program, Script) else ""


class _Container:
    """What a container sees of the host."""

    def __init__(self, source: str, mount: str, workdir: str) -> None:
        self._source = source
        self._mount = posixpath.normpath(mount)
        self._workdir = workdir

    def on_host(self, path: str) -> str:
        """Return where a path of the container lies on the host; empty: it is not shown.

        A folder above the mount is known where the folders between have the names that they have on the host:
        with `app` at `/code/app`, `app.main` is found from `/code`.
        """
        absolute = posixpath.normpath(posixpath.join(self._workdir, path))
        if absolute == self._mount:
            return self._source
        inside = absolute.removeprefix(f"{self._mount.rstrip('/')}/")
        if inside != absolute:
            return posixpath.join(self._source, inside)
        # Where the folder is not above the mount, this is the mount's whole path, and no end of the source.
        below = f"/{self._mount.removeprefix(absolute.rstrip('/') + '/')}"
        return self._source.removesuffix(below) if self._source.endswith(below) else ""


def _roots(files: Iterable[str], searched: Iterable[str], source: str) -> Iterator[str]:
    yield from map(posixpath.dirname, files)
    for folder in (*filter(None, searched), source):
        yield folder
        yield posixpath.join(folder, SOURCE_FOLDER)
