"""The socket's server: a listening unix socket of our own, and a thread of its own that answers there.

It exists under the lock only, so that what lies at the socket's place is either stale or not a socket. It
hears no signals, and ends by `stop` alone; any other end is told through `died`. Clients may come at once:
they wait in the kernel while the thread imports what answers them, so that no start is held up by it.
"""

import logging
import os
import selectors
import socket
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from devrun.control.limits import Limits
from devrun.control.lock import Lock
from devrun.control.peer import require_unix
from devrun.errors import DevrunError

if TYPE_CHECKING:
    from devrun.control.endpoints import Service
    from devrun.control.serving import Serving

log = logging.getLogger(__name__)

THREAD_NAME = "devrun-control"
STOP_TIMEOUT_S = 3.0
"""After this the thread is given up: no more than the answers' time and what the loop needs to end."""
AT_LEISURE_S = 2.0
"""By then a start is over, and the first client need not wait for imports."""
_QUEUE = 1024
"""Connections that wait in the kernel; above it, a client is told to try again (EAGAIN)."""


class Server:
    """Answers over the socket until `stop`."""

    def __init__(
        self,
        path: Path,
        listener: socket.socket,
        serving: Callable[[socket.socket], "Serving"],
        died: Callable[[BaseException], None],
    ) -> None:
        """`serving` imports, and makes, what answers on the listening socket."""
        self._path = path
        self._listener = listener
        self._make_serving = serving
        self._died = died
        self._seen = _identity(path)
        self._bell = socket.socketpair()
        """What is written into the first one wakes the thread before it serves."""
        self._changing = threading.Lock()
        self._ends = False
        self._serving: Serving | None = None
        self._thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)

    @classmethod
    def start(
        cls,
        lock: Lock,
        service: "Service",
        *,
        died: Callable[[BaseException], None],
        limits: Limits | None = None,
    ) -> "Server":
        """Bind the socket at the lock's place and serve; `died` is called in the server's thread."""
        require_unix()

        def serving(listener: socket.socket) -> "Serving":
            from devrun.control.serving import serving_of

            return serving_of(service, limits or Limits(), listener)

        path = lock.holder.socket
        server = cls(path, _listen(path), serving, died)
        server._thread.start()
        return server

    def stop(self) -> None:
        """End the answers, the thread and the socket; a second call does nothing."""
        with self._changing:
            self._ends = True
        self._bell[0].close()
        if self._serving is not None:
            self._serving.leave()
        self._thread.join(STOP_TIMEOUT_S)
        if self._thread.is_alive():
            log.error("the control socket's thread does not end within %s s", STOP_TIMEOUT_S)
        if self._seen and _identity(self._path) == self._seen:
            self._path.unlink(missing_ok=True)
        self._seen = None

    def _run(self) -> None:
        try:
            with self._listener, self._bell[1]:
                if not self._is_left():
                    self._serve()
        except BaseException as error:
            # SystemExit too, with which uvicorn ends where it cannot start.
            log.exception("the control socket's thread died")
            self._died(error)
            return
        if not self._ends:
            self._died(DevrunError("the control socket ended by itself", hint="restart devrun"))

    def _is_left(self) -> bool:
        """Wait for the first client, or a moment of leisure; returns whether the end came before."""
        with selectors.DefaultSelector() as selector:
            for sign in (self._listener, self._bell[1]):
                selector.register(sign, selectors.EVENT_READ)
            selector.select(AT_LEISURE_S)
        return self._ends

    def _serve(self) -> None:
        serving = self._make_serving(self._listener)
        with self._changing:
            if self._ends:
                return
            self._serving = serving
        serving.run_until_left()


def _listen(path: Path) -> socket.socket:
    """Return a socket that listens at `path`, and is ours alone from its first moment."""
    _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # The umask is the whole process's: the daemon has no other thread yet that makes files.
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
        listener.listen(_QUEUE)
    except OSError as error:
        listener.close()
        raise _unusable(path, str(error.strerror).lower()) from error
    finally:
        os.umask(before)
    return listener


def _remove_stale(path: Path) -> None:
    try:
        seen = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(seen.st_mode):
        raise _unusable(path, "something else lies there")
    if seen.st_uid != os.geteuid():
        raise _unusable(path, f"the one there belongs to user {seen.st_uid}")
    path.unlink()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        seen = path.lstat()
    except FileNotFoundError:
        return None
    return seen.st_dev, seen.st_ino


def _unusable(path: Path, cause: str) -> DevrunError:
    return DevrunError(f"the socket '{path}' cannot be made: {cause}", hint=f"remove '{path}'")
