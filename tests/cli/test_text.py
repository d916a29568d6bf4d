"""Foreign text cannot command the terminal that shows it; colours may stay."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devrun.cli.text import ago, safe

LIMIT_S = 5.0
"""It takes some milliseconds; what is quadratic takes minutes."""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext, имя 🙂", "plain\ttext, имя 🙂"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x1b]52;c;cm0gLXJm\x1b\\", "\\x1b]52;c;cm0gLXJm\\x1b\\"),
        ("\x1b[2J\x1b[H\x1b[?1049h", "\\x1b[2J\\x1b[H\\x1b[?1049h"),
        ("\x1b[6n\x1bc\x1bP+q\x1b\\", "\\x1b[6n\\x1bc\\x1bP+q\\x1b\\"),
        ("\x9b2J\x9d0;t\x9c\x85", "\\x9b2J\\x9d0;t\\x9c\\x85"),
        ("good\rbad\bx\x7f\x00\n", "good\\rbad\\x08x\\x7f\\x00\\n"),
        ("\u202eexe.cod\u2066\u200f\u061c", "\\u202eexe.cod\\u2066\\u200f\\u061c"),
        ("one\u2028two\u2029", "one\\u2028two\\u2029"),
        ("\udcff", "\\udcff"),
        ("\x1b[31mred\x1b[0m", "red"),
    ],
)
def test_what_would_be_obeyed_is_spelt_out(text: str, shown: str) -> None:
    """Title, clipboard, cursor, questions to the terminal, C1, direction of text."""
    assert safe(text) == shown


def test_colours_stay_where_they_are_wanted_and_end_with_the_line() -> None:
    """The next line is not the program's."""
    assert safe("a \x1b[1;31mb\x1b[38:5:1mc\x1b]0;t\x07", colours=True) == (
        "a \x1b[1;31mb\x1b[38:5:1mc\\x1b]0;t\\x07\x1b[0m"
    )
    assert safe("plain", colours=True) == "plain"


@given(st.text(alphabet="\x1b[]m;:0\x07\x9ba\u202e"))
def test_no_text_keeps_a_control_character(text: str) -> None:
    """Taking a colour out never makes a command of what stood around it."""
    assert safe(text).isprintable()
    assert re.sub(r"\x1b\[[0-9;:]*m", "", safe(text, colours=True)).isprintable()


@pytest.mark.parametrize("piece", ["a", "\x1b[", "\x1b[0", "\x1b[31m", "\x1b]", "\r", "\x1b[;", "0;"])
def test_a_line_of_64_kib_is_made_safe_in_no_time(piece: str) -> None:
    """Whatever it is made of."""
    text = piece * (65536 // len(piece))
    began = time.monotonic()
    safe(text)
    safe(text, colours=True)
    safe("\x1b[" + text, colours=True)

    assert time.monotonic() - began < LIMIT_S


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"),
        (0, "0s"),
        (59.4, "59s"),
        (59.9, "59s"),
        (60, "1m"),
        (3599, "59m"),
        (3600, "1h"),
        (86399, "23h"),
        (86400, "1d"),
        (8e5, "9d"),
    ],
)
def test_an_age_is_told_in_one_unit(seconds: float, text: str) -> None:
    """Never rounded up to what has not been reached."""
    assert ago(1000.0, 1000.0 + seconds) == text
