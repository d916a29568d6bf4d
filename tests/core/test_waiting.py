"""When a wait is over, and what it says: told after every event of a story."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from devrun.config.project import Port, TargetName
from devrun.core.actions import (
    BuildImage,
    CancelBuild,
    HashInputs,
    InspectTarget,
    RestartContainer,
)
from devrun.core.events import (
    ActionStarted,
    ContainerTouched,
    DiskRead,
    EngineConnected,
    EngineLost,
    Failed,
    GitEnded,
    GitStarted,
    HintFound,
    Lost,
    OutputEnded,
    StopRequested,
    TargetReady,
    TimePassed,
)
from devrun.core.published import Address, address_of, first_address
from devrun.core.values import Phase
from devrun.core.waiting import (
    ENGINE_PATIENCE_S,
    EXIT_CODES,
    OUTPUT_PATIENCE_S,
    TRIES,
    Ending,
    Reached,
    Waiting,
    verdict,
)
from devrun.errors import ExitCode
from tests.core.story import Story

WEB, WORKER, DB = TargetName("web"), TargetName("worker"), TargetName("db")
TWO = {"web": ["app.py"], "worker": ["worker.py"]}


def says(story: Story, *names: str) -> list[str]:
    """Return the verdict as lines: `ready`, `failed: ...`, or `waits: ...`."""
    said = verdict(story.state, frozenset(map(TargetName, names)))
    head = said.ending.value if isinstance(said, Reached) else "waits"
    obstacles = said.problems if isinstance(said, Reached) else said.obstacles
    return [f"{head}: {one.subject}: {one.error}" for one in obstacles] or [head]


def found_ready(story: Story, *names: str) -> None:
    """Let the present runs of targets be found ready."""
    for name in names or ("web",):
        story.tell(TargetReady(story.now, TargetName(name), story.container(name).run_id))


def ended(story: Story, code: int, *tail: str, name: str = "web") -> None:
    """Let a program end, and its last lines be read."""
    story.crashed(name, code)
    story.settle()
    story.tell(OutputEnded(story.now, TargetName(name), tail, story.container(name).run_id))


def settled(targets: dict[str, list[str]] | None = None, *ready: str) -> Story:
    """Return a story at rest, a minute after its beginning, in which the named targets are ready."""
    story = Story(targets or TWO).connected()
    story.settle()
    story.passed(60)
    for name in ready:
        found_ready(story, name)
    return story


def test_a_save_is_waited_for_until_its_run_found_ready(story: Story) -> None:
    """The run that went on before it does not count."""
    found_ready(story)
    story.tell(DiskRead(story.now, (1,)))
    assert says(story) == ["ready"]

    story.changed("app.py")
    assert says(story) == ["waits: target web: restarting: app.py changed"]
    action = story.begin(RestartContainer)
    assert says(story) == ["waits: target web: restarting: app.py changed"]
    found_ready(story)  # the old run, found ready too late
    story.finish(action)
    assert says(story) == ["waits: target web: it is starting"]
    found_ready(story)
    assert says(story) == ["ready"]


def test_a_save_during_a_restart_is_waited_for_too(story: Story) -> None:
    """What is loaded has to be the newest."""
    story.changed("app.py")
    action = story.begin(RestartContainer)
    story.changed("views.py")
    story.finish(action)
    found_ready(story)

    assert says(story) == ["waits: target web: restarting: views.py changed"]


def test_images_are_waited_for_from_the_first_doubt_to_the_swap(story: Story) -> None:
    """The old container serves all the while, and does not count."""
    found_ready(story)
    story.changed("requirements.txt")
    assert says(story) == ["waits: image default: reading the build inputs: requirements.txt changed"]
    story.finish(story.begin(HashInputs))
    build = story.begin(BuildImage)
    assert says(story) == ["waits: image default: building: requirements.txt changed"]
    story.finish(build)
    assert says(story) == ["waits: target web: recreating: image is newer: requirements.txt changed"]
    story.settle()
    found_ready(story)

    assert says(story) == ["ready"]


def test_a_build_that_is_given_up_is_not_the_end(story: Story) -> None:
    """The next one is."""
    found_ready(story)
    story.changed("requirements.txt")
    story.finish(story.begin(HashInputs))
    story.begin(BuildImage)
    story.changed("requirements.txt")
    story.finish(story.begin(HashInputs))
    story.begin(CancelBuild)

    assert says(story) == ["waits: image default: building: requirements.txt changed"]


def test_a_failed_build_is_the_end_and_says_where(story: Story) -> None:
    """The step and its last lines come along."""
    found_ready(story)
    story.failing["BuildImage"] = Failed("exit code 1", "mend it", "RUN pip install", ("no such version",))
    story.changed("requirements.txt")
    story.settle()

    assert says(story) == ["failed: image default: exit code 1"]
    said = verdict(story.state)
    assert isinstance(said, Reached)
    (problem,) = said.problems
    assert (problem.hint, problem.step, problem.output) == (
        "mend it",
        "RUN pip install",
        ("no such version",),
    )


def test_a_first_build_that_fails_is_said_once() -> None:
    """Its targets only wait for it."""
    story = Story(TWO).connected()
    story.failing["BuildImage"] = Failed("exit code 1")
    story.settle()

    assert story.holds()["web"] == "waiting for image default"
    assert says(story) == ["failed: image default: exit code 1"]


def test_a_failed_start_is_the_end(story: Story) -> None:
    """The engine's reason is given."""
    found_ready(story)
    story.failing["RestartContainer"] = Failed("no space left", "free some")
    story.changed("app.py")
    story.settle()

    assert says(story) == ["failed: target web: no space left"]


