"""The soak itself works: some seconds of it, since its figures take minutes."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import LIMIT_S

pytestmark = pytest.mark.engine

ROOT = Path(__file__).parents[2]


def test_a_soak_of_seconds_ends_as_the_tree_says(tmp_path: Path) -> None:
    """A branch and a build at each depth: some seconds since it builds twice and has four targets."""
    written = tmp_path / "soak.json"
    command = [sys.executable, "-m", "benchmarks.soak", "--minutes", "0.05", "--seed", "1"]
    ended = subprocess.run(
        [*command, "--json", str(written)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "RestartContainer" in ended.stdout
    assert '"daemon descriptors"' in written.read_text()
