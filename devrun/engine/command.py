"""Which command a container starts: rules over the image's ENTRYPOINT and CMD, without an engine.

An ENTRYPOINT is read as wrappers (`tini --`, `docker-entrypoint.sh`, `uv run`), which stay, then perhaps an
interpreter with options only (`python -u`), which gets the script as its command, or something else, which a
script or module replaces. A `command` is started as Docker would, after the ENTRYPOINT; but an ENTRYPOINT
that is an interpreter gives way to it, unless it is a script or option for that interpreter. An `entrypoint`
of the target's own is always kept. What a person types is started as it is: of an ENTRYPOINT only the
wrappers stay before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from devrun.config.debugging import debugger, traced
from devrun.config.project import Command, ImageCommand, Module, Program, Script
from devrun.config.words import INITS, leading_python, read_entrypoint

DEFAULT_PYTHON = "python"


@dataclass(frozen=True, slots=True)
class Start:
    """What is asked of the engine; None leaves the image's own."""

    entrypoint: tuple[str, ...] | None
    command: tuple[str, ...] | None
    rule: str
    """Which rule chose it, for people."""


def has_init(entrypoint: Sequence[str]) -> bool:
    """Tell whether the image brings an init of its own, over which a second one would complain."""
    return bool(entrypoint) and PurePosixPath(entrypoint[0]).name in INITS


def choose_start(
    program: Program,
    args: tuple[str, ...],
    *,
    entrypoint: tuple[str, ...],
    command: tuple[str, ...],
    override: tuple[str, ...] | None,
    script: str,
    python: str = DEFAULT_PYTHON,
    debug_port: int | None = None,
) -> Start:
    """Return what to start.

    `entrypoint` and `command` are the image's, `override` the target's `entrypoint`; `script` is the
    script's path in the container, `python` the interpreter where the image names none. Where a debugger is
    to listen on a port, it runs the program.
    """
    tracer = debugger(debug_port) if debug_port else ()
    match program:
        case Script():
            return _start_python((*tracer, script, *args), override, entrypoint, command, python)
        case Module(name=name):
            return _start_python((*tracer, "-m", name, *args), override, entrypoint, command, python)
        case Command(argv=argv):
            words = (*(override or ()), *argv, *args)
            found = traced(words, debug_port, python) if debug_port else None
            if found:
                return _start_command(found, override and (), entrypoint)
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
