"""The output of targets comes once and whole, whatever happens to containers and connections."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from devrun.config.project import Depth, Port, TargetConfig, TargetName
from devrun.core.events import ContainerTouched, Event, HintFound, OutputEnded
from devrun.core.values import BuildContext, Container, ContainerId, Fingerprint, ImageId, RunId
from devrun.daemon import output
from devrun.daemon.listeners import Listeners, is_about
from devrun.daemon.output import RELOADER_HINT, TAIL_LINES, TAIL_WIDTH, Followers
from devrun.engine.protocol import OutputLine
from devrun.errors import EngineError, EngineUnreachableError
from tests.engine.bench import Collected, make_project, make_target
from tests.fake_engine import FakeEngine

WEB = TargetName("web")
GOES_ON = "import signal\nsignal.pause()\n"


@dataclass
class Scene:
    """One target on a fake engine, and what its followers say."""

    engine: FakeEngine
    target: TargetConfig
    image: ImageId
    events: Collected[Event] = field(default_factory=Collected)
    lines: Collected[OutputLine] = field(default_factory=Collected)

    def __post_init__(self) -> None:
        self.followers = Followers(self.events.add, self.lines.add)

    @property
    def root(self) -> Path:
        return self.engine.project.root

    def start(self, script: str = GOES_ON) -> Container:
        """Start the target, and follow it."""
        (self.root / "app.py").write_text(script)
        container = self.engine.recreate(self.target, self.image, None)
        self.update()
        return container

    def update(self) -> None:
        """Look, and follow, as the daemon does after each look."""
        seen = self.engine.inspect_target(WEB)
        self.followers.update(self.engine, self.target, seen[0] if seen else None)

    def until(self, text: str) -> list[str]:
        """Return all lines, once there is one with a text."""
        found = self.lines.until(lambda items: any(item.text == text for item in items))
        return [line.text for line in found]

    def until_touched(self, count: int = 1) -> None:
        """Wait until the followers asked for a look."""
        self.events.until(lambda items: sum(isinstance(item, ContainerTouched) for item in items) >= count)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """A target with a published port, not started."""
    target = TargetConfig(
        WEB,
        make_target(tmp_path).image,
        make_target(tmp_path).program,
        mount=make_target(tmp_path).mount,
        ports=(Port(5000, 8080),),
    )
    project = make_project(tmp_path, web=target)
    engine = FakeEngine(project)
    image = next(iter(project.images.values()))
    built = engine.build_image(image, Fingerprint("f"), BuildContext("", (), ()), lambda _: None)
    made = Scene(engine, target, built.id)
    yield made
    made.followers.close()
    engine.close()


def test_lines_come_once_over_restarts_of_a_container(scene: Scene) -> None:
    """None is lost and none is doubled, however short a run is."""
    container = scene.start('print("run")\nsignal.pause()\n')
    for number in range(20):
        scene.engine.emit(WEB, f"line {number}")
        if number % 2:
            scene.engine.restart(scene.target, container.id, ())
        scene.update()
    scene.engine.emit(WEB, "last")

    lines = scene.until("last")
    assert [line for line in lines if line != "run"] == [*(f"line {number}" for number in range(20)), "last"]
    assert lines.count("run") == 11


def test_the_same_run_is_followed_once(scene: Scene) -> None:
    """The daemon asks after every event."""
    scene.start()
    for _ in range(5):
        scene.update()
    scene.engine.emit(WEB, "hello")
    scene.until("hello")

    assert scene.engine.calls.count("follow_output") == 1


def test_a_cut_connection_is_resumed_where_it_ended(scene: Scene) -> None:
    """The program ran on: what it wrote meanwhile comes, and nothing again."""
    scene.start()
    scene.engine.emit(WEB, "before")
    scene.until("before")
    scene.engine.go_down()
    scene.engine.emit(WEB, "meanwhile")
    scene.until_touched()
    scene.engine.go_up()
    scene.update()
    scene.engine.emit(WEB, "after")

    assert scene.until("after") == ["before", "meanwhile", "after"]


def test_a_recreated_container_is_followed_from_its_first_line(scene: Scene) -> None:
    """It has another id, and a log of its own."""
    scene.start('print("one")\nsignal.pause()\n')
    scene.until("one")
    scene.start('print("two")\nsignal.pause()\n')

    assert scene.until("two") == ["one", "two"]


def test_the_last_lines_of_a_run_are_kept(scene: Scene) -> None:
    """So many of them, so much of each: status shows them where a program crashed."""
    scene.start()
    for number in range(TAIL_LINES + 10):
        scene.engine.emit(WEB, f"{number} " + "x" * 1000)
    scene.lines.until(lambda items: len(items) == TAIL_LINES + 10)
    scene.engine.crash(WEB)

    events = scene.events.until(lambda items: any(isinstance(item, OutputEnded) for item in items))
    (ended,) = (event for event in events if isinstance(event, OutputEnded))
    assert len(ended.tail) == TAIL_LINES
    assert ended.tail[0].startswith("10 ")
    assert {len(line) for line in ended.tail} == {TAIL_WIDTH}


def test_a_run_that_ends_at_once_has_its_last_lines(scene: Scene) -> None:
    """Also where the stream of the run before has brought them."""
    container = scene.start()
    for _ in range(10):
        (scene.root / "app.py").write_text('print("last words")\nraise SystemExit(3)\n')
        run_id = scene.engine.restart(scene.target, container.id, ()).run_id
        scene.update()
        events = scene.events.until(
            lambda items, run_id=run_id: any(  # type: ignore[misc]
                isinstance(item, OutputEnded) and item.run_id == run_id for item in items
            )
        )
        (ended,) = (item for item in events if isinstance(item, OutputEnded) and item.run_id == run_id)
        assert ended.tail[-1] == "last words"


def test_what_was_written_to_an_earlier_daemon_is_read_too(scene: Scene) -> None:
    """An adopted container's old lines are there for whoever asks, and stand in its tail."""
    (scene.root / "app.py").write_text('print("old")\nsignal.pause()\n')
    scene.engine.recreate(scene.target, scene.image, None)
    scene.update()
    scene.engine.emit(WEB, "new")
    assert scene.until("new") == ["old", "new"]
    scene.engine.crash(WEB)

    events = scene.events.until(lambda items: any(isinstance(item, OutputEnded) for item in items))
    assert [event.tail for event in events if isinstance(event, OutputEnded)] == [("old", "new")]


