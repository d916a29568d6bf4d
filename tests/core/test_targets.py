"""Decisions about targets: restart, recreate, stop, hold, and what is never lost."""

from dataclasses import replace

import pytest

from devrun.config.project import ImageName, Spec, TargetName
from devrun.core.actions import (
    BuildImage,
    CheckSyntax,
    HashInputs,
    InspectTarget,
    RecreateContainer,
    RestartContainer,
    StopContainer,
)
from devrun.core.decide import MOST_CHECKED, Hold, HoldKind, decide_target, is_settled
from devrun.core.events import (
    ContainerStarted,
    ContainerTouched,
    EngineConnected,
    EngineLost,
    Failed,
    FilesChanged,
    HintFound,
    Lost,
    OrphansFound,
    OutputEnded,
    RestartRequested,
    ShutdownRequested,
    SourceChange,
    StartRequested,
    StopRequested,
    SyntaxChecked,
    TimePassed,
)
from devrun.core.model import initial_state
from devrun.core.step import step
from devrun.core.values import Broken, Container, ContainerId, Digest, Loaded, Phase
from tests.core.story import Story, World

WEB = TargetName("web")


def hold_of(story: Story, name: TargetName = WEB) -> HoldKind | None:
    decision = decide_target(story.state, name)
    return decision.kind if isinstance(decision, Hold) else None


def test_an_edit_restarts_the_target_that_it_concerns_only() -> None:
    """Two scripts, one edit, one restart."""
    story = Story({"one": ["one.py"], "two": ["two.py"]}).connected()
    story.settle()
    story.changed("two.py")

    assert story.settle() == [
        "target two: RestartContainer (two.py changed)",
        "target one: up to date",
        "target two: up to date",
    ]


def test_an_undone_edit_does_nothing(story: Story) -> None:
    """Only content counts: what is loaded is what is desired."""
    story.tell(EngineLost(story.now, "gone"))
    story.changed("app.py", content="1")
    story.changed("app.py", content="0")
    story.connected()

    assert story.settle() == ["target web: up to date"]


def test_several_changed_files_are_named_by_the_last_one(story: Story) -> None:
    """The user has just saved the last one."""
    story.changed("app.py", "views.py")

    assert "target web: RestartContainer (views.py and 1 more changed)" in story.settle()


def test_an_edit_during_a_restart_is_never_lost(story: Story) -> None:
    """The outcome writes back the digest that the restart was decided with."""
    story.changed("app.py")
    restart = story.begin(RestartContainer)
    outcome = story.outcome_of(restart)
    story.changed("views.py")
    story.finish(restart, outcome)

    assert story.settle() == ["target web: RestartContainer (views.py changed)", "target web: up to date"]
    assert story.serves_newest()


def test_an_edit_that_is_taken_back_during_a_restart_leads_to_another_one(story: Story) -> None:
    """Nobody knows which of the two the program has loaded."""
    story.changed("app.py", content="one")
    restart = story.begin(RestartContainer)
    story.changed("app.py", content="two")
    story.changed("app.py", content="one")
    story.finish(restart)

    assert story.settle() == ["target web: RestartContainer (app.py changed)", "target web: up to date"]
    assert story.serves_newest()


def test_restarts_for_other_edits_go_on_during_a_build(story: Story) -> None:
    """A long build does not keep the old container from serving new code."""
    story.changed("requirements.txt")
    story.finish(story.begin(HashInputs))
    build = story.begin(BuildImage)
    story.changed("app.py")
    assert story.settle() == ["target web: RestartContainer (app.py changed)", "target web: up to date"]
    story.finish(build)

    assert story.settle()[0].startswith("target web: RecreateContainer")
    assert story.serves_newest()


def test_a_mixed_batch_waits_for_its_build(story: Story) -> None:
    """Code that needs a new package is not started without it."""
    story.changed("requirements.txt", "app.py")
    assert hold_of(story) is HoldKind.WAITING_FOR_BUILD
    story.finish(story.begin(HashInputs))
    assert hold_of(story) is HoldKind.WAITING_FOR_BUILD
    build = story.begin(BuildImage)
    assert hold_of(story) is HoldKind.WAITING_FOR_BUILD
    story.finish(build)

    assert story.settle() == [
        "target web: RecreateContainer (image is newer: requirements.txt changed)",
        "target web: up to date",
    ]


