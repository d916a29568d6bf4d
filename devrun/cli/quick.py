"""`devrun status --json` by a short way: editors and prompts ask it all the time.

Importing the library that reads command lines takes longer than all the rest of the answer. So the plain form
of this one command is read here; whatever else is said, or goes wrong, is left to the long way.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from devrun.errors import DevrunError, ExitCode

COMMAND = ["status", "--json"]


def answer(words: Sequence[str]) -> int | None:
    """Answer, and return the exit code; None: the long way has to."""
    place = _place(words)
    if place is None or os.name != "posix":
        return None
    directory, file = place
    from devrun.config.find import find_file, real_file, root_key
    from devrun.control.client import Client
    from devrun.control.place import Place

    try:
        found = real_file(directory / file) if file else find_file(directory)
        if not found.exists():
            return None
        client = Client.connect(Place.of(root_key(found.parent)))
        said = client.status_bytes().decode()
        if client.mismatch:
            sys.stderr.write(f"{client.mismatch}\n")
        sys.stdout.write(said)
        sys.stdout.flush()
    except (DevrunError, OSError):
        return None
    return ExitCode.OK


def _place(words: Sequence[str]) -> tuple[Path, str] | None:
    """Return the directory and the file that are named before the command, None for any other line."""
    named = {"-C": ".", "--config": ""}
    rest = list(words)
    while len(rest) > len(COMMAND) and rest[0] in named:
        named[rest[0]] = rest[1]
        rest = rest[2:]
    return (Path(named["-C"]), named["--config"]) if rest == COMMAND else None