def test_a_run_that_has_ended_is_not_followed_again(scene: Scene) -> None:
    """All of it was read."""
    scene.start('print("done")\n')
    scene.until("done")
    scene.until_touched()
    scene.update()
    container = scene.engine.inspect_target(WEB)[0]
    scene.engine.restart(scene.target, container.id, ())
    scene.update()
    scene.lines.until(lambda items: len(items) == 2)

    assert scene.engine.calls.count("follow_output") == 2


def test_output_that_the_engine_refuses_is_not_asked_for_again(scene: Scene) -> None:
    """A logging driver that cannot be read would be asked without end."""
    scene.engine.fail("follow_output", EngineError("the logging driver does not support reading"))
    container = scene.start()
    for _ in range(3):
        scene.update()
    scene.engine.restart(scene.target, container.id, ())
    scene.update()
    scene.engine.emit(WEB, "later")

    scene.until("later")
    assert scene.engine.calls.count("follow_output") == 2


def test_output_that_is_cut_at_once_is_asked_for_with_pauses(scene: Scene) -> None:
    """There is no busy loop between the looks and the streams."""
    scene.engine.fail("follow_output", EngineUnreachableError("timed out"))
    scene.engine.fail("follow_output", EngineUnreachableError("timed out"))
    began = time.monotonic()
    scene.start()
    scene.until_touched()
    scene.update()
    scene.until_touched(2)
    scene.update()
    scene.engine.emit(WEB, "at last")

    scene.until("at last")
    assert time.monotonic() - began >= 2 * output.AGAIN_S


def test_a_reloader_of_the_programs_own_is_hinted_at_once_a_run(scene: Scene) -> None:
    """It would restart the program a second time on each edit."""
    scene.start()
    for text in (" * Restarting with stat", " * Restarting with stat", "end"):
        scene.engine.emit(WEB, text)
    scene.until("end")

    hints = [event for event in scene.events.items if isinstance(event, HintFound)]
    assert [(event.target, event.hint) for event in hints] == [(WEB, RELOADER_HINT)]


class Deaf(FakeEngine):
    """Its containers listen where a test says."""

    found: frozenset[tuple[str, int]] = frozenset()

    def listeners(self, container: ContainerId) -> frozenset[tuple[str, int]]:
        self.calls.append("listeners")
        return self.found