def test_a_later_edit_releases_code_that_waits_for_a_build(story: Story) -> None:
    """Whoever edits again wants to see it run, in the old image too."""
    story.changed("requirements.txt", "app.py")
    story.finish(story.begin(HashInputs))
    story.begin(BuildImage)
    story.changed("app.py")

    assert story.settle() == ["target web: RestartContainer (app.py changed)", "target web: up to date"]


def test_later_doubts_do_not_release_code_that_waits_for_a_build(story: Story) -> None:
    """A second save of the requirements alone leaves the first batch undecided."""
    story.changed("requirements.txt", "app.py")
    story.changed("requirements.txt")

    assert hold_of(story) is HoldKind.WAITING_FOR_BUILD


def test_a_mixed_batch_whose_inputs_mean_the_same_restarts(story: Story) -> None:
    """The comment is decided, the code goes on."""
    story.disk.files["app.py"] = "new"
    story.changed("requirements.txt", "app.py", content="0# comment")

    assert story.settle() == [
        "image default: HashInputs (requirements.txt changed)",
        "target web: RestartContainer (app.py changed)",
        "target web: up to date",
    ]


def test_a_failed_build_leaves_the_old_container_and_its_restarts_working(story: Story) -> None:
    """The failure releases the code that waited, and later edits restart."""
    story.failing["BuildImage"] = Failed("no such package")
    story.changed("requirements.txt", "app.py")
    assert "target web: RestartContainer (app.py changed)" in story.settle()
    story.changed("views.py")

    assert story.settle() == ["target web: RestartContainer (views.py changed)", "target web: up to date"]


def test_a_first_build_that_fails_leaves_the_target_waiting() -> None:
    """Without any image there is nothing to run, and that is no rest."""
    story = Story()
    story.failing["BuildImage"] = Failed("no such package")
    story.connected()

    assert story.settle()[-1] == "target web: waiting for image default"
    assert hold_of(story) is HoldKind.WAITING_FOR_IMAGE


def test_changed_settings_recreate_the_container(story: Story) -> None:
    """A container of another spec is not the one that is wanted."""
    story.state = replace(story.state, targets={WEB: replace(story.target(), spec=Spec("other"))})

    assert "target web: RecreateContainer (its settings changed)" in story.settle()


def test_a_failed_recreate_holds_only_the_same_values(story: Story) -> None:
    """The next change is another value, and is tried."""
    story.failing["RecreateContainer"] = Failed("port 8080 is taken", "choose another")
    story.changed("requirements.txt")
    assert story.settle()[-1] == "target web: port 8080 is taken"
    assert hold_of(story) is HoldKind.FAILED
    story.failing.clear()
    story.changed("app.py")

    assert "target web: RecreateContainer (image is newer: requirements.txt changed)" in story.settle()
    assert story.serves_newest()


def test_a_failed_restart_is_tried_again_by_a_command(story: Story) -> None:
    """The run number is one of its values."""
    story.failing["RestartContainer"] = Failed("no space left on device")
    story.changed("app.py")
    assert story.settle()[-1] == "target web: no space left on device"
    story.failing.clear()
    story.tell(RestartRequested(story.now, (WEB,)))

    assert "target web: RestartContainer (app.py changed)" in story.settle()


def test_a_restart_that_the_engine_takes_with_it_is_done_again(story: Story) -> None:
    """Nobody knows whether it happened, so the engine is asked, and what changed is not forgotten."""
    story.changed("app.py")
    story.finish(story.begin(RestartContainer), Lost("connection reset"))
    assert story.settle() == ["target web: engine down"]

    story.connected()
    assert story.settle() == ["target web: RestartContainer (app.py changed)", "target web: up to date"]


def test_a_recreate_that_the_engine_takes_with_it_is_done_again(story: Story) -> None:
    """The same for a swap."""
    story.changed("requirements.txt", "app.py")
    story.finish(story.begin(HashInputs))
    story.finish(story.begin(BuildImage))
    story.finish(story.begin(RecreateContainer), Lost("connection reset"))
    story.connected()

    assert story.settle()[0].startswith("target web: RecreateContainer")
    assert story.serves_newest()


def test_an_inspection_that_is_told_of_news_meanwhile_is_repeated(story: Story) -> None:
    """A container that dies while it is looked at is not missed."""
    story.tell(ContainerTouched(story.now, WEB))
    looking = story.begin(InspectTarget)
    answer = story.outcome_of(looking)
    story.crashed()
    story.finish(looking, answer)

    assert story.settle() == ["target web: crashed 1"]


