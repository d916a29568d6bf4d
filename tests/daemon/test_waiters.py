"""Those who wait are answered once, with what is true of all that they had saved."""

import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from devrun.config.load import load
from devrun.config.project import TargetName
from devrun.control.client import Client
from devrun.core.actions import InspectTarget
from devrun.core.events import (
    ContainerTouched,
    EngineLost,
    ShutdownRequested,
    StopRequested,
    TargetReady,
    TimePassed,
)
from devrun.core.values import Phase
from devrun.core.waiting import ENGINE_PATIENCE_S, WaitOutcome
from devrun.daemon.loop import Daemon
from devrun.daemon.waiters import Waiters
from devrun.errors import EngineError, NotRunningError
from tests.core.story import Story
from tests.daemon.test_loop import LIMIT_S, SERVE, WEB, Yard, is_gone, until

WITH_PORT = '[targets]\ntool = "tool.py"\nweb = {{ script = "web.py", ports = ["{port}:5000"] }}\n'


class Hall:
    """Waiters on a story, without threads."""

    def __init__(self) -> None:
        self.story = Story({"web": ["app.py"], "worker": ["worker.py"]}).connected()
        self.story.settle()
        self.asked: list[int] = []
        self.answers: list[WaitOutcome | None] = []
        self.waiters = Waiters(self.asked.append)

    def add(self, *names: str, timeout_s: float | None = None) -> int:
        return self.waiters.add(frozenset(map(TargetName, names)), timeout_s, self.answers.append)

    def look(self, *names: str) -> None:
        """Look at targets as the loop does when it is told to."""
        for name in names:
            self.story.tell(ContainerTouched(self.story.now, TargetName(name)))
            self.story.finish(self.story.begin(InspectTarget))

    def ready(self, *names: str) -> None:
        for name in names:
            run = self.story.container(name).run_id
            self.story.tell(TargetReady(self.story.now, TargetName(name), run))

    def turn(self) -> set[TargetName]:
        return self.waiters.answer(self.story.state)

    def outcomes(self) -> list[str]:
        return [answer.outcome if answer else "ended" for answer in self.answers]


@pytest.fixture
def hall() -> Hall:
    return Hall()


def test_nobody_is_answered_before_the_barrier_has_passed(hall: Hall) -> None:
    """And then, what seems well is looked at once."""
    hall.ready("web", "worker")
    number = hall.add()
    assert hall.asked == [number]
    assert hall.turn() == set()
    hall.waiters.pass_barriers((number, 99))
    assert hall.turn() == {WEB, TargetName("worker")}
    hall.look("web", "worker")
    assert hall.answers == []
    assert hall.turn() == set()

    assert hall.outcomes() == ["ready"]
    assert hall.turn() == set()
    assert hall.outcomes() == ["ready"]


def test_what_has_ended_without_a_word_is_found_by_the_look(hall: Hall) -> None:
    """The engine's events may come later than the wait."""
    hall.ready("web", "worker")
    hall.waiters.pass_barriers((hall.add(),))
    hall.story.crash("web", 0)
    assert hall.turn() == {WEB, TargetName("worker")}
    hall.story.crash("web", 3)
    hall.look("web", "worker")
    hall.turn()
    hall.story.tell(TimePassed(hall.story.passed(5)))
    hall.turn()

    assert hall.outcomes() == ["failed"]


def test_a_run_that_comes_after_the_look_is_looked_at_again(hall: Hall) -> None:
    """Of it, nothing is known yet."""
    hall.ready("web", "worker")
    hall.waiters.pass_barriers((hall.add("web"),))
    assert hall.turn() == {WEB}
    hall.story.changed("app.py")
    hall.look("web")
    hall.story.settle()
    assert hall.turn() == set()
    hall.ready("web")
    assert hall.turn() == {WEB}
    hall.look("web")
    hall.turn()

    assert hall.outcomes() == ["ready"]


def test_where_nothing_should_run_there_is_nothing_to_look_at(hall: Hall) -> None:
    """And nothing to wait for."""
    hall.story.tell(StopRequested(hall.story.now, (WEB, TargetName("worker"))))
    hall.story.settle()
    hall.waiters.pass_barriers((hall.add(),))

    assert hall.turn() == set()
    assert hall.outcomes() == ["ready"]


def test_a_failure_needs_no_second_look(hall: Hall) -> None:
    """It does not pass by itself."""
    hall.ready("web", "worker")
    hall.story.changed("app.py", content="INVALID")
    hall.story.settle()
    hall.waiters.pass_barriers((hall.add(),))

    assert hall.turn() == set()
    assert hall.outcomes() == ["failed"]


