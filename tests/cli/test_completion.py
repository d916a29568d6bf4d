"""Shells complete commands, and the names that devrun.toml has at this moment, quickly and without a word."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from devrun.errors import ExitCode
from tests.cli.conftest import LIMIT_S, Devrun

Complete = Callable[[str], list[str]]
Asked = Callable[..., str]

ASK_BASH = """
source <(devrun completion bash)
COMP_WORDS=($1 "$2")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_devrun_completion devrun
printf '%s\\n' "${COMPREPLY[@]}"
"""
ASK_ZSH = """
compdef() {}
compadd() { print -l -- ${(P)@[-1]} }
_describe() { print -l -- ${${(P)3}%%:*} }
source <(devrun completion zsh)
words=(${=1} "$2") CURRENT=$#words
_devrun_completion
"""
ASK_FISH = """
devrun completion fish | source
complete -C "$argv[1] $argv[2]" | string split -f1 \\t
"""
ASK = {"bash": ASK_BASH, "zsh": ASK_ZSH, "fish": ASK_FISH}


@pytest.fixture(params=list(ASK))
def complete(
    request: pytest.FixtureRequest, project: Path, tmp_path_factory: pytest.TempPathFactory
) -> Complete:
    """Return what a real shell offers for the last word of a line."""
    shell = request.param
    if not shutil.which(shell):
        pytest.skip(f"there is no {shell}")
    folder = tmp_path_factory.mktemp("bin")
    program = folder / "devrun"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m devrun "$@"\n')
    program.chmod(0o755)

    def ask(line: str) -> list[str]:
        before, _, last = line.rpartition(" ")
        ended = subprocess.run(
            [shell, "-c", ASK[shell], *([shell] if shell != "fish" else []), before, last],
            cwd=project,
            env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert ended.stderr == ""
        return sorted(ended.stdout.split())

    return ask


def test_commands_and_names_are_completed(complete: Complete, project: Path) -> None:
    """Those that begin like the word; a target that stands there already is not offered again."""
    (project / "other").mkdir()
    (project / "other" / "devrun.toml").write_text('[images.dev]\n[targets]\nanother = "a.py"\n')

    assert complete("devrun sta") == ["start", "status"]
    assert complete("devrun watch ") == ["job", "web"]
    assert complete("devrun watch web ") == ["job"]
    assert complete("devrun exec w") == ["web"]
    assert complete("devrun run ") == ["default", "job", "web"]
    assert complete("devrun -C other run ") == ["another", "dev"]
    assert complete("devrun --config other/devrun.toml wait ") == ["another"]


def test_a_broken_file_has_no_names(complete: Complete, project: Path) -> None:
    """It may be half written; a shell is no place to tell it."""
    (project / "devrun.toml").write_text("[targets\nweb = ")

    assert complete("devrun watch ") == []


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("", ["default", "main"]),
        ("targets = 1\nimages = 2", ["default", "main"]),
        ('[targets]\na = "no.py"\nb = 7', ["a", "b", "default"]),
        ("[images.dev]\n[images.prod]", ["dev", "main", "prod"]),
        ("\xff" * 300_000, []),
    ],
)
def test_whatever_the_file_says_names_are_offered_or_nothing(
    devrun_asked: Asked, project: Path, text: str, offered: list[str]
) -> None:
    """Nothing is checked: what is wrong is for other commands to tell."""
    (project / "devrun.toml").write_text(text, "latin-1")

    assert sorted(devrun_asked("devrun run ").replace("plain,", "").split()) == offered


def test_a_project_in_pyproject_is_known(devrun_asked: Asked, project: Path) -> None:
    """By its own table."""
    (project / "devrun.toml").unlink()
    (project / "pyproject.toml").write_text('[tool.devrun.targets]\napi = "app.py"\n')

    assert devrun_asked("devrun exec ") == "plain,api\n"


def test_a_folder_without_a_project_has_no_names(devrun_asked: Asked, project: Path) -> None:
    """Nor has a folder that there is not; a command that there is not is passed over in silence."""
    (project / "devrun.toml").unlink()

    assert "error" not in devrun_asked("devrun quux ")
    for line in ("devrun exec ", "devrun -C nowhere exec "):
        assert devrun_asked(line) == "\n"


def test_options_are_completed(devrun_asked: Asked) -> None:
    """Of devrun, and of a command."""
    assert "plain,--config" in devrun_asked("devrun --c")
    assert "plain,--timeout" in devrun_asked("devrun wait --t")


def test_a_completion_waits_for_nothing_slow(devrun_asked: Asked) -> None:
    """It is asked for at every key."""
    loaded = devrun_asked("devrun run ", python=("-X", "importtime"))

    assert "tomli" in loaded
    assert "pydantic" not in loaded
    assert "docker" not in loaded


def test_only_shells_that_are_known_have_a_script(devrun: Devrun) -> None:
    """The others are told which."""
    ended = devrun("completion", "tcsh")

    assert "'bash', 'zsh', 'fish'" in ended.stderr
    assert ended.returncode == ExitCode.USAGE


@pytest.fixture
def devrun_asked(project: Path) -> Asked:
    """Ask as the scripts do, without a shell, and return all that is said."""

    def ask(line: str, python: tuple[str, ...] = ()) -> str:
        ended = subprocess.run(
            [sys.executable, *python, "-m", "devrun"],
            cwd=project,
            env={
                **os.environ,
                "_DEVRUN_COMPLETE": "bash_complete",
                "COMP_WORDS": line,
                "COMP_CWORD": str(len(line.split(" ")) - 1),
            },
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert ended.returncode == ExitCode.OK
        return ended.stdout + ended.stderr

    return ask
