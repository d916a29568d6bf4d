"""The line of a key is found however the file is written."""

import tomli
from hypothesis import given
from hypothesis import strategies as st

from devrun.config.locate import key_lines, line_of

TEXT = '''# [no.table]
top = 1
[project]
name = "a # b = [c]"  # [project.no]

[targets."my web"]
script = "a.py" # x = 1
env = {
  A = """
  B = 1
""",
  "C.D" = '\\', E . F = '[',
}
ports = [
  "1:2",
  { host = 3,
    container = 4 },
]
args = """one line""""
last = 1

[[list]]
x.y = 1
[images.dev.args]
A = "b"
'''


def test_tables_keys_and_elements_are_found_by_their_lines() -> None:
    """Strings and comments that look like keys do not count."""
    lines = {".".join(path): line for path, line in key_lines(TEXT).items()}

    assert lines == {
        "top": 2,
        "project": 3,
        "project.name": 4,
        "targets": 6,
        "targets.my web": 6,
        "targets.my web.script": 7,
        "targets.my web.env": 8,
        "targets.my web.env.A": 9,
        "targets.my web.env.C.D": 12,
        "targets.my web.env.E": 12,
        "targets.my web.env.E.F": 12,
        "targets.my web.ports": 14,
        "targets.my web.ports.0": 15,
        "targets.my web.ports.1": 16,
        "targets.my web.ports.1.host": 16,
        "targets.my web.ports.1.container": 17,
        "targets.my web.args": 19,
        "targets.my web.last": 20,
        "list": 22,
        "list.x": 23,
        "list.x.y": 23,
        "images": 24,
        "images.dev": 24,
        "images.dev.args": 24,
        "images.dev.args.A": 25,
    }


def test_what_is_not_found_is_answered_by_what_is_around_it() -> None:
    """A key that is missing belongs to its table; one of a missing table to no line."""
    lines = key_lines(TEXT)

    assert line_of(lines, ("targets", "my web", "image")) == 6
    assert line_of(lines, ("targets", "my web", "ports", 7)) == 14
    assert line_of(lines, ("mount", "source")) is None


def test_only_line_feeds_count_as_line_ends() -> None:
    """Editors count so; Python's `splitlines` knows more of them."""
    assert key_lines("# \x0b \x85 \u2028\r\na = 1")[("a",)] == 2


@given(st.text(alphabet="ab=.,[]{}\"'#\\\n 1", max_size=60))
def test_no_text_that_a_parser_accepts_is_too_much(text: str) -> None:
    """Every key of the top level is found, whatever stands around it."""
    try:
        tree = tomli.loads(text)
    except tomli.TOMLDecodeError:
        return
    lines = key_lines(text)

    assert all(line_of(lines, (key,)) for key in tree if key.isalnum())
