"""What is left out of the watch, and by which rule.

devrun's own list and `ignore` of devrun.toml are meant for the watch. The ignore file of the build context is
written for the build: a pattern in it that stands for everything says nothing about the mount, and what a
target runs or watches is never left out by it.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from devrun.config.project import Command, Project, Script
from devrun.sources.globs import literal_head
from devrun.sources.ignore import IgnoreRules, Rule
from devrun.sources.unwatched import BUILT_IN

EVERYTHING = frozenset({"*", "**", "**/*", "*/**", "**/**", ".", "*/*"})


class WatchRules:
    """The rules for one root; paths relative to it go in."""

    def __init__(self, always: IgnoreRules, build: IgnoreRules, named: Iterable[str]) -> None:
        self._always = always
        self._build = build
        self._named = frozenset(named)

    def rule(self, path: str, *, is_directory: bool = False) -> Rule | None:
        """Return the rule that leaves a path out; a directory only where nothing below it is wanted."""
        for rules in (self._always, self._build):
            rule = rules.match(path)
            if rule is None or rule.negated or (is_directory and rules.may_reinclude_below(path)):
                continue
            if rules is self._always or not self._is_named(path, is_directory=is_directory):
                return rule
        return None

    def ignores(self, path: str) -> bool:
        """Return whether a file is left out."""
        return self.rule(path) is not None

    def prunes(self, path: str) -> bool:
        """Return whether a directory is left out with all that lies below it."""
        return self.rule(path, is_directory=True) is not None

    def _is_named(self, path: str, *, is_directory: bool) -> bool:
        return any(
            path == name or path.startswith(f"{name}/") or (is_directory and name.startswith(f"{path}/"))
            for name in self._named
        )


def watch_rules(project: Project, root: Path) -> WatchRules:
    """Return the rules for a root of the watch, read from the disk as it is now."""
    if root != project.root:
        return WatchRules(BUILT_IN, IgnoreRules(), ())
    own = IgnoreRules.parse("\n".join(project.ignore), "`ignore` of devrun.toml")
    return WatchRules(IgnoreRules.joined([BUILT_IN, own]), _build_rules(project), _named(project))


def ignore_file(project: Project) -> Path | None:
    """Return the ignore file that counts for the watch, present or not: that of the project as a context."""
    contexts = {image.context for image in project.images.values()}
    return project.root / ".dockerignore" if project.root in contexts else None


def _build_rules(project: Project) -> IgnoreRules:
    place = ignore_file(project)
    try:
        text = place.read_text("utf-8", "surrogateescape") if place else ""
    except OSError:
        return IgnoreRules()
    rules = IgnoreRules.parse(text, ".dockerignore").rules
    return IgnoreRules(tuple(rule for rule in rules if rule.pattern not in EVERYTHING))


def _named(project: Project) -> frozenset[str]:
    """Return the paths that targets name: scripts, words of commands, the fixed part of `watch` globs."""
    names: set[str] = set()
    for target in project.targets.values():
        if isinstance(target.program, Script):
            names.add(target.program.path)
        if isinstance(target.program, Command):
            names |= {word for word in target.program.argv if os.path.lexists(project.root / word)}
        names |= {literal_head(glob) for glob in target.watch}
    return frozenset(name.strip("/").removeprefix("./") for name in names) - {"", "."}
