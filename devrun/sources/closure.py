"""The source closure of a target: which files, seen through its mount, restart it, and by which rule.

A file counts that the target reaches by imports, that its `watch` names, or that no target reaches at all,
unless it is a test or documentation. The digests are sums over the contents of these files, so that one edit
costs one addition, however large the project is.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from devrun.config.project import Mount, Project, RestartOn, TargetConfig
from devrun.core.values import Digest
from devrun.sources.globs import PatternError, clean, ignore_matcher
from devrun.sources.modules import EXTENSIONS, is_unreached_source
from devrun.sources.reach import Reach

MODULUS = 1 << 128
"""The length of a digest: sums of hashes wrap around there."""


class Tie(str, Enum):
    """How a file counts for a target; a program that has done its work runs again only for the first two."""

    NAMED = "named"
    REACHED = "reached"
    BESIDE = "beside"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a file counts (None: it does not), and by which rule, in words."""

    tie: Tie | None
    rule: str


def mount_path(mount: Mount | None, workdir: str | None) -> str | None:
    """Return where a mount shows its source; None: nowhere, since the root cannot be mounted over."""
    if mount is None:
        return None
    path = mount.path or workdir or "/"
    return None if path.strip("/") == "" else path


def shown_source(target: TargetConfig, workdir: str | None) -> str | None:
    """Return the real path of the folder that a target's mount shows; None: it sees nothing of the disk."""
    shown = target.mount and mount_path(target.mount, workdir) and os.path.realpath(target.mount.source)
    return shown or None


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
    reach: Reach
    started: frozenset[str] = frozenset()
    """What the target runs that is no Python file by its name."""
    newest: float = 0.0
    members: dict[str, Tie] = field(default_factory=dict)
    """The files that count and are there."""
    _all: int = 0
    _own: int = 0
    _watched: tuple[Callable[[str], bool], ...] = ()
    _ignored: tuple[Callable[[str], bool], ...] = ()

    @classmethod
    def of(
        cls,
        project: Project,
        target: TargetConfig,
        source: str | None,
        others: frozenset[str],
        reach: Reach,
        started: frozenset[str] = frozenset(),
    ) -> "Closure":
        """Return the closure of a target, still empty; `source` is what its mount shows."""
        return cls(
            target=target,
            root=str(project.root),
            source=source,
            others=others,
            reach=reach,
            started=started,
            _watched=_matchers(target.watch),
            _ignored=_matchers((*project.ignore, *target.ignore)),
        )

    def shows(self, path: str) -> bool:
        """Return whether the mount shows a file."""
        return self.source is not None and path.startswith(self.source.rstrip("/") + "/")

    def explain(self, path: str, *, is_reached_elsewhere: bool) -> Verdict:
        """Return the same as `judge`, with the chain of imports that leads to the file."""
        verdict = self.judge(path, is_reached_elsewhere=is_reached_elsewhere)
        if path not in self.reach.reached or verdict.tie is not Tie.REACHED:
            return verdict
        chain = map(self._relative, self.reach.chain(path))
        return Verdict(verdict.tie, " <- ".join((self.target.name, *chain)))

    def guards(self, path: str) -> bool:
        """Return whether a syntax error in a file would end the program: it is loaded by imports."""
        if path.endswith(EXTENSIONS) or not self.shows(path):
            return False
        return path in self.reach.imported or (
            not self.reach.is_known and path.endswith(".py") and path in self.members
        )

    def judge(self, path: str, *, is_reached_elsewhere: bool) -> Verdict:
        """Return whether a file counts, be it there or not; the other targets' reach decides with it."""
        if self.source is None:
            return Verdict(None, "nothing is mounted: the image carries its code")
        if not self.shows(path):
            return Verdict(None, "outside the mount")
        if self.target.restart_on is RestartOn.NONE:
            return Verdict(None, '`restart-on = "none"`')
        relative = self._relative(path)
        if any(matches(relative) for matches in self._ignored):
            return Verdict(None, "`ignore` of devrun.toml")
        if any(matches(relative) for matches in self._watched):
            return Verdict(Tie.NAMED, "`watch` of devrun.toml")
        if self.target.restart_on is RestartOn.ANY:
            return Verdict(Tie.NAMED, '`restart-on = "any"`: every file of the mount')
        return self._judge_python(path, is_reached_elsewhere=is_reached_elsewhere)

    def _judge_python(self, path: str, *, is_reached_elsewhere: bool) -> Verdict:
        if path in self.reach.reached:
            return Verdict(Tie.REACHED, "reached by imports")
        if path in self.started:
            return Verdict(Tie.NAMED, "what this target runs")
        if not path.endswith(".py"):
            return Verdict(None, "no Python file, and `watch` does not name it")
        if path in self.others:
            return Verdict(None, "the script of another target")
        if not self.reach.is_known:
            return Verdict(Tie.REACHED, "a Python file; what this target loads cannot be told")
        if is_reached_elsewhere:
            return Verdict(None, "not reached by this target, but by another one")
        if not is_unreached_source(self._relative(path)):
            return Verdict(None, "reached by no target, and a test, documentation or packaging")
        return Verdict(Tie.BESIDE, "reached by no target, so that it counts for all that run")

    def _relative(self, path: str) -> str:
        inside = path.startswith(f"{self.root}/")
        return path[len(self.root) + 1 :] if inside else os.path.relpath(path, self.root)

    def admit(self, path: str, tie: Tie, content: str, newest: float) -> None:
        """Let a file count that did not, or was not there."""
        self.members[path] = tie
        self.newest = max(self.newest, newest)
        self._add(path, tie, content, 1)

    def dismiss(self, path: str, content: str) -> None:
        """Let a file count no longer that did, with this content."""
        self._add(path, self.members.pop(path), content, -1)

    def _add(self, path: str, tie: Tie, content: str, sign: int) -> None:
        term = sign * _term(path, content)
        self._all += term
        self._own += 0 if tie is Tie.BESIDE else term

    @property
    def digest(self) -> Digest:
        """The content hashes of all files; empty where nothing of the disk is seen."""
        if not self.source:
            return Digest("")
        return Digest(f"{self._all % MODULUS:032x}", f"{self._own % MODULUS:032x}")


def _term(path: str, content: str) -> int:
    text = f"{path}\0{content}".encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.blake2b(text, digest_size=16).digest(), "big")


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
