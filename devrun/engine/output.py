"""What a container writes, line by line, from the engine's log of it.

The engine cuts a line into pieces of 16 KiB, each with the line's time stamp, and mixes the pieces of both
streams; here they become lines again. With a terminal there is one stream without frames.
"""

import codecs
import re
from calendar import timegm
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from time import strptime

from devrun.config.project import TargetName
from devrun.core.values import ContainerId
from devrun.engine.exchange import Params
from devrun.engine.frames import split_frames
from devrun.engine.protocol import OutputLine

LINE_LIMIT_BYTES = 64 * 1024
"""A program that writes without line ends must not fill the memory."""
CUT_MARK = " … (line cut at 64 KiB)"
PIECE_BYTES = 16 * 1024
NS = 1_000_000_000

_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) ")

Written = tuple[str, int, str]
"""Stream, time in nanoseconds, text."""


def read_lines(chunks: Iterable[bytes], *, tty: bool) -> Iterator[Written]:
    """Yield the lines of a log that was asked for with time stamps."""
    pieces = _terminal_pieces(chunks) if tty else split_frames(chunks)
    open_lines: dict[str, _Line] = {}
    for stream, piece in pieces:
        at_ns, content = split_stamp(piece)
        line = open_lines.setdefault(stream, _Line(stream, at_ns))
        yield from line.add(content)
        if content.endswith(b"\n"):
            del open_lines[stream]
    for line in open_lines.values():
        yield from line.end()


def split_stamp(piece: bytes) -> tuple[int, bytes]:
    """Return the time in nanoseconds at the beginning of a piece, 0 where there is none, and the rest."""
    found = _STAMP.match(piece)
    return (_ns(found), piece[found.end() :]) if found else (0, piece)


def parse_ns(stamp: str) -> int:
    """Return an RFC 3339 time as nanoseconds since the epoch, exactly; the engine's zero time gives 0."""
    found = _STAMP.match(stamp.encode() + b" ")
    return _ns(found) if found and not stamp.startswith("0001-") else 0


def _ns(found: "re.Match[bytes]") -> int:
    return _seconds(found[1], found[3]) * NS + int((found[2] or b"0").ljust(9, b"0"))


@lru_cache(maxsize=64)
def _seconds(time: bytes, zone: bytes) -> int:
    """Return the whole seconds of a time; a flood of lines has the same ones over and over."""
    seconds = timegm(strptime(time.decode(), "%Y-%m-%dT%H:%M:%S"))
    if zone == b"Z":
        return seconds
    offset = int(zone[1:3]) * 3600 + int(zone[4:6]) * 60
    return seconds - offset if zone[:1] == b"+" else seconds + offset


def log_params(since_ns: int, *, follow: bool = True, last: int | None = None) -> Params:
    """Return how a log is asked for: after `since_ns`, since the engine would repeat a line of that time."""
    since = f"{(since_ns + 1) // NS}.{(since_ns + 1) % NS:09d}" if since_ns else "0"
    params: Params = {"follow": int(follow), "stdout": 1, "stderr": 1, "timestamps": 1, "since": since}
    return params if last is None else {**params, "tail": last}


def deliver(
    written: Iterable[Written], target: TargetName, container: ContainerId, emit: Callable[[OutputLine], None]
) -> None:
    """Hand over lines with where they come from."""
    for stream, at_ns, text in written:
        emit(OutputLine(target=target, stream=stream, text=text, at_ns=at_ns, container=container))


@dataclass(slots=True)
class _Line:
    """A line while its pieces come."""

    stream: str
    at_ns: int
    content: bytearray = field(default_factory=bytearray)
    cut: bool = False

    def add(self, piece: bytes) -> Iterator[Written]:
        """Yield the line once it is whole, or as much of it as is shown."""
        if self.cut:
            return
        self.content += piece
        if len(self.content) > LINE_LIMIT_BYTES + len(b"\r\n"):
            self.cut = True
            # What is half a character at the cut is left out.
            text = codecs.getincrementaldecoder("utf-8")("replace").decode(
                bytes(self.content[:LINE_LIMIT_BYTES])
            )
            yield self.stream, self.at_ns, text + CUT_MARK
        elif piece.endswith(b"\n"):
            yield from self.end()

    def end(self) -> Iterator[Written]:
        """Yield what there is, as a line."""
        if not self.cut and self.content:
            content = bytes(self.content).removesuffix(b"\n").removesuffix(b"\r")
            yield self.stream, self.at_ns, content.decode("utf-8", "replace")


def _terminal_pieces(chunks: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield pieces of an unframed log: up to a line's end, or to where the engine cut a long one."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield from _cut_pieces(line + b"\n")
        *pieces, rest = _cut_at_stamps(rest)
        yield from (("stdout", piece) for piece in pieces)
    if rest:
        yield "stdout", rest


def _cut_pieces(line: bytes) -> Iterator[tuple[str, bytes]]:
    yield from (("stdout", piece) for piece in _cut_at_stamps(line))


def _cut_at_stamps(line: bytes) -> list[bytes]:
    """Return a line's pieces: where 16 KiB end and a time stamp follows, the engine put it there."""
    pieces: list[bytes] = []
    while True:
        first = _STAMP.match(line)
        length = (first.end() if first else 0) + PIECE_BYTES
        if not _STAMP.match(line, length):
            return [*pieces, line]
        pieces.append(line[:length])
        line = line[length:]
