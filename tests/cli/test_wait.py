"""What `devrun wait` prints, and with which exit code it ends."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import pytest

from devrun.config.find import root_key
from devrun.control.limits import Limits
from devrun.control.lock import Lock
from devrun.control.place import Place
from devrun.control.server import Server
from devrun.core.report import Report
from devrun.core.waiting import Ending, Obstacle, WaitOutcome
from devrun.errors import ExitCode
from tests.cli.conftest import Devrun
from tests.control.conftest import NotingService, Wait

LIMIT_S = 60.0
BUILD = Obstacle("image default", "exit code 1", "mend it", "RUN pip", tuple(f"line {n}" for n in range(20)))
CRASH = Obstacle("target web", "/app/app.py:2: KeyError\x1b[2J")
NO_ENGINE = Obstacle("", "the engine is not there: connection refused", "start it")


@pytest.fixture
def waits(project: Path) -> Iterator["SimpleQueue[Wait]"]:
    """A daemon that only takes notes, at the project's place."""
    asked: SimpleQueue[Wait] = SimpleQueue()
    deaths: SimpleQueue[BaseException] = SimpleQueue()
    place = Place.of(root_key(project))
    report = Report(1, "shop", str(project), 1, 0.0, "", engine_up=True, settled=True)
    with Lock.acquire(place, root=project, version="1.2.3") as lock:
        service = NotingService(report, SimpleQueue(), asked)
        server = Server.start(lock, service, died=deaths.put, limits=Limits())
        yield asked
        server.stop()
    shutil.rmtree(place.state)
    assert deaths.empty()


@pytest.mark.parametrize(
    ("outcome", "code", "said"),
    [
        (WaitOutcome("ready", (), 0.5), ExitCode.OK, []),
        (
            WaitOutcome("failed", (BUILD, CRASH), 0.5),
            ExitCode.TARGET_FAILED,
            [
                "error: image default: exit code 1",
                "  at RUN pip",
                *(f"  | line {n}" for n in range(12, 20)),
                "  hint: mend it",
                r"error: web: /app/app.py:2: KeyError\x1b[2J",
            ],
        ),
        (
            WaitOutcome("timed out", (CRASH,), 2.04),
            ExitCode.TIMED_OUT,
            ["error: not ready in time, after 2.0 s", r"error: web: /app/app.py:2: KeyError\x1b[2J"],
        ),
        (
            WaitOutcome("engine down", (NO_ENGINE,), 5.0),
            ExitCode.ENGINE_UNREACHABLE,
            [
                "error: given up, after 5.0 s",
                "error: the engine is not there: connection refused",
                "  hint: start it",
            ],
        ),
        (
            WaitOutcome("unknown target", (Obstacle("target wbe", "no such", "there is web"),), 0.1),
            ExitCode.USAGE,
            ["error: wbe: no such", "  hint: there is web"],
        ),
        (WaitOutcome("of a newer devrun"), ExitCode.ERROR, []),
    ],
)
def test_the_outcome_decides_the_exit_code_and_problems_are_told(
    devrun: Devrun, waits: "SimpleQueue[Wait]", outcome: WaitOutcome, code: ExitCode, said: list[str]
) -> None:
    """On stderr; stdout stays empty."""
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(devrun, "wait")
        waits.get(timeout=LIMIT_S).answer(outcome)
        ended = asked.result(LIMIT_S)

    assert (ended.stderr.splitlines(), ended.stdout, ended.returncode) == (said, "", code)


def test_targets_and_the_limit_are_handed_on(devrun: Devrun, waits: "SimpleQueue[Wait]") -> None:
    """With `-v` the seconds are told."""
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(devrun, "-v", "wait", "web", "job", "--timeout", "7.5")
        wait = waits.get(timeout=LIMIT_S)
        wait.answer(WaitOutcome(Ending.READY.value, (), 0.25))
        ended = asked.result(LIMIT_S)

    assert (set(map(str, wait.names)), wait.timeout_s) == ({"web", "job"}, 7.5)
    assert (ended.stderr, ended.stdout) == ("devrun: ready after 0.25 s\n", "")


def test_without_a_daemon_there_is_nothing_to_wait_for(devrun: Devrun) -> None:
    """It is said with the command that starts one."""
    ended = devrun("wait")

    assert ended.returncode == ExitCode.NOT_RUNNING
    assert ended.stderr == (
        "error: devrun is not running for this project\n  hint: start it with `devrun watch`\n"
    )


@pytest.mark.parametrize("limit", ["0", "-1", "soon", "inf", "1e9"])
def test_a_limit_that_is_none_is_a_mistake(devrun: Devrun, limit: str) -> None:
    """Told before anything is asked."""
    ended = devrun("wait", "--timeout", limit)

    assert ended.returncode == ExitCode.USAGE
    assert ended.stderr.startswith("error: invalid value for '--timeout': ")
