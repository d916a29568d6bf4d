"""The `devrun` command as a process of its own, and a project for it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

LIMIT_S = 60.0
NO_ENGINE = "unix:///nonexistent/engine.sock"

Devrun = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A valid project of two scripts and one image."""
    (tmp_path / "Dockerfile").write_text("FROM scratch\nWORKDIR /app\nCOPY requirement.txt .\nCOPY . .\n")
    (tmp_path / "requirement.txt").write_text("flask\n")
    (tmp_path / "app.py").write_text("")
    (tmp_path / "job.py").write_text("")
    (tmp_path / "devrun.toml").write_text(
        '[project]\nname = "shop"\n[targets]\n'
        'web = { script = "app.py", ports = ["8080:5000"] }\njob = "job.py"\n'
    )
    return tmp_path


@pytest.fixture
def devrun(project: Path) -> Devrun:
    """Run devrun in the project, without an engine, and return what it said and how it ended."""

    def run(*arguments: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "devrun", *arguments],
            cwd=cwd or project,
            env={**os.environ, "DOCKER_HOST": NO_ENGINE},
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )

    return run
