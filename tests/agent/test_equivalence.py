"""A program behaves alike however it is started."""

import sys
from pathlib import Path

import pytest

from tests.agent.bench import Outcome, Program, pythons, run_by_agent, run_cold
from tests.agent.programs import NATIVE, PROGRAMS, SERVERS, server

PYTHONS = pythons()
MINE = next(version for version, python in PYTHONS.items() if python == sys.executable)


def outcomes(folder: Path, python: str, program: Program) -> dict[str, Outcome]:
    """Runs a program in each way."""
    folder.mkdir()
    for name, text in program.files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return {
        "cold": run_cold(folder, python, program),
        "process": run_by_agent(folder, python, program, "process"),
        "warm": run_by_agent(folder, python, program, "warm"),
    }


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_does_the_same_at_every_depth(name: str, tmp_path: Path) -> None:
    """Output, errors and exit code are those of a cold run, and nothing remains."""
    seen = outcomes(tmp_path / "project", PYTHONS[MINE], PROGRAMS[name])
    assert seen["process"] == seen["cold"]
    assert seen["warm"] == seen["cold"]


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_does_the_same_at_every_depth(name: str, tmp_path: Path) -> None:
    """It answers, and ends as it does when it is run cold; its reloader's children end with it."""
    seen = outcomes(tmp_path / "project", PYTHONS[MINE], server(*SERVERS[name]))
    assert seen["process"] == seen["cold"]
    assert seen["warm"] == seen["cold"]


@pytest.mark.parametrize("version", [version for version in PYTHONS if version != MINE])
@pytest.mark.parametrize("name", NATIVE)
def test_a_program_does_the_same_by_every_python(name: str, version: str, tmp_path: Path) -> None:
    """The agent runs on each Python from 3.8 on, and imitates none."""
    seen = outcomes(tmp_path / "project", PYTHONS[version], PROGRAMS[name])
    assert seen["process"] == seen["cold"]
    assert seen["warm"] == seen["cold"]
