"""Targets whose program is started anew by an agent, while their container goes on."""

from dataclasses import replace

import pytest

from devrun.config.project import Depth, Spec, TargetName
from devrun.core.actions import RecreateContainer, RestartContainer
from devrun.core.events import ContainerStarted, ContainerTouched, StopRequested
from devrun.core.journal import ended
from devrun.core.report import report
from devrun.core.values import Container, Digest, Phase, why_shallow
from tests.core.story import Story

WEB = TargetName("web")


def led(story: Story) -> Container:
    """Let the target's container have an agent, and be known as it is."""
    container = story.container()
    container = replace(container, booted=container.started, depth=Depth.WARM)
    found(story, container)
    return container


def found(story: Story, container: Container) -> None:
    """Let the engine find the container so."""
    story.world.containers[WEB] = [container]
    story.tell(ContainerTouched(story.now, WEB))


@pytest.fixture
def story() -> Story:
    """One target that runs."""
    made = Story().connected()
    made.settle()
    return made


def test_a_program_that_ended_has_crashed_though_its_container_goes_on(story: Story) -> None:
    """An edit restarts it there; a stop ends the container, which holds its ports."""
    container = led(story)
    found(story, replace(container, phase=Phase.EXITED, idle=True, exit_code=3))
    assert story.settle() == ["target web: crashed 3"]

    story.changed("app.py")
    assert isinstance(story.begin(RestartContainer), RestartContainer)


def test_an_idle_container_is_stopped_when_it_is_not_wanted(story: Story) -> None:
    """It would hold its ports for nothing."""
    found(story, replace(led(story), phase=Phase.EXITED, idle=True))
    story.settle()
    story.tell(StopRequested(story.now, (WEB,)))

    assert story.settle() == ["target web: StopContainer (asked to stop)", "target web: stopped"]


def test_what_an_agent_starts_once_more_by_itself_has_the_same_source(story: Story) -> None:
    """It does so after a warm start that failed; nothing is restarted for it."""
    container = led(story)
    story.settle()
    found(story, replace(container, started=container.started + 0.5, number=2))

    assert story.settle() == ["target web: up to date"]


def test_what_changed_before_that_is_loaded_once_more(story: Story) -> None:
    """Nobody knows which source that run has loaded."""
    container = led(story)
    story.settle()
    story.changed("app.py")
    found(story, replace(container, started=story.now + 0.5, number=2))

    assert story.settle() == ["target web: RestartContainer (app.py changed)", "target web: up to date"]


def test_an_agent_of_another_version_goes_with_its_container(story: Story) -> None:
    """The engine tells it by a spec that nobody asks for."""
    found(story, replace(led(story), spec=Spec("")))

    assert story.settle() == [
        "target web: RecreateContainer (devrun starts programs by another agent now)",
        "target web: up to date",
    ]


def test_a_container_that_was_started_again_carries_nothing_over(story: Story) -> None:
    """Another boot may be of another source: where the files are too new, it is restarted once."""
    container = led(story)
    story.settle()
    story.changed("app.py")
    story.settle()
    container = replace(story.container(), started=story.now + 0.5, booted=story.now + 0.4)
    found(story, container)

    assert story.settle()[0].startswith("target web: RestartContainer")


@pytest.mark.parametrize(
    ("depth", "number", "how"),
    [(None, 1, ""), (Depth.CONTAINER, 1, "container"), (Depth.WARM, 1, "container"), (Depth.WARM, 2, "warm")],
)
def test_a_restart_says_how_deep_it_went(story: Story, depth: Depth | None, number: int, how: str) -> None:
    """In the journal and in status; nothing where nothing but the container's was asked for."""
    story.changed("app.py")
    restart = story.begin(RestartContainer)
    outcome = ContainerStarted(replace(story.container(), depth=depth, number=number))
    story.finish(restart, outcome)

    last = story.target().last
    assert last is not None
    assert (last.reload, ended(restart, outcome, 1.0, 0.5).reload) == (how, how)


def test_a_new_container_says_nothing_of_the_kind(story: Story) -> None:
    """It is no restart."""
    outcome = ContainerStarted(replace(story.container(), depth=Depth.WARM))
    action = RecreateContainer(WEB, outcome.container.image, outcome.container.spec, Digest("d"), 0, "new")

    assert ended(action, outcome, 1.0, 0.5).reload == ""


def test_status_shows_the_depth_and_its_note(story: Story) -> None:
    """As programs read it."""
    found(story, replace(led(story), note="31 modules preloaded"))
    story.settle()
    (target,) = report(story.state, pid=1, started=0.0, engine="Fake 1.0").targets.values()

    assert (target.reload, target.note) == ("warm", "31 modules preloaded")


@pytest.mark.parametrize(
    ("asked", "changes", "said"),
    [
        (Depth.CONTAINER, {}, ""),
        (Depth.WARM, {"depth": Depth.WARM, "note": "31 modules preloaded", "number": 2}, ""),
        (Depth.WARM, {"depth": Depth.PROCESS}, ""),
        (
            Depth.WARM,
            {"depth": Depth.PROCESS, "number": 2, "note": "threads"},
            'restarts go by process, not by `reload = "warm"`: threads',
        ),
        (
            Depth.PROCESS,
            {"depth": Depth.CONTAINER, "note": "a terminal"},
            'restarts go by container, not by `reload = "process"`: a terminal',
        ),
        (
            Depth.PROCESS,
            {"depth": Depth.PROCESS, "fallback": "it hangs"},
            "the whole container was restarted, since its agent did not do it: it hangs",
        ),
    ],
)
def test_a_depth_that_was_not_asked_for_is_explained(
    story: Story, asked: Depth, changes: dict[str, object], said: str
) -> None:
    """The first warm run is none: what it loads is not known before it."""
    assert why_shallow(asked, replace(story.container(), **changes)) == said  # type: ignore[arg-type]