def test_a_new_waiter_does_not_hold_up_the_one_before(hall: Hall) -> None:
    """However many come, one after the other."""
    hall.ready("web", "worker")
    hall.waiters.pass_barriers((hall.add("web"),))
    hall.turn()
    hall.look("web")
    hall.waiters.pass_barriers((hall.add("web"),))

    assert hall.turn() == {WEB}
    assert hall.outcomes() == ["ready"]


def test_the_time_is_over_with_what_was_waited_for(hall: Hall) -> None:
    """Before the barrier, that is the disk; later, it is the target."""
    early = hall.add(timeout_s=1e-9)
    hall.turn()
    assert hall.waiters.patience_s() is None
    late = hall.add("web", timeout_s=1e-9)
    assert hall.waiters.patience_s() == 0.0
    hall.waiters.pass_barriers((early, late))
    hall.turn()

    assert hall.outcomes() == ["timed out", "timed out"]
    errors = [answer.problems[0].error for answer in hall.answers if answer]
    assert errors == ["the files are being read", "it is starting"]


def test_an_engine_that_stays_away_is_given_up_by_itself(hall: Hall) -> None:
    """The loop is told when to ask again."""
    hall.story.tell(EngineLost(hall.story.now, "connection refused"))
    hall.waiters.pass_barriers((hall.add(),))
    assert hall.waiters.patience_s() is None
    hall.turn()
    assert hall.waiters.patience_s() is not None
    hall.story.tell(TimePassed(hall.story.passed(ENGINE_PATIENCE_S)))
    hall.turn()

    assert hall.outcomes() == ["engine down"]
    assert hall.waiters.patience_s() is None


def test_whoever_has_gone_is_not_answered(hall: Hall) -> None:
    """Nor counted."""
    number = hall.add(timeout_s=1e-9)
    hall.waiters.drop(number)
    hall.waiters.drop(number)
    hall.turn()

    assert hall.answers == []
    assert hall.waiters.patience_s() is None


def test_all_are_answered_when_devrun_ends(hall: Hall) -> None:
    """Whatever they waited for."""
    hall.waiters.pass_barriers((hall.add(),))
    hall.add(timeout_s=60)
    hall.story.tell(ShutdownRequested(hall.story.now))
    hall.turn()

    assert hall.outcomes() == ["ended", "ended"]


class Waited(Yard):
    """A project, a fake engine, and a client that waits."""

    @contextmanager
    def running(self, **options: frozenset[TargetName]) -> Iterator[Daemon]:
        """Run a daemon that answers."""
        with super().running(**options) as daemon:
            until(daemon, lambda _: not is_gone(self), "it runs")
            Client.connect(self.place, timeout_s=LIMIT_S).status_bytes()
            yield daemon

    def wait(self, *names: str, timeout_s: float = LIMIT_S) -> WaitOutcome:
        return Client.connect(self.place, timeout_s=LIMIT_S).wait(names, timeout_s=timeout_s)

    @contextmanager
    def waiting(self, *names: str) -> Iterator["Future[WaitOutcome]"]:
        """Wait in another thread."""
        with ThreadPoolExecutor(1) as pool:
            yield pool.submit(self.wait, *names)

    def errors(self, outcome: WaitOutcome) -> list[str]:
        return [f"{outcome.outcome}: {one.subject}: {one.error}" for one in outcome.problems]


@pytest.fixture
def yard(tmp_path: Path) -> Waited:
    return Waited(tmp_path)


def test_what_was_saved_before_the_wait_is_loaded_after_it(yard: Waited) -> None:
    """From the first start on; the report says so too."""
    with yard.running() as daemon:
        assert yard.wait().outcome == "ready"
        for number in range(5):
            yard.write("web.py", f"{SERVE}# {number}\n")
            outcome = yard.wait()

            assert (outcome.outcome, yard.loaded()) == ("ready", f"{SERVE}# {number}\n")
            report = daemon.report()
            assert (report.settled, report.targets["web"].ready) == (True, True)
        assert daemon.report().targets["web"].restarts == 5


def test_a_save_during_a_restart_is_loaded_when_the_wait_ends(yard: Waited) -> None:
    """The newest counts, whatever is done when it is saved."""
    with yard.running(), ExitStack() as stack:
        yard.wait()
        hold = stack.enter_context(yard.engine.hold("restart"))
        yard.write("web.py", f"{SERVE}# one\n")
        assert hold.reached.wait(LIMIT_S)
        yard.write("web.py", f"{SERVE}# two\n")
        with yard.waiting() as outcome:
            stack.close()

            assert outcome.result(LIMIT_S).outcome == "ready"
            assert yard.loaded() == f"{SERVE}# two\n"


