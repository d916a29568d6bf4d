"""The hash of a file's content, kept for as long as the file's stat says that it is the same."""

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from devrun.core.values import BuildContext

Stamp = tuple[int, int, int, int]
"""What of a file's stat changes when its content may have."""

HashFile = Callable[[Path, Stamp | None], str]
"""Returns a hash of a file's bytes, of whose stat this was seen a moment ago; raises OSError."""

TICK_NS = 50_000_000
"""File times advance in ticks of up to 10 ms: what changed just now may change again under the same time."""


@dataclass(slots=True)
class ContentHashes:
    """Hashes that are worked out once for each state of a file. Owned by one thread."""

    read: Callable[[Path], bytes] = Path.read_bytes
    now_ns: Callable[[], int] = time.time_ns
    _known: dict[Path, tuple[Stamp, str]] = field(default_factory=dict)

    def __call__(self, path: Path, stamp: Stamp | None = None) -> str:
        """Return the SHA-256 of the file's bytes, in hex; who has just looked at it says what was seen."""
        stamp = stamp or stamp_of(path.stat())
        known = self._known.get(path)
        if known and known[0] == stamp:
            return known[1]
        digest = hashlib.sha256(self.read(path)).hexdigest()
        at_rest = self.now_ns() - max(stamp[0], stamp[1]) > TICK_NS
        if at_rest and stamp_of(path.stat()) == stamp:
            self._known[path] = (stamp, digest)
        return digest


def stamp_of(stat: os.stat_result) -> Stamp:
    """Return what counts of a stat."""
    return (stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino)


def stamps_of(context: BuildContext) -> tuple[Stamp | None, ...]:
    """Return when the files of a build were written; None for those that are not there."""
    return tuple(_stamp_if_there(path) for path, _ in context.files)


def _stamp_if_there(path: Path) -> Stamp | None:
    try:
        return stamp_of(path.stat())
    except OSError:
        return None
