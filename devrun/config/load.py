"""Reading and checking `devrun.toml`: all problems at once, each with file, line and key.

`${NAME}` and `${NAME:-default}` in values are filled in from the environment before anything is checked;
messages never quote a value, since it may be a secret.
"""

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import tomli
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from devrun.config.find import root_key
from devrun.config.locate import key_lines, line_of
from devrun.config.names import project_slug
from devrun.config.project import Project
from devrun.config.resolve import Problem, resolve
from devrun.config.schema import File, Tree, known_keys
from devrun.errors import ConfigError

MAX_BYTES = 256 * 1024
"""No hand writes more; a parser can be kept busy with less than it can be with gigabytes."""

_VARIABLE = re.compile(r"\$\$|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")

Environment = Mapping[str, str]


def load(file: Path, environment: Environment) -> Project:
    """Return the project that a file describes; raises ConfigError with all of its problems."""
    file = file.resolve()
    text = _read(file)
    lines = key_lines(text)
    tree = _parse(file, text)
    problems: list[Problem] = []
    tree = _expand_tree(tree, environment, problems)
    parsed = _validate(tree, problems)
    project = resolve(parsed, file, environment, problems) if parsed else None
    if problems or project is None:
        raise ConfigError("\n".join(_sentences(file, lines, problems)), hint=_first_hint(problems))
    return project


def load_identity(file: Path) -> Project:
    """Return the project of a file that need not be valid: its name, its folder, and nothing to run."""
    file = file.resolve()
    try:
        table = _parse(file, _read(file)).get("project", {})
    except ConfigError:
        table = {}
    said = table.get("name") if isinstance(table, dict) else None
    name = said if isinstance(said, str) and said else file.parent.name
    root = file.parent
    return Project(name, project_slug(name, root), root, root_key(root), file, {}, {})


def _read(file: Path) -> str:
    try:
        if not file.is_file():  # a fifo would keep its reader waiting for ever
            reason = "is not a file" if file.exists() else "does not exist"
            raise ConfigError(f"{file}: {reason}")
        data = file.read_bytes()[: MAX_BYTES + 1]
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{file}: larger than {MAX_BYTES // 1024} KiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigError(f"{file}:{line}: not UTF-8", hint="save the file as UTF-8") from error


def _parse(file: Path, text: str) -> Tree:
    try:
        return tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        reason = error.msg[:1].lower() + error.msg[1:]
        raise ConfigError(f"{file}:{error.lineno}: {reason} (column {error.colno})") from error
    except (RecursionError, ValueError) as error:
        raise ConfigError(f"{file}: nested too deeply, or a number too large") from error


def _expand_tree(tree: Tree, environment: Environment, problems: list[Problem]) -> Tree:
    def expand(value: object, path: tuple[str | int, ...]) -> object:
        match value:
            case str():
                return _expand(value, environment, lambda text: problems.append(Problem(path, text)))
            case list():
                return [expand(item, (*path, index)) for index, item in enumerate(value)]
            case dict():
                return {key: expand(item, (*path, key)) for key, item in value.items()}
            case _:
                return value

    return {key: expand(value, (key,)) for key, value in tree.items()}


def _expand(text: str, environment: Environment, complain: Callable[[str], None]) -> str:
    def fill(match: "re.Match[str]") -> str:
        name, default = match["name"], match["default"]
        if name is None:
            return "$"
        value = environment.get(name, "")
        if value or (name in environment and default is None):
            return value
        if default is None:
            complain(f"the environment has no {name}; set it, or write ${{{name}:-default}}")
        return default or ""

    return _VARIABLE.sub(fill, text)


def _validate(tree: Tree, problems: list[Problem]) -> File | None:
    try:
        return File.model_validate(tree)
    except ValidationError as error:
        seen = {problem.path for problem in problems}
        found = (_problem_of(details) for details in error.errors(include_input=False, include_url=False))
        problems.extend(problem for problem in found if problem.path not in seen)
        return None


def _problem_of(details: ErrorDetails) -> Problem:
    # A choice of types puts its own names into the path; they stand in no file.
    path = tuple(part for part in details["loc"] if part not in {"MountTable", "bool", "[key]"})
    if details["type"] == "extra_forbidden":
        key = str(path[-1])
        near = difflib.get_close_matches(
            key.replace("_", "-").lower(), known_keys(path[:-1]), n=1, cutoff=0.5
        )
        known = ", ".join(known_keys(path[:-1]))
        return Problem(
            path, f"unknown key; did you mean {near[0]}?" if near else f"unknown key; known are {known}"
        )
    message = details["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return Problem(path, message[:1].lower() + message[1:])


def _sentences(file: Path, lines: Mapping[tuple[str, ...], int], problems: list[Problem]) -> Iterator[str]:
    def place(problem: Problem) -> int:
        return line_of(lines, problem.path) or 0

    for problem in sorted(set(problems), key=lambda problem: (place(problem), str(problem.path))):
        where = f"{file}:{place(problem)}" if place(problem) else str(file)
        key = ".".join(str(part) for part in problem.path)
        yield f"{where}: {key}: {problem.text}" if key else f"{where}: {problem.text}"


def _first_hint(problems: list[Problem]) -> str:
    return next((problem.hint for problem in problems if problem.hint), "")
