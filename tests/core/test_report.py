"""The report says what is, what is done, why nothing is, and what went wrong."""

from dataclasses import replace

import pytest

from devrun.config.project import (
    Command,
    ImageCommand,
    ImageName,
    Module,
    Program,
    Script,
    TargetName,
)
from devrun.core.actions import (
    Action,
    BuildImage,
    CancelBuild,
    CheckSyntax,
    HashInputs,
    RecreateContainer,
    RemoveContainer,
    RestartContainer,
)
from devrun.core.decide import RETRY_PAUSES_S
from devrun.core.events import (
    ActionStarted,
    BuildAdvanced,
    ContainerTouched,
    EngineLost,
    Failed,
    HintFound,
    Lost,
    OutputEnded,
    RebuildRequested,
    ShutdownRequested,
    StopRequested,
    TargetReady,
)
from devrun.core.report import ImageReport, Problem, Report, TargetReport, program_text, report
from devrun.core.values import ContainerId, Phase
from tests.core.story import Story, World

WEB = TargetName("web")
IMAGE = ImageName("default")


def report_of(story: Story) -> Report:
    return report(story.state, pid=7, started=1.0, engine="Docker 20.10", notices=("a notice",))


def web(story: Story) -> TargetReport:
    return report_of(story).targets["web"]


def image(story: Story) -> ImageReport:
    return report_of(story).images["default"]


def test_what_runs_is_reported_as_running(story: Story) -> None:
    """With the container, its age, and the last thing that was done to it."""
    said = report_of(story)

    assert (said.project, said.root, said.pid, said.engine) == ("story", "/project", 7, "Docker 20.10")
    assert (said.settled, said.engine_up, said.notices) == (True, True, ("a notice",))
    target = said.targets["web"]
    assert (target.program, target.image, target.state) == ("app.py", "default", "running")
    assert (target.doing, target.hold, target.problem) == ("up to date", "up to date", None)
    assert (target.container, target.since, target.exit_code) == ("web", story.container().started, None)
    assert target.last is not None
    assert (target.last.action, target.last.cause, target.last.ok) == (
        "RecreateContainer",
        "no container",
        True,
    )
    built = said.images["default"]
    assert (built.state, built.doing, built.builds) == ("ready", "up to date", 1)
    assert built.id == story.container().image
    assert built.fingerprint == story.fingerprint()


def test_before_anything_is_known_it_is_reported_as_unknown() -> None:
    """Not as missing, which would be a claim."""
    said = report_of(Story())

    assert (said.engine_up, said.engine, said.settled) == (False, "not asked yet", False)
    assert said.images["default"].state == said.targets["web"].state == "unknown"
    assert said.targets["web"].doing == "engine down"


def test_what_the_engine_does_not_have_is_reported_as_missing() -> None:
    """And what is done about it, with the cause."""
    story = Story().connected()
    for action in story.due():
        story.tell(ActionStarted(story.now, action))
        story.finish(action)
    for action in story.due():
        if not isinstance(action, BuildImage):
            story.tell(ActionStarted(story.now, action))
            story.finish(action)

    assert (image(story).state, image(story).doing) == ("missing", "building: requirements.txt changed")
    assert (web(story).state, web(story).doing) == ("missing", "waiting for image default")


def test_a_running_action_is_reported_with_its_cause(story: Story) -> None:
    """The answer to `what is it doing?`."""
    story.changed("app.py")
    restart = story.begin(RestartContainer)

    assert (web(story).doing, web(story).hold) == ("restarting: app.py changed", "")
    assert not report_of(story).settled
    story.finish(restart)
    assert web(story).restarts == 1


def test_a_build_is_reported_with_its_progress_and_its_end(story: Story) -> None:
    """The progress of a build that has ended is no news."""
    story.changed("requirements.txt")
    story.finish(story.begin(HashInputs))
    build = story.begin(BuildImage)
    story.tell(BuildAdvanced(story.now, IMAGE, "2/5 RUN pip install"))
    assert image(story).progress == "2/5 RUN pip install"
    assert image(story).doing == "building: requirements.txt changed"
    story.finish(build)

    assert (image(story).progress, image(story).builds) == ("", 2)


def test_a_build_that_is_given_up_is_reported_as_such(story: Story) -> None:
    """Until the builder has really ended."""
    story.changed("requirements.txt")
    story.finish(story.begin(HashInputs))
    story.begin(BuildImage)
    story.tell(RebuildRequested(story.now, (IMAGE,)))
    story.begin(CancelBuild)

    assert image(story).doing == "cancelling the build: asked to rebuild"


