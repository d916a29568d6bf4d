"""Real files, and the closures over them, without anybody who watches."""

from collections.abc import Mapping
from pathlib import Path

from devrun.config.project import Project, TargetConfig
from devrun.core.events import SourceChange
from devrun.sources.closures import Closures
from devrun.sources.content import ContentHashes
from devrun.sources.contents import Contents
from devrun.sources.input_rules import Runtime
from devrun.sources.snapshot import Root, Snapshot
from tests.sources.live_disk import IMAGE, WEB, make_project, write

Edits = Mapping[str, str | None]
"""What is written; None: removed."""


class Desk:
    """A folder that is looked at when it is told to be."""

    def __init__(self, root: Path, *targets: TargetConfig, project: Project | None = None) -> None:
        self.root = root
        self.project = project or make_project(root, *targets)
        self._snapshot = Snapshot([Root(str(root), lambda _: False, lambda _: False)])
        self._snapshot.scan()
        self._contents = Contents(self._snapshot, ContentHashes(), str(root))
        runtimes = {IMAGE: Runtime("/app")}
        self.closures = Closures(self.project, self._contents, runtimes, tuple(self._snapshot.files))

    def edit(self, edits: Edits) -> dict[str, SourceChange]:
        """Write and remove files, and return what the targets are told."""
        for name, text in edits.items():
            if text is None:
                (self.root / name).unlink()
            else:
                write(self.root, {name: text})
        paths = {path for path in self._snapshot.scan() if self.closures.matters(path)}
        changes = self._contents.changes(sorted(paths), self.closures.may_load)
        told = self.closures.change([change for change in changes if change.is_content])
        return {str(name): change for name, change in told.items()}

    def paths(self, edits: Edits) -> dict[str, tuple[str, ...]]:
        """Return which files restart which targets after an edit."""
        return {name: change.paths for name, change in self.edit(edits).items()}

    def counting(self, target: TargetConfig | None = None) -> set[str]:
        """Return the files that count for a target, the first one unless another is named."""
        name = target.name if target else WEB
        files = {file for file in self.root.rglob("*") if file.is_file()}
        return {
            file.relative_to(self.root).as_posix()
            for file in files
            if self.closures.explain(str(file))[name].tie
        }

    def rule(self, path: str) -> str:
        """Return the rule for a path."""
        return self.closures.explain(str(self.root / path))[WEB].rule


def desk(root: Path, files: Mapping[str, str], *targets: TargetConfig) -> Desk:
    """Return the closures over some files."""
    write(root, files)
    return Desk(root, *targets)
