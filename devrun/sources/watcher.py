"""Hints from the operating system that something on the disk may have changed.

The list of directories is explicit, so that what is ignored costs nothing. Hints may be lost, doubled or
wrong: whoever gets one looks at the disk itself. On Linux they come from inotify, elsewhere by watchfiles.
"""

import sys
from collections.abc import Iterable
from typing import Protocol

from devrun.sources.bell import Bell

STEP_MS = 10
"""A batch is handed on when nothing more came for one step: long enough for an atomic save's renames."""
DEBOUNCE_MS = 100
"""The longest that a file which never rests may keep a batch waiting."""
LEAST_MS = 10
"""A time-out of 0 would mean none at all."""

LIMITS = {
    "watch limit": "the limit of watched directories is reached (fs.inotify.max_user_watches)",
    "Too many open files": "the limit of watchers is reached (fs.inotify.max_user_instances, or open files)",
}


class WatcherError(Exception):
    """Nothing can be watched, with the system's reason."""


class DirectoryGoneError(WatcherError):
    """One of the directories is no longer there, or no longer readable: the list is out of date."""


class Watcher(Protocol):
    """Watches a list of directories, not what lies deeper. Make it before a look, so that nothing is lost."""

    is_partial: bool
    """Some directories have names that cannot be watched: of them nothing will be heard."""

    def wait(self, timeout_s: float, bell: Bell) -> frozenset[str] | None:
        """Return paths that something happened to; None at the time-out or when the bell rings.

        After None the caller has to look at everything: hints that came in that very moment are dropped.
        """

    def close(self) -> None:
        """Give the watches back."""


def watch(directories: Iterable[str]) -> Watcher:
    """Return a watcher of some directories; raises WatcherError."""
    if _has_inotify():
        from devrun.sources.inotify import Inotify

        return Inotify(directories)
    return Notify(directories)


class Notify:
    """A watcher by watchfiles."""

    def __init__(self, directories: Iterable[str]) -> None:
        from watchfiles._rust_notify import RustNotify  # It brings much that only its own ways to run need.

        wanted = sorted(directories)
        watchable = [path for path in wanted if _is_utf8(path)]
        self.is_partial = len(watchable) < len(wanted)
        try:
            # Permission errors are not ignored, because reached limits would be with them: watchfiles 1.3.
            self._notify = RustNotify(watchable, False, False, 0, False, False)  # noqa: FBT003 - takes no keywords
        except (FileNotFoundError, PermissionError) as error:
            raise DirectoryGoneError(str(error)) from error
        except (OSError, RuntimeError) as error:
            # Which of the two it is depends on which of the system's limits was met.
            raise WatcherError(_explained(str(error))) from error

    def wait(self, timeout_s: float, bell: Bell) -> frozenset[str] | None:
        """Return paths that something happened to; None: look at everything."""
        try:
            said = self._notify.watch(DEBOUNCE_MS, STEP_MS, max(LEAST_MS, int(timeout_s * 1000)), bell)
        except Exception as error:
            raise WatcherError(str(error)) from error
        if isinstance(said, str):
            return None
        return frozenset(path for _, path in said)

    def close(self) -> None:
        """Give the watches back."""
        self._notify.close()


def _has_inotify() -> bool:
    return sys.platform == "linux"


def _explained(reason: str) -> str:
    return next((text for sign, text in LIMITS.items() if sign in reason), reason)


def _is_utf8(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
