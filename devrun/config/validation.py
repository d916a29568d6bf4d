"""Checking a tree against the schema, so that one mistake does not hide the others.

What the schema refuses is told and taken out, until the rest is valid: that rest can be resolved, and what
is wrong with it is told in the same run. `Doubts` keeps from telling what only follows from an earlier
mistake.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from devrun.config.problems import MOST_TOLD, KeyPath, Problem
from devrun.config.schema import (
    IMAGE_NAME,
    IMAGE_TABLE,
    ONE_OF_A_CHOICE,
    PROGRAM_KEYS,
    SECRET_KEYS,
    File,
    Tree,
    known_keys,
)

NOT_IN_THE_FILE = frozenset({*ONE_OF_A_CHOICE, IMAGE_NAME, IMAGE_TABLE, "[key]"})
"""Parts of pydantic's paths that stand for no key."""

KNOWN_TABLES = frozenset((key,) for key in known_keys(()))

_WORDS: Mapping[str, Callable[[Mapping[str, object]], str]] = {
    "bool_type": lambda _: "must be true or false",
    "dict_type": lambda _: "must be a table",
    "enum": lambda context: f"must be one of {context['expected']}",
    "finite_number": lambda _: "must be a finite number",
    "float_type": lambda _: "must be a number",
    "greater_than": lambda context: f"must be more than {context['gt']}",
    "greater_than_equal": lambda context: f"must be {context['ge']} or more",
    "int_type": lambda _: "must be a whole number",
    "less_than_equal": lambda context: f"must be {context['le']} or less",
    "literal_error": lambda context: f"must be {context['expected']}",
    "list_type": lambda _: "must be a list",
    "missing": lambda _: "is missing",
    "model_type": lambda _: "must be a table",
    "string_too_short": lambda _: "must not be empty",
    "string_type": lambda _: "must be a text in quotes",
    "too_short": lambda _: "must not be empty",
    "union_tag_not_found": lambda _: "must be a table, or false",
    "value_error": lambda context: str(context["error"]),
}


class Doubts:
    """The keys that were refused: what resolving says of what hangs on them is only a consequence."""

    def __init__(self) -> None:
        self.rest: Tree = {}
        """What remains of the file without them."""
        self._by_table: dict[KeyPath, set[KeyPath]] = {}

    def refuse(self, problems: Iterable[Problem]) -> None:
        """Take note of keys that something is wrong with."""
        for problem in problems:
            self._by_table.setdefault(_table(problem.path), set()).add(problem.path)

    def explains(self, problem: Problem) -> bool:
        """Tell whether a problem of resolving only follows from a key that was refused."""
        path = problem.path
        beside = self._beside(path)
        if any(_is_same_branch(path, other) for other in beside):
            return True
        tables = self._by_table
        if any(table[: len(path)] == path for table in tables):
            return True
        if path[-1:] == ("image",) and any(len(table) == 1 or table[0] == "images" for table in tables):
            return True
        if path[-1:] == ("healthcheck",) and any(other[2:3] == ("ports",) for other in beside):
            return True
        # A key that is not there may be the one that was misspelt.
        is_doubted = bool(beside) or any(len(table) == 1 and table not in KNOWN_TABLES for table in tables)
        return is_doubted and not _is_said(self.rest, path)

    def follows(self, problem: Problem) -> bool:
        """Tell whether a problem is the absence of something that was refused in an earlier round."""
        path = problem.path
        return any(
            _is_same_branch(path, other) and _may_be_meant(other[len(path) :], _needed_keys(path))
            for other in self._beside(path)
        )

    def _beside(self, path: KeyPath) -> set[KeyPath]:
        return self._by_table.get(path[:1], set()) | self._by_table.get(path[:2], set())


def validate(tree: Tree, problems: list[Problem]) -> tuple[File, Doubts]:
    """Return what is valid of a tree, and add what is not to `problems`."""
    doubts = Doubts()
    doubts.refuse(problems)
    while True:
        doubts.rest = tree
        try:
            return File.model_validate(tree), doubts
        except ValidationError as error:
            errors = error.errors(include_input=False, include_url=False)
        found = [_problem_of(details, suggests=index < MOST_TOLD) for index, details in enumerate(errors)]
        problems += [problem for problem in found if not doubts.follows(problem)]
        doubts.refuse(found)
        rest = _without(tree, [problem.path for problem in found])
        tree = rest if rest != tree else {}  # what cannot be taken out takes all with it


def _needed_keys(path: KeyPath) -> tuple[str, ...]:
    """Return the keys of which a table at this place needs one."""
    return SECRET_KEYS if "secrets" in path[1:-1] else (*PROGRAM_KEYS, "image")


def _may_be_meant(rest: KeyPath, needed: tuple[str, ...]) -> bool:
    return not rest or bool(difflib.get_close_matches(str(rest[0]), needed, n=1))


def _is_same_branch(one: KeyPath, other: KeyPath) -> bool:
    length = min(len(one), len(other))
    return one[:length] == other[:length]


def _table(path: KeyPath) -> KeyPath:
    """Return the table that a key belongs to, as far as the key says it."""
    return path[: 2 if path[:1] in {("images",), ("targets",)} else 1]


def _is_said(tree: Tree, path: KeyPath) -> bool:
    value: object = tree
    for part in path:
        if not isinstance(value, dict):
            break  # a text stands for a table, or for a list of one
        if part not in value:
            return False
        value = value[part]
    return not isinstance(value, dict)


def _without(tree: Tree, paths: Iterable[KeyPath]) -> Tree:
    """Return a tree without the keys; of a list, or of what stands for a table, nothing is left."""
    below: dict[str | int, list[KeyPath]] = {}
    for path in paths:
        below.setdefault(path[0], []).append(path[1:])
    rest = {key: value for key, value in tree.items() if key not in below}
    for key, inner in below.items():
        value = tree.get(str(key))
        if isinstance(value, dict) and all(inner):
            rest[str(key)] = _without(value, inner)
    return rest


def _problem_of(details: ErrorDetails, *, suggests: bool) -> Problem:
    path = tuple(part for part in details["loc"] if part not in NOT_IN_THE_FILE)
    if details["type"] == "extra_forbidden":
        return Problem(path, _unknown_key(path) if suggests else "unknown key")
    words = _WORDS.get(details["type"])
    if words:
        return Problem(path, words(details.get("ctx", {})))
    return Problem(path, details["msg"][:1].lower() + details["msg"][1:])


def _unknown_key(path: KeyPath) -> str:
    known = known_keys(path[:-1])
    key = str(path[-1]).replace("_", "-").lower()
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f"unknown key; did you mean {near[0]}?" if near else f"unknown key; known are {', '.join(known)}"
