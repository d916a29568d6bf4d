"""Checking a tree against the schema, so that one mistake does not hide the others.

What the schema refuses is told and taken out, until the rest is valid: that rest can be resolved, and what
is wrong with it is told in the same run. `Doubts` keeps from telling what only follows from an earlier
mistake.
"""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from devrun.config.problems import KeyPath, Problem
from devrun.config.schema import ONE_OF_A_CHOICE, PROGRAM_KEYS, File, Tree, known_keys

NOT_IN_THE_FILE = frozenset({*ONE_OF_A_CHOICE, "[key]"})
"""Parts of pydantic's paths that stand for no key."""

_WORDS: Mapping[str, Callable[[Mapping[str, object]], str]] = {
    "bool_type": lambda _: "must be true or false",
    "dict_type": lambda _: "must be a table",
    "enum": lambda context: f"must be one of {context['expected']}",
    "greater_than_equal": lambda context: f"must be {context['ge']} or more",
    "int_type": lambda _: "must be a whole number",
    "less_than_equal": lambda context: f"must be {context['le']} or less",
    "list_type": lambda _: "must be a list",
    "model_type": lambda _: "must be a table",
    "string_too_short": lambda _: "must not be empty",
    "string_type": lambda _: "must be a text in quotes",
    "too_short": lambda _: "must not be empty",
    "union_tag_not_found": lambda _: "must be a table, or false",
    "value_error": lambda context: str(context["error"]),
}


@dataclass(frozen=True, slots=True)
class Doubts:
    """The keys that were refused: what resolving says of what hangs on them is only a consequence."""

    refused: frozenset[KeyPath]
    rest: Tree
    """What remains of the file without them."""

    def explains(self, problem: Problem) -> bool:
        """Tell whether a problem only follows from a key that was refused."""
        path = problem.path
        if any(_is_same_branch(path, other) for other in self.refused):
            return True
        if path[-1:] == ("image",) and any(len(other) == 1 or other[0] == "images" for other in self.refused):
            return True
        # A key that is not there may be the one that was misspelt.
        is_doubted = any(len(other) == 1 or _table(other) == _table(path) for other in self.refused)
        return is_doubted and not _is_said(self.rest, path)


def validate(tree: Tree, problems: list[Problem]) -> tuple[File, Doubts]:
    """Return what is valid of a tree, and add what is not to `problems`."""
    refused = {problem.path for problem in problems}
    while True:
        try:
            return File.model_validate(tree), Doubts(frozenset(refused), tree)
        except ValidationError as error:
            found = [_problem_of(details) for details in error.errors(include_input=False, include_url=False)]
            problems += [problem for problem in found if not _follows(problem, refused)]
            refused |= {problem.path for problem in found}
            rest = _without(tree, [problem.path for problem in found])
            tree = rest if rest != tree else {}  # what cannot be taken out takes all with it


def _follows(problem: Problem, refused: set[KeyPath]) -> bool:
    """Tell whether a problem is the absence of something that was refused in an earlier round."""
    return any(
        _is_same_branch(problem.path, path) and _may_be_program(path[len(problem.path) :]) for path in refused
    )


def _may_be_program(rest: KeyPath) -> bool:
    return not rest or bool(difflib.get_close_matches(str(rest[0]), PROGRAM_KEYS, n=1))


def _is_same_branch(one: KeyPath, other: KeyPath) -> bool:
    length = min(len(one), len(other))
    return one[:length] == other[:length]


def _table(path: KeyPath) -> KeyPath:
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


def _without(tree: Tree, paths: list[KeyPath]) -> Tree:
    """Return a tree without the keys; of a list, or of what stands for a table, nothing is left."""
    rest: Tree = {}
    for key, value in tree.items():
        below = [path[1:] for path in paths if path[0] == key]
        if not below:
            rest[key] = value
        elif isinstance(value, dict) and all(below):
            rest[key] = _without(value, below)
    return rest


def _problem_of(details: ErrorDetails) -> Problem:
    path = tuple(part for part in details["loc"] if part not in NOT_IN_THE_FILE)
    if details["type"] == "extra_forbidden":
        return Problem(path, _unknown_key(path))
    words = _WORDS.get(details["type"])
    if words:
        return Problem(path, words(details.get("ctx", {})))
    return Problem(path, details["msg"][:1].lower() + details["msg"][1:])


def _unknown_key(path: KeyPath) -> str:
    known = known_keys(path[:-1])
    key = str(path[-1]).replace("_", "-").lower()
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f"unknown key; did you mean {near[0]}?" if near else f"unknown key; known are {', '.join(known)}"
