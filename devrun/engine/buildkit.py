"""BuildKit's own trace of a build, as the engine sends it: items of `moby.buildkit.trace`.

Each holds a `StatusResponse` message of BuildKit's `control.proto`, in protobuf. Its five fields that
matter here do not justify a protobuf runtime and generated code; what is not known is skipped, as the
format demands.
"""

from collections.abc import Iterator
from dataclasses import dataclass

_VARINT_LIMIT_BITS = 70
"""A varint holds 64 bits in at most ten bytes of seven."""


@dataclass(frozen=True, slots=True)
class Vertex:
    """A node of the build's graph. It comes again with each change of it."""

    digest: str
    name: str
    cached: bool = False
    started: bool = False
    completed: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True)
class VertexStatus:
    """A part of a vertex's work, such as a layer that is exported."""

    id: str
    vertex: str


@dataclass(frozen=True, slots=True)
class VertexLog:
    """A piece of what a vertex wrote: any number of bytes, not a line."""

    vertex: str
    stream: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Trace:
    """One message of the trace."""

    vertexes: tuple[Vertex, ...] = ()
    statuses: tuple[VertexStatus, ...] = ()
    logs: tuple[VertexLog, ...] = ()


def decode_trace(message: bytes) -> Trace:
    """Return what a StatusResponse says; raises ValueError for what is no protobuf."""
    parts = list(_fields(message))
    return Trace(
        vertexes=tuple(_vertex(value) for number, value in parts if number == 1 and isinstance(value, bytes)),
        statuses=tuple(_status(value) for number, value in parts if number == 2 and isinstance(value, bytes)),
        logs=tuple(_log(value) for number, value in parts if number == 3 and isinstance(value, bytes)),
    )


def _vertex(message: bytes) -> Vertex:
    fields = dict(_fields(message))
    return Vertex(
        digest=_text(fields.get(1)),
        name=_text(fields.get(3)),
        cached=bool(fields.get(4)),
        started=5 in fields,
        completed=6 in fields,
        error=_text(fields.get(7)),
    )


def _status(message: bytes) -> VertexStatus:
    fields = dict(_fields(message))
    return VertexStatus(id=_text(fields.get(1)), vertex=_text(fields.get(2)))


def _log(message: bytes) -> VertexLog:
    fields = dict(_fields(message))
    stream, content = fields.get(3, 0), fields.get(4, b"")
    return VertexLog(
        vertex=_text(fields.get(1)),
        stream=stream if isinstance(stream, int) else 0,
        content=content if isinstance(content, bytes) else b"",
    )


def _text(value: int | bytes | None) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield number and value of each field, in the order of the message."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        value: int | bytes
        match key & 7:
            case 0:
                value, at = _varint(message, at)
            case 1:
                value, at = _piece(message, at, 8)
            case 2:
                length, at = _varint(message, at)
                value, at = _piece(message, at, length)
            case 5:
                value, at = _piece(message, at, 4)
            case wire:
                raise ValueError(f"unknown wire type {wire}")
        yield key >> 3, value


def _piece(message: bytes, at: int, length: int) -> tuple[bytes, int]:
    end = at + length
    if end > len(message):
        raise ValueError("the message ends within a field")
    return message[at:end], end


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, _VARINT_LIMIT_BITS, 7):
        (byte,), at = _piece(message, at, 1)
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a varint of more than ten bytes")