def test_a_syntax_error_is_the_end_and_names_the_line(story: Story) -> None:
    """The process that runs on does not count."""
    found_ready(story)
    story.changed("app.py", content="INVALID")
    story.settle()

    assert says(story) == ["failed: target web: app.py:1: invalid syntax"]


def test_flapping_is_the_end(story: Story) -> None:
    """With the path that does it."""
    for _ in range(14):
        story.changed("app.py")
        story.settle()
        found_ready(story)

    assert says(story) == ["failed: target web: restarts stopped: app.py changes after every start"]


def test_an_end_with_0_is_as_good_as_ready(story: Story) -> None:
    """It did what it was started for."""
    story.changed("app.py")
    story.settle()
    ended(story, 0)

    assert says(story) == ["ready"]


def test_a_crash_is_the_end_once_its_last_lines_are_read(story: Story) -> None:
    """They say why; those of the run before do not."""
    before = story.container().run_id
    story.changed("app.py")
    story.settle()
    story.tell(OutputEnded(story.now, WEB, ("of the run before",), before))
    story.crashed()
    story.settle()
    assert says(story) == ["waits: target web: exited with 1"]

    tail = ("Traceback (most recent call last):", '  File "/app/app.py", line 2, in <module>', "KeyError: 7")
    story.tell(OutputEnded(story.now, WEB, tail, story.container().run_id))
    assert says(story) == ["failed: target web: /app/app.py:2: KeyError: 7"]


def test_the_last_lines_of_a_crash_are_not_waited_for_long(story: Story) -> None:
    """The engine may keep none."""
    story.crashed()
    story.settle()
    said = verdict(story.state)
    assert isinstance(said, Waiting)
    assert said.until == pytest.approx(story.now + OUTPUT_PATIENCE_S, abs=0.1)

    story.tell(TimePassed(story.passed(OUTPUT_PATIENCE_S)))
    assert says(story) == ["failed: target web: exited with 1"]


def test_a_crash_that_a_build_may_mend_is_not_the_end(story: Story) -> None:
    """The package that was missing is just being installed."""
    ended(story, 1, "ModuleNotFoundError: No module named 'flask'")
    assert says(story) == ["failed: target web: ModuleNotFoundError: No module named 'flask'"]
    story.changed("requirements.txt")
    story.finish(story.begin(HashInputs))
    story.begin(BuildImage)

    assert says(story) == ["waits: image default: building: requirements.txt changed"]


def test_a_crash_is_not_the_end_before_all_others_rest() -> None:
    """So that one answer names all that failed."""
    story = settled(TWO, "web", "worker")
    ended(story, 3)
    story.failing["RestartContainer"] = Failed("no space left")
    story.changed("worker.py")
    assert says(story) == ["waits: target worker: restarting: worker.py changed"]
    story.settle()

    assert says(story) == ["failed: target web: exited with 3", "failed: target worker: no space left"]


