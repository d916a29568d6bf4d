"""The monitor tells whether the engine answers, each time that this changes, and never asks in a hurry."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devrun.config.project import Module, TargetName
from devrun.core.events import (
    ContainerTouched,
    EngineConnected,
    EngineLost,
    Event,
    ImageTouched,
    OrphansFound,
)
from devrun.core.values import BuildContext, Fingerprint
from devrun.daemon import monitor
from devrun.daemon.monitor import Monitor
from devrun.engine.protocol import Engine
from devrun.errors import EngineError, EngineUnreachableError
from tests.engine.bench import Collected, make_project, make_target
from tests.fake_engine import FakeEngine

NEVER = EngineUnreachableError("connect: no such socket", hint="start Docker")


class Site:
    """An engine that may be there, and a monitor of it."""

    def __init__(self, root: Path) -> None:
        self.project = make_project(root)
        self.events: Collected[Event] = Collected()
        self.deaths: Collected[str] = Collected()
        self.attempts: list[float] = []
        self.engines: list[FakeEngine] = []
        self.is_there = True
        self.monitor = Monitor(
            self.connect, self.events.add, lambda part, error: self.deaths.add(f"{part}: {error!r}")
        )

    def connect(self) -> Engine:
        """Return a new connection, as the real one does."""
        self.attempts.append(time.monotonic())
        if not self.is_there:
            raise NEVER
        self.engines.append(FakeEngine(self.project))
        return self.engines[-1]

    def until(self, kind: type[Event], count: int = 1) -> list[Event]:
        """Return all events, once there are so many of a kind."""
        return self.events.until(lambda items: sum(isinstance(item, kind) for item in items) >= count)

    def count(self, kind: type[Event]) -> int:
        """Return how many events of a kind there are."""
        return sum(isinstance(item, kind) for item in self.events.items)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A monitor that is not started; at the end its threads have ended, and none died."""
    made = Site(tmp_path)
    yield made
    made.monitor.close()
    assert not any(thread.is_alive() for thread in made.monitor._threads)
    assert made.deaths.items == []


def test_an_engine_that_is_there_is_told_with_what_it_has(site: Site) -> None:
    """First that all is unknown, then which targets have containers."""
    site.monitor.start()

    connected, orphans = site.until(OrphansFound)
    assert isinstance(connected, EngineConnected)
    assert isinstance(orphans, OrphansFound)
    assert orphans.targets == ()
    assert site.monitor.engine is site.engines[0]


def test_what_the_engine_tells_is_handed_on(site: Site) -> None:
    """Of images and of containers."""
    site.monitor.start()
    site.until(OrphansFound)
    engine = site.engines[0]
    image = next(iter(site.project.images.values()))
    built = engine.build_image(image, Fingerprint("f"), BuildContext("", (), ()), lambda _: None)
    engine.recreate(make_target(site.project.root, Module("app")), built.id, None)

    events = site.until(ContainerTouched)
    assert [event.image for event in events if isinstance(event, ImageTouched)] == ["default"]
    assert [event.target for event in events if isinstance(event, ContainerTouched)] == ["web"]


def test_an_engine_that_is_never_there_is_asked_ever_more_rarely(site: Site) -> None:
    """Each failure is told with the remedy; there is no busy loop."""
    site.is_there = False
    site.monitor.start()
    lost = [event for event in site.until(EngineLost, 4) if isinstance(event, EngineLost)]

    assert {(event.error, event.hint) for event in lost} == {(NEVER.message, NEVER.hint)}
    pauses = [later - earlier for earlier, later in zip(site.attempts, site.attempts[1:], strict=False)]
    assert all(pause >= least for pause, least in zip(pauses, monitor.CONNECT_PAUSES_S, strict=False))
    assert site.monitor.engine is None


def test_an_engine_that_comes_later_is_found(site: Site) -> None:
    """Nobody has to ask."""
    site.is_there = False
    site.monitor.start()
    site.until(EngineLost)
    site.is_there = True

    site.until(EngineConnected)
    assert site.monitor.engine is site.engines[0]


def test_an_engine_that_goes_and_returns_is_told(site: Site) -> None:
    """The stream's end means that it is asked; on its return all counts as unknown."""
    site.monitor.start()
    site.until(OrphansFound)
    site.is_there = False
    site.engines[0].go_down()
    site.until(EngineLost)
    site.is_there = True

    site.until(OrphansFound, 2)
    assert site.count(EngineConnected) == 2
    with pytest.raises(EngineUnreachableError):
        site.engines[0].inspect_target(TargetName("web"))


def test_an_engine_that_hangs_is_told_and_its_return_too(site: Site) -> None:
    """It accepts connections and says nothing: only a ping shows it."""
    site.monitor.start()
    site.until(OrphansFound)
    site.engines[0].fail("ping", EngineUnreachableError("ping: no answer within 2 s"))
    site.monitor.doubt()

    assert any(
        "no answer" in event.error for event in site.until(EngineLost) if isinstance(event, EngineLost)
    )
    site.until(EngineConnected, 2)
    assert len(site.engines) == 1


def test_an_engine_that_answers_pings_with_errors_is_lost(site: Site) -> None:
    """A 500 is an answer, but not one to work with; the monitor lives on."""
    site.monitor.start()
    site.until(OrphansFound)
    site.engines[0].fail("ping", EngineError("ping: internal server error"))
    site.monitor.doubt()

    site.until(EngineLost)
    site.until(EngineConnected, 2)
    assert len(site.engines) == 1


def test_a_doubt_about_an_engine_that_answers_makes_all_unknown(site: Site) -> None:
    """A call was lost: nobody knows what it did."""
    site.monitor.start()
    site.until(OrphansFound)
    site.monitor.doubt()

    site.until(EngineConnected, 2)
    assert site.count(EngineLost) == 0


def test_an_engine_whose_stream_ends_at_once_is_not_asked_in_a_hurry(site: Site) -> None:
    """It answers all the time, and each of its streams is refused or cut."""

    class Cut(FakeEngine):
        def watch_events(self, connected: Callable[[], None], emit: Callable[..., None]) -> None:
            connected()

    def connect() -> Engine:
        site.attempts.append(time.monotonic())
        return Cut(site.project)

    site.monitor._connect = connect
    site.monitor.start()
    site.until(EngineConnected, 4)

    assert site.attempts[3] - site.attempts[0] >= sum(monitor.CONNECT_PAUSES_S[:3])


@contextmanager
def ending_within(seconds: float) -> Iterator[None]:
    """Assert that the block ends soon."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


@pytest.mark.parametrize("state", ["up", "away", "hung", "not started"])
def test_close_ends_the_threads_promptly(site: Site, state: str) -> None:
    """In whatever state the engine is."""
    site.is_there = state != "away"
    if state != "not started":
        site.monitor.start()
        site.until(EngineConnected if site.is_there else EngineLost)
    if state == "hung":
        with site.engines[0].hold("ping") as hold:
            site.monitor.doubt()
            assert hold.reached.wait(10)
            with ending_within(2):
                site.monitor.close()
        return

    with ending_within(2):
        site.monitor.close()


def test_a_thread_that_dies_says_so(tmp_path: Path) -> None:
    """What is no error of an engine's is a bug, and is not kept quiet."""
    site = Site(tmp_path)

    def connect() -> Engine:
        raise ZeroDivisionError

    site.monitor._connect = connect
    site.monitor.start()

    assert site.deaths.until(bool) == ["engine-events: ZeroDivisionError()"]
    site.monitor.close()
    assert "engine-events" not in {thread.name for thread in threading.enumerate() if thread.is_alive()}
