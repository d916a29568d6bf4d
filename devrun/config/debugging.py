"""Running a program under debugpy: it listens in the container, and lets an editor in at any time."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import count
from pathlib import PurePosixPath

from devrun.config.problems import Problem
from devrun.config.project import (
    Command,
    ImageCommand,
    Module,
    Port,
    Script,
    TargetConfig,
    TargetName,
)
from devrun.config.words import read_entrypoint

FIRST_PORT = 5678
"""debugpy's own, which editors propose."""
MODULES = ("uvicorn", "gunicorn", "flask", "celery", "fastapi", "pytest")
"""Console scripts that are modules of the same name, to be run by `python -m` too."""

Words = tuple[str, ...]


def debugger(port: int) -> Words:
    """Return what stands between an interpreter and its script, or `-m` and a module."""
    return ("-m", "debugpy", "--listen", f"0.0.0.0:{port}")


def traced(words: Words, port: int, python: str = "python") -> Words | None:
    """Return the command that runs the same program under the debugger, None where that cannot be done.

    `python` is the interpreter of a console script that is found in PATH.
    """
    reading = read_entrypoint(words)
    if reading.wrappers[-1:] in (("-m",), ("--module",)):
        return None
    interpreter, rest = reading.python, reading.rest[len(reading.python) :]
    if not interpreter and rest and (script := PurePosixPath(rest[0])).name in MODULES:
        interpreter = (str(script.with_name("python")) if "/" in rest[0] else python,)
        rest = ("-m", script.name, *rest[1:])
    elif not interpreter or not rest or (rest[0].startswith("-") and rest[0] not in ("-m", "-c")):
        return None
    return (*reading.wrappers, *interpreter, *debugger(port), *rest)


def with_debuggers(
    targets: Mapping[TargetName, TargetConfig], wished: Mapping[TargetName, bool | int]
) -> tuple[dict[TargetName, TargetConfig], list[Problem]]:
    """Return the targets with a debugger for those that wish it, and what is wrong with the wishes.

    `True` is for the next port that nobody has, in the order of the file.
    """
    problems = list[Problem]()
    users = {port.host_port: name for name, target in targets.items() for port in _tcp(target)}
    said = {port: name for name, port in wished.items() if port is not True}
    inner = {port.container_port for target in targets.values() for port in _tcp(target)}
    free = (port for port in count(FIRST_PORT) if port not in users.keys() | said.keys() | inner)
    debugged = dict(targets)
    for name, wish in wished.items():
        if not wish:
            continue
        target = debugged[name] = replace(targets[name], debug_port=next(free) if wish is True else wish)
        problems += _problems(target, users)
        users[target.debug_port or 0] = name
    return debugged, problems


def _problems(target: TargetConfig, users: Mapping[int, TargetName]) -> Iterator[Problem]:
    path = ("targets", target.name, "debug")
    port = target.debug_port or 0
    own = {port.container_port: target.name for port in _tcp(target)}
    if user := (own | dict(users)).get(port):
        yield Problem(path, f"port {port} is taken by {user}; choose another, or write true")
    if not _can_be_traced(target):
        key = "command" if isinstance(target.program, Command) else "entrypoint"
        yield Problem(
            path,
            f"its {key} starts no Python that a debugger could be given to",
            f"for `debug`, write `script` or `module`, or let `{key}` begin with python"
            + (f" or one of {', '.join(MODULES)}" if key == "command" else ""),
        )


def _can_be_traced(target: TargetConfig) -> bool:
    before = target.entrypoint or ()
    match target.program:
        case Script() | Module():
            return not read_entrypoint(before).rest
        case Command(argv=argv):
            return traced((*before, *argv, *target.args), FIRST_PORT) is not None
        case ImageCommand():  # pragma: no branch - no other is left
            return False


def _tcp(target: TargetConfig) -> Iterator[Port]:
    return (port for port in target.ports if port.protocol == "tcp")