def test_a_crash_is_the_end_though_another_target_never_serves() -> None:
    """Nothing is done about either of them."""
    story = settled(TWO)
    assert says(story) == ["waits: target web: it is starting", "waits: target worker: it is starting"]
    ended(story, 3)

    assert says(story) == ["failed: target web: exited with 3"]


def test_only_the_named_targets_and_their_images_count() -> None:
    """What happens to the others is not waited for."""
    images = {"default": ["requirements.txt"], "other": ["other.txt"]}
    story = Story(TWO, images=images, chosen={"worker": "other"}).connected()
    story.settle()
    found_ready(story, "web")
    story.changed("other.txt", "worker.py")

    assert says(story, "web") == ["ready"]
    assert says(story, "worker") == says(story)
    assert says(story)[0] == "waits: image other: reading the build inputs: other.txt changed"


def test_a_stopped_target_is_waited_for_by_its_name_only() -> None:
    """And then there is nothing to wait for."""
    story = settled(TWO, "web", "worker")
    story.tell(StopRequested(story.now, (WORKER,)))

    assert says(story) == ["ready"]
    assert says(story, "worker") == ["failed: target worker: it is stopped"]


def test_where_nothing_should_run_all_found_ready(story: Story) -> None:
    """Nobody has to be waited for."""
    story.tell(StopRequested(story.now, (WEB,)))
    story.settle()

    assert says(story) == ["ready"]


def test_a_paused_target_is_the_end(story: Story) -> None:
    """It serves nobody, and devrun does nothing about it: whoever paused it has to."""
    found_ready(story)
    story.world.containers[WEB] = [replace(story.container(), phase=Phase.PAUSED)]
    story.tell(ContainerTouched(story.now, WEB))
    story.settle()
    assert says(story) == ["failed: target web: it is paused"]
    said = verdict(story.state)
    assert isinstance(said, Reached)
    assert said.problems[0].hint == "docker unpause web"

    story.world.containers[WEB] = [replace(story.container(), phase=Phase.RUNNING)]
    story.tell(ContainerTouched(story.now, WEB))
    story.settle()
    assert says(story) == ["ready"]


def test_an_unknown_target_is_the_end(story: Story) -> None:
    """Whatever else there is."""
    assert says(story, "web", "wbe") == ["unknown target: target wbe: no target is called wbe"]


def test_an_absent_engine_is_waited_for_5_seconds(story: Story) -> None:
    """From when it went away, however often it is tried meanwhile; its return begins the time anew."""
    found_ready(story)
    story.tell(EngineLost(story.now, "connection refused", "start it"))
    said = verdict(story.state)
    assert isinstance(said, Waiting)
    assert said.until == story.now + ENGINE_PATIENCE_S
    story.tell(EngineLost(story.passed(ENGINE_PATIENCE_S - 1), "connection refused", "start it"))
    assert says(story) == ["waits: : the engine is not there: connection refused"]

    story.tell(EngineConnected(story.now))
    assert says(story) == [
        "waits: image default: looking: not known",
        "waits: target web: looking: not known",
    ]
    story.finish(story.begin(InspectTarget), Lost("connection reset"))
    story.tell(TimePassed(story.passed(ENGINE_PATIENCE_S - 1)))
    assert says(story) == ["waits: : the engine is not there: connection reset"]
    story.tell(TimePassed(story.passed(1)))
    assert says(story) == ["engine down: : the engine is not there: connection reset"]


def test_an_engine_that_never_was_there_is_given_up_too() -> None:
    """The time begins with devrun."""
    story = Story()
    story.tell(EngineLost(story.passed(0.1), "no such file"))
    assert says(story)[0].startswith("waits: ")
    story.tell(EngineLost(story.passed(ENGINE_PATIENCE_S), "no such file"))

    assert says(story) == ["engine down: : the engine is not there: no such file"]


def test_a_git_operation_is_waited_for(story: Story) -> None:
    """Half of a checkout is nothing to run."""
    found_ready(story)
    story.tell(GitStarted(story.now))
    assert says(story) == [
        "waits: image default: a git operation rewrites the tree",
        "waits: target web: a git operation rewrites the tree",
    ]
    story.tell(GitEnded(story.now))

    assert says(story) == ["ready"]


