"""What files import, kept from daemon to daemon by their contents: a start parses only what is new.

The file is a mere cache in the project's state directory. What cannot be read is parsed again, what cannot be
written is logged, and neither is waited for by anybody.
"""

import json
import logging
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from devrun.sources.imports import Imports

log = logging.getLogger(__name__)

VERSION = f"1 {sys.implementation.cache_tag}"
"""Its first word is raised when `imports_of` finds other things in the same text; another Python may, too."""
MAX_BYTES = 64 * 1024 * 1024
"""Of a file that would hold more than the largest project, nothing is read."""
MANY = 50
"""Fewer new contents are parsed sooner than the file is written."""

Known = Mapping[bytes, Imports]


def read(path: Path) -> dict[bytes, Imports]:
    """Return what an earlier daemon wrote; nothing where there is no such file, or it is broken."""
    try:
        if not path.is_file() or path.stat().st_size > MAX_BYTES:
            return {}
        said = json.loads(path.read_bytes())
        if said["version"] != VERSION:
            return {}
        return dict(_each(said["imports"]))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        log.warning("%s cannot be used: %s", path, error)
        return {}


def write_soon(path: Path, known: Known) -> threading.Thread:
    """Replace the file, in a thread of its own that nobody waits for; `known` must not change any more."""
    thread = threading.Thread(target=_write, args=(path, known), name="parsed", daemon=True)
    thread.start()
    return thread


def _each(said: object) -> Iterator[tuple[bytes, Imports]]:
    if not isinstance(said, dict):
        raise TypeError("it holds no table of imports")
    for key, (names, relative, strings) in said.items():
        places = frozenset((int(dots), str(name)) for dots, name in relative)
        yield bytes.fromhex(key), Imports(_words(names), places, _words(strings))


def _words(said: object) -> frozenset[str]:
    if not isinstance(said, list) or not {*map(type, said)} <= {str}:
        raise TypeError("names are texts")
    return frozenset(said)


def _write(path: Path, known: Known) -> None:
    said = {key.hex(): [[*one.names], [*one.relative], [*one.strings]] for key, one in known.items()}
    draft = path.with_suffix(".new")
    try:
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(json.dumps({"version": VERSION, "imports": said}).encode())
        draft.replace(path)
    except OSError as error:
        log.warning("%s cannot be written: %s", path, error.strerror)
