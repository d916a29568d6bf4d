"""The source closure of a target: which files, seen through its mount, restart it.

Its digest is a sum over the contents of its files, so that one edit costs one addition, however large the
project is. For now a script of another target concerns that target only, and every other Python file of the
mount concerns everybody.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field

from devrun.config.project import Mount, Project, RestartOn, Script, TargetConfig
from devrun.core.values import Digest
from devrun.sources.globs import PatternError, clean, ignore_matcher

MODULUS = 1 << 128
"""The length of a digest: sums of hashes wrap around there."""


def mount_path(mount: Mount | None, workdir: str | None) -> str | None:
    """Return where a mount shows its source; None: nowhere, since the root cannot be mounted over."""
    if mount is None:
        return None
    path = mount.path or workdir or "/"
    return None if path.strip("/") == "" else path


@dataclass(slots=True)
class Closure:
    """The files of one target, as far as they were told to it."""

    target: TargetConfig
    root: str
    """The project."""
    source: str | None
    """The real path that the mount shows; None: no mount, and nothing of the disk is seen."""
    others: frozenset[str]
    """The scripts of other targets."""
    newest: float = 0.0
    _sum: int = 0
    _watched: tuple[Callable[[str], bool], ...] = field(default=())
    _ignored: tuple[Callable[[str], bool], ...] = field(default=())

    @classmethod
    def of(cls, project: Project, target: TargetConfig, workdir: str | None) -> "Closure":
        """Return the closure of a target, still empty; `workdir` is its image's."""
        own = _script(project, target)
        scripts = {script for other in project.targets.values() if (script := _script(project, other))}
        shown = target.mount and mount_path(target.mount, workdir) and os.path.realpath(target.mount.source)
        return cls(
            target=target,
            root=str(project.root),
            source=shown or None,
            others=frozenset(scripts - {own}),
            _watched=_matchers(target.watch),
            _ignored=_matchers((*project.ignore, *target.ignore)),
        )

    def concerns(self, path: str) -> str | None:
        """Return the rule by which a change of a file restarts the target; None: it does not."""
        if self.source is None or self.target.restart_on is RestartOn.NONE:
            return None
        if not path.startswith(self.source.rstrip("/") + "/"):
            return None
        inside = path.startswith(f"{self.root}/")
        relative = path[len(self.root) + 1 :] if inside else os.path.relpath(path, self.root)
        if any(matches(relative) for matches in self._ignored):
            return None
        if any(matches(relative) for matches in self._watched):
            return "`watch` of devrun.toml"
        if self.target.restart_on is RestartOn.ANY:
            return "every file of the mount (`restart-on`)"
        if not path.endswith(".py") or path in self.others:
            return None
        return "a Python file of the mount"

    def update(self, path: str, before: str | None, after: str | None, newest: float) -> None:
        """Take note of a file's content; None: there is none."""
        if before is not None:
            self._sum -= _term(path, before)
        if after is not None:
            self._sum += _term(path, after)
        self.newest = max(self.newest, newest)

    @property
    def digest(self) -> Digest:
        """The content hash of all files; empty where nothing of the disk is seen."""
        return Digest(f"{self._sum % MODULUS:032x}" if self.source else "")


def _term(path: str, content: str) -> int:
    text = f"{path}\0{content}".encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.blake2b(text, digest_size=16).digest(), "big")


def _script(project: Project, target: TargetConfig) -> str | None:
    return str(project.root / target.program.path) if isinstance(target.program, Script) else None


def _matchers(globs: tuple[str, ...]) -> tuple[Callable[[str], bool], ...]:
    return tuple(file_matcher(glob) for glob in globs)


def file_matcher(glob: str) -> Callable[[str], bool]:
    """Return the test of a glob of devrun.toml; one that is no pattern is taken as a name."""
    name = clean(glob).lstrip("/")
    try:
        matches = ignore_matcher(name)
    except PatternError:
        return lambda path: path == name
    # What matches a directory matches all that lies below it.
    return lambda path: any(matches(above) for above in _prefixes(path))


def _prefixes(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[: length + 1]) for length in range(len(parts))]
