"""One daemon for each project: a lock for life, and the word of who holds it.

What holds is the kernel's `flock`, which ends with its process however that ends: the text of the file is
believed only while somebody holds the lock, so a stale file or a reused pid means nothing. The file is never
removed: whoever had it open already would hold a lock that nobody else can see.
"""

import errno
import fcntl
import json
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from devrun.control.place import Place
from devrun.errors import AlreadyRunningError, DevrunError

SAY_TIMEOUT_S = 2.0
"""A holder writes who it is at once after it got the lock; later than this, it hangs."""
_PAUSE_S = 0.005
_TEXT_LIMIT = 64 * 1024


@dataclass(frozen=True, slots=True)
class Holder:
    """The daemon that holds a lock, by its own word."""

    pid: int
    version: str
    socket: Path
    root: Path
    """The project."""
    started: float


class Lock:
    """The right to be the project's daemon, until `release` or the end of the process."""

    def __init__(self, place: Place, holder: Holder, descriptor: int) -> None:
        self.place = place
        self.holder = holder
        self._descriptor = descriptor

    @classmethod
    def acquire(cls, place: Place, *, root: Path, version: str) -> "Lock":
        """Take the lock and say who has it; raises AlreadyRunningError where a daemon does."""
        place.check_outside(root)
        place.make()
        holder = Holder(os.getpid(), version, place.socket, root, time.time())
        descriptor = _take(place)
        lock = cls(place, holder, descriptor)
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, _encode(holder), 0)
            _note_root(place, root)
        except OSError as error:
            lock.release()
            raise _refused(place.lock, "written", str(error.strerror)) from error
        return lock

    def release(self) -> None:
        """Let another daemon have it; a second call does nothing."""
        if self._descriptor < 0:
            return
        descriptor, self._descriptor = self._descriptor, -1
        try:
            os.ftruncate(descriptor, 0)
        finally:
            os.close(descriptor)

    def __enter__(self) -> "Lock":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def read(place: Place) -> Holder | None:
    """Return the daemon that holds the lock now, None where nobody does, whatever the file says."""
    if not place.exists():
        return None
    try:
        with _opened(place.lock, os.O_RDONLY) as descriptor:
            return _holder(place.lock, descriptor)
    except FileNotFoundError:
        return None


def said_root(place: Place) -> Path | None:
    """Return where the project of a place was when a daemon last ran for it; None: nobody said."""
    try:
        if not place.exists():
            return None
        with _opened(place.project, os.O_RDONLY) as descriptor:
            said = os.fsdecode(os.pread(descriptor, _TEXT_LIMIT, 0))
    except (OSError, DevrunError):
        return None
    return Path(said) if said else None


def _note_root(place: Place, root: Path) -> None:
    descriptor = _open(place.project, os.O_WRONLY | os.O_CREAT)
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, os.fsencode(root), 0)
    finally:
        os.close(descriptor)


def already_running(holder: Holder) -> AlreadyRunningError:
    """Return the error to raise where a daemon holds the lock."""
    return AlreadyRunningError(
        f"devrun is already running for this project: pid {holder.pid}, version {holder.version}",
        hint="`devrun status` shows it, `devrun watch --attach` follows it, `devrun down` ends it",
    )


def _take(place: Place) -> int:
    """Return a descriptor that holds the lock."""
    while True:
        descriptor = _open(place.lock, os.O_RDWR | os.O_CREAT)
        try:
            # Without a name any more, it would be a lock that nobody else can see.
            if _try(descriptor, fcntl.LOCK_EX, place.lock) and os.fstat(descriptor).st_nlink:
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        if holder := read(place):
            raise already_running(holder)
        # It was a reader, whose shared lock lasts for microseconds: try again.
        time.sleep(_PAUSE_S)


def _holder(path: Path, descriptor: int) -> Holder | None:
    """Return who holds the lock exclusively, waiting a little for its word."""
    limit = time.monotonic() + SAY_TIMEOUT_S
    while not _try(descriptor, fcntl.LOCK_SH, path):
        if holder := _decode(os.pread(descriptor, _TEXT_LIMIT, 0)):
            return holder
        if time.monotonic() > limit:
            raise DevrunError(
                f"the lock '{path}' is held by a process that does not say who it is",
                hint=f"find it with `fuser '{path}'` and end it",
            )
        time.sleep(_PAUSE_S)
    return None


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    descriptor = _open(path, flags)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _open(path: Path, flags: int) -> int:
    """Return a descriptor of a plain file of our own; raises FileNotFoundError, or a plain refusal."""
    # Without O_NONBLOCK, a planted fifo would keep us waiting for its writer.
    safe = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags | safe, 0o600)
    except FileNotFoundError:
        raise
    except OSError as error:
        cause = "it is a symbolic link" if error.errno == errno.ELOOP else str(error.strerror)
        raise _refused(path, "opened", cause) from error
    if cause := _suspicion(os.fstat(descriptor)):
        os.close(descriptor)
        raise _refused(path, "used", cause)
    return descriptor


def _suspicion(seen: os.stat_result) -> str:
    if not stat.S_ISREG(seen.st_mode):
        return "it is no plain file"
    if seen.st_uid != os.geteuid():
        return f"it belongs to user {seen.st_uid}"
    # 0 is a file that was removed after we opened it, which `_take` notices.
    if seen.st_nlink > 1:
        return "it has a second name, by a hard link"
    return ""


def _try(descriptor: int, kind: int, path: Path) -> bool:
    """Take the lock if that needs no waiting."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        hint = "keep the home directory on a file system that knows locks"
        raise DevrunError(f"the lock '{path}' cannot be taken: {error.strerror}", hint=hint) from error
    return True


def _encode(holder: Holder) -> bytes:
    said = {
        "pid": holder.pid,
        "version": holder.version,
        "socket": str(holder.socket),
        "root": str(holder.root),
        "started": holder.started,
    }
    return json.dumps(said).encode()


def _decode(text: bytes) -> Holder | None:
    """Return what a holder said, or None while it has not said all."""
    try:
        said = json.loads(text)
        return Holder(
            pid=int(said["pid"]),
            version=str(said["version"]),
            socket=Path(said["socket"]),
            root=Path(said["root"]),
            started=float(said["started"]),
        )
    except (ValueError, TypeError, KeyError):
        return None


def _refused(path: Path, verb: str, cause: str) -> DevrunError:
    return DevrunError(f"the lock '{path}' cannot be {verb}: {cause.lower()}", hint=f"remove '{path}'")
