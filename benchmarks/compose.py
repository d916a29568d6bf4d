"""Docker's compose plugin, to compare with: an installed one, or the one that scripts/machine.py fetched."""

import os
import shutil
import subprocess
from pathlib import Path

FOLDER = "DEVRUN_BENCH_COMPOSE"
"""The variable that names the folder with the fetched plugin."""


def compose_command() -> list[str] | None:
    """Returns what begins a command line of compose, None where there is none."""
    folder = os.environ.get(FOLDER)
    if folder:
        return [str(Path(folder) / "docker-compose")]
    docker = shutil.which("docker")
    if docker and not subprocess.run([docker, "compose", "version"], capture_output=True).returncode:
        return [docker, "compose"]
    return None