@pytest.mark.parametrize(
    ("listeners", "is_hidden"),
    [
        ({("127.0.0.1", 5000)}, True),
        ({("127.0.0.1", 5000), ("::1", 5000)}, True),
        ({("127.0.0.1", 5000), ("0.0.0.0", 5000)}, False),
        ({("::", 5000)}, False),
        ({("::1234", 5000)}, False),
        ({("127.0.0.1", 6000)}, False),
    ],
)
def test_a_port_served_on_loopback_only_is_hinted_at(
    scene: Scene, listeners: set[tuple[str, int]], *, is_hidden: bool
) -> None:
    """It is published, and cannot be reached all the same."""
    scene.engine.__class__ = Deaf
    scene.engine.found = frozenset(listeners)  # type: ignore[attr-defined]
    scene.start()
    listeners_of = Listeners(scene.events.add)
    listeners_of.look(scene.engine, scene.target, scene.engine.inspect_target(WEB)[0])

    hints = {event.hint for event in scene.events.items if isinstance(event, HintFound)}
    assert any("port 5000 cannot be reached" in hint for hint in hints) is is_hidden


@pytest.mark.parametrize(
    ("debug_port", "ports", "expected"),
    [
        (None, {6000}, True),
        (None, set(), False),
        (5678, {5678, 40000}, False),
        (5678, {5678, 5000}, True),
    ],
)
def test_a_debugger_that_listens_does_not_end_the_search(
    scene: Scene, debug_port: int | None, ports: set[int], *, expected: bool
) -> None:
    """The program listens later, and may do so on the loopback only."""
    target = replace(scene.target, debug_port=debug_port)

    assert is_about(target, frozenset(("127.0.0.1", port) for port in ports)) is expected


def test_whoever_shows_the_lines_and_fails_ends_the_following_only(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says so; there is no storm of attempts."""
    shown: list[str] = []

    def emit(line: OutputLine) -> None:
        shown.append(line.text)
        raise BrokenPipeError

    scene.followers = Followers(scene.events.add, emit)
    scene.start('print("one")\nprint("two")\nsignal.pause()\n')
    scene.events.until(lambda items: any(isinstance(item, OutputEnded) for item in items))
    scene.update()

    assert shown == ["one"]
    assert "is not followed any more" in caplog.text


@pytest.fixture
def led(scene: Scene) -> Scene:
    """The same target, whose program an agent starts: its container goes on over restarts."""
    scene.target = replace(scene.target, reload=Depth.PROCESS)
    return scene


def ends(scene: Scene, run_id: RunId) -> list[tuple[str, ...]]:
    """Return the last lines of a run, as often as they were told; waits for the first time."""

    def of_run(items: list[Event]) -> list[tuple[str, ...]]:
        return [item.tail for item in items if isinstance(item, OutputEnded) and item.run_id == run_id]

    return of_run(scene.events.until(lambda items: bool(of_run(items))))


def test_many_runs_of_one_boot_are_one_stream(led: Scene) -> None:
    """Neither streams nor threads grow with restarts, and each line comes once."""
    container = led.start('print("run")\nsignal.pause()\n')
    led.until("run")
    before = threading.active_count()
    for _ in range(50):
        led.engine.restart(led.target, container.id, ())
        led.update()
    led.engine.emit(WEB, "last")

    assert led.until("last") == ["run"] * 51 + ["last"]
    assert led.engine.calls.count("follow_output") == 1
    assert threading.active_count() <= before


def test_a_program_that_ends_in_a_container_that_goes_on_has_its_last_lines(led: Scene) -> None:
    """They are those of its own run; the stream goes on for the next one."""
    container = led.start('print("one")\nsignal.pause()\n')
    (led.root / "app.py").write_text('print("two")\nraise SystemExit(3)\n')
    crashed = led.engine.restart(led.target, container.id, ())
    led.update()
    assert ends(led, crashed.run_id) == [("two",)]

    (led.root / "app.py").write_text('print("three")\nsignal.pause()\n')
    led.engine.restart(led.target, container.id, ())
    led.update()
    assert led.until("three") == ["one", "two", "three"]
    assert led.engine.calls.count("follow_output") == 1


def test_last_lines_that_come_late_are_told_once_more(led: Scene) -> None:
    """The engine may be behind with the log of a program that ended."""
    container = led.start()
    (led.root / "app.py").write_text('print("first")\nraise SystemExit(3)\n')
    crashed = led.engine.restart(led.target, container.id, ())
    led.update()
    ends(led, crashed.run_id)
    led.engine.write_late(WEB, "last")

    led.events.until(lambda _: ends(led, crashed.run_id)[-1] == ("first", "last"))


def test_a_restart_that_is_not_what_was_asked_for_is_hinted_at(scene: Scene) -> None:
    """Once for each run that it concerns."""
    scene.target = replace(scene.target, reload=Depth.WARM, tty=True)
    scene.start()

    events = scene.events.until(lambda items: any(isinstance(item, HintFound) for item in items))
    hints = [event.hint for event in events if isinstance(event, HintFound)]
    assert hints == ['restarts go by container, not by `reload = "warm"`: it runs in a terminal']