def test_an_answer_of_an_older_revision_does_not_count(story: Story) -> None:
    """The engine was lost and came back meanwhile."""
    story.tell(ContainerTouched(story.now, WEB))
    looking = story.begin(InspectTarget)
    answer = story.outcome_of(looking)
    story.tell(EngineLost(story.now, "gone"))
    story.tell(EngineConnected(story.now))
    story.crash()
    story.finish(looking, answer)

    assert story.target().observed is None
    assert story.settle()[-1] == "target web: up to date"


def test_a_look_that_the_engine_refuses_is_taken_again_after_a_pause(story: Story) -> None:
    """Until then its error is shown."""
    story.tell(ContainerTouched(story.now, WEB))
    story.finish(story.begin(InspectTarget), Failed("inspect container: no"))

    assert story.due() == []
    assert story.holds()["web"] == "inspect container: no"
    story.tell(TimePassed(story.passed(0.2)))
    assert story.settle() == ["target web: up to date"]


def test_a_crash_during_a_restart_is_seen_after_it(story: Story) -> None:
    """What the engine tells during an action is looked at when the action ends."""
    story.changed("app.py")
    restart = story.begin(RestartContainer)
    outcome = story.outcome_of(restart)
    story.crashed(code=3)
    story.finish(restart, outcome)

    assert story.settle() == ["target web: crashed 3"]


def test_a_crashed_target_is_left_alone_until_the_next_edit(story: Story) -> None:
    """What another hand or a bug ended is shown, not fought."""
    story.crashed()
    assert story.settle() == ["target web: crashed 1"]
    assert is_settled(story.state)
    story.changed("app.py")

    assert story.settle() == ["target web: RestartContainer (app.py changed)", "target web: up to date"]


def test_a_program_that_ends_with_0_has_exited(story: Story) -> None:
    """Ending well is no crash."""
    story.crashed(code=0)

    assert story.settle() == ["target web: exited 0"]


def test_a_paused_container_is_shown_and_not_fought(story: Story) -> None:
    """The next edit brings it back."""
    story.world.containers[WEB] = [replace(story.container(), phase=Phase.PAUSED)]
    story.tell(ContainerTouched(story.now, WEB))
    assert story.settle() == ["target web: paused"]
    story.changed("app.py")

    assert story.settle()[-1] == "target web: up to date"


def test_a_stopped_target_is_not_started_by_an_edit(story: Story) -> None:
    """Stop makes a target unwanted until start or restart; its own stop is no crash."""
    story.tell(StopRequested(story.now, (WEB,)))
    assert story.settle() == ["target web: StopContainer (asked to stop)", "target web: stopped"]
    story.changed("app.py")
    assert story.settle() == ["target web: stopped"]

    story.tell(StartRequested(story.now, (WEB,)))
    assert story.settle() == ["target web: RestartContainer (app.py changed)", "target web: up to date"]


def test_starting_what_runs_is_no_restart(story: Story) -> None:
    """A start is a wish for a state, not for an action."""
    story.tell(StartRequested(story.now, (WEB,)))

    assert story.settle() == ["target web: up to date"]


def test_starting_what_nobody_has_looked_at_is_decided_by_the_look(story: Story) -> None:
    """An exited program is started, a running one is left alone."""
    story.tell(ContainerTouched(story.now, WEB))
    story.tell(StartRequested(story.now, (WEB,)))
    assert story.settle() == ["target web: up to date"]

    story.crashed(code=0)
    story.tell(StartRequested(story.now, (WEB,)))
    assert story.settle() == ["target web: RestartContainer (asked to start)", "target web: up to date"]


def test_starting_an_exited_program_runs_it_again(story: Story) -> None:
    """Start and restart raise the run number."""
    story.crashed(code=0)
    story.settle()
    story.tell(StartRequested(story.now, (WEB,)))
    assert story.settle() == ["target web: RestartContainer (asked to start)", "target web: up to date"]
    story.tell(RestartRequested(story.now, (WEB,)))

    assert story.settle() == ["target web: RestartContainer (asked to restart)", "target web: up to date"]


def test_a_stop_that_fails_is_shown(story: Story) -> None:
    """The engine's reason is the hold."""
    story.failing["StopContainer"] = Failed("permission denied")
    story.tell(StopRequested(story.now, (WEB,)))

    assert story.settle()[-1] == "target web: permission denied"