def test_a_build_is_waited_for_with_its_swap(yard: Waited) -> None:
    """And one that fails is the end, with its reason."""
    with yard.running() as daemon:
        yard.wait()
        yard.write("requirement.txt", "flask\nsix\n")
        assert yard.wait().outcome == "ready"
        assert daemon.report().images["default"].builds == 2
        assert daemon.report().targets["web"].restarts == 1

        yard.engine.fail("build_image", EngineError("exit code 1", step="RUN pip install"))
        yard.write("requirement.txt", "flask\nattrs\n")
        outcome = yard.wait()
        assert yard.errors(outcome) == ["failed: image default: exit code 1"]
        assert outcome.problems[0].step == "RUN pip install"


def test_what_is_wrong_is_said(yard: Waited) -> None:
    """A syntax error by its line, a crash by its last line, a paused target."""
    with yard.running():
        yard.wait()
        yard.write("web.py", f"{SERVE}def broken(:\n")
        (error,) = yard.errors(yard.wait())
        assert error.startswith("failed: target web: web.py:3: ")

        crash = 'print("  File \\"/app/web.py\\", line 3, in <module>")\nprint("KeyError: 7")\n'
        yard.write("web.py", f"{crash}raise SystemExit(1)\n")
        outcome = yard.wait()
        assert outcome.outcome == "failed"
        assert outcome.problems[0].output[-1] == "KeyError: 7"

        yard.write("web.py", SERVE)
        assert yard.wait().outcome == "ready"
        yard.engine.pause(WEB)
        assert yard.errors(yard.wait()) == ["failed: target web: it is paused"]


def test_an_end_that_the_engine_has_not_told_is_found(yard: Waited) -> None:
    """No event comes; the wait looks for itself."""
    with yard.running():
        yard.wait()
        box = yard.engine._running(WEB)
        with yard.engine._changed:
            box.seen = replace(box.seen, phase=Phase.EXITED, exit_code=3)

        assert yard.errors(yard.wait()) == ["failed: target web: exited with 3"]


def test_a_port_is_waited_for_until_somebody_serves_it(yard: Waited) -> None:
    """Others are not waited for when they are not named; the time-out names the address."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        yard.write("devrun.toml", WITH_PORT.format(port=port))
        yard.project = yard.engine.project = load(yard.root / "devrun.toml", {})
        with yard.running() as daemon:
            assert yard.wait("tool").outcome == "ready"
            outcome = yard.wait(timeout_s=2.0)
            assert yard.errors(outcome) == [f"timed out: target web: nothing answers at 127.0.0.1:{port}"]
            assert (daemon.report().settled, daemon.report().targets["web"].ready) == (True, False)
            server.listen()

            assert yard.wait().outcome == "ready"


def test_an_unknown_target_is_said(yard: Waited) -> None:
    """By the state after the disk was read."""
    with yard.running():
        assert yard.errors(yard.wait("wbe")) == ["unknown target: target wbe: no target is called wbe"]


def test_a_wait_ends_with_devrun(yard: Waited) -> None:
    """As if it had not been running."""
    with yard.engine.hold("build_image") as hold, ExitStack() as stack:
        with yard.running() as daemon:
            assert hold.reached.wait(LIMIT_S)
            outcome = stack.enter_context(yard.waiting())
            until(daemon, lambda _: len(daemon._waiters._all()) == 1, "somebody waits")

        with pytest.raises(NotRunningError, match="devrun ended before all was ready"):
            outcome.result(LIMIT_S)


def test_a_client_that_goes_away_is_forgotten(yard: Waited) -> None:
    """Nothing is left of it."""
    with yard.engine.hold("build_image"), yard.running() as daemon:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(yard.place.socket))
            client.sendall(b"POST /v1/wait HTTP/1.1\r\nHost: localhost\r\n\r\n")
            until(daemon, lambda _: len(daemon._waiters._all()) == 1, "somebody waits")
        until(daemon, lambda _: daemon._waiters._all() == [], "nobody waits")
        assert daemon.report().settled is False


def test_a_thousand_wait_at_once(yard: Waited) -> None:
    """And are all answered when it has come."""
    asked = b"POST /v1/wait HTTP/1.0\r\n\r\n"
    with yard.running() as daemon, ExitStack() as stack:
        yard.wait()
        with yard.engine.hold("restart") as hold:
            yard.write("web.py", f"{SERVE}# new\n")
            assert hold.reached.wait(LIMIT_S)
            clients = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(1000)]
            for client in clients:
                client.settimeout(LIMIT_S)
                client.connect(str(yard.place.socket))
                client.sendall(asked)
            until(daemon, lambda _: len(daemon._waiters._all()) == 1000, "all wait")
            assert Client.connect(yard.place).status().settled is False
        answers = [client.makefile("rb").read() for client in clients]

    assert {answer.partition(b" ")[2][:3] for answer in answers} == {b"200"}
    assert all(b'"outcome": "ready"' in answer for answer in answers)
