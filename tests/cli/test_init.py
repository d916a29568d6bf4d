"""`devrun init` writes a file that loads, once, and asks nothing."""

import json
from pathlib import Path

import pytest
import tomli

from devrun.errors import ExitCode
from tests.cli.conftest import Devrun


@pytest.fixture
def bare(project: Path) -> Path:
    """A project without a devrun.toml."""
    (project / "devrun.toml").unlink()
    return project


def test_the_file_that_is_written_is_valid(devrun: Devrun, bare: Path) -> None:
    """It is said what to do with it."""
    (bare / "app.py").write_text('if __name__ == "__main__":\n    pass\n')
    ended = devrun("init")

    assert ended.stderr == (
        "devrun: wrote devrun.toml; `devrun check` says what it means, `devrun watch` starts it\n"
    )
    assert (ended.stdout, ended.returncode) == ("", ExitCode.OK)
    assert "target app: runs app.py" in devrun("check").stdout
    assert devrun("check").returncode == ExitCode.OK


@pytest.mark.parametrize("option", ["-n", "--stdout"])
def test_it_can_be_seen_without_being_written(devrun: Devrun, bare: Path, option: str) -> None:
    """Also beside one that is there."""
    shown = devrun("init", option).stdout
    assert tomli.loads(shown)["project"] == {"name": bare.name}
    assert not (bare / "devrun.toml").exists()

    assert devrun("init").returncode == ExitCode.OK
    assert (bare / "devrun.toml").read_text() == devrun("init", option).stdout


def test_nothing_is_ever_overwritten(devrun: Devrun, project: Path) -> None:
    """Nor is a link followed that leads nowhere."""
    before = (project / "devrun.toml").read_text()
    ended = devrun("init")
    assert ended.stderr == (
        "error: devrun.toml is there already\n  hint: `devrun check` says what it means\n"
    )
    assert ended.returncode == ExitCode.USAGE
    assert (project / "devrun.toml").read_text() == before

    (project / "devrun.toml").unlink()
    (project / "devrun.toml").symlink_to("nowhere")
    assert devrun("init").returncode == ExitCode.USAGE
    assert not (project / "nowhere").exists()


def test_a_table_in_pyproject_is_enough(devrun: Devrun, bare: Path) -> None:
    """Two files would say two things."""
    (bare / "pyproject.toml").write_text('[tool.devrun]\nproject.name = "x"\n')
    ended = devrun("init")

    assert ended.stderr.startswith("error: pyproject.toml has [tool.devrun] already\n")
    assert ended.returncode == ExitCode.USAGE


def test_without_a_dockerfile_it_is_said_what_to_write(devrun: Devrun, bare: Path) -> None:
    """With the requirements and the script that are there."""
    (bare / "Dockerfile").unlink()
    (bare / "job.py").write_text('if "__main__" == __name__:\n    pass\n')
    ended = devrun("init")

    assert (
        ended.stderr
        == f"""\
error: no Dockerfile in {bare}
  hint: write one, for example:
        FROM python:3.13-slim
        WORKDIR /app
        COPY requirement.txt .
        RUN python -m pip install -r requirement.txt
        CMD ["python", "job.py"]
"""
    )
    assert ended.returncode == ExitCode.USAGE


def test_a_dockerfile_that_docker_would_refuse_is_told_with_its_line(devrun: Devrun, bare: Path) -> None:
    """Nothing is written then."""
    (bare / "Dockerfile").write_text("FROM python\nCOPPY . .\n")
    ended = devrun("init")

    assert ended.stderr == "error: Dockerfile:2: unknown instruction 'COPPY'\n"
    assert ended.returncode == ExitCode.USAGE
    assert not (bare / "devrun.toml").exists()


def test_vscode_attaches_to_what_has_a_debugger(devrun: Devrun, bare: Path) -> None:
    """Written once; printed where the file has comments; a mistake where no target has one."""
    (bare / "job.py").write_text("pass\n")
    (bare / "devrun.toml").write_text('[targets]\njob = "job.py"\n')
    none = devrun("init", "--vscode")
    assert (none.returncode, none.stderr.splitlines()[0]) == (
        ExitCode.USAGE,
        "error: no target has a debugger",
    )
    (bare / "devrun.toml").write_text('[targets]\njob = { script = "job.py", debug = true }\n')
    wrote, again = devrun("init", "--vscode"), devrun("init", "--vscode")
    launch = bare / ".vscode" / "launch.json"
    (entry,) = json.loads(launch.read_text())["configurations"]

    assert wrote.stderr == f"devrun: wrote {launch}: devrun: job\n"
    assert again.stderr == f"devrun: nothing to add to {launch}: devrun: job\n"
    assert (entry["name"], entry["connect"]) == ("devrun: job", {"host": "127.0.0.1", "port": 5678})
    launch.write_text("{\n  // mine\n}\n")
    shown = devrun("init", "--vscode")
    assert shown.stderr == f"devrun: add this to `configurations` of {launch}:\n"
    assert json.loads(f"[{shown.stdout}]")[0] == entry
    assert launch.read_text() == "{\n  // mine\n}\n"
