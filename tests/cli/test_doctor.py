"""`devrun doctor` says what it looked at, how it is, and what to do; one thing that fails hides no other."""

import json
from pathlib import Path

import pytest

from devrun.errors import ExitCode
from tests.cli.conftest import NO_ENGINE, Devrun


def verdicts(text: str) -> dict[str, str]:
    """Return the verdict of each check, from what was printed for people."""
    lines = [line for line in text.splitlines() if not line.startswith(" ")]
    return {line.split()[1].rstrip(":"): line.split()[0] for line in lines}


def test_without_an_engine_all_else_is_looked_at(devrun: Devrun, project: Path) -> None:
    """The exit code tells an engine that is away from all other failures."""
    ended = devrun("doctor")

    found = verdicts(ended.stdout)
    assert {
        check: found[check] for check in ("python", "config", "state", "files", "watch")
    } == dict.fromkeys(("python", "config", "state", "files", "watch"), "ok")
    assert (
        f"fail  engine: connect to the engine: there is no container engine at {NO_ENGINE} (DOCKER_HOST)\n"
        in ended.stdout
    )
    assert "      hint: start Docker, or set DOCKER_HOST\n" in ended.stdout
    assert f"ok    config: {project}/devrun.toml is valid (targets: web, job)\n" in ended.stdout
    assert (ended.stderr, ended.returncode) == ("", ExitCode.ENGINE_UNREACHABLE)


def test_the_findings_are_there_for_programs_too(devrun: Devrun) -> None:
    """The same ones, and the worst of them as a whole."""
    ended = devrun("doctor", "--json")
    said = json.loads(ended.stdout)

    assert said["verdict"] == "fail"
    assert {finding["check"] for finding in said["findings"]} >= {"python", "config", "state", "engine"}
    assert {frozenset(finding) for finding in said["findings"]} == {
        frozenset({"check", "verdict", "text", "hint"})
    }
    assert ended.returncode == ExitCode.ENGINE_UNREACHABLE


def test_a_file_with_problems_is_told_with_all_of_them(devrun: Devrun, project: Path) -> None:
    """What needs a project is left out, and nothing else."""
    (project / "devrun.toml").write_text('[targets]\na = "gone.py"\nb = "lost.py"\n')
    ended = devrun("doctor")

    assert (
        f"fail  config: {project}/devrun.toml:2: targets.a.script: there is no file 'gone.py'\n"
        f"      {project}/devrun.toml:3: targets.b.script: there is no file 'lost.py'\n"
    ) in ended.stdout
    assert verdicts(ended.stdout)["engine"] == "fail"
    assert "watch" not in verdicts(ended.stdout)


def test_a_folder_without_a_project_can_be_examined(devrun: Devrun, project: Path) -> None:
    """It may be the first thing that somebody does with devrun."""
    (project / "devrun.toml").unlink()
    ended = devrun("doctor")

    assert verdicts(ended.stdout)["config"] == "fail"
    assert ended.stdout.startswith("ok    python: ")


def test_the_docker_client_is_asked_for_what_it_is(
    devrun: Devrun, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """devrun does without it, mostly: it is a warning only."""
    tools = project / "tools"
    tools.mkdir()
    monkeypatch.setenv("PATH", str(tools))
    assert "warn  client: there is no docker client\n" in devrun("doctor").stdout

    (tools / "docker").write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Docker version 99"\n')
    (tools / "docker").chmod(0o755)
    said = devrun("doctor").stdout
    assert "ok    client: Docker version 99\n" in said
    assert "warn  buildx: the docker client has no buildx\n" in said
