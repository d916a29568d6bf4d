"""The engine's way of sending two streams over one: each frame has a head with the stream and a length."""

import struct
from collections.abc import Iterable, Iterator

HEAD = struct.Struct(">BxxxL")
STREAMS = {1: "stdout", 2: "stderr"}


def split_frames(chunks: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield each frame's stream and content; a frame that breaks off at the end is left out."""
    rest = bytearray()
    for chunk in chunks:
        rest += chunk
        while len(rest) >= HEAD.size:
            stream, length = HEAD.unpack_from(rest)
            if len(rest) < HEAD.size + length:
                break
            yield STREAMS.get(stream, "stdout"), bytes(rest[HEAD.size : HEAD.size + length])
            del rest[: HEAD.size + length]
