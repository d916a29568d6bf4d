"""What a program's last lines say of why it ended: the exception and its `file:line`, or a missing script."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from devrun.core.values import Container

_FRAME = re.compile(r'^  File "(?P<file>.+)", line (?P<line>\d+)')
_ERROR = re.compile(r"^(?P<kind>[A-Za-z_][\w.]*)(?::\s(?P<text>.*))?$")
_NO_SCRIPT = re.compile(r"can't open file '?(?P<file>[^']+?)'?: \[Errno 2\]")
_NO_MODULE = re.compile(r"No module named (?P<module>\S+)$")

_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")
"""Newer Pythons colour their tracebacks where they see a terminal."""

DEBUGGER = "debugpy"
"""The module that `debug` of a target runs."""
SIGNALLED = 128
"""Exit codes above it say by which signal a program ended."""
SIGNALS = {1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 6: "SIGABRT", 9: "SIGKILL", 11: "SIGSEGV", 15: "SIGTERM"}


def explain_exit(container: Container, tail: Sequence[str]) -> tuple[str, str]:
    """Return the error and the remedy for a program that ended with another code than 0."""
    tail = [_COLOURS.sub("", line) for line in tail]
    if missing := _first_match(_NO_SCRIPT, tail):
        return (
            f"the container has no file {_plain_path(missing['file'])}",
            "check the script's path, the Dockerfile's COPY and ENTRYPOINT lines, and the mount",
        )
    if error := _last_exception(tail):
        return error, _remedy(error)
    if remedy := _remedy(tail[-1] if tail else ""):  # of `python -m`, which shows no traceback
        return tail[-1], remedy
    if container.error:
        return container.error, ""
    signal = SIGNALS.get(container.exit_code - SIGNALLED)
    return f"exited with {container.exit_code}" + (f" ({signal})" if signal else ""), ""


def _remedy(error: str) -> str:
    module = _NO_MODULE.search(error)
    if module and module["module"] == DEBUGGER:
        return f"add {DEBUGGER} to the requirements, or take `debug` out of devrun.toml"
    return f"is {module['module']} in the requirements?" if module else ""


def _plain_path(path: str) -> str:
    """Return a path without what joining left in it, such as `//./`."""
    plain = str(PurePosixPath(path))
    return f"/{plain.lstrip('/')}" if plain.startswith("/") else plain


def _first_match(pattern: "re.Pattern[str]", lines: Sequence[str]) -> "re.Match[str] | None":
    return next((match for line in lines if (match := pattern.search(line))), None)


def _last_exception(tail: Sequence[str]) -> str:
    """Return `file:line: Error: text` of the last traceback, by its innermost frame."""
    frames = [(index, match) for index, line in enumerate(tail) if (match := _FRAME.match(line))]
    if not frames:
        return ""
    index, frame = frames[-1]
    for line in tail[index + 1 :]:
        if not line.startswith(" ") and (error := _ERROR.match(line)):
            text = error["kind"] + (f": {error['text']}" if error["text"] else "")
            return f"{frame['file']}:{frame['line']}: {text}"
    return ""
