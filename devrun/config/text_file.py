"""Reading a small text file that a person has written, whatever else may stand in its place."""

import os
import stat
from pathlib import Path

MAX_BYTES = 256 * 1024
"""No hand writes more; a parser can be kept busy with less than it can be with gigabytes."""


class UnreadableError(Exception):
    """The file cannot be read as text: the reason, and the line where it shows."""

    def __init__(self, reason: str, *, line: int = 0, hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line
        self.hint = hint


def read_text(file: Path) -> str:
    """Return the text of a file without its byte order mark; raises UnreadableError."""
    data = read_bytes(file)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UnreadableError("not UTF-8", line=line, hint="save the file as UTF-8") from error


def read_bytes(file: Path) -> bytes:
    """Return the bytes of a regular file that is not too large; raises UnreadableError."""
    data = _beginning(file)
    if len(data) > MAX_BYTES:
        raise UnreadableError(f"larger than {MAX_BYTES // 1024} KiB")
    return data


def _beginning(file: Path) -> bytes:
    try:
        # A fifo would keep its reader waiting for ever, and a device has no end.
        with open(file, "rb", opener=_open_at_once) as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise UnreadableError("is not a file")
            return stream.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise UnreadableError("does not exist") from error
    except IsADirectoryError as error:
        raise UnreadableError("is a folder, not a file") from error
    except OSError as error:
        raise UnreadableError((error.strerror or str(error)).lower()) from error


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)