def test_what_cannot_be_found_out_is_the_end_after_some_tries(story: Story) -> None:
    """A mishap passes sooner; what stays has to be told."""
    found_ready(story)
    story.failing["HashInputs"] = Failed("Dockerfile: permission denied")
    story.changed("requirements.txt")
    for _ in range(TRIES):
        assert says(story) == ["waits: image default: reading the build inputs: requirements.txt changed"]
        story.finish(story.begin(HashInputs))
        last = says(story)
        story.tell(TimePassed(story.passed(30)))

    assert last == ["failed: image default: Dockerfile: permission denied"]


def test_a_target_that_does_not_serve_is_named_with_its_address_and_its_hint(story: Story) -> None:
    """So that a time-out says why."""
    container = replace(story.container(), ports=("127.0.0.1:8080->5000/tcp",))
    story.world.containers[WEB] = [container]
    story.tell(ContainerTouched(story.now, WEB))
    story.settle()
    story.tell(HintFound(story.now, WEB, "use 0.0.0.0"))

    said = verdict(story.state)
    assert says(story) == ["waits: target web: nothing answers at 127.0.0.1:8080"]
    assert isinstance(said, Waiting)
    assert said.obstacles[0].hint == "use 0.0.0.0"


@pytest.mark.parametrize(
    ("ports", "address", "text"),
    [
        ((), None, "None"),
        (("127.0.0.1:9000->9000/udp",), None, "None"),
        (("127.0.0.1:8080->5000/tcp",), Address("127.0.0.1", 8080), "127.0.0.1:8080"),
        (("127.0.0.1:1->4000/tcp", "127.0.0.1:2->5000/tcp"), Address("127.0.0.1", 2), "127.0.0.1:2"),
        (("0.0.0.0:8080->5000/tcp",), Address("127.0.0.1", 8080), "127.0.0.1:8080"),
        (("[::]:8080->5000/tcp",), Address("::1", 8080), "[::1]:8080"),
        (("10.0.0.1:8080->1/tcp",), Address("10.0.0.1", 8080), "10.0.0.1:8080"),
    ],
)
def test_the_port_that_a_target_names_first_is_asked(
    story: Story, ports: Iterable[str], address: Address | None, text: str
) -> None:
    """On the loopback, where it is published on all addresses."""
    config = replace(story.project.targets[WEB], ports=(Port(5000, 0), Port(4000, 0)))
    found = first_address(config, replace(story.container(), ports=tuple(ports)))

    assert found == address
    assert str(found) == text


def test_a_port_is_found_where_it_is_published(story: Story) -> None:
    """One that is not published is nowhere."""
    container = replace(story.container(), ports=("127.0.0.1:81->80/tcp", "0.0.0.0:5001->5000/tcp"))

    assert address_of(container, 5000) == Address("127.0.0.1", 5001)
    assert address_of(container, 81) is None


@pytest.mark.parametrize(
    ("ports", "address"),
    [
        (("127.0.0.1:5678->5678/tcp",), None),
        (("127.0.0.1:5678->5678/tcp", "127.0.0.1:8080->80/tcp"), Address("127.0.0.1", 8080)),
    ],
)
def test_a_debugger_says_nothing_of_its_program(
    story: Story, ports: tuple[str, ...], address: Address | None
) -> None:
    """It listens long before, and would take the question for an editor."""
    config = replace(story.project.targets[WEB], debug_port=5678)

    assert first_address(config, replace(story.container(), ports=ports)) == address


def test_every_ending_has_an_exit_code() -> None:
    """Scripts go by it."""
    assert {ending: EXIT_CODES[ending.value] for ending in Ending} == {
        Ending.READY: ExitCode.OK,
        Ending.FAILED: ExitCode.TARGET_FAILED,
        Ending.TIMED_OUT: ExitCode.TIMED_OUT,
        Ending.ENGINE_DOWN: ExitCode.ENGINE_UNREACHABLE,
        Ending.UNKNOWN: ExitCode.USAGE,
    }


def test_a_first_start_is_waited_for_from_its_first_look() -> None:
    """Through build and start of everything."""
    story = Story(TWO).connected()
    while due := story.due():
        assert says(story)[0].startswith("waits: ")
        story.tell(ActionStarted(story.passed(0.01), due[0]))
        assert says(story)[0].startswith("waits: ")
        story.finish(due[0])
    found_ready(story, "web", "worker")

    assert says(story) == ["ready"]
