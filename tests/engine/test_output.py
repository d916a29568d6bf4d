"""Log streams become lines: frames, pieces, time stamps, terminals."""

from collections.abc import Iterable

import pytest

from devrun.engine.frames import HEAD, split_frames
from devrun.engine.output import CUT_MARK, LINE_LIMIT_BYTES, log_params, parse_ns, read_lines

STAMP = b"2023-11-23T22:36:01.123456789Z "
AT_NS = 1_700_778_961_123_456_789


def frame(content: bytes, stream: int = 1) -> bytes:
    return HEAD.pack(stream, len(content)) + content


def lines(*chunks: bytes, tty: bool = False) -> list[str]:
    return [text for _, _, text in read_lines(chunks, tty=tty)]


def bytewise(content: bytes) -> Iterable[bytes]:
    return (content[at : at + 1] for at in range(len(content)))


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("2023-11-23T22:36:01.123456789Z", AT_NS),
        ("2023-11-23T22:36:01Z", AT_NS - 123_456_789),
        ("2023-11-23T22:36:01.5Z", AT_NS - 123_456_789 + 500_000_000),
        ("2023-11-24T00:36:01.123456789+02:00", AT_NS),
        ("2023-11-23T20:06:01.123456789-02:30", AT_NS),
        ("0001-01-01T00:00:00Z", 0),
        ("", 0),
    ],
)
def test_times_are_exact(stamp: str, expected: int) -> None:
    """No nanosecond is lost, in whatever zone the engine lives."""
    assert parse_ns(stamp) == expected


def test_reading_goes_on_after_the_last_line() -> None:
    """The engine repeats a line of the very time, so one nanosecond is added."""
    assert log_params(1_999_999_999)["since"] == "2.000000000"
    assert log_params(0)["since"] == "0"


def test_frames_are_found_wherever_the_chunks_break() -> None:
    """One byte at a time gives the same frames; a broken one at the end is left out."""
    sent = frame(b"one") + frame(b"", 2) + frame(b"two", 2)

    assert list(split_frames(bytewise(sent + frame(b"three")[:-1]))) == [
        ("stdout", b"one"),
        ("stderr", b""),
        ("stderr", b"two"),
    ]


def test_a_line_has_its_stream_and_its_time() -> None:
    """The time stamp is the engine's, and no part of the text."""
    assert list(read_lines([frame(STAMP + b"hi\r\n", 2)], tty=False)) == [("stderr", AT_NS, "hi")]


def test_pieces_of_both_streams_become_lines() -> None:
    """Each stream's pieces are put together, though they come mixed."""
    sent = [
        frame(STAMP + b"out-", 1),
        frame(STAMP + b"err-", 2),
        frame(STAMP + b"put\n", 1),
        frame(STAMP + b"or\n", 2),
        frame(STAMP + b"last", 1),
    ]

    assert lines(*sent) == ["out-put", "err-or", "last"]


def test_a_character_that_is_cut_by_a_piece_is_whole() -> None:
    """Bytes are decoded when the line is complete; what is no UTF-8 is replaced."""
    letter = "я".encode()

    assert lines(frame(STAMP + letter[:1]), frame(STAMP + letter[1:] + b"\n")) == ["я"]
    assert lines(frame(STAMP + b"\xff\n")) == ["\ufffd"]


def test_a_line_without_end_is_cut() -> None:
    """Its beginning is delivered once, the rest is passed over, and the next line is whole."""
    piece = frame(STAMP + "я".encode() * 8192)
    sent = [frame(STAMP + b"x"), *[piece] * 100, frame(STAMP + b"tail\n"), frame(STAMP + b"next\n")]

    cut, after = lines(*sent)

    assert cut == "x" + "я" * ((LINE_LIMIT_BYTES - 1) // 2) + CUT_MARK
    assert after == "next"


def test_a_line_of_just_the_limit_is_not_cut() -> None:
    """Its end does not count."""
    assert lines(frame(STAMP + b"x" * LINE_LIMIT_BYTES + b"\r\n")) == ["x" * LINE_LIMIT_BYTES]


def test_empty_lines_count() -> None:
    """An empty line is a line."""
    assert lines(frame(STAMP + b"\n"), frame(STAMP + b"\n")) == ["", ""]


def test_a_terminal_has_one_stream_without_frames() -> None:
    """Lines are found wherever the chunks break; the carriage return belongs to the line's end."""
    sent = STAMP + b"one\r\n" + STAMP + b"two\r\n" + STAMP + b"> "

    assert lines(*bytewise(sent), tty=True) == ["one", "two", "> "]


def test_a_long_line_of_a_terminal_loses_the_stamps_inside() -> None:
    """The engine puts one at each 16 KiB; one that the program itself writes stays."""
    written = STAMP + b"y" * 100
    sent = STAMP + b"x" * 16384 + STAMP + b"x" * 16384 + STAMP + written + b"\r\n"

    assert lines(sent, tty=True) == ["x" * 32768 + written.decode()]
    assert lines(*bytewise(sent), tty=True) == ["x" * 32768 + written.decode()]


def test_a_terminal_that_never_ends_its_line_is_cut() -> None:
    """The memory that it takes is bounded."""
    piece = STAMP + b"x" * 16384

    assert lines(*[piece] * 20, tty=True) == ["x" * LINE_LIMIT_BYTES + CUT_MARK]
