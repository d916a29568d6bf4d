"""Restarts that are deeper than the container's, with the fake engine as with the real one."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from devrun.config.project import Depth, TargetConfig, TargetName
from devrun.core.values import Container, Phase
from devrun.engine.protocol import Touched
from tests.engine.bench import GOES_ON, Bench, Collected, make_target, running

WEB = TargetName("web")


@pytest.fixture
def target(bench: Bench) -> TargetConfig:
    """A target whose script says `one` and goes on, to be restarted by its process."""
    bench.write("app.py", f'print("one")\n{GOES_ON}')
    return replace(make_target(bench.root), reload=Depth.PROCESS)


def seen(bench: Bench) -> Container:
    """Return the one container of the target."""
    (container,) = bench.engine.inspect_target(WEB)
    return container


@contextmanager
def events(bench: Bench) -> Iterator[Collected[Touched]]:
    """Collect what the engine tells; the engine is closed after the block."""
    told: Collected[Touched] = Collected()
    connected: Collected[str] = Collected()
    with running(lambda: bench.engine.watch_events(lambda: connected.add("now"), told.add)):
        connected.until(bool)
        yield told
        bench.engine.close()


def test_a_restart_starts_the_program_and_not_the_container(bench: Bench, target: TargetConfig) -> None:
    """It is another run, of the newest source, and the same boot with one stream of output."""
    first = bench.start(target)
    with bench.following(first) as lines:
        lines.until(lambda items: len(items) == 1)
        bench.write("app.py", f'print("two")\n{GOES_ON}')
        second = bench.engine.restart(target, first.id, ("app.py",))
        lines.until(lambda items: len(items) == 2)
        stopped = bench.engine.stop(target, second.id)

    assert [line.text for line in lines.items] == ["one", "two"]
    assert (second.boot_id, second.phase) == (first.boot_id, Phase.RUNNING)
    assert (first.started, first.number, second.number) < (second.started, 2, 3)
    assert (first.restarted, second.restarted) == (Depth.CONTAINER, Depth.PROCESS)
    assert (stopped.phase, stopped.is_up) == (Phase.EXITED, False)
    assert stopped.started == second.started


def test_a_program_that_ended_leaves_its_container_idle(bench: Bench, target: TargetConfig) -> None:
    """What counts is the program's exit code; the end is told, and a restart brings the next run."""
    bench.write("app.py", f'print("one")\n{GOES_ON}')
    first = bench.start(target)
    with events(bench) as told:
        bench.write("app.py", "raise SystemExit(3)\n")
        bench.engine.restart(target, first.id, ("app.py",))
        told.until(lambda _: seen(bench).idle)
        ended = seen(bench)
        bench.write("app.py", GOES_ON)
        again = bench.engine.restart(target, first.id, ("app.py",))

    assert (ended.phase, ended.exit_code, ended.idle, ended.is_up) == (Phase.EXITED, 3, True, True)
    assert (again.phase, again.number, again.boot_id) == (Phase.RUNNING, 3, first.boot_id)


def test_an_idle_container_is_stopped_like_any_other(bench: Bench, target: TargetConfig) -> None:
    """Nothing runs then that holds a port; the next start is one of the container."""
    bench.write("app.py", "raise SystemExit(3)\n")
    with events(bench) as told:
        started = bench.start(target)
        told.until(lambda _: seen(bench).idle)

        stopped = bench.engine.stop(target, started.id)
        bench.write("app.py", GOES_ON)
        again = bench.engine.restart(target, started.id, ("app.py",))

    assert (stopped.phase, stopped.exit_code, stopped.is_up) == (Phase.EXITED, 3, False)
    assert (again.phase, again.number, again.fallback) == (Phase.RUNNING, 1, "")
    assert again.booted > started.booted


def test_a_container_that_can_have_no_agent_says_why(bench: Bench, target: TargetConfig) -> None:
    """It is restarted as a whole."""
    container = bench.start(replace(target, tty=True))

    assert (container.depth, container.booted) == (Depth.CONTAINER, 0.0)
    assert "terminal" in container.note
    assert seen(bench) == container