def test_a_shutdown_stops_every_container_and_rests(story: Story) -> None:
    """Containers are kept for the next start."""
    story.tell(ShutdownRequested(story.now))

    assert story.settle() == ["target web: StopContainer (devrun ends)", "target web: stopped"]
    assert is_settled(story.state)


def test_down_removes_every_container(story: Story) -> None:
    """Nothing of the target is left."""
    story.tell(ShutdownRequested(story.now, remove=True))

    assert story.settle() == ["target web: RemoveContainer (no longer wanted)", "target web: stopped"]
    assert story.world.containers[WEB] == []


def test_a_removal_that_fails_is_shown(story: Story) -> None:
    """The engine's reason is the hold, and it is final."""
    story.failing["RemoveContainer"] = Failed("removal is in progress")
    story.tell(ShutdownRequested(story.now, remove=True))

    assert story.settle()[-1] == "target web: removal is in progress"
    assert is_settled(story.state)


def test_containers_of_targets_that_the_file_does_not_name_are_removed(story: Story) -> None:
    """An orphan goes, and is forgotten; a target of the file is none."""
    old = TargetName("old")
    story.world.containers[old] = [replace(story.container(), id=ContainerId("c-old"))]
    story.tell(OrphansFound(story.now, (old, WEB)))

    assert story.settle() == ["target old: RemoveContainer (no longer wanted)", "target web: up to date"]
    assert old not in story.state.targets


def test_what_an_interrupted_swap_left_over_is_removed(story: Story) -> None:
    """Of two containers the running one counts."""
    left = Container(
        ContainerId("c-next"), "web-next", story.container().image, story.target().spec, Phase.CREATED
    )
    story.world.containers[WEB].append(left)
    story.tell(ContainerTouched(story.now, WEB))

    assert story.settle() == [
        "target web: RemoveContainer (left over from an interrupted swap)",
        "target web: up to date",
    ]
    assert story.container().id != left.id


def test_a_container_that_is_left_over_and_cannot_be_removed_is_in_nobodys_way(story: Story) -> None:
    """The target goes on, and is restarted by the next edit."""
    left = replace(story.container(), id=ContainerId("c-next"), phase=Phase.CREATED)
    story.world.containers[WEB] = [story.container(), left]
    story.failing["RemoveContainer"] = Failed("device is busy")
    story.tell(ContainerTouched(story.now, WEB))
    story.settle()
    story.changed("app.py")

    assert story.settle() == ["target web: RestartContainer (app.py changed)", "target web: up to date"]


def test_an_outage_of_the_engine_that_ended_a_container_starts_it_again(story: Story) -> None:
    """What ran before runs again; edits made meanwhile are applied by the same start."""
    story.tell(EngineLost(story.now, "connection refused", "is it running?"))
    assert story.settle() == ["target web: engine down"]
    story.crash(code=255)
    story.connected()

    assert story.settle() == ["target web: RestartContainer (the engine came back)", "target web: up to date"]


def test_an_engine_that_stops_its_containers_before_itself_is_an_outage(story: Story) -> None:
    """The end of a program just before the engine's end is the engine's doing."""
    story.crashed(code=143)
    assert story.settle() == ["target web: crashed 143"]
    story.tell(EngineLost(story.passed(3), "connection refused"))
    story.connected()

    assert story.settle() == ["target web: RestartContainer (the engine came back)", "target web: up to date"]


def test_an_outage_of_the_engine_starts_nothing_that_had_ended(story: Story) -> None:
    """A script that ended with 0 has nothing to do with it."""
    story.crashed(code=0)
    story.settle()
    story.tell(EngineLost(story.passed(60), "connection refused"))
    story.connected()

    assert story.settle() == ["target web: exited 0"]


def test_a_program_that_ended_during_its_start_is_not_started_by_an_outage(story: Story) -> None:
    """Its end was its own doing, however soon it came."""
    story.changed("app.py")
    restart = story.begin(RestartContainer)
    story.outcome_of(restart)
    story.crash(code=0)
    story.finish(restart, ContainerStarted(story.container()))
    assert story.settle() == ["target web: exited 0"]
    story.tell(EngineLost(story.passed(60), "connection refused"))
    story.connected()

    assert story.settle() == ["target web: exited 0"]


