"""What labels cannot hold: which source each running container has loaded, and what the user stopped.

Losing the file costs at most one restart.
"""

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from devrun.config.project import TargetName
from devrun.core.values import ContainerId, Digest, Loaded

log = logging.getLogger(__name__)

VERSION = 3
MAX_BYTES = 1024 * 1024
"""A thousand times what it ever is: whatever is larger was not written here."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered from daemon to daemon."""

    loaded: Mapping[TargetName, Loaded] = field(default_factory=dict)
    stopped: frozenset[TargetName] = frozenset()


class Cache:
    """Reads and writes the memory; what cannot be read is empty, what cannot be written is logged."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written: Memory | None = None

    def read(self) -> Memory:
        """Return what an earlier daemon wrote."""
        try:
            said = json.loads(_content(self._path))
            if said["version"] != VERSION:
                return Memory()
            loaded = {TargetName(str(name)): _row(row) for name, row in said["loaded"].items()}
            return Memory(loaded, frozenset(TargetName(str(name)) for name in said["stopped"]))
        except FileNotFoundError:
            return Memory()
        except (
            OSError,
            ValueError,
            LookupError,
            TypeError,
            AttributeError,
            ArithmeticError,
            RecursionError,
        ) as error:
            log.warning("%s cannot be used: %s", self._path, error)
            return Memory()

    def write(self, memory: Memory) -> None:
        """Replace the file whole, if it would say something else."""
        if memory == self._written:
            return
        self._written = memory
        loaded = {
            name: {
                "container": row.container,
                "started": row.started,
                "digest": [row.digest.closure, row.digest.reached],
                "run": row.run,
            }
            for name, row in memory.loaded.items()
        }
        draft = self._path.with_suffix(".new")
        try:
            draft.unlink(missing_ok=True)
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                said = {"version": VERSION, "loaded": loaded, "stopped": sorted(memory.stopped)}
                json.dump(said, file)
            draft.replace(self._path)
        except OSError as error:
            log.warning("%s cannot be written: %s", self._path, error.strerror)


def _content(path: Path) -> bytes:
    """Return the bytes of a regular file of ours; a fifo in its place would keep the reader waiting."""
    if path.exists() and not path.is_file():
        raise ValueError("it is no file")
    with path.open("rb") as file:
        return file.read(MAX_BYTES)


def _row(said: Mapping[str, object]) -> Loaded:
    started = said["started"]
    run = said["run"]
    if not isinstance(started, int | float) or not isinstance(run, int):
        raise TypeError("a row's times are numbers")
    digest = said["digest"]
    if not isinstance(digest, list):
        raise TypeError("a row's digest is a pair")
    closure, reached = map(str, digest)
    return Loaded(ContainerId(str(said["container"])), float(started), Digest(closure, reached), run)
