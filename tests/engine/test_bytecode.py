"""Old byte code is never run, on the real engine: two saves of one size within one second."""

import os
import time
from dataclasses import replace

import pytest

from devrun.config.project import TargetConfig
from tests.engine.bench import GOES_ON, Bench, await_line, make_target

pytestmark = pytest.mark.engine


@pytest.fixture
def target(real_bench: Bench) -> TargetConfig:
    """A target whose script goes on."""
    real_bench.write("app.py", GOES_ON)
    return make_target(real_bench.root)


@pytest.mark.parametrize(
    ("env", "user", "times"),
    [
        pytest.param({}, None, 20, id="apart"),
        pytest.param({}, "4321", 5, id="apart-without-root"),
        pytest.param({"PYTHONPYCACHEPREFIX": ""}, None, 5, id="beside"),
        pytest.param({"PYTHONOPTIMIZE": "1"}, None, 5, id="optimized"),
    ],
)
def test_old_byte_code_is_never_run(
    real_bench: Bench, target: TargetConfig, env: dict[str, str], user: str | None, times: int
) -> None:
    """Saves of one size within one second run the newest code, every time."""
    real_bench.root.chmod(0o777)
    real_bench.write("app.py", f"import part\nprint(part.VALUE)\n{GOES_ON}")
    moment = time.time_ns()
    save_part(real_bench, 0, moment)
    container = real_bench.start(replace(target, env=env, user=user))
    last = await_line(real_bench, container, "00")

    for number in range(1, times + 1):
        save_part(real_bench, number, moment)
        container = real_bench.engine.restart(target, container.id, ("part.py",))
        last = await_line(real_bench, container, f"{number:02}", last.at_ns)

    # Without being told which files are stale, it is the old code that runs: so the test can fail.
    save_part(real_bench, 99, moment)
    container = real_bench.engine.restart(target, container.id, ())
    assert await_line(real_bench, container, f"{times:02}", last.at_ns).at_ns > last.at_ns


def save_part(bench: Bench, number: int, moment_ns: int) -> None:
    path = bench.root / "part.py"
    path.write_text(f'VALUE = "{number:02}"\n')
    os.utime(path, ns=(moment_ns, moment_ns))
