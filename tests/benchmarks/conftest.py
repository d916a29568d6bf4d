"""A run whose figures are known."""

import pytest

from benchmarks.figures import Run, Series
from benchmarks.machine import Machine

MACHINE = Machine(2, 15.6, "Some <fast> & new one", "6.1.0", "20.10.24", "3.11.7", "0.1.0")
WARM = 'devrun, reload = "warm"'
SCRIPT = "docker restart by a script"


@pytest.fixture
def run() -> Run:
    """Return a run of two contenders, of which one served old code once, and of one more figure."""
    return Run(
        "2026-11-24T10:00:00+00:00",
        "quick",
        MACHINE,
        (
            Series("save, light program", SCRIPT, "s", (1.2, 1.3, 1.26), wrong=1),
            Series("save, light program", WARM, "s", (0.02, 0.03, 0.025)),
            Series("second save, light program", WARM, "s", (0.5,), lost=1),
            Series("start-up", "devrun watch", "s", (0.5, 0.7)),
        ),
        ("docker compose watch: no compose plugin",),
    )
