"""Who is at the other end of a unix socket, as the kernel says it.

The kernel notes the peer's user when the connection is made, so nothing that the peer sends can change it.
"""

import socket
import struct
import sys
from typing import Protocol

from devrun.errors import DevrunError

_UCRED = struct.Struct("=iII")
"""Linux: pid, uid, gid."""
_XUCRED = struct.Struct("=IIh2x16I")
"""macOS, sys/ucred.h: version, uid, number of groups, groups."""
_XUCRED_VERSION = 0
_SOL_LOCAL = 0
_LOCAL_PEERCRED = 1
"""macOS, sys/un.h; Python's socket module names neither of the two."""


class Connection(Protocol):
    """A connected socket, or asyncio's view of one."""

    def getsockopt(self, level: int, option: int, size: int, /) -> bytes: ...


def require_unix(platform: str = sys.platform) -> None:
    """Raise where devrun cannot know who speaks to it."""
    if platform == "win32":
        raise DevrunError("devrun does not run on Windows itself", hint="run it inside WSL")
    if platform not in {"linux", "darwin"}:
        raise DevrunError(f"devrun does not run on {platform!r}", hint="run it on Linux, macOS or in WSL")


def peer_uid(connection: Connection, platform: str = sys.platform) -> int:
    """Return the user who made the connection, or who listens at its other end."""
    require_unix(platform)
    if platform == "darwin":
        said = connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, _XUCRED.size)
        version, uid, *_ = _XUCRED.unpack(said)
        if version != _XUCRED_VERSION:
            raise DevrunError(f"the peer of the socket is unknown: the kernel answers in version {version}")
        return int(uid)
    _, uid, _ = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return int(uid)
