"""Which directories belong to a project: its own, mounts, contexts, and those of single files elsewhere."""

import os
from collections import defaultdict
from pathlib import Path

from devrun.config.project import Project
from devrun.sources.snapshot import Root
from devrun.sources.watch_rules import watch_rules


def find_roots(project: Project) -> tuple[Root, ...]:
    """Return the outermost directories to look at, with the rules as they are on the disk now."""
    outermost = watched_directories(project)
    return (*(_whole(project, path) for path in outermost), *_single_files(project, outermost))


def watched_directories(project: Project) -> list[Path]:
    """Return the real paths of the outermost directories that are looked at as a whole."""
    mounts = {target.mount.source for target in project.targets.values() if target.mount}
    contexts = {image.context for image in project.built_images}
    wanted = {Path(os.path.realpath(path)) for path in {project.root, *mounts, *contexts}}
    return sorted(path for path in wanted if not wanted & set(path.parents))


def _whole(project: Project, path: Path) -> Root:
    rules = watch_rules(project, path)
    return Root(str(path), rules.ignores, rules.prunes)


def _single_files(project: Project, outermost: list[Path]) -> list[Root]:
    """Return roots for the folders in which only files count that devrun.toml names."""
    dockerfiles = {image.dockerfile for image in project.built_images}
    named = {*dockerfiles, *(path.with_name(f"{path.name}.dockerignore") for path in dockerfiles)}
    named |= {*project.env_files, *([project.file] if project.file else [])}
    secrets = (secret.file for image in project.built_images for secret in image.session.secrets)
    named |= set(filter(None, secrets))
    folders: defaultdict[Path, set[str]] = defaultdict(set)
    for file in {path for name in named for path in (Path(os.path.abspath(name)), name.resolve())}:  # noqa: PTH100
        if not any(file.is_relative_to(root) for root in outermost):
            folders[file.parent].add(file.name)
    return [_folder(folder, frozenset(names)) for folder, names in sorted(folders.items())]


def _folder(folder: Path, names: frozenset[str]) -> Root:
    return Root(str(folder), lambda name: name not in names, lambda _: True, is_optional=True)