def test_a_build_that_could_not_be_given_up_goes_on(story: Story) -> None:
    """The failure is known by its kind; the next outcome of the build counts."""
    story.changed("requirements.txt")
    story.finish(story.begin(HashInputs))
    build = story.begin(BuildImage)
    story.tell(RebuildRequested(story.now, (IMAGE,)))
    story.finish(story.begin(CancelBuild), Failed("no answer"))
    story.finish(build)

    assert story.settle()[-1] == "target web: up to date"
    assert image(story).problem is None


def test_a_failed_build_is_reported_with_its_step_and_output(story: Story) -> None:
    """The old container goes on, and is reported as running."""
    story.failing["BuildImage"] = Failed("exit code 1", "look", "RUN false", ("one", "two"))
    story.changed("requirements.txt")
    story.settle()

    assert image(story).problem == Problem("exit code 1", "look", "RUN false", ("one", "two"))
    assert (image(story).hold, image(story).doing) == ("failed", "exit code 1")
    last = image(story).last
    assert last is not None
    assert not last.ok
    assert web(story).state == "running"


def test_a_failed_start_is_reported_where_it_happened(story: Story) -> None:
    """A port that is taken, for instance."""
    story.failing["RestartContainer"] = Failed("port 8080 is taken", "stop the other one")
    story.changed("app.py")
    story.settle()

    assert web(story).problem == Problem("port 8080 is taken", "stop the other one")


def test_a_question_that_is_asked_again_is_reported_with_its_error(story: Story) -> None:
    """It waits for nobody, but should not be silent."""
    story.failing["HashInputs"] = Failed("Dockerfile: permission denied")
    story.changed("requirements.txt")
    story.finish(story.begin(HashInputs))

    assert image(story).hold == "retrying"
    assert image(story).problem == Problem("Dockerfile: permission denied")
    story.failing.clear()
    story.passed(RETRY_PAUSES_S[0])
    story.tell(BuildAdvanced(story.now, IMAGE, ""))
    story.settle()
    assert image(story).problem is None


def test_a_crash_is_reported_with_its_reason_and_last_lines(story: Story) -> None:
    """Read from the output."""
    tail = ('  File "/app/app.py", line 3, in <module>', "ValueError: no")
    story.crashed(code=1)
    story.tell(OutputEnded(story.now, WEB, tail))
    story.settle()

    assert (web(story).state, web(story).exit_code, web(story).hold) == ("exited", 1, "crashed")
    assert web(story).problem == Problem("/app/app.py:3: ValueError: no", output=tail)


def test_a_program_that_is_done_is_no_problem(story: Story) -> None:
    """Scripts end."""
    story.crashed(code=0)
    story.settle()

    assert (web(story).exit_code, web(story).hold, web(story).problem) == (0, "exited", None)


def test_a_syntax_error_is_reported_while_the_program_goes_on(story: Story) -> None:
    """With the file and the line."""
    story.changed("app.py", content="INVALID")
    story.settle()

    problem = web(story).problem
    assert problem is not None
    assert problem.error == "app.py:1: invalid syntax"
    assert "goes on" in problem.hint
    assert web(story).state == "running"


def test_a_container_that_cannot_be_asked_about_syntax_leaves_our_own_word() -> None:
    """A file that our Python does not parse is then held as one that none does."""
    story = Story(world=World(python="cpython-39")).connected()
    story.settle()
    story.failing["CheckSyntax"] = Failed("no python")
    story.changed("app.py", content="INVALID")

    assert "target web: CheckSyntax (app.py changed)" in story.settle()
    assert web(story).hold == "syntax error"


def test_flapping_is_reported_with_the_line_to_paste(story: Story) -> None:
    """The file that the program itself writes is named."""
    for _ in range(14):
        story.changed("app.py")
        story.settle()

    problem = web(story).problem
    assert problem is not None
    assert problem.error == "restarts stopped: app.py changes after every start"
    assert 'ignore = ["app.py"]' in problem.hint


def test_what_runs_is_reported_as_ready_once_it_is(story: Story) -> None:
    """The next run begins anew."""
    assert not web(story).ready
    story.tell(TargetReady(story.now, WEB, story.container().run_id))
    assert web(story).ready
    story.changed("app.py")
    story.settle()

    assert not web(story).ready