def test_a_syntax_error_leaves_the_running_process_alone(story: Story) -> None:
    """A container with a Python like ours need not be asked; a save that parses restarts."""
    story.changed("views.py", content="INVALID")
    assert story.settle() == ["target web: views.py:1: invalid syntax"]
    assert hold_of(story) is HoldKind.SYNTAX_ERROR
    story.changed("views.py", content="valid")

    assert story.settle() == ["target web: RestartContainer (views.py changed)", "target web: up to date"]


@pytest.fixture
def other() -> Story:
    """A story whose containers have another Python than ours."""
    story = Story(world=World(python="cpython-39"))
    story.connected().settle()
    return story


def test_a_container_with_another_python_is_asked_once_about_what_was_saved(other: Story) -> None:
    """Its word counts for as long as the file stays as it is."""
    other.changed("views.py", content="INVALID")
    assert other.settle() == [
        "target web: CheckSyntax (views.py changed)",
        "target web: views.py:1: invalid syntax",
    ]
    other.changed("app.py")
    assert other.settle() == [
        "target web: views.py:1: invalid syntax",
    ]
    other.changed("views.py", content="valid")

    assert other.settle() == [
        "target web: CheckSyntax (views.py and 1 more changed)",
        "target web: RestartContainer (views.py and 1 more changed)",
        "target web: up to date",
    ]


def test_a_syntax_that_only_the_containers_python_knows_is_no_error(other: Story) -> None:
    """Our own Python may be the older one."""
    other.changed("views.py", content="NEWER")
    assert other.settle() == [
        "target web: CheckSyntax (views.py changed)",
        "target web: RestartContainer (views.py changed)",
        "target web: up to date",
    ]


def test_a_syntax_that_the_containers_python_does_not_know_is_an_error(other: Story) -> None:
    """Our own Python may be the newer one."""
    other.changed("views.py", content="REMOVED")

    assert other.settle() == [
        "target web: CheckSyntax (views.py changed)",
        "target web: views.py:1: invalid syntax",
    ]


def test_many_files_are_checked_by_parts() -> None:
    """They would not fit into one command line."""
    paths = [f"m{number}.py" for number in range(MOST_CHECKED + 1)]
    story = Story({"web": paths}, world=World(python="cpython-39")).connected()
    story.settle()
    story.changed(*paths)

    kinds = [line.split()[2] for line in story.settle()]
    assert kinds == ["CheckSyntax", "CheckSyntax", "RestartContainer", "up"]


def test_where_the_container_cannot_be_asked_our_own_python_decides(other: Story) -> None:
    """A container without a Python at hand does not run broken code either."""
    other.failing["CheckSyntax"] = Failed("no python in the container")
    other.changed("views.py", content="INVALID")
    assert other.settle()[-1] == "target web: views.py:1: invalid syntax"
    other.changed("views.py", content="valid")

    assert other.settle()[-1] == "target web: up to date"


def test_files_that_count_no_longer_restart_nothing(story: Story) -> None:
    """What changed is which files count, and not what the program has loaded."""
    before = story.target().source
    assert before is not None
    fewer = Digest("fewer", "fewer")
    story.tell(shared(story, fewer))
    assert story.settle() == ["target web: up to date"]
    story.tell(shared(story, before))

    assert story.settle() == ["target web: up to date"]


def test_files_that_count_no_longer_restart_nothing_during_a_restart_either(story: Story) -> None:
    """The restart was decided under the digest's old name, and ends under the new one."""
    story.changed("views.py")
    action = story.begin(RestartContainer)
    story.tell(shared(story, Digest("fewer", "fewer")))
    story.tell(shared(story, Digest("fewest", "fewest")))
    story.finish(action)
    assert story.settle() == ["target web: up to date"]

    story.changed("views.py")
    assert story.settle() == ["target web: RestartContainer (views.py changed)", "target web: up to date"]


def shared(story: Story, digest: Digest) -> FilesChanged:
    """Return the event that other files count for a target, with the same contents."""
    change = SourceChange(digest, (), was=digest)
    return FilesChanged(story.now, story.batch, {TargetName("web"): change})


def test_a_program_that_has_done_its_work_runs_again_only_for_what_it_reaches(story: Story) -> None:
    """What merely lies beside it may be anybody's."""
    story.crashed(code=0)
    story.settle()
    source = story.target().source
    assert source is not None

    beside = FilesChanged(
        story.now, 7, {TargetName("web"): SourceChange(Digest("other", source.reached), ("x.py",))}
    )
    story.tell(beside)
    assert story.settle() == ["target web: exited 0"]

    story.changed("views.py")
    assert story.settle() == [
        "target web: RestartContainer (views.py and 1 more changed)",
        "target web: up to date",
    ]


