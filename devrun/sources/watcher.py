"""Hints from the operating system that something on the disk may have changed.

The list of directories is explicit, so that what is ignored costs nothing. Hints may be lost, doubled or
wrong: whoever gets one looks at the disk itself.
"""

import threading
from collections.abc import Iterable

from watchfiles._rust_notify import RustNotify

STEP_MS = 10
"""A batch is handed on when nothing more came for one step: long enough for an atomic save's renames."""
DEBOUNCE_MS = 100
"""The longest that a file which never rests may keep a batch waiting."""


class WatcherError(Exception):
    """Nothing can be watched, with the system's reason."""


class Watcher:
    """Watches a list of directories, not what lies deeper. Make it before a look, so that nothing is lost."""

    def __init__(self, directories: Iterable[str]) -> None:
        watchable = sorted(path for path in directories if _is_utf8(path))
        try:
            self._notify = RustNotify(watchable, False, False, 0, False, True)  # noqa: FBT003 - takes no keywords
        except (OSError, RuntimeError) as error:
            # Which of the two it is depends on which of the system's limits was met.
            raise WatcherError(str(error)) from error

    def wait(self, timeout_s: float, stop: threading.Event) -> frozenset[str] | None:
        """Return paths that something happened to; None at the time-out or when `stop` is set.

        After None the caller has to look at everything: hints that came in that very moment are dropped.
        """
        try:
            said = self._notify.watch(DEBOUNCE_MS, STEP_MS, int(timeout_s * 1000), stop)
        except Exception as error:
            raise WatcherError(str(error)) from error
        if isinstance(said, str):
            return None
        return frozenset(path for _, path in said)

    def close(self) -> None:
        """Give the watches back."""
        self._notify.close()


def _is_utf8(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
