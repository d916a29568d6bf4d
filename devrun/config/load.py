"""Reading and checking `devrun.toml` or `[tool.devrun]`: all problems at once, with file, line and key."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import tomli

from devrun.config.beyond import asked_beyond
from devrun.config.demand import Demand
from devrun.config.find import real_file, root_key
from devrun.config.names import project_slug
from devrun.config.problems import Problem, config_error, sentences
from devrun.config.project import Project
from devrun.config.pyproject import table_of
from devrun.config.resolve import resolve
from devrun.config.schema import Tree
from devrun.config.text_file import UnreadableError, read_text
from devrun.config.validation import validate
from devrun.config.variables import Environment, expand
from devrun.errors import ConfigError

MAX_DEPTH = 16
"""A file has five levels at most; what goes much deeper is meant to exhaust whoever reads it."""
MAX_VALUES = 5_000
"""Nobody writes more: checking and telling take their time for each."""


def load(file: Path, environment: Environment) -> Project:
    """Return the project that a file describes; raises ConfigError with all of its problems."""
    file = real_file(file)
    text = _read(file)
    tree = _own_tree(file, _parse(file, text))
    problems: list[Problem] = []
    parsed, doubts = validate(expand(tree, environment, problems), problems)
    project, found = resolve(parsed, tree, file, environment)
    problems += [problem for problem in found if not doubts.explains(problem)]
    if problems:
        raise config_error(file, text, problems, table_of(file))
    asked = asked_beyond(project, tree)
    refusals = sentences(file, text, [problem for _, problem in asked], table_of(file))
    told = zip(asked, refusals, strict=True)
    return replace(project, demands=tuple(Demand(what, refusal) for (what, _), refusal in told))


def load_identity(file: Path, environment: Environment) -> Project:
    """Return the project of a file that need not be valid: its name, its folder, and nothing to run."""
    file = real_file(file)
    root = file.parent
    name = _said_name(file, environment) or root.name or "root"
    return Project(name, project_slug(name, root), root, root_key(root), file, {}, {})


def _said_name(file: Path, environment: Environment) -> str:
    try:
        table = _own_tree(file, _parse(file, _read(file))).get("project")
    except ConfigError:
        return ""
    said = expand(table, environment, []).get("name") if isinstance(table, dict) else None
    return said if isinstance(said, str) else ""


def _read(file: Path) -> str:
    try:
        return read_text(file)
    except UnreadableError as error:
        where = f"{file}:{error.line}" if error.line else str(file)
        raise ConfigError(f"{where}: {error.reason}", hint=error.hint) from error


def _parse(file: Path, text: str) -> Tree:
    try:
        tree = tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        reason = error.msg[:1].lower() + error.msg[1:]
        raise ConfigError(f"{file}:{error.lineno}: {reason} (column {error.colno})") from error
    except RecursionError as error:
        raise ConfigError(f"{file}: nested too deeply") from error
    except ValueError as error:  # of Python's limit for turning digits into a number
        raise ConfigError(f"{file}: a number is too large") from error
    return tree


def _own_tree(file: Path, tree: Tree) -> Tree:
    """Return the part of a file that is devrun's own."""
    place = table_of(file)
    own: object = tree
    for part in place:
        own = own.get(part) if isinstance(own, dict) else None
    if own is None:
        raise ConfigError(
            f"{file}: there is no table [{'.'.join(place)}]", hint="write one, or a devrun.toml"
        )
    if not isinstance(own, dict):
        raise ConfigError(f"{file}: {'.'.join(place)}: must be a table")
    _check_size(file, own)
    return own


def _check_size(file: Path, tree: Tree) -> None:
    level: list[object] = [tree]
    values = 0
    for _ in range(MAX_DEPTH):
        level = [below for value in level for below in _below(value)]
        values += len(level)
        if values > MAX_VALUES:
            raise ConfigError(f"{file}: more than {MAX_VALUES:,} values")
    if level:
        raise ConfigError(f"{file}: nested too deeply")


def _below(value: object) -> Iterator[object]:
    if isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, list):
        yield from value
