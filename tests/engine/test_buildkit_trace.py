"""BuildKit's trace: messages made by a small encoder, and one that an engine sent."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devrun.engine.buildkit import Trace, Vertex, VertexLog, VertexStatus, decode_trace

# From Docker 20.10.24, at the end of a build: the export of the image, and the tag.
RECORDED = base64.b64decode(
    "EosBCiRuYW1pbmcgdG8gZG9ja2VyLmlvL2xpYnJhcnkvYmt0ZXN0OjESR3NoYTI1NjplOGM2MTNlMDdiMGI3ZmYzMzg5M2I2OTRmNz"
    "c1OWExMGQ0MmUxODBmMmI0ZGMzNDlmYjU3ZGM2YjcxZGNhYjAwMgwI34aT2AYQl8/FkwM6DAjfhpPYBhCdysWTAw=="
)
RECORDED_VERTEX = "sha256:e8c613e07b0b7ff33893b694f7759a10d42e180f2b4dc349fb57dc6b71dcab00"


def varint(value: int) -> bytes:
    """Return a number as protobuf writes it."""
    low = value & 0x7F
    return bytes([low | 0x80]) + varint(value >> 7) if value > 0x7F else bytes([low])


def field(number: int, value: int | bytes | str) -> bytes:
    """Return one field of a message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


TIME = field(1, 1_700_000_000) + field(2, 5)


def test_a_recorded_message_is_read() -> None:
    """What a real engine sent has the status that it showed."""
    assert decode_trace(RECORDED) == Trace(
        statuses=(VertexStatus("naming to docker.io/library/bktest:1", RECORDED_VERTEX),)
    )


def test_a_vertex_has_its_name_and_state() -> None:
    """Times that are there mean begun and done."""
    message = field(
        1, field(1, "sha256:a") + field(2, "sha256:b") + field(3, "[1/2] FROM x") + field(5, TIME)
    )
    done = field(1, field(1, "sha256:a") + field(4, 1) + field(5, TIME) + field(6, TIME) + field(7, "broken"))

    assert decode_trace(message + done).vertexes == (
        Vertex("sha256:a", "[1/2] FROM x", started=True),
        Vertex("sha256:a", "", cached=True, started=True, completed=True, error="broken"),
    )


def test_a_log_has_bytes_and_stream() -> None:
    """Output is not decoded here: a character may be cut in two."""
    message = field(3, field(1, "sha256:a") + field(2, TIME) + field(3, 2) + field(4, b"\xc3"))

    assert decode_trace(message).logs == (VertexLog("sha256:a", 2, b"\xc3"),)


def test_unknown_fields_are_skipped() -> None:
    """Newer engines may add fields of every wire type, to each message."""
    unknown = (
        field(99, "new") + field(98, 7) + varint(97 << 3 | 1) + bytes(8) + varint(96 << 3 | 5) + bytes(4)
    )
    vertex = field(1, "sha256:a") + unknown + field(3, "name")

    assert decode_trace(unknown + field(1, vertex) + field(4, "a warning")).vertexes == (
        Vertex("sha256:a", "name"),
    )


@pytest.mark.parametrize(
    "message",
    [b"\x0a\x05ab", b"\x80", b"\x0b", b"\x80" * 11, b"\x09abc"],
    ids=["cut field", "cut varint", "unknown wire type", "endless varint", "cut number"],
)
def test_what_is_no_message_is_a_value_error(message: bytes) -> None:
    """Nothing else than ValueError comes out of foreign bytes."""
    with pytest.raises(ValueError, match=r"message ends|wire type|varint"):
        decode_trace(message)


def read(message: bytes) -> Trace | str:
    """Return the message, or why it is none."""
    try:
        return decode_trace(message)
    except ValueError as error:
        return str(error)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(message: bytes) -> None:
    """No bytes make another error, or no end."""
    assert isinstance(read(message), Trace | str)


@given(st.text(max_size=300), st.binary(max_size=300), st.integers(0, 2**31))
def test_what_is_encoded_comes_back(name: str, content: bytes, stream: int) -> None:
    """Lengths and numbers of more than one byte are read right."""
    message = field(1, field(1, name)) + field(3, field(1, name) + field(3, stream) + field(4, content))
    decoded = decode_trace(message)

    assert decoded.vertexes[0].digest == name
    assert decoded.logs == (VertexLog(name, stream, content),)
