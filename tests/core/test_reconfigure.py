"""Another configuration is applied as a difference: what it does not speak of goes on as it is."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from devrun.config.project import ImageConfig, ImageName, Port, Script, TargetConfig, TargetName
from devrun.core.actions import (
    BuildImage,
    HashInputs,
    InspectTarget,
    RecreateContainer,
    RemoveContainer,
    RestartContainer,
)
from devrun.core.decide import is_settled
from devrun.core.events import (
    ActionStarted,
    Cancelled,
    ContainerTouched,
    Failed,
    OrphansFound,
    RestartRequested,
    ShutdownRequested,
    StartRequested,
    StopRequested,
)
from devrun.core.reconfigure import describe
from devrun.core.report import report
from devrun.core.values import Container, ContainerId, ImageId, Phase
from tests.core.story import Story

WEB, JOB = TargetName("web"), TargetName("job")
DEFAULT, SECOND = ImageName("default"), ImageName("second")
UP_TO_DATE = "target web: up to date"
PORTS = (Port(80, 8000),)


def a_job(*, autostart: bool = True) -> TargetConfig:
    return TargetConfig(JOB, DEFAULT, Script("job.py"), autostart=autostart)


def an_image(name: ImageName = DEFAULT, stage: str | None = None) -> ImageConfig:
    return ImageConfig(name, Path("/project/Dockerfile"), Path("/project"), stage)


@pytest.fixture
def both() -> Story:
    """Two targets, which run."""
    told = Story({"web": ["app.py"], "job": ["job.py"]}).connected()
    told.settle()
    told.passed(60)
    return told


def with_two_images() -> Story:
    """Two targets which run, each in an image of its own."""
    told = Story(
        {"web": ["app.py"], "job": ["job.py"]},
        images={"default": ["requirements.txt"], "second": ["more.txt"]},
        chosen={"job": "second"},
    ).connected()
    told.changed("more.txt")
    told.settle()
    return told


def test_a_target_with_other_settings_is_recreated_alone(both: Story) -> None:
    """The others are not touched, and nothing is built or read anew."""
    both.reloaded(replace(both.config(), env={"A": "1"}))

    assert both.settle() == [
        "target web: RecreateContainer (devrun.toml changed)",
        UP_TO_DATE,
        "target job: up to date",
    ]


def test_the_file_that_changed_the_settings_is_named(story: Story) -> None:
    """An env file is the cause as well as devrun.toml is."""
    story.reloaded(replace(story.config(), env={"A": "1"}), by=(".env",))

    assert story.settle() == ["target web: RecreateContainer (.env changed)", UP_TO_DATE]


def test_settings_that_changed_while_devrun_was_away_name_no_file(story: Story) -> None:
    """Nobody knows any more which one it was."""
    before = replace(story.config(), user="1").spec
    story.world.containers[WEB] = [replace(story.container(), spec=before)]
    later = Story(world=story.world, disk=story.disk, now=story.now).connected()

    assert "target web: RecreateContainer (its settings changed)" in later.settle()


def test_a_cause_is_forgotten_once_a_container_has_the_settings(story: Story) -> None:
    """A later build is a cause of its own."""
    story.reloaded(replace(story.config(), env={"A": "1"}))
    story.settle()
    story.changed("requirements.txt")

    assert "target web: RecreateContainer (image is newer: requirements.txt changed)" in story.settle()


def test_a_target_that_is_removed_loses_its_container(both: Story) -> None:
    """And nothing is known of it afterwards."""
    both.reloaded(removed=["job"])

    assert both.settle() == ["target job: RemoveContainer (no longer wanted)", UP_TO_DATE]
    assert both.world.containers[JOB] == []


def test_a_removed_target_without_a_container_is_forgotten_at_once(both: Story) -> None:
    """There is nothing to be removed."""
    both.vanished("job")
    both.settle(quiet=(RecreateContainer,))
    both.world.containers[JOB] = []
    both.tell(StopRequested(both.now, (JOB,)))
    both.vanished("job")
    both.settle()
    both.reloaded(removed=["job"])

    assert set(both.state.targets) == {WEB}


def test_a_removed_target_is_not_reported_any_more(both: Story) -> None:
    """Although its container is being stopped for some seconds."""
    both.reloaded(removed=["job"])

    assert set(report(both.state, pid=1, started=0, engine="").targets) == {"web"}


def test_a_target_that_is_added_is_started(story: Story) -> None:
    """In the image that is there."""
    story.reloaded(a_job())

    assert story.settle() == [
        "target job: RecreateContainer (devrun.toml changed)",
        UP_TO_DATE,
        "target job: up to date",
    ]


def test_a_target_that_is_added_without_autostart_waits_for_the_user(story: Story) -> None:
    """As it would from the beginning."""
    story.reloaded(a_job(autostart=False))
    assert story.settle() == [UP_TO_DATE, "target job: stopped"]

    story.tell(StartRequested(story.now, (JOB,)))
    assert "target job: up to date" in story.settle()


def test_a_target_that_is_added_is_not_started_where_others_were_chosen() -> None:
    """`devrun watch web` runs web, whatever else the file names."""
    story = Story(only=frozenset({WEB})).connected()
    story.settle()
    story.reloaded(a_job())

    assert story.settle()[-1] == "target job: stopped"


def test_a_chosen_target_that_is_removed_and_comes_back_is_started_again() -> None:
    """The choice was for its name."""
    story = Story({"web": ["app.py"], "job": ["job.py"]}, only=frozenset({JOB})).connected()
    story.settle()
    job = story.config("job")
    story.reloaded(removed=["job"])
    story.settle()
    story.reloaded(job)

    assert story.settle()[-1] == "target job: up to date"


@pytest.mark.parametrize("while_running", ["", "RemoveContainer"])
def test_a_target_that_comes_back_before_its_container_has_gone_runs_again(
    both: Story, while_running: str
) -> None:
    """An undo of the edit is an edit as well."""
    job = both.config("job")
    both.reloaded(removed=["job"])
    removal = both.begin(RemoveContainer) if while_running else None
    both.reloaded(job)
    if removal:
        both.finish(removal)
    both.settle()

    assert both.serves_newest("job")
    assert is_settled(both.state)


def test_the_container_of_a_target_that_was_unknown_is_taken_over(story: Story) -> None:
    """It was found by its label, and would have been removed."""
    image = story.container().image
    old = Container(ContainerId("old"), "job", image, a_job().spec, Phase.EXITED, 5.0)
    story.world.containers[JOB] = [old]
    story.tell(OrphansFound(story.now, (JOB,)))
    story.reloaded(a_job())
    story.settle()

    assert story.serves_newest("job")


def test_what_the_user_stopped_stays_stopped(both: Story) -> None:
    """Over every edit of its settings, and of autostart too; the next start has them all."""
    both.tell(StopRequested(both.now, (JOB,)))
    both.settle()
    both.reloaded(replace(both.config("job"), env={"A": "1"}, autostart=False))
    assert both.settle() == [UP_TO_DATE, "target job: stopped"]
    both.reloaded(replace(both.config("job"), autostart=True))
    assert both.settle() == [UP_TO_DATE, "target job: stopped"]

    both.tell(RestartRequested(both.now, (JOB,)))
    assert both.settle()[0] == "target job: RecreateContainer (devrun.toml changed)"


def test_a_stopped_target_that_is_removed_and_comes_back_stays_stopped(both: Story) -> None:
    """As long as it is remembered, which is as long as it has a container."""
    both.tell(StopRequested(both.now, (JOB,)))
    both.settle()
    job = both.config("job")
    both.reloaded(removed=["job"])
    both.reloaded(job)

    assert both.settle() == [UP_TO_DATE, "target job: stopped"]


def test_autostart_that_is_turned_off_stops_nothing_that_runs(both: Story) -> None:
    """It says how a target begins."""
    both.reloaded(replace(both.config("job"), autostart=False))

    assert both.settle() == [UP_TO_DATE, "target job: up to date"]


def test_autostart_that_is_turned_off_keeps_what_has_ended_from_running_again(both: Story) -> None:
    """No edit starts it any more."""
    both.crashed("job")
    both.settle()
    both.reloaded(replace(both.config("job"), autostart=False))
    both.changed("job.py")

    assert both.settle() == [UP_TO_DATE, "target job: stopped"]


def test_autostart_that_is_turned_on_starts_what_never_ran(story: Story) -> None:
    """And it starts nothing twice."""
    story.reloaded(a_job(autostart=False))
    story.settle()
    story.reloaded(a_job())
    assert story.settle() == [
        "target job: RecreateContainer (devrun.toml changed)",
        UP_TO_DATE,
        "target job: up to date",
    ]

    story.reloaded(a_job(autostart=False))
    story.reloaded(a_job())
    assert story.settle() == [UP_TO_DATE, "target job: up to date"]


def test_autostart_that_is_turned_on_starts_the_container_of_an_earlier_time(story: Story) -> None:
    """It need not be created anew."""
    old = replace(story.container(), id=ContainerId("old"), spec=a_job().spec, phase=Phase.EXITED)
    story.world.containers[JOB] = [old]
    story.disk.times["job.py"] = old.started - 60
    story.disk.files["job.py"] = "0"
    story.reloaded(a_job(autostart=False))
    assert story.settle() == [UP_TO_DATE, "target job: stopped"]
    story.reloaded(a_job())

    assert "target job: RestartContainer (devrun.toml changed)" in story.settle()


def test_autostart_means_nothing_where_targets_were_chosen() -> None:
    """The choice does."""
    story = Story({"web": ["app.py"], "job": ["job.py"]}, only=frozenset({WEB})).connected()
    story.settle()
    story.reloaded(replace(story.config("job"), autostart=False))
    story.reloaded(replace(story.config("job"), autostart=True))

    assert story.settle() == [UP_TO_DATE, "target job: stopped"]


def test_other_rules_for_the_files_of_a_target_restart_nothing(story: Story) -> None:
    """The program has loaded what it had loaded; from now on other files count."""
    story.reloaded(replace(story.config(), watch=("*.html",)), closures={"web": ["app.py", "a.html"]})
    assert story.settle() == [UP_TO_DATE]

    story.changed("views.py")
    assert story.settle() == [UP_TO_DATE]
    story.changed("a.html")
    assert story.settle() == ["target web: RestartContainer (a.html changed)", UP_TO_DATE]


def test_an_edit_that_comes_with_other_rules_restarts(story: Story) -> None:
    """A branch that is switched changes all at once."""
    story.reloaded(
        replace(story.config(), watch=("*.html",)),
        closures={"web": ["app.py", "a.html"]},
        saved=["app.py"],
    )

    assert story.settle() == ["target web: RestartContainer (app.py changed)", UP_TO_DATE]


def test_source_that_was_not_loaded_before_other_rules_came_is_loaded_after(story: Story) -> None:
    """Only what was the newest is the newest."""
    story.failing["RestartContainer"] = Failed("no")
    story.changed("app.py")
    story.settle()
    story.failing.clear()
    story.reloaded(replace(story.config(), watch=("*.html",)), closures={"web": ["app.py", "a.html"]})

    assert story.settle() == ["target web: RestartContainer (app.py changed)", UP_TO_DATE]


def test_other_settings_and_source_in_one_batch_are_one_swap(story: Story) -> None:
    """Nothing is restarted before it is recreated."""
    story.reloaded(replace(story.config(), env={"A": "1"}), saved=["app.py"])

    assert story.settle() == ["target web: RecreateContainer (devrun.toml changed)", UP_TO_DATE]
    assert story.serves_newest()


def test_a_failure_with_the_old_settings_does_not_hold_the_new_ones(story: Story) -> None:
    """A port that was taken, and another one instead."""
    story.failing["RecreateContainer"] = Failed("port 8000 is taken")
    story.reloaded(replace(story.config(), ports=PORTS))
    assert story.settle()[-1] == "target web: port 8000 is taken"
    story.failing.clear()
    story.reloaded(replace(story.config(), ports=(Port(80, 8001),)))

    assert story.settle() == ["target web: RecreateContainer (devrun.toml changed)", UP_TO_DATE]


def test_another_configuration_during_a_swap_is_applied_after_it(story: Story) -> None:
    """The outcome of the swap is written back as what it was decided with."""
    story.reloaded(replace(story.config(), env={"A": "1"}))
    swap = story.begin(RecreateContainer)
    story.reloaded(replace(story.config(), env={"A": "2"}))
    story.finish(swap)

    assert story.settle() == ["target web: RecreateContainer (devrun.toml changed)", UP_TO_DATE]
    assert story.serves_newest()


def test_a_configuration_that_says_the_same_of_a_target_leaves_it_alone(story: Story) -> None:
    """Such as one that is undone before anything was done."""
    before = story.config()
    story.reloaded(replace(before, env={"A": "1"}))
    story.reloaded(before)

    assert story.settle() == [UP_TO_DATE]


def test_an_image_that_is_configured_in_another_way_is_read_anew(story: Story) -> None:
    """Where its meaning is the same, nothing is built."""
    story.reloaded(images={"default": an_image(stage="dev")})

    assert story.settle() == ["image default: HashInputs (devrun.toml changed)", UP_TO_DATE]


def test_an_image_of_another_meaning_is_built_and_its_targets_follow(story: Story) -> None:
    """With the settings that came at the same time: one swap."""
    story.reloaded(
        replace(story.config(), env={"A": "1"}),
        images={"default": an_image(stage="dev")},
        inputs={"default": ["other.txt", "requirements.txt"]},
    )

    assert story.settle() == [
        "image default: HashInputs (devrun.toml changed)",
        "image default: BuildImage (devrun.toml changed)",
        "target web: RecreateContainer (devrun.toml changed)",
        UP_TO_DATE,
    ]


def test_settings_that_come_alone_do_not_wait_for_a_build(story: Story) -> None:
    """Builds take long, and a build keeps nobody waiting who has a container."""
    story.changed("requirements.txt")
    story.finish(story.begin(HashInputs))
    story.begin(BuildImage)
    story.reloaded(replace(story.config(), env={"A": "1"}))

    assert story.settle()[0] == "target web: RecreateContainer (devrun.toml changed)"


def test_a_target_that_chooses_another_image_gets_its_content(story: Story) -> None:
    """Until that is built the old container goes on, and restarts."""
    story.disk.files["more.txt"] = "more"
    story.reloaded(
        replace(story.config(), image=SECOND, env={"A": "1"}),
        images={"default": an_image(), "second": an_image(SECOND)},
        inputs={"second": ["more.txt"]},
    )
    story.finish(story.begin(HashInputs))
    assert story.holds() == {"web": "waiting for image second"}
    story.reloaded(replace(story.config(), env={}))
    story.changed("app.py")
    restart = story.begin(RestartContainer)
    story.finish(restart)

    assert story.settle() == [
        "image second: BuildImage (devrun.toml changed)",
        "target web: RecreateContainer (devrun.toml changed)",
        UP_TO_DATE,
    ]
    assert story.container().image == ImageId(f"i-{story.fingerprint('second')}-0")
    story.changed("more.txt")
    assert "target web: RecreateContainer (image is newer: more.txt changed)" in story.settle()


def test_a_swap_into_the_old_image_does_not_serve_the_choice_of_another(story: Story) -> None:
    """It had begun before the choice was made."""
    story.disk.files["more.txt"] = "more"
    story.reloaded(replace(story.config(), env={"A": "1"}))
    swap = story.begin(RecreateContainer)
    story.reloaded(
        replace(story.config(), image=SECOND),
        images={"default": an_image(), "second": an_image(SECOND)},
        inputs={"second": ["more.txt"]},
    )
    story.finish(swap)

    assert story.settle()[-2:] == ["target web: RecreateContainer (devrun.toml changed)", UP_TO_DATE]


def test_an_image_that_is_removed_is_forgotten() -> None:
    """Its tags stay: whoever brings it back needs no build."""
    story = with_two_images()
    job = story.config("job")
    story.reloaded(replace(job, image=DEFAULT), images={"default": an_image()})
    assert set(story.state.images) == {DEFAULT}
    assert "target job: RecreateContainer (devrun.toml changed)" in story.settle()

    story.reloaded(
        job, images={"default": an_image(), "second": story.project.images.get(SECOND, an_image(SECOND))}
    )
    lines = story.settle()
    assert "image second: HashInputs (devrun.toml changed)" in lines
    assert not [line for line in lines if "BuildImage" in line]


@pytest.mark.parametrize("order", ["build ends first", "answer comes first"])
def test_an_image_that_is_removed_while_it_is_built_has_its_build_cancelled(order: str) -> None:
    """Nobody waits for it any more, and it is not reported."""
    story = with_two_images()
    story.changed("more.txt")
    story.finish(story.begin(HashInputs))
    build = story.begin(BuildImage)
    story.reloaded(replace(story.config("job"), image=DEFAULT), images={"default": an_image()})
    assert set(report(story.state, pid=1, started=0, engine="").images) == {"default"}
    cancellation = next(action for action in story.due() if "second" in str(action))
    assert cancellation.cause == "no longer in the file"
    story.tell(ActionStarted(story.now, cancellation))
    first, last = (build, cancellation) if order == "build ends first" else (cancellation, build)
    story.finish(first, Cancelled())
    story.finish(last, Cancelled())
    story.settle()

    assert set(story.state.images) == {DEFAULT}
    assert is_settled(story.state)


def test_an_image_that_comes_back_while_its_build_is_cancelled_is_built() -> None:
    """The undo of an edit is an edit as well."""
    story = with_two_images()
    job, images = story.config("job"), dict(story.project.images)
    story.changed("more.txt")
    story.finish(story.begin(HashInputs))
    build = story.begin(BuildImage)
    story.reloaded(replace(job, image=DEFAULT), images={"default": images[DEFAULT]})
    story.reloaded(job, images={"default": images[DEFAULT], "second": images[SECOND]})
    story.finish(build)
    story.settle()

    assert story.serves_newest("job")


def test_a_target_that_is_renamed_waits_for_the_port_of_its_old_name(story: Story) -> None:
    """The engine gives it to one container at a time."""
    story.reloaded(replace(story.config(), ports=PORTS))
    story.settle()
    story.reloaded(replace(story.config(), name=JOB), removed=["web"], closures={"job": ["app.py"]})
    removal = story.begin(RemoveContainer)
    story.finish(story.begin(InspectTarget))
    assert story.holds()["job"] == "waiting for web"
    assert not is_settled(story.state)
    story.finish(removal)

    assert story.settle() == [
        "target job: RecreateContainer (devrun.toml changed)",
        "target job: up to date",
    ]


def test_a_target_whose_name_is_spelled_in_another_way_waits_for_the_old_container(story: Story) -> None:
    """Both are called the same in Docker, whether the old one runs or not."""
    story.world.containers[WEB] = [replace(story.container(), name="story-0000-web")]
    story.crashed()
    story.settle()
    renamed = replace(story.config(), name=TargetName("WEB"))
    story.reloaded(renamed, removed=["web"], closures={"WEB": ["app.py"]})
    story.finish(story.begin(InspectTarget))

    assert story.holds()["WEB"] == "waiting for web"
    assert story.settle()[-1] == "target WEB: up to date"


def test_a_port_goes_from_one_target_to_another(both: Story) -> None:
    """Whoever gives it up is recreated first, or stopped."""
    both.reloaded(replace(both.config("job"), ports=PORTS))
    both.settle()
    both.reloaded(replace(both.config(), ports=PORTS), replace(both.config("job"), ports=()))
    assert both.holds()["web"] == "waiting for job"
    assert both.settle() == [
        "target job: RecreateContainer (devrun.toml changed)",
        "target web: RecreateContainer (devrun.toml changed)",
        UP_TO_DATE,
        "target job: up to date",
    ]

    both.reloaded(replace(both.config(), ports=()), replace(both.config("job"), ports=PORTS))
    both.tell(StopRequested(both.now, (WEB,)))
    assert both.settle() == [
        "target web: StopContainer (asked to stop)",
        "target job: RecreateContainer (devrun.toml changed)",
        "target web: stopped",
        "target job: up to date",
    ]


def test_a_port_of_a_debugger_is_handed_over_too(both: Story) -> None:
    """The engine knows no difference."""
    both.reloaded(replace(both.config("job"), debug_port=8000))
    both.settle()
    both.reloaded(replace(both.config(), debug_port=8000), replace(both.config("job"), debug_port=None))

    assert both.settle() == [
        "target job: RecreateContainer (devrun.toml changed)",
        "target web: RecreateContainer (devrun.toml changed)",
        UP_TO_DATE,
        "target job: up to date",
    ]


def test_ports_are_exchanged(both: Story) -> None:
    """One of the two has to stop first."""
    other = (Port(80, 9000),)
    both.reloaded(replace(both.config(), ports=PORTS), replace(both.config("job"), ports=other))
    both.settle()
    both.reloaded(replace(both.config(), ports=other), replace(both.config("job"), ports=PORTS))

    assert both.settle() == [
        "target job: StopContainer (web gets its port)",
        "target web: RecreateContainer (devrun.toml changed)",
        "target job: RecreateContainer (devrun.toml changed)",
        UP_TO_DATE,
        "target job: up to date",
    ]


def test_what_a_target_holds_is_looked_at_first(both: Story) -> None:
    """Nobody stops for another one of which nothing is known, either."""
    other = (Port(80, 9000),)
    both.reloaded(replace(both.config(), ports=PORTS), replace(both.config("job"), ports=other))
    both.settle()
    both.reloaded(replace(both.config(), ports=other), replace(both.config("job"), ports=PORTS))
    both.tell(ContainerTouched(both.now, WEB))

    assert both.holds() == {"web": "", "job": "waiting for web"}
    assert both.settle()[-2:] == [UP_TO_DATE, "target job: up to date"]


def test_a_port_that_is_being_taken_is_waited_for(both: Story) -> None:
    """The swap that takes it began before the next configuration came."""
    both.reloaded(replace(both.config("job"), ports=PORTS))
    swap = both.begin(RecreateContainer)
    outcome = both.outcome_of(swap)
    both.reloaded(replace(both.config("job"), ports=(Port(80, 9000),)), replace(both.config(), ports=PORTS))
    assert both.holds()["web"] == "waiting for job"
    both.finish(swap, outcome)

    assert both.settle() == [
        "target job: RecreateContainer (devrun.toml changed)",
        "target web: RecreateContainer (devrun.toml changed)",
        UP_TO_DATE,
        "target job: up to date",
    ]


def test_a_port_that_a_restart_takes_again_is_waited_for(both: Story) -> None:
    """Its container has ended, and is about to run."""
    both.reloaded(replace(both.config("job"), ports=PORTS))
    both.settle()
    both.crashed("job")
    both.settle()
    both.changed("job.py")
    restart = both.begin(RestartContainer)
    outcome = both.outcome_of(restart)
    both.reloaded(replace(both.config(), ports=PORTS), removed=["job"])
    assert both.holds()["web"] == "waiting for job"
    both.finish(restart, outcome)

    assert both.settle() == [
        "target job: RemoveContainer (no longer wanted)",
        "target web: RecreateContainer (devrun.toml changed)",
        UP_TO_DATE,
    ]


def test_a_port_that_a_restart_takes_again_goes_over_after_it(both: Story) -> None:
    """The next swap gives it up."""
    both.reloaded(replace(both.config("job"), ports=PORTS))
    both.settle()
    both.crashed("job")
    both.settle()
    both.changed("job.py")
    both.begin(RestartContainer)
    both.reloaded(replace(both.config(), ports=PORTS), replace(both.config("job"), ports=()))

    assert both.holds()["web"] == "waiting for job"


@pytest.mark.parametrize(
    ("kind", "leave"),
    [
        ("RemoveContainer", lambda story: story.reloaded(removed=["job"])),
        ("StopContainer", lambda story: story.tell(StopRequested(story.now, (JOB,)))),
        ("RecreateContainer", lambda story: story.reloaded(replace(story.config("job"), ports=()))),
    ],
)
def test_who_cannot_give_up_a_port_is_not_waited_for(
    both: Story, kind: str, leave: Callable[[Story], None]
) -> None:
    """The engine will say what is wrong."""
    both.reloaded(replace(both.config("job"), ports=PORTS))
    both.settle()
    both.failing[kind] = Failed("no")
    leave(both)
    both.settle()
    both.failing.clear()
    both.reloaded(replace(both.config(), ports=PORTS))

    assert both.settle()[-2] == "target web: 127.0.0.1:8000->80/tcp is taken"


def test_a_port_that_two_targets_are_to_have_is_waited_for_by_nobody(both: Story) -> None:
    """It is a mistake, and the engine says so."""
    both.reloaded(replace(both.config("job"), ports=PORTS))
    both.settle()
    both.reloaded(replace(both.config(), ports=PORTS))

    assert both.settle()[-2] == "target web: 127.0.0.1:8000->80/tcp is taken"


def test_no_configuration_is_taken_up_while_devrun_ends(both: Story) -> None:
    """What is stopped stays stopped."""
    both.tell(ShutdownRequested(both.now, remove=True))
    both.reloaded(a_job(), removed=["web"])
    both.settle()

    assert both.world.containers == {WEB: [], JOB: []}


def test_a_configuration_while_the_engine_is_away_is_applied_when_it_is_back() -> None:
    """What is removed is looked for first."""
    before = Story({"web": ["app.py"], "job": ["job.py"]}).connected()
    before.settle()
    story = Story({"web": ["app.py"], "job": ["job.py"]}, world=before.world, disk=before.disk)
    story.reloaded(replace(story.config(), autostart=False), removed=["job"])
    story.connected()

    assert "target job: RemoveContainer (no longer wanted)" in story.settle()
    assert story.world.containers[JOB] == []


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda story: story.reloaded(), "devrun.toml changed: applied"),
        (
            lambda story: story.reloaded(replace(story.config(), user="1"), removed=["job"]),
            "devrun.toml changed: web recreated, job removed",
        ),
        (
            lambda story: story.reloaded(
                replace(a_job(), name=TargetName("tool")), by=("devrun.toml", ".env")
            ),
            ".env and 1 more changed: tool added",
        ),
        (
            lambda story: story.reloaded(replace(story.config("job"), user="1")),
            "devrun.toml changed: job changed",
        ),
        (
            lambda story: story.reloaded(replace(story.config(), watch=("x",))),
            "devrun.toml changed: web changed",
        ),
        (
            lambda story: story.reloaded(images={"a": an_image(SECOND), "b": an_image(stage="dev")}),
            "devrun.toml changed: image second added, image default changed",
        ),
        (
            lambda story: story.reloaded(images={}),
            "devrun.toml changed: image default removed",
        ),
    ],
)
def test_what_a_configuration_makes_different_is_said(
    both: Story, edit: Callable[[Story], object], words: str
) -> None:
    """In one line, by the names of targets and images."""
    both.tell(StopRequested(both.now, (JOB,)))
    before = both.state
    event = edit(both)

    assert describe(before, event) == words  # type: ignore[arg-type]
