"""Whom the daemon tells what happens, as it happens.

The calls come from several threads, and must not block for long: a listener decides nothing.
"""

from typing import Protocol

from devrun.core.journal import Entry, LogLine


class Listener(Protocol):
    """Somebody to tell."""

    def told(self, entry: Entry) -> None:
        """Something happened."""

    def wrote(self, line: LogLine) -> None:
        """A target wrote a line."""

    def leave(self) -> None:
        """Put back what was taken: the process ends at once, by a second signal."""
