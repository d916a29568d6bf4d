"""Which command a container starts: rules over the image's ENTRYPOINT and CMD, without an engine.

An ENTRYPOINT is read as wrappers (`tini --`, `docker-entrypoint.sh`, `uv run`), which stay, then perhaps an
interpreter with options only (`python -u`), which gets the script as its command, or something else, which a
script or module replaces. A `command` is started as Docker would, after the ENTRYPOINT; but an ENTRYPOINT
that is an interpreter gives way to it, unless it is a script or option for that interpreter. An `entrypoint`
of the target's own is always kept. What a person types is started as it is: of an ENTRYPOINT only the
wrappers stay before it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from devrun.config.project import Command, ImageCommand, Module, Program, Script

DEFAULT_PYTHON = "python"

_INTERPRETER = re.compile(r"(?:python|pypy)(?:\d+(?:\.\d+)?)?t?")
_INIT = {"tini", "tini-static", "dumb-init", "docker-init", "catatonit", "s6-svscan", "init"}
_RUNNERS = {"uv", "poetry", "pipenv", "pdm", "hatch", "rye"}
_VALUED = {"-W", "-X"}
"""Options of Python that take the next word as their value."""


@dataclass(frozen=True, slots=True)
class Start:
    """What is asked of the engine; None leaves the image's own."""

    entrypoint: tuple[str, ...] | None
    command: tuple[str, ...] | None
    rule: str
    """Which rule chose it, for people."""


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


def has_init(entrypoint: Sequence[str]) -> bool:
    """Tell whether the image brings an init of its own, over which a second one would complain."""
    return bool(entrypoint) and PurePosixPath(entrypoint[0]).name in _INIT


def choose_start(
    program: Program,
    args: tuple[str, ...],
    *,
    entrypoint: tuple[str, ...],
    command: tuple[str, ...],
    override: tuple[str, ...] | None,
    script: str,
    python: str = DEFAULT_PYTHON,
) -> Start:
    """Return what to start.

    `entrypoint` and `command` are the image's, `override` the target's `entrypoint`; `script` is the
    script's path in the container, `python` the interpreter where the image names none.
    """
    match program:
        case Script():
            return _start_python((script, *args), override, entrypoint, command, python)
        case Module(name=name):
            return _start_python(("-m", name, *args), override, entrypoint, command, python)
        case Command(argv=argv):
            return _start_command((*argv, *args), override, entrypoint)
        case ImageCommand():
            if override is not None:
                return Start(override, args, "`entrypoint` of the target")
            return Start(None, (*command, *args) if args else None, "what the image starts")


def choose_typed(argv: tuple[str, ...], entrypoint: tuple[str, ...]) -> Start:
    """Return what to start for a command that a person typed; `entrypoint` is the target's or the image's.

    Words that no program is called like, options for instance, are meant for the ENTRYPOINT.
    """
    reading = read_entrypoint(entrypoint)
    is_for_entrypoint = argv[0].startswith("-") or (reading.interpreter and argv[0].endswith(".py"))
    kept = entrypoint if is_for_entrypoint else reading.wrappers
    return _explicit((*kept, *argv), len(kept), "as it was typed")


def _start_python(
    words: tuple[str, ...],
    override: tuple[str, ...] | None,
    entrypoint: tuple[str, ...],
    command: tuple[str, ...],
    default: str,
) -> Start:
    reading = read_entrypoint(entrypoint if override is None else override)
    python = reading.python or (leading_python(command) if override is None else ()) or (default,)
    if override is not None:
        # Anything that the user wrote there is meant to get the script, a debugger for instance.
        words = words if reading.interpreter or reading.rest else (*python, *words)
        return _explicit((*override, *words), len(override), "`entrypoint` of the target")
    if reading.interpreter:
        return Start(None, words, f"ENTRYPOINT {' '.join(entrypoint)} gets it")
    if reading.rest:
        program = (*reading.wrappers, *python, *words)
        length = max(1, len(reading.wrappers))
        return _explicit(program, length, f"replaces ENTRYPOINT {' '.join(reading.rest)}")
    if reading.wrappers:
        return Start(None, (*python, *words), f"ENTRYPOINT {' '.join(reading.wrappers)} is kept before it")
    return Start(None, (*python, *words), "the image has no ENTRYPOINT")


def _start_command(
    argv: tuple[str, ...], override: tuple[str, ...] | None, entrypoint: tuple[str, ...]
) -> Start:
    if override is not None:
        return _explicit((*override, *argv), len(override), "`entrypoint` of the target")
    if not entrypoint:
        return Start(None, argv, "the image has no ENTRYPOINT")
    reading = read_entrypoint(entrypoint)
    for_python = argv[:1] and (argv[0].startswith("-") or argv[0].endswith(".py"))
    if reading.interpreter and not for_python:
        program = (*reading.wrappers, *argv)
        return _explicit(
            program, max(1, len(reading.wrappers)), f"replaces ENTRYPOINT {' '.join(reading.interpreter)}"
        )
    return Start(None, argv, f"after ENTRYPOINT {' '.join(entrypoint)}, as Docker does it")


def _explicit(words: tuple[str, ...], length: int, rule: str) -> Start:
    """Return a start that owes nothing to the image; an empty entrypoint would mean the image's own."""
    length = max(1, length)
    return Start(words[:length], words[length:], rule)


def _wrapper(words: tuple[str, ...]) -> int:
    """Return how many words at the beginning only wrap what follows them."""
    name = PurePosixPath(words[0]).name if words else ""
    if name in _INIT:
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
