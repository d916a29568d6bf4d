"""What is wrong with a file: every problem with its place, and together the error that a user reads.

A problem says nothing of a value that was filled in from the environment, since that may be a secret; where
a message has to name a path, it names it as the file writes it.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devrun.config.locate import key_lines, line_of
from devrun.errors import ConfigError

MOST_TOLD = 50
"""Nobody mends more at once, and a hostile file has no end of them."""
KEY_WIDTH = 80
MOST_SHOWN = 100
"""Characters of a value in a message."""

KeyPath = tuple[str | int, ...]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_NAMED = re.compile(r"\[(?=(?:project|image|images|mount|targets)[\].])")
"""The beginning of a table's name, in our own words."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong at a place of the file."""

    path: KeyPath
    text: str
    hint: str = ""


def config_error(file: Path, text: str, problems: list[Problem], table: tuple[str, ...] = ()) -> ConfigError:
    """Return one error for all problems of a file, in the order of its lines.

    `table` is that of the file in which the keys stand, where devrun shares the file with others.
    """
    placed = _placed(text, [*dict.fromkeys(problems)], table)
    placed.sort(key=lambda pair: pair[0])
    said = [_sentence(file, line, problem) for line, problem in placed[:MOST_TOLD]]
    if len(placed) > MOST_TOLD:
        said.append(f"{file}: and {len(placed) - MOST_TOLD} more problems")
    hints = dict.fromkeys(problem.hint for _, problem in placed[:MOST_TOLD] if problem.hint)
    return ConfigError("\n".join(said), hint="\n".join(hints))


def sentences(file: Path, text: str, problems: list[Problem], table: tuple[str, ...] = ()) -> list[str]:
    """Return what is said of each of some problems, in their own order."""
    placed = _placed(text, problems, table) if problems else []
    return [_sentence(file, line, problem) for line, problem in placed]


def _placed(text: str, problems: list[Problem], table: tuple[str, ...]) -> list[tuple[int, Problem]]:
    """Return problems with their lines, 0 where there is none."""
    lines = key_lines(text)
    told = [_inside(problem, table) if table else problem for problem in problems]
    return [(line_of(lines, problem.path) or 0, problem) for problem in told]


def written(tree: Mapping[str, object], path: KeyPath) -> str:
    """Return the text that a file has at a key, or for a list of which the key is a part; empty: none."""
    value: object = tree
    for part in path:
        if isinstance(value, Mapping):
            value = value.get(str(part))
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
    return value if isinstance(value, str) else ""


def quoted(tree: Mapping[str, object], path: KeyPath) -> str:
    """Return a value as the file writes it: what fills its variables in may be a secret."""
    text = written(tree, path)
    return f"'{text}'" if len(text) <= MOST_SHOWN else f"'{text[:MOST_SHOWN]}...'"


def _inside(problem: Problem, table: tuple[str, ...]) -> Problem:
    """Return a problem as whoever shares the file with others has to read it: tables have longer names."""
    prefix = f"[{'.'.join(table)}."
    return Problem(
        (*table, *problem.path), _NAMED.sub(prefix, problem.text), _NAMED.sub(prefix, problem.hint)
    )


def _sentence(file: Path, line: int, problem: Problem) -> str:
    where = f"{file}:{line}" if line else str(file)
    key = ".".join(_shown(part) for part in problem.path)
    if len(key) > KEY_WIDTH:
        key = key[: KEY_WIDTH - 3] + "..."
    return f"{where}: {key}: {problem.text}" if key else f"{where}: {problem.text}"


def _shown(part: str | int) -> str:
    """Return a part of a key as TOML writes it: a key may hold anything, line ends too."""
    text = str(part)
    return text if _BARE.fullmatch(text) else json.dumps(text, ensure_ascii=False)
