"""The names of targets and images on the command line: found by what was typed, and completed by shells.

A shell waits for a completion at every key, so that the file is read without being checked; and whatever is
wrong with it, there are simply no names.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

import click

from devrun.config.find import find_file
from devrun.config.project import DEFAULT_IMAGE, ONLY_TARGET, ImageName, Project, TargetName
from devrun.config.pyproject import table_of
from devrun.config.text_file import UnreadableError, read_text
from devrun.errors import ConfigError, DevrunError

Name = TypeVar("Name", bound=str)
Tree = Mapping[str, object]


def target_of(project: Project, name: str) -> TargetName:
    """Return the target of a name; raises ConfigError, with what was meant, where there is none."""
    return _known(name, project.targets, "target")


def target_or_image_of(project: Project, name: str) -> TargetName | ImageName:
    """Return the target of a name, or else the image; raises ConfigError where there is neither."""
    if name in project.images and name not in project.targets:
        return ImageName(name)
    return _known(name, project.targets, "target")


def complete_targets(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Return the targets whose names begin like a word, those left out that stand there already."""
    return _complete(context, incomplete, _targets)


def complete_images(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Return the images whose names begin like a word."""
    return _complete(context, incomplete, _images)


def complete_targets_and_images(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Return the targets and images whose names begin like a word."""
    return _complete(context, incomplete, lambda tree: (*_targets(tree), *_images(tree)))


def _known(name: str, known: Iterable[Name], kind: str) -> Name:
    names = {str(one): one for one in known}
    if name not in names:
        from devrun.config.names import meant  # no completion waits for it

        raise ConfigError(f"no {kind} is called {name}", hint=meant(name, names))
    return names[name]


def _complete(
    context: click.Context, incomplete: str, names_in: Callable[[Tree], Iterable[str]]
) -> list[str]:
    typed = {word for value in context.params.values() if isinstance(value, tuple) for word in value}
    try:
        names = dict.fromkeys(names_in(_tree(context)))
    except (DevrunError, UnreadableError, OSError, ValueError, RecursionError):
        return []
    return [name for name in names if name.startswith(incomplete) and name not in typed]


def _tree(context: click.Context) -> Tree:
    """Return what the project's file says, whether or not it may say that."""
    import tomli

    options = context.find_root().params
    folder = Path(options.get("directory") or ".").expanduser()  # the shell has not read it yet
    config = options.get("config")
    file = folder / config if config else find_file(folder)
    tree: object = tomli.loads(read_text(file))
    for part in table_of(file):
        tree = tree.get(part) if isinstance(tree, dict) else None
    return tree if isinstance(tree, dict) else {}


def _targets(tree: Tree) -> Iterable[str]:
    targets = tree.get("targets")
    return targets if isinstance(targets, dict) else (ONLY_TARGET,)


def _images(tree: Tree) -> Iterable[str]:
    images = tree.get("images")
    return images if isinstance(images, dict) else (DEFAULT_IMAGE,)
