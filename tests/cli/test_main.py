"""The command line: what is refused, how it is said, and with which exit code a command ends."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from devrun import __version__
from devrun.cli.main import COMMANDS
from devrun.errors import ExitCode

Devrun = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["statsu"], "error: no command is called statsu\n  hint: did you mean `devrun status`?\n"),
        (
            ["quux"],
            f"error: no command is called quux\n  hint: there is {', '.join(COMMANDS)}\n",
        ),
        (["--zzz"], "error: no such option '--zzz'\n  hint: see `devrun --help`\n"),
        (["watch", "--zzz"], "error: no such option '--zzz'\n  hint: see `devrun watch --help`\n"),
        (
            ["status", "web"],
            "error: got unexpected extra argument (web)\n  hint: see `devrun status --help`\n",
        ),
        (["--config", "no.toml", "check"], "error: no.toml: does not exist\n"),
        (["watch", "wbe"], "error: no target is called wbe\n  hint: did you mean web?\n"),
        (["watch", "web", "quux"], "error: no target is called quux\n  hint: there is web, job\n"),
    ],
)
def test_a_mistake_in_the_command_line_is_told_with_its_remedy(
    devrun: Devrun, arguments: list[str], said: str
) -> None:
    """On stderr, and with the exit code for usage."""
    ended = devrun(*arguments)

    assert (ended.stderr, ended.stdout, ended.returncode) == (said, "", ExitCode.USAGE)


def test_a_folder_that_is_not_there_is_a_usage_error(devrun: Devrun) -> None:
    """Told in the same form."""
    ended = devrun("-C", "nowhere", "status")

    assert ended.stderr.startswith("error: invalid value for '-C': ")
    assert ended.returncode == ExitCode.USAGE


def test_without_a_command_the_help_is_shown(devrun: Devrun) -> None:
    """It is a mistake all the same."""
    ended = devrun()

    assert "Build, run, and keep running what you edit." in ended.stderr
    assert ended.returncode == ExitCode.USAGE


def test_the_help_names_commands_and_exit_codes(devrun: Devrun) -> None:
    """They are a part of what scripts rely on."""
    ended = devrun("--help")

    assert ended.returncode == ExitCode.OK
    for word in ("watch", "status", "check", "down", "124 time-out"):
        assert word in ended.stdout


def test_the_version_is_told(devrun: Devrun) -> None:
    """By the name of the program."""
    assert devrun("--version").stdout == f"devrun {__version__}\n"


def test_a_problem_of_the_file_is_told_line_by_line(devrun: Devrun, project: Path) -> None:
    """Each as an error of its own, the remedy below them."""
    (project / "devrun.toml").write_text('[imag]\n[targets]\nweb = "gone.py"\n')
    ended = devrun("check")

    assert ended.stderr.split("\n") == [
        f"error: {project}/devrun.toml:1: imag: unknown key; did you mean image?",
        f"error: {project}/devrun.toml:3: targets.web.script: there is no file 'gone.py'",
        "",
    ]
    assert ended.returncode == ExitCode.USAGE


def test_escapes_in_the_file_do_not_reach_the_terminal(devrun: Devrun, project: Path) -> None:
    """Nor does a line end in a key make two errors of one."""
    (project / "devrun.toml").write_text(
        '"\\u001b]0;title\\u0007\\na" = 1\n[targets]\nweb = "\\u001b[2J.py"\n'
    )
    ended = devrun("check")

    assert "\x1b" not in ended.stderr
    assert len(ended.stderr.splitlines()) == 2


def test_no_project_is_told_with_a_file_to_begin_with(devrun: Devrun, tmp_path: Path) -> None:
    """The lines of the remedy stand below one another."""
    empty = tmp_path / "empty"
    empty.mkdir()
    (tmp_path / "devrun.toml").unlink(missing_ok=True)
    ended = devrun("status", cwd=empty)

    assert ended.stderr.endswith(
        '  hint: write one beside your Dockerfile, for example:\n        [targets]\n        web = "app.py"\n'
    )
    assert ended.returncode == ExitCode.USAGE


@pytest.mark.parametrize("arguments", [["status"], ["status", "--json"]])
def test_status_without_a_daemon_ends_with_its_own_code(devrun: Devrun, arguments: list[str]) -> None:
    """A script tells it from an error by that."""
    ended = devrun(*arguments)

    assert ended.stderr == (
        "error: devrun is not running for this project\n  hint: start it with `devrun watch`\n"
    )
    assert (ended.stdout, ended.returncode) == ("", ExitCode.NOT_RUNNING)


def test_status_needs_no_valid_file(devrun: Devrun, project: Path) -> None:
    """A daemon goes on while its file is half saved, and is asked meanwhile."""
    (project / "devrun.toml").write_text("[[[")

    assert devrun("status").returncode == ExitCode.NOT_RUNNING


def test_down_without_an_engine_ends_with_its_own_code(devrun: Devrun) -> None:
    """There may be containers, and nobody who can remove them."""
    ended = devrun("down")

    assert ended.stderr.startswith("error: ")
    assert ended.returncode == ExitCode.ENGINE_UNREACHABLE


def test_the_project_is_chosen_by_a_folder_or_a_file(devrun: Devrun, project: Path, tmp_path: Path) -> None:
    """And found upward of where the command is called."""
    (project / "deep" / "er").mkdir(parents=True)
    (project / "other.toml").write_text('[project]\nname = "other"\n')

    assert "project shop" in devrun("check", cwd=project / "deep" / "er").stdout
    assert "project shop" in devrun("-C", str(project / "deep"), "check", cwd=Path("/")).stdout
    assert "project other" in devrun("--config", "other.toml", "check").stdout
    assert (
        "project other" in devrun("-C", str(project), "--config", "other.toml", "check", cwd=Path("/")).stdout
    )


@pytest.mark.parametrize("arguments", [["--help"], ["check"], ["--version"]])
def test_output_that_nobody_reads_to_its_end_is_no_error(project: Path, arguments: list[str]) -> None:
    """As `devrun check | head -1`: quiet, whatever was not written yet."""
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.run(
        [sys.executable, "-m", "devrun", *arguments],
        cwd=project,
        env={**os.environ, "DOCKER_HOST": "unix:///nonexistent"},
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)

    assert "Traceback" not in process.stderr
    assert "Broken" not in process.stderr
    assert process.returncode == ExitCode.OK


def test_a_terminal_without_utf_8_is_no_reason_to_fail(project: Path) -> None:
    """Names may be written in any alphabet."""
    (project / "devrun.toml").write_text('[project]\nname = "Мой проект"\n')
    process = subprocess.run(
        [sys.executable, "-m", "devrun", "check"],
        cwd=project,
        env={**os.environ, "DOCKER_HOST": "unix:///nonexistent", "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "project" in process.stdout
    assert process.returncode == ExitCode.OK
