"""Files of environment variables are read as other tools read them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from devrun.config.environment import EnvFileError, parse_env_file
from devrun.config.project import Project, TargetConfig, TargetName

Refused = Callable[..., list[str]]


def test_a_file_of_variables_is_read_as_its_users_write_it() -> None:
    """Quotes, comments, `export`, and names that the environment fills in."""
    text = """
# a comment
A=1
export B = "two words" # more
C='single $quotes'
D=
BARE
MISSING
E=${A}-${OUTER}-${NONE:-default}
MULTI="one
two"
"""
    assert parse_env_file(text, {"BARE": "bare", "OUTER": "outer", "A": "not this"}) == {
        "A": "1",
        "B": "two words",
        "C": "single $quotes",
        "D": "",
        "BARE": "bare",
        "E": "1-outer-default",
        "MULTI": "one\ntwo",
    }


def test_a_line_that_means_nothing_is_refused_by_its_number() -> None:
    """It is not quoted: it may hold a secret."""
    with pytest.raises(EnvFileError, match=r"^line 2 is no NAME=VALUE$"):
        parse_env_file("A=1\n'hunter2\n", {})


def test_what_the_file_of_the_target_says_wins(root: Path, target: Callable[[str], TargetConfig]) -> None:
    """Of files the later one, and `env` over all."""
    (root / "one.env").write_text("A=1\nB=1\nC=1\n")
    (root / "two.env").write_text("\ufeffB=2\nC=2\n")

    assert target('env-file = ["one.env", "two.env"]\nenv = { C = 3, D = true, E = 1.5 }').env == {
        "A": "1",
        "B": "2",
        "C": "3",
        "D": "true",
        "E": "1.5",
    }


def test_the_project_knows_its_files_of_variables(root: Path, read: Callable[..., Project]) -> None:
    """A change of one means a change of the configuration."""
    (root / ".env").write_text("A=1")
    project = read(
        "[targets.a]\nscript = 'app.py'\nenv-file = '.env'\n[targets.b]\nmodule = 'b'\nenv-file = '.env'\n"
    )

    assert project.env_files == (root / ".env",)
    assert project.targets[TargetName("b")].env == {"A": "1"}


def test_a_file_that_cannot_be_read_is_a_problem_of_its_key(root: Path, refused: Refused) -> None:
    """None of them keeps its reader waiting."""
    os.mkfifo(root / "fifo")
    (root / "latin").write_bytes(b"A=\xe9")
    (root / "bad").write_text("=\n")
    (root / "large").write_bytes(b"#" * 300_000)
    names = ["no", "fifo", ".", "latin", "bad", "large"]

    assert refused(f"[targets.web]\nscript = 'app.py'\nenv-file = {names}") == [
        "3: targets.web.env-file.0: 'no': does not exist",
        "3: targets.web.env-file.1: 'fifo': is not a file",
        "3: targets.web.env-file.2: '.': is a folder, not a file",
        "3: targets.web.env-file.3: 'latin': not UTF-8",
        "3: targets.web.env-file.4: 'bad': line 1 is no NAME=VALUE",
        "3: targets.web.env-file.5: 'large': larger than 256 KiB",
    ]
