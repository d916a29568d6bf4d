"""What is left out of the watch, and by which rule.

devrun's own list and `ignore` of devrun.toml are meant for the watch. The ignore file of the build context is
written for the build: a pattern in it that stands for everything says nothing about the mount, and what a
target runs or watches, or what devrun.toml names for a build, is never left out by it.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from devrun.config.project import Command, ImageCommand, Module, Program, Project, Script
from devrun.sources.closure import file_matcher
from devrun.sources.globs import PatternError, clean, path_matcher
from devrun.sources.ignore import IgnoreRules, Rule
from devrun.sources.unwatched import BUILT_IN

EVERYTHING = frozenset({"*", "**", "**/*", "*/**", "**/**", ".", "*/*"})
IGNORE_FILE = ".dockerignore"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the ignore file of a build may not leave out; relative to the project."""

    names: frozenset[str] = frozenset()
    globs: tuple[str, ...] = ()
    _matchers: tuple[Callable[[str], bool], ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, names: Iterable[str], globs: Iterable[str]) -> "Wanted":
        """Return what lies at or below some names, or matches some globs."""
        patterns = tuple(clean(glob).lstrip("/") for glob in globs)
        return cls(frozenset(names) - {"", "."}, patterns, tuple(file_matcher(glob) for glob in patterns))

    def holds(self, path: str, *, is_directory: bool) -> bool:
        """Return whether a path is wanted; of a directory, whether something below it may be."""
        if any(path == name or path.startswith(f"{name}/") for name in self.names):
            return True
        if any(matches(path) for matches in self._matchers):
            return True
        return is_directory and (
            any(name.startswith(f"{path}/") for name in self.names)
            or any(_may_match_below(glob, path) for glob in self.globs)
        )


class WatchRules:
    """The rules for one root; paths relative to it go in."""

    def __init__(
        self, own: IgnoreRules, build: IgnoreRules, wanted: Wanted, project: str | None = ""
    ) -> None:
        self._own = own
        self._build = build
        self._wanted = wanted
        self._project = project
        """The project's path, relative to the root; None: it lies elsewhere."""

    def rule(self, path: str, *, is_directory: bool = False) -> Rule | None:
        """Return the rule that leaves a path out; a directory only where nothing below it is wanted."""
        for rules, place in self._asked(path, is_directory=is_directory):
            if _leaves_out(rules, place, is_directory=is_directory):
                return rules.match(place)
        return None

    def ignores(self, path: str) -> bool:
        """Return whether a file is left out."""
        return any(_leaves_out(*asked, is_directory=False) for asked in self._asked(path, is_directory=False))

    def prunes(self, path: str) -> bool:
        """Return whether a directory is left out with all that lies below it."""
        return any(_leaves_out(*asked, is_directory=True) for asked in self._asked(path, is_directory=True))

    def _asked(self, path: str, *, is_directory: bool) -> Iterator[tuple[IgnoreRules, str]]:
        """Yield the rules that are asked one after the other, each with the path as they know it."""
        inside = self._inside(path)
        if inside is None:
            yield BUILT_IN, path
        elif inside:
            yield self._own, inside
            if not self._wanted.holds(inside, is_directory=is_directory):
                yield self._build, inside

    def _inside(self, path: str) -> str | None:
        """Return a path relative to the project, empty for the way to it; None: it is not inside."""
        project = self._project
        if not project:
            return None if project is None else path
        if path == project or project.startswith(f"{path}/"):
            return ""
        return path[len(project) + 1 :] if path.startswith(f"{project}/") else None


def watch_rules(project: Project, root: Path) -> WatchRules:
    """Return the rules for a root of the watch, read from the disk as it is now."""
    own = IgnoreRules.parse("\n".join(project.ignore), f"`ignore` of {project.file_name}")
    place = os.path.relpath(project.root, root)
    if not project.root.is_relative_to(root):
        return WatchRules(BUILT_IN, IgnoreRules(), Wanted(), None)
    return WatchRules(
        IgnoreRules.joined([BUILT_IN, own]),
        _build_rules(project),
        _wanted(project),
        "" if place == "." else place,
    )


def ignore_file(project: Project) -> Path | None:
    """Return the ignore file that counts for the watch, present or not: that of the project as a context."""
    contexts = {image.context for image in project.built_images}
    return project.root / IGNORE_FILE if project.root in contexts else None


def _build_rules(project: Project) -> IgnoreRules:
    place = ignore_file(project)
    if place is None or any(_own_ignore_file(image.dockerfile).exists() for image in project.built_images):
        # An image that has rules of its own may take what the others leave out.
        return IgnoreRules()
    try:
        text = place.read_text("utf-8", "surrogateescape")
    except OSError:
        return IgnoreRules()
    rules = IgnoreRules.parse(text, IGNORE_FILE).rules
    return IgnoreRules(tuple(rule for rule in rules if rule.pattern not in EVERYTHING))


def _own_ignore_file(dockerfile: Path) -> Path:
    return dockerfile.with_name(dockerfile.name + IGNORE_FILE)


def _wanted(project: Project) -> Wanted:
    names = {IGNORE_FILE}
    globs: list[str] = []
    files = [project.file, *project.env_files]
    for target in project.targets.values():
        names |= _program(project, target.program)
        globs += target.watch
        files.append(target.mount.source if target.mount else None)
    for image in project.built_images:
        files += [image.dockerfile, _own_ignore_file(image.dockerfile), image.context]
        files += [secret.file for secret in image.session.secrets]
        globs += image.inputs
    return Wanted.of(names | {os.path.relpath(file, project.root) for file in files if file}, globs)


def _program(project: Project, program: Program) -> set[str]:
    """Return the paths that a target's program names."""
    match program:
        case Script(path=path):
            return {clean(path)}
        case Module(name=name):
            return {f"{name.replace('.', '/')}.py", name.replace(".", "/")}
        case Command(argv=argv):
            return {clean(word) for word in argv if word and os.path.lexists(project.root / word)}
        case ImageCommand():
            return set()


def _leaves_out(rules: IgnoreRules, path: str, *, is_directory: bool) -> bool:
    return rules.excludes(path) and not (is_directory and rules.may_reinclude_below(path))


def _may_match_below(glob: str, directory: str) -> bool:
    for pattern, part in zip(glob.split("/"), directory.split("/"), strict=False):
        if "**" in pattern:
            return True
        try:
            if not path_matcher(pattern)(part):
                return False
        except PatternError:
            return False
    return True
