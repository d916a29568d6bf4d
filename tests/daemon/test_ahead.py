"""The engine is connected, and networks are begun, before anything else of devrun is there."""

import logging
import threading
from pathlib import Path

import pytest

from devrun.config.project import Project, TargetName
from devrun.daemon.ahead import Ahead
from devrun.engine.protocol import Engine
from devrun.errors import EngineError, EngineUnreachableError
from tests.engine.bench import LIMIT_S, Collected, make_project
from tests.fake_engine import FakeEngine

WEB = TargetName("web")


class Site:
    """Engines, as many as are asked for."""

    def __init__(self, root: Path) -> None:
        self.project = make_project(root)
        self.engines: Collected[FakeEngine] = Collected()
        self.error: Exception | None = None
        self.next = FakeEngine(self.project)

    def connect(self, project: Project) -> Engine:
        """Return a new connection, as the real one does."""
        if self.error:
            raise self.error
        engine, self.next = self.next, FakeEngine(project)
        self.engines.add(engine)
        return engine

    def ahead(self) -> Ahead:
        return Ahead(self.connect, self.project, {WEB})


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_the_first_engine_is_the_one_that_was_connected_ahead(site: Site) -> None:
    """Later ones are new connections."""
    ahead = site.ahead()
    site.engines.until(lambda items: bool(items))
    first, second = ahead.connect(site.project), ahead.connect(site.project)

    assert [first, second] == site.engines.items
    assert first is not second


def test_networks_are_begun_at_once(site: Site) -> None:
    """Nobody has to take the engine for it."""
    with site.next.hold("wake") as hold:
        site.ahead()
        assert hold.reached.wait(LIMIT_S)


def test_networks_that_cannot_be_begun_are_no_hindrance(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """What is wrong with them is told when their targets start."""
    caplog.set_level(logging.INFO)
    site.next.fail("wake", EngineError("no"))
    engine = site.ahead().connect(site.project)
    for thread in threading.enumerate():
        if thread.name == "ahead":
            thread.join(LIMIT_S)

    assert "networks are set up when targets start: no" in caplog.text
    engine.ping()


@pytest.mark.parametrize("error", [EngineUnreachableError("not there"), RuntimeError("a bug")])
def test_who_takes_the_engine_is_told_why_there_is_none(site: Site, error: Exception) -> None:
    """And may try again."""
    site.error = error
    ahead = site.ahead()
    with pytest.raises(type(error), match=str(error)):
        ahead.connect(site.project)
    site.error = None

    ahead.connect(site.project).ping()


def test_an_engine_of_the_project_as_it_was_is_not_taken(site: Site) -> None:
    """The file may have been saved meanwhile: it is let go, and another one connected."""
    other = make_project(site.project.root)
    engine = site.ahead().connect(other)

    first, second = site.engines.items
    assert engine is second
    engine.ping()
    with pytest.raises(EngineUnreachableError):
        first.ping()
