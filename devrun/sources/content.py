"""The hash of a file's content, kept for as long as the file's stat says that it is the same."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from devrun.core.values import BuildContext

HashFile = Callable[[Path], str]
"""Returns a hash of a file's bytes; raises OSError."""

TICK_NS = 50_000_000
"""File times advance in ticks of up to 10 ms: what changed just now may change again under the same time."""

_Stamp = tuple[int, int, int, int]


@dataclass(slots=True)
class ContentHashes:
    """Hashes that are worked out once for each state of a file. Owned by one thread."""

    read: Callable[[Path], bytes] = Path.read_bytes
    now_ns: Callable[[], int] = time.time_ns
    _known: dict[Path, tuple[_Stamp, str]] = field(default_factory=dict)

    def __call__(self, path: Path) -> str:
        """Return the SHA-256 of the file's bytes, in hex."""
        stamp = _stamp(path)
        known = self._known.get(path)
        if known and known[0] == stamp:
            return known[1]
        digest = hashlib.sha256(self.read(path)).hexdigest()
        at_rest = self.now_ns() - max(stamp[0], stamp[1]) > TICK_NS
        if at_rest and _stamp(path) == stamp:
            self._known[path] = (stamp, digest)
        return digest


def stamps_of(context: BuildContext) -> tuple[_Stamp | None, ...]:
    """Return when the files of a build were written; None for those that are not there."""
    return tuple(_stamp_if_there(path) for path, _ in context.files)


def _stamp_if_there(path: Path) -> _Stamp | None:
    try:
        return _stamp(path)
    except OSError:
        return None


def _stamp(path: Path) -> _Stamp:
    stat = path.stat()
    return (stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino)
