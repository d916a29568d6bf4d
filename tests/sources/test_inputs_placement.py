"""Where a COPY puts a path is told as Docker does it, from names alone."""

import pytest

from devrun.sources.dockerfile import Dockerfile
from devrun.sources.placement import enters, placements

CASES = [
    # the instruction, below WORKDIR /w; a path; whether it is named singly and where it lies, or None
    ("COPY a.py .", "a.py", (True, "/w/a.py")),
    ("COPY ./a.py b.py", "a.py", (True, "/w/b.py")),
    ("COPY /a.py /", "a.py", (True, "/a.py")),
    ("COPY ../a.py /", "a.py", (True, "/a.py")),
    ("COPY a.py .", "x/a.py", None),
    ("COPY . .", "x/a.py", (False, "/w/x/a.py")),
    ("COPY / /d", "a.py", (False, "/d/a.py")),
    ("COPY x .", "x/y/a.py", (False, "/w/y/a.py")),
    ("COPY x/ y", "x/a.py", (False, "/w/y/a.py")),
    ("COPY x .", "xy/a.py", None),
    ("COPY *.py .", "a.py", (False, "/w/a.py")),
    ("COPY *.py b", "a.py", (False, None)),
    ("COPY *.py .", "x/a.py", None),
    ("COPY * .", "x/y/a.py", (False, "/w/y/a.py")),
    ("COPY x/*/a.? .", "x/y/a.c", (False, "/w/a.c")),
    ("COPY [ab].py [^c].txt .", "b.py", (False, "/w/b.py")),
    ("COPY [^c].txt .", "c.txt", None),
    ("COPY [a-c]\\*x .", "b*x", (False, "/w/b*x")),
    ("COPY ?.py .", "ab.py", None),
    ("COPY a[ .", "x", (False, None)),
    ("ADD a.tar.gz .", "a.tar.gz", (True, None)),
    ("ADD a.txt .", "a.txt", (True, "/w/a.txt")),
    ("ADD x .", "x/a.tar", (False, "/w/a.tar")),
    ("COPY --parents x/y/a.py .", "x/y/a.py", (True, "/w/x/y/a.py")),
    ("COPY --parents **/*.toml .", "x/y/a.toml", (False, "/w/x/y/a.toml")),
    ("COPY --parents x/./y/*.py .", "x/y/a.py", (False, "/w/y/a.py")),
    ("COPY --parents x/./y/*.py .", "y/a.py", None),
    ("COPY --parents x .", "x/a.py", (False, "/w/x/a.py")),
    ("COPY --parents *.py .", "a.txt", None),
    ("COPY --parents a[ .", "x", (False, None)),
    ("COPY $UNKNOWN .", "x", (False, None)),
]


@pytest.mark.parametrize(("line", "path", "expected"), CASES)
def test_a_path_is_placed_as_docker_places_it(
    line: str, path: str, expected: tuple[bool, str | None] | None
) -> None:
    """A directory spills its content, a pattern goes part by part, what is unsure has no place."""
    (take,) = Dockerfile.parse(f"FROM a\nWORKDIR /w\n{line}\n").takes(None, {})

    found = [(one.single, one.destination) for one in placements(take, path)]

    assert found == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("line", "directory", "expected"),
    [
        ("COPY *.py .", "x", False),
        ("COPY x/y/a.py .", "x", True),
        ("COPY x/y/a.py .", "x/y", True),
        ("COPY x/y/a.py .", "x/z", False),
        ("COPY */y/*.py .", "any/y", True),
        ("COPY */y/*.py .", "any/z", False),
        ("COPY x .", "x/y/z", True),
        ("COPY --parents **/a .", "x/y", True),
        ("COPY $UNKNOWN .", "x", True),
    ],
)
def test_a_walk_enters_what_may_be_taken(line: str, directory: str, *, expected: bool) -> None:
    """Other directories cost nothing."""
    (take,) = Dockerfile.parse(f"FROM a\n{line}\n").takes(None, {})

    assert enters(take, directory) is expected
