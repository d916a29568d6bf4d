"""The words of a command taken apart: wrappers that stay, then an interpreter or another program."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

_INTERPRETER = re.compile(r"(?:python|pypy)(?:\d+(?:\.\d+)?)?t?")
INITS = {"tini", "tini-static", "dumb-init", "docker-init", "catatonit", "s6-svscan", "init"}
"""Programs that only look after the one that follows them."""
_RUNNERS = {"uv", "poetry", "pipenv", "pdm", "hatch", "rye"}
_VALUED = {"-W", "-X"}
"""Options of Python that take the next word as their value."""


@dataclass(frozen=True, slots=True)
class Reading:
    """An ENTRYPOINT, taken apart."""

    wrappers: tuple[str, ...]
    interpreter: tuple[str, ...]
    """An interpreter with its options, if that is all that follows the wrappers."""
    rest: tuple[str, ...]
    """Anything else that follows them."""
    python: tuple[str, ...]
    """The interpreter that it names anywhere, to start a script with."""


def read_entrypoint(entrypoint: Sequence[str]) -> Reading:
    """Take an ENTRYPOINT apart."""
    words = tuple(entrypoint)
    length = 0
    while (more := _wrapper(words[length:])) > 0:
        length += more
    rest = words[length:]
    python = leading_python(rest)
    if python and python == rest:
        return Reading(words[:length], python, (), python)
    return Reading(words[:length], (), rest, python)


def leading_python(words: Sequence[str]) -> tuple[str, ...]:
    """Return the interpreter and its options at the beginning, empty where there is none."""
    found = tuple(words)
    at = 1 if found and PurePosixPath(found[0]).name == "env" else 0
    if not found[at:] or not is_python(found[at]):
        return ()
    at += 1
    while at < len(found) and _is_option(found[at]):
        at += 2 if found[at] in _VALUED else 1
    return found[:at]


def is_python(word: str) -> bool:
    """Tell whether a program is a Python interpreter, by its name."""
    return bool(_INTERPRETER.fullmatch(PurePosixPath(word).name))


def _wrapper(words: tuple[str, ...]) -> int:
    """Return how many words at the beginning only wrap what follows them."""
    name = PurePosixPath(words[0]).name if words else ""
    if name in INITS:
        return _through_options(words, 1)
    if name in _RUNNERS and words[1:2] == ("run",):
        return _through_options(words, 2)
    return int(name.endswith(".sh") or name.startswith("docker-entrypoint"))


def _through_options(words: tuple[str, ...], at: int) -> int:
    while at < len(words) and words[at].startswith("-"):
        at += 1
        if words[at - 1] == "--":
            break
    return at


def _is_option(word: str) -> bool:
    # After -c, -m and - comes a program: that is no longer an interpreter with options only.
    return word.startswith("-") and word not in ("-", "--") and not re.match(r"-[A-Za-z]*[cm]", word)