def test_a_file_that_was_broken_at_the_start_holds_nothing_back(story: Story) -> None:
    """It did not keep the program from running then."""
    story.crashed()
    story.changed("views.py", content="INVALID")
    assert story.settle()[-1] == "target web: up to date"
    story.changed("app.py")

    assert story.settle() == ["target web: RestartContainer (app.py changed)", "target web: up to date"]


def test_a_syntax_check_that_is_lost_is_asked_again(other: Story) -> None:
    """An engine that went away says nothing about syntax."""
    other.changed("views.py", content="INVALID")
    other.finish(other.begin(CheckSyntax), Lost("gone"))
    other.connected()
    other.finish(other.begin(InspectTarget))

    assert isinstance(other.begin(CheckSyntax), CheckSyntax)


def flap(story: Story, times: int, path: str = "app.py") -> list[str]:
    """Let the program change its own source shortly after each start."""
    lines: list[str] = []
    for _ in range(times):
        story.passed(0.2)
        story.changed(path)
        lines += story.settle()
    return lines


def test_a_program_that_changes_its_own_source_is_held_after_ten_restarts(story: Story) -> None:
    """The path is named; another change, or a command, ends it."""
    story.changed("app.py")
    story.settle()
    lines = flap(story, 13)
    assert lines.count("target web: RestartContainer (app.py changed)") == 11
    assert hold_of(story) is HoldKind.FLAPPING
    story.changed("views.py")
    assert story.settle()[0] == "target web: RestartContainer (views.py and 1 more changed)"

    flap(story, 13)
    assert hold_of(story) is HoldKind.FLAPPING
    story.tell(RestartRequested(story.now, (WEB,)))
    assert story.settle()[-1] == "target web: up to date"


def test_edits_by_a_person_are_no_flapping(story: Story) -> None:
    """They do not follow every start at once, or they are of several files."""
    for _ in range(30):
        story.passed(1)
        story.changed("app.py")
        assert story.settle()[-1] == "target web: up to date"
    for path in ("app.py", "views.py") * 12:
        story.passed(0.2)
        story.changed(path)
        assert story.settle()[-1] == "target web: up to date"


def test_stale_byte_code_is_told_to_the_restart(story: Story) -> None:
    """What changed since the start goes with the restart, and comes back if that fails."""
    story.changed("app.py")
    restart = story.begin(RestartContainer)
    assert isinstance(restart, RestartContainer)
    assert restart.stale == ("app.py",)
    story.finish(restart, Failed("no"))
    story.changed("views.py")
    story.finish(story.begin(InspectTarget))
    again = story.begin(RestartContainer)

    assert isinstance(again, RestartContainer)
    assert again.stale == ("app.py", "views.py")
    assert again.changed == ("app.py", "views.py")


def test_a_target_whose_files_were_not_read_yet_waits() -> None:
    """Nothing is decided before the first look at the disk."""
    story = Story().connected()
    story.settle()
    fresh = initial_state(story.project, story.now)
    story.state = replace(fresh, images=story.state.images)
    story.tell(EngineConnected(story.now))

    assert story.settle() == ["target web: files are being read"]


def test_output_and_hints_are_kept_until_the_next_start(story: Story) -> None:
    """A new run starts with a clean page."""
    story.tell(OutputEnded(story.now, WEB, ("Traceback",)))
    story.tell(HintFound(story.now, WEB, "listens on 127.0.0.1"))
    story.tell(HintFound(story.now, WEB, "listens on 127.0.0.1"))
    story.tell(TimePassed(story.now))
    assert story.target().tail == ("Traceback",)
    assert story.target().hints == ("listens on 127.0.0.1",)
    story.changed("app.py")
    story.settle()

    assert story.target().tail == story.target().hints == ()


