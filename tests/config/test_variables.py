"""`${NAME}` in values is filled in from the environment."""

from collections.abc import Callable, Mapping

import pytest

from devrun.config.problems import Problem
from devrun.config.project import Project, TargetConfig
from devrun.config.variables import MALFORMED, expand

Refused = Callable[..., list[str]]


@pytest.mark.parametrize(
    ("text", "environment", "expected"),
    [
        ("${NAME}", {"NAME": "a"}, "a"),
        ("x${A}y${B}z", {"A": "1", "B": "2"}, "x1y2z"),
        ("${NAME:-default}", {}, "default"),
        ("${NAME:-default}", {"NAME": ""}, "default"),
        ("${NAME:-default}", {"NAME": "a"}, "a"),
        ("${NAME:-}", {}, ""),
        ("${NAME}", {"NAME": ""}, ""),
        ("${NAME}", {"NAME": "${OTHER} $$"}, "${OTHER} $$"),
        ("$$", {}, "$"),
        ("$${NAME}", {"NAME": "a"}, "${NAME}"),
        ("$$${NAME}", {"NAME": "a"}, "$a"),
        ("$NAME costs $5", {"NAME": "a"}, "$NAME costs $5"),
        ("a } b $$ $${", {}, "a } b $ ${"),
    ],
)
def test_a_variable_is_filled_in(text: str, environment: Mapping[str, str], expected: str) -> None:
    """As in a shell, except that a bare `$NAME` is left alone."""
    problems: list[Problem] = []

    assert expand({"key": text}, environment, problems) == {"key": expected}
    assert problems == []


def test_variables_are_filled_in_wherever_a_text_stands() -> None:
    """In lists and tables; keys, numbers and booleans are no text."""
    tree = {"a": ["${X}", {"b": "${X}"}], "${X}": 1, "c": True, "d": 1.5}

    assert expand(tree, {"X": "x"}, []) == {"a": ["x", {"b": "x"}], "${X}": 1, "c": True, "d": 1.5}


def test_a_variable_that_is_not_set_is_a_problem_of_its_key() -> None:
    """The message says both ways out of it."""
    problems: list[Problem] = []
    expand({"a": {"b": ["", "${NOPE}"]}}, {}, problems)

    assert problems == [
        Problem(("a", "b", 1), "the environment has no NOPE; set it, or write ${NOPE:-default}")
    ]


@pytest.mark.parametrize("text", ["${NAME", "${}", "${NAME-x}", "${1}", "${a b}", "} ${", "x ${NAME:-"])
def test_a_malformed_variable_is_refused(text: str) -> None:
    """Passing it on as it is would surprise later, far from here."""
    problems: list[Problem] = []
    expand({"key": text}, {"NAME": "a"}, problems)

    assert problems == [Problem(("key",), MALFORMED)]


def test_every_text_of_the_file_may_have_variables(target: Callable[[str], TargetConfig]) -> None:
    """Ports and names too: they are checked after it."""
    assert target('ports = ["${PORT:-8080}:5000"]').ports[0].host_port == 8080


def test_a_value_of_the_environment_is_not_taken_apart(read: Callable[..., Project]) -> None:
    """A `$` in a password is a part of it."""
    project = read("[image]\nargs = { A = '${PASSWORD}' }", {"PASSWORD": "a$$b${c}"})

    (image,) = project.built_images
    assert image.args == {"A": "a$$b${c}"}
    assert "a$$b" not in repr(project)
