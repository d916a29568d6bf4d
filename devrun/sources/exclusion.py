"""Why devrun does not look at a file: the rule that leaves it, or a folder above it, out of the watch."""

import os
from collections.abc import Iterator
from pathlib import Path

from devrun.config.project import Project
from devrun.sources.roots import find_roots, watched_directories
from devrun.sources.unwatched import generated
from devrun.sources.watch_rules import watch_rules


def exclusion(project: Project, path: str) -> str:
    """Return the rule that leaves a path out, in words; empty: it is watched."""
    root = next((root for root in watched_directories(project) if Path(path).is_relative_to(root)), None)
    if root is None:
        return "" if _is_named(project, path) else "outside the project, its mounts and build contexts"
    rules = watch_rules(project, root)
    for directory in _directories(root, Path(path)):
        relative = os.path.relpath(directory, root)
        if directory.is_symlink():
            return f"{relative}/ is a link: what it shows is watched where it lies"
        if reason := generated(directory.name, _names(directory)):
            return f"{relative}/ is {reason}"
        if rule := rules.rule(relative, is_directory=True):
            return f"{relative}/ is left out by {rule}"
    rule = None if Path(path).is_dir() else rules.rule(os.path.relpath(path, root))
    return f"left out by {rule}" if rule else ""


def _is_named(project: Project, path: str) -> bool:
    """Return whether devrun.toml names a file that lies elsewhere."""
    folder, name = os.path.split(path)
    return any(root.path == folder and not root.ignores(name) for root in find_roots(project))


def _directories(root: Path, path: Path) -> Iterator[Path]:
    """Yield the folders from below the root down to the one that holds the path, or is it."""
    inside = path.relative_to(root).parts
    for depth in range(len(inside) if path.is_dir() else len(inside) - 1):
        yield root.joinpath(*inside[: depth + 1])


def _names(directory: Path) -> set[str]:
    try:
        return set(os.listdir(directory))  # noqa: PTH208 - names are wanted
    except OSError:
        return set()
