"""Decisions about the network of a target: given back where it is lost, given up where it is not wanted."""

from dataclasses import replace

import pytest

from devrun.config.project import Port, TargetName
from devrun.core.events import ShutdownRequested, StartRequested, StopRequested
from devrun.core.report import report
from tests.core.story import Story

WEB = TargetName("web")
PORTS = (Port(80, 8000),)


@pytest.fixture
def story() -> Story:
    """One target that runs."""
    made = Story().connected()
    made.settle()
    return made


@pytest.fixture
def both() -> Story:
    """Two targets that run, the second with the port."""
    made = Story({"web": ["app.py"], "job": ["job.py"]}).connected()
    made.reloaded(replace(made.config("job"), ports=PORTS))
    made.settle()
    return made


def test_a_program_that_lost_its_network_gets_a_new_container(story: Story) -> None:
    """The cause is what became of the network."""
    story.cut_off()

    assert story.settle() == [
        "target web: RecreateContainer (its network is gone)",
        "target web: up to date",
    ]


def test_a_program_that_ended_is_not_run_again_for_its_network(story: Story) -> None:
    """Its next start, whatever that is for, is in a new container."""
    story.crashed(code=0)
    story.cut_off()
    assert story.settle() == ["target web: exited 0"]

    story.tell(StartRequested(story.now, (WEB,)))
    assert story.settle() == [
        "target web: RecreateContainer (its network is gone)",
        "target web: up to date",
    ]


def test_what_ended_by_itself_gives_up_its_network_when_it_is_stopped(story: Story) -> None:
    """Its ports are free then; asking twice does nothing more."""
    story.crashed(keeps_network=True)
    assert story.settle() == ["target web: crashed 1"]

    for steps in (["target web: StopContainer (asked to stop)"], []):
        story.tell(StopRequested(story.now, (WEB,)))
        assert story.settle() == [*steps, "target web: stopped"]


def test_no_network_stays_when_devrun_ends(story: Story) -> None:
    """That of a program that ended neither."""
    story.crashed(keeps_network=True)
    story.settle()
    story.tell(ShutdownRequested(story.now))

    assert "target web: StopContainer (devrun ends)" in story.settle()


def test_the_ports_of_a_program_that_ended_are_not_shown(both: Story) -> None:
    """Nobody answers there."""
    assert report(both.state, pid=1, started=0.0, engine="").targets["job"].ports
    both.crashed("job", keeps_network=True)
    both.settle()

    assert not report(both.state, pid=1, started=0.0, engine="").targets["job"].ports


def test_a_port_of_a_program_that_ended_is_waited_for(both: Story) -> None:
    """Its target has it still, and is about to give it up."""
    both.crashed("job", keeps_network=True)
    both.settle()
    both.reloaded(replace(both.config(), ports=PORTS), replace(both.config("job"), ports=()))

    assert both.settle() == [
        "target job: RecreateContainer (devrun.toml changed)",
        "target web: RecreateContainer (devrun.toml changed)",
        "target web: up to date",
        "target job: up to date",
    ]


def test_a_dependency_gets_the_port_of_a_program_that_ended() -> None:
    """Whoever waits for it gives up the port first, though its program does not run."""
    targets = {"web": ["app.py"], "db": ["db.py"]}
    story = Story(targets, needs={"web": {"db": "started"}}).connected()
    story.settle()
    story.reloaded(replace(story.config(), ports=PORTS))
    story.settle()
    story.crashed(keeps_network=True)
    story.settle()
    story.reloaded(replace(story.config(), ports=()), replace(story.config("db"), ports=PORTS))

    assert story.settle()[:2] == [
        "target web: StopContainer (db gets its port)",
        "target db: RecreateContainer (devrun.toml changed)",
    ]