def test_hints_are_reported_until_the_next_start(story: Story) -> None:
    """A start may have mended what they are about."""
    story.tell(HintFound(story.now, WEB, "listen on 0.0.0.0"))
    assert web(story).hints == ("listen on 0.0.0.0",)
    story.changed("app.py")
    story.settle()

    assert web(story).hints == ()


def test_a_lost_engine_is_reported_with_its_reason(story: Story) -> None:
    """What was known of it is unknown."""
    story.tell(EngineLost(story.now, "connection refused", "start it"))

    said = report_of(story)
    assert (said.engine_up, said.engine) == (False, "connection refused")
    assert said.targets["web"].state == "unknown"


def test_a_stopped_target_is_reported_as_stopped(story: Story) -> None:
    """By its own wish, so it is no crash."""
    story.tell(StopRequested(story.now, (WEB,)))
    story.settle()

    assert (web(story).state, web(story).doing, web(story).problem) == ("exited", "stopped", None)


def test_a_paused_container_is_reported_as_paused(story: Story) -> None:
    """Somebody did that on purpose."""
    story.world.containers[WEB] = [replace(story.container(), phase=Phase.PAUSED)]
    story.tell(ContainerTouched(story.now, WEB))
    story.settle()

    assert (web(story).state, web(story).hold) == ("paused", "paused")


def test_an_action_that_goes_with_the_engine_is_no_failure(story: Story) -> None:
    """Nobody knows how it ended: it is looked at again."""
    story.changed("app.py")
    restart = story.begin(RestartContainer)
    story.finish(restart, Lost("connection lost"))

    assert web(story).problem is None
    assert (report_of(story).engine_up, report_of(story).engine) == (False, "connection lost")


def test_a_container_that_cannot_be_removed_is_reported_as_failed(story: Story) -> None:
    """Asking again with the same values would not help."""
    story.failing["RemoveContainer"] = Failed("device or resource busy")
    story.tell(ShutdownRequested(story.now, remove=True))
    story.settle()

    assert web(story).problem == Problem("device or resource busy")


def test_a_container_that_cannot_be_stopped_is_reported_as_failed(story: Story) -> None:
    """It runs on, and says why."""
    story.failing["StopContainer"] = Failed("permission denied")
    story.tell(StopRequested(story.now, (WEB,)))
    story.settle()

    assert (web(story).state, web(story).problem) == ("running", Problem("permission denied"))


def test_an_image_that_cannot_be_removed_is_tried_once(story: Story) -> None:
    """The failure holds it back; the wanted image is not concerned."""
    story.failing["RemoveImage"] = Failed("permission denied")
    lines = []
    for _ in range(3):
        story.changed("requirements.txt")
        lines += story.settle()

    assert lines.count("image default: RemoveImage (superseded)") == 1
    assert (image(story).hold, image(story).problem) == ("up to date", None)


def test_of_two_containers_the_superfluous_one_is_removed(story: Story) -> None:
    """A swap may have been interrupted; the report is about the one that counts."""
    kept = story.container()
    story.world.containers[WEB] = [replace(kept, id=ContainerId("c9"), phase=Phase.EXITED), kept]
    story.tell(ContainerTouched(story.now, WEB))

    assert "target web: RemoveContainer (left over from an interrupted swap)" in story.settle()
    assert (story.container(), web(story).state) == (kept, "running")


def test_an_orphan_is_not_reported(story: Story) -> None:
    """The report is about what the file names."""
    story.state = replace(
        story.state, targets={**story.state.targets, TargetName("old"): replace(story.target(), gone=True)}
    )
    assert list(report_of(story).targets) == ["web"]


@pytest.mark.parametrize(
    ("program", "text"),
    [
        (Script("app.py"), "app.py"),
        (Module("flask"), "-m flask"),
        (Command(("sh", "-c", "echo")), "sh -c echo"),
        (ImageCommand(), "the image's command"),
    ],
)
def test_a_program_is_written_as_people_do(program: Program, text: str) -> None:
    """One short text."""
    assert program_text(program) == text


@pytest.mark.parametrize("kind", [CancelBuild, CheckSyntax, RecreateContainer, RemoveContainer])
def test_every_outcome_of_an_action_leaves_a_report(story: Story, kind: type[Action]) -> None:
    """Whatever fails, status answers."""
    story.failing[kind.__name__] = Failed("no")
    for number in range(5):
        story.changed("requirements.txt", content=f"{number}")
        story.changed("app.py", content="INVALID")
        story.settle()
        story.vanished()
        story.settle()

    assert report_of(story).settled
