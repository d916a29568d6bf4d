"""What a client of the socket may take up."""

import contextlib
import resource
from dataclasses import dataclass

OPEN_FILES = 4096
"""Enough for a thousand clients that wait, and far below what any system gives a process that asks for it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may take up."""

    request_s: float = 10.0
    """From the connection, or the last answer, to the end of a request; and for taking an answer."""
    header_bytes: int = 16 * 1024
    body_bytes: int = 64 * 1024
    connections: int = 512
    """Half of the file descriptors that a process usually has: the other half is for the daemon's work."""

    @property
    def waits(self) -> int:
        """How many of them may wait for an answer that takes its time: the others are for quick questions."""
        return self.connections * 3 // 4

    @classmethod
    def of_process(cls) -> "Limits":
        """Return limits with room for a thousand waits; this process may open more files from now on."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
        if soft != resource.RLIM_INFINITY and soft < most:
            with contextlib.suppress(OSError, ValueError):  # Some systems have a lower limit that they hide.
                resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
                return cls(connections=most // 2)
            most = soft
        return cls(connections=most // 2)
