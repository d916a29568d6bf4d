"""Why devrun does not look at a file: the rule that leaves it, or a folder above it, out of the watch."""

import os
from collections.abc import Iterator
from pathlib import Path

from devrun.config.project import Project
from devrun.sources.roots import watched_directories
from devrun.sources.unwatched import generated
from devrun.sources.watch_rules import watch_rules


def exclusion(project: Project, path: str) -> str:
    """Return the rule that leaves a path out, in words; empty: it is watched."""
    root = next((root for root in watched_directories(project) if Path(path).is_relative_to(root)), None)
    if root is None:
        return "outside the project, its mounts and build contexts"
    rules = watch_rules(project, root)
    for directory in _directories(root, path):
        relative = os.path.relpath(directory, root)
        if reason := generated(directory.name, _names(directory)):
            return f"{relative}/ is {reason}"
        if rule := rules.rule(relative, is_directory=True):
            return f"{relative}/ is left out by {rule}"
    rule = rules.rule(os.path.relpath(path, root))
    return f"left out by {rule}" if rule else ""


def _directories(root: Path, path: str) -> Iterator[Path]:
    """Yield the folders from below the root down to the one that holds the path."""
    inside = Path(path).relative_to(root).parts[:-1]
    for depth in range(len(inside)):
        yield root.joinpath(*inside[: depth + 1])


def _names(directory: Path) -> set[str]:
    try:
        return set(os.listdir(directory))  # noqa: PTH208 - names are wanted
    except OSError:
        return set()
