"""Which programs can be started warm at all, and which of a program's modules are its project's own."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from arguments import Arguments

PACKAGES = ("/site-packages/", "/dist-packages/", "/lib/python3")
WITHOUT_HOOK = {
    "I": "reads no PYTHONPATH",
    "E": "reads no PYTHONPATH",
    "S": "runs without site",
    "i": "becomes interactive",
}
UNFIT = {
    "gevent": "patches modules as they are loaded",
    "eventlet": "patches modules as they are loaded",
    "ddtrace": "patches modules as they are loaded",
    "debugpy": "follows what is loaded",
    "pydevd": "follows what is loaded",
    "coverage": "follows what is loaded",
    "pdb": "follows what is loaded",
}
"""Packages that have to come before the others."""


def why_not(arguments: Arguments, environment: Mapping[bytes, bytes], *, adopts: bool) -> str:
    """Returns why a program cannot be started warm, empty if it can."""
    program = arguments.program
    if program is None or not 0 < program < len(arguments.command):
        return "only a Python script or module can be started warm"
    if not adopts:
        return "the image's Python has no ctypes"
    if os.isatty(0):
        return "it has a terminal"
    if not arguments.socket or not os.access(os.path.dirname(arguments.socket), os.W_OK):
        return "there is no directory to note imports in"
    module = arguments.command[program + 1 : program + 2] if arguments.command[program] == "-m" else []
    if module and module[0].partition(".")[0] in UNFIT:
        name = module[0].partition(".")[0]
        return f"{name} {UNFIT[name]}"
    return _why_not_interpreter(arguments.command[:program], environment)


def _why_not_interpreter(words: list[str], environment: Mapping[bytes, bytes]) -> str:
    for letter in _letters(words[1:]):
        if letter in WITHOUT_HOOK:
            return f"python -{letter} {WITHOUT_HOOK[letter]}"
    found = _find(words[0], os.fsdecode(environment.get(b"PATH", os.defpath.encode())))
    try:
        with open(found, "rb") as file:
            binary = file.read(4) == b"\x7fELF"
    except OSError:
        binary = False
    # A script around an interpreter might run the program without our hook, and so a second time.
    return "" if binary else f"{words[0]} is not an interpreter itself"


def _letters(options: list[str]) -> Iterable[str]:
    """Yields the one-letter options, which may stand together; -W and -X take what follows."""
    words = iter(options)
    for word in words:
        if word.startswith("--") or not word.startswith("-"):
            continue
        for place, letter in enumerate(word[1:], 1):
            yield letter
            if letter in "WX":
                if place == len(word) - 1:
                    next(words, None)
                break


def _find(word: str, path: str) -> str:
    if "/" in word:
        return word
    places = (os.path.join(folder, word) for folder in path.split(":"))
    return next((place for place in places if os.access(place, os.X_OK)), word)


def is_own(origin: str, sources: Iterable[str]) -> bool:
    """Tells whether a module's file belongs to the project itself, and not to what is installed in it."""
    return any(origin.startswith(f"{source}/") for source in sources) and not any(
        mark in origin for mark in PACKAGES
    )


def place_of(arguments: Arguments) -> str:
    """Returns the directory in which the program's own modules are found first."""
    word = arguments.command[arguments.program or 0]
    return os.getcwd() if word == "-m" else os.path.dirname(os.path.realpath(word))


def with_real(sources: Iterable[str]) -> list[str]:
    """Returns directories by the names that they are given and by those they have."""
    return list(dict.fromkeys(path for source in sources for path in (source, os.path.realpath(source))))