class TestAdoption:
    """A new daemon finds containers that it did not start."""

    def again(self, story: Story, rows: dict[TargetName, Loaded] | None = None) -> Story:
        """Start another daemon on the same disk and engine."""
        return Story(world=story.world, disk=story.disk, rows=rows, now=story.passed(5)).connected()

    def test_a_running_container_with_the_present_source_is_adopted(self, story: Story) -> None:
        """Its row in the cache says what it has loaded."""
        loaded = story.target().loaded
        assert loaded is not None
        story.disk.times["app.py"] = story.now  # touched, so only the row can tell

        assert self.again(story, {WEB: loaded}).settle() == [
            "image default: HashInputs (requirements.txt changed)",
            "target web: up to date",
        ]

    def test_without_a_row_older_files_count_as_loaded(self, story: Story) -> None:
        """All files are older than the start, so they are what it has loaded."""
        assert self.again(story).settle()[-1] == "target web: up to date"
        assert story.world.starts == 1

    def test_without_a_row_newer_files_cost_one_restart(self, story: Story) -> None:
        """Nobody knows what it has loaded."""
        story.disk.times["app.py"] = story.now
        lines = self.again(story).settle()

        assert "target web: RestartContainer (source changed while devrun was away)" in lines

    def test_a_row_of_another_source_costs_one_restart(self, story: Story) -> None:
        """What changed while no daemon ran is applied once."""
        loaded = story.target().loaded
        assert loaded is not None
        story.disk.files["app.py"] = "edited meanwhile"
        lines = self.again(story, {WEB: loaded}).settle()

        assert lines[-2:] == [
            "target web: RestartContainer (source changed while devrun was away)",
            "target web: up to date",
        ]

    def test_a_row_of_another_start_does_not_count(self, story: Story) -> None:
        """The container was started by somebody else since."""
        loaded = story.target().loaded
        assert loaded is not None
        story.world.containers[WEB] = [replace(story.container(), started=story.passed(5))]
        story.disk.times["app.py"] = story.now
        lines = self.again(story, {WEB: loaded}).settle()

        assert "target web: RestartContainer (source changed while devrun was away)" in lines

    def test_what_does_not_run_is_started(self, story: Story) -> None:
        """The start of devrun is a wish to run; a script that ended runs again."""
        story.crashed(code=0)
        story.settle()
        loaded = story.target().loaded
        assert loaded is not None

        lines = self.again(story, {WEB: loaded}).settle()
        assert "target web: RestartContainer (devrun started)" in lines

    def test_only_the_targets_that_were_asked_for_are_started(self) -> None:
        """`devrun watch db` leaves web alone."""
        story = Story({"web": ["app.py"], "db": ["db.py"]}, only=frozenset({TargetName("db")})).connected()

        assert story.settle()[-2:] == ["target web: stopped", "target db: up to date"]


def test_a_check_of_files_that_changed_meanwhile_says_nothing_of_the_new_ones(other: Story) -> None:
    """The verdict is of a content, not of a path."""
    other.changed("views.py", content="INVALID")
    check = other.begin(CheckSyntax)
    other.changed("views.py", content="NEWER")
    assert isinstance(check, CheckSyntax)
    other.finish(check, SyntaxChecked(frozenset({Broken("views.py", 1, "bad", "INVALID")})))

    assert "target web: RestartContainer (views.py changed)" in other.settle()


def test_an_event_leaves_the_old_state_as_it_was(story: Story) -> None:
    """States are values."""
    before = story.state
    after = step(before, StopRequested(story.now, (WEB,)))

    assert before.targets[WEB].wanted
    assert not after.targets[WEB].wanted
    assert before.images[ImageName("default")] is after.images[ImageName("default")]


@pytest.mark.parametrize("is_told", [False, True], ids=["unnoticed", "noticed by the engine"])
def test_a_start_during_a_stop_comes_after_it(story: Story, *, is_told: bool) -> None:
    """What the stop ended has not crashed, whoever tells of its end first."""
    story.tell(StopRequested(story.now, (WEB,)))
    stop = story.begin(StopContainer)
    if is_told:
        story.tell(ContainerTouched(story.now, WEB))
    story.tell(StartRequested(story.now, (WEB,)))
    story.finish(stop)

    assert story.settle() == ["target web: RestartContainer (asked to start)", "target web: up to date"]


def test_a_stop_during_a_restart_comes_after_it(story: Story) -> None:
    """One action at a time for each target."""
    story.changed("app.py")
    restart = story.begin(RestartContainer)
    story.tell(StopRequested(story.now, (WEB,)))
    assert hold_of(story) is HoldKind.BUSY
    story.finish(restart)

    assert isinstance(story.begin(StopContainer), StopContainer)
