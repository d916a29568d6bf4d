"""Decisions about images: when one is hashed, built, cancelled, kept and removed."""

from devrun.config.project import ImageName, TargetName
from devrun.core.actions import (
    BuildImage,
    CancelBuild,
    HashInputs,
    InspectImage,
    RecreateContainer,
    RemoveContainer,
    RemoveImage,
    RestartContainer,
)
from devrun.core.decide import Hold, HoldKind, decide_image, is_settled
from devrun.core.events import (
    BuildAdvanced,
    Cancelled,
    Failed,
    FilesChanged,
    GitEnded,
    GitStarted,
    ImageBuilt,
    ImageTouched,
    InputsHashed,
    Lost,
    RebuildRequested,
    RestartRequested,
    ShutdownRequested,
    StartRequested,
    StopRequested,
)
from devrun.core.values import Built, Fingerprint
from tests.core.story import Story

DEFAULT = ImageName("default")


def hold_of(story: Story) -> HoldKind | None:
    decision = decide_image(story.state, DEFAULT)
    return decision.kind if isinstance(decision, Hold) else None


def test_a_first_start_builds_the_image_and_starts_the_target() -> None:
    """Nothing is there: one build, one container."""
    assert Story().connected().settle() == [
        "image default: HashInputs (requirements.txt changed)",
        "image default: BuildImage (requirements.txt changed)",
        "target web: RecreateContainer (no container)",
        "target web: up to date",
    ]


def test_a_requirements_change_rebuilds_then_recreates(story: Story) -> None:
    """A change of meaning in requirements.txt leads to one build and one swap."""
    story.changed("requirements.txt", "app.py")

    assert story.settle() == [
        "image default: HashInputs (requirements.txt changed)",
        "image default: BuildImage (requirements.txt changed)",
        "target web: RecreateContainer (image is newer: requirements.txt changed)",
        "target web: up to date",
    ]
    assert story.serves_newest()


def test_a_comment_in_the_requirements_builds_nothing(story: Story) -> None:
    """The fingerprint is of the meaning, so a comment is hashed and held."""
    story.changed("requirements.txt", content="0# pinned for a reason")

    assert story.settle() == [
        "image default: HashInputs (requirements.txt changed)",
        "target web: up to date",
    ]


def test_an_earlier_meaning_is_a_swap_without_a_build(story: Story) -> None:
    """Switching back to inputs that were built before finds their image by its fingerprint."""
    story.changed("requirements.txt", content="other")
    story.settle()
    story.changed("requirements.txt", content="0")

    assert story.settle() == [
        "image default: HashInputs (requirements.txt changed)",
        "target web: RecreateContainer (image is newer: requirements.txt changed)",
        "target web: up to date",
    ]


def test_a_removal_that_the_engine_tells_of_first_brings_no_build(story: Story) -> None:
    """The event of a removed tag comes before the removal's own end, and the wanted image is still there."""
    for content in ("one", "two", "three"):
        story.changed("requirements.txt", content=content)
        story.settle()
    story.changed("requirements.txt", content="four")
    story.finish(story.begin(HashInputs))
    story.finish(story.begin(BuildImage))
    removal = story.begin(RemoveImage)
    story.tell(ImageTouched(story.passed(1), DEFAULT))
    story.finish(removal)

    assert not any("BuildImage" in line for line in story.settle())
    assert story.serves_newest()


def test_a_build_whose_inputs_change_is_cancelled_and_begun_anew(story: Story) -> None:
    """The newest inputs win, and the stale build does not run to its end."""
    story.changed("requirements.txt", content="one")
    story.finish(story.begin(HashInputs))
    build = story.begin(BuildImage)
    story.changed("requirements.txt", content="two")
    story.finish(story.begin(HashInputs))
    story.begin(CancelBuild)

    assert hold_of(story) is HoldKind.BUSY
    story.finish(build, Cancelled())
    assert story.settle() == [
        "image default: BuildImage (requirements.txt changed)",
        "target web: RecreateContainer (image is newer: requirements.txt changed)",
        "target web: up to date",
    ]
    assert story.serves_newest()


def test_a_build_of_what_is_no_longer_there_is_hashed_anew(story: Story) -> None:
    """Though nobody told of a change: otherwise the same would be built for ever."""
    story.changed("requirements.txt", content="one")
    story.finish(story.begin(HashInputs))
    build = story.begin(BuildImage)
    story.finish(build, Cancelled(is_outdated=True))

    assert story.settle()[:2] == [
        "image default: HashInputs (requirements.txt changed)",
        "image default: BuildImage (requirements.txt changed)",
    ]


def test_a_build_that_is_out_of_date_leaves_a_newer_fingerprint_alone(story: Story) -> None:
    """The change was told, and decided, before the build said so."""
    story.changed("requirements.txt", content="one")
    story.finish(story.begin(HashInputs))
    build = story.begin(BuildImage)
    story.changed("requirements.txt", content="two")
    story.finish(story.begin(HashInputs))
    story.finish(build, Cancelled(is_outdated=True))

    assert story.settle()[0] == "image default: BuildImage (requirements.txt changed)"


def test_a_comment_does_not_cancel_a_build(story: Story) -> None:
    """Inputs that mean the same are what is being built already."""
    story.changed("requirements.txt", content="one")
    story.finish(story.begin(HashInputs))
    build = story.begin(BuildImage)
    story.changed("requirements.txt", content="one# why")
    story.finish(story.begin(HashInputs))

    assert story.due() == []
    story.finish(build)
    assert story.settle()[0].startswith("target web: RecreateContainer")


def test_a_hash_counts_only_if_its_revision_is_still_the_current_one(story: Story) -> None:
    """Inputs that change while they are hashed are hashed again."""
    story.changed("requirements.txt", content="one")
    hashing = story.begin(HashInputs)
    answer = InputsHashed(story.fingerprint())
    story.changed("requirements.txt", content="two")
    story.finish(hashing, answer)

    assert story.state.images[DEFAULT].fingerprint is None
    story.settle()
    assert story.serves_newest()


def test_an_inspection_counts_only_if_its_revision_is_still_the_current_one() -> None:
    """An image that appears while images are listed is not missed."""
    story = Story().connected()
    story.finish(story.begin(HashInputs))
    looking = story.begin(InspectImage)
    answer = story.outcome_of(looking)
    story.outcome_of(BuildImage(DEFAULT, story.fingerprint(), 0, "somebody else"))
    story.tell(ImageTouched(story.now, DEFAULT))
    story.finish(looking, answer)

    assert story.settle() == ["target web: RecreateContainer (no container)", "target web: up to date"]


def test_inputs_that_change_during_a_build_end_in_an_image_of_the_newest(story: Story) -> None:
    """A build that ends before the newer fingerprint is known is not the last one."""
    story.changed("requirements.txt", content="one")
    story.finish(story.begin(HashInputs))
    build = story.begin(BuildImage)
    story.changed("requirements.txt", content="two")
    story.finish(build)

    assert story.settle()[-1] == "target web: up to date"
    assert story.serves_newest()


def test_a_failed_build_holds_until_its_inputs_change(story: Story) -> None:
    """The same inputs are not built again; others are."""
    story.failing["BuildImage"] = Failed("pip found no such package", step="RUN pip install")
    story.changed("requirements.txt", content="nonsense")

    assert story.settle()[-1] == "target web: up to date"
    assert hold_of(story) is HoldKind.FAILED
    story.failing.clear()
    story.changed("requirements.txt", content="sense")
    assert "image default: BuildImage (requirements.txt changed)" in story.settle()


def test_the_failure_of_a_build_outlives_the_success_of_other_actions(story: Story) -> None:
    """Only the same kind of action with other values, or its success, ends a failure."""
    story.failing["BuildImage"] = Failed("no")
    story.changed("requirements.txt", content="nonsense")
    story.settle()
    story.failing.clear()
    story.changed("app.py")
    story.settle()

    assert hold_of(story) is HoldKind.FAILED


def test_a_failed_build_is_tried_again_where_its_inputs_are_written_in_another_way(story: Story) -> None:
    """A comment means nothing, but what was refused may be mended without another meaning."""
    story.failing["BuildImage"] = Failed("bad Dockerfile")
    story.changed("requirements.txt", content="nonsense")
    story.settle()
    story.changed("requirements.txt", content="nonsense")
    assert not any("BuildImage" in line for line in story.settle())

    story.failing.clear()
    story.changed("requirements.txt", content="nonsense# mended")
    assert story.settle()[1].startswith("image default: BuildImage")
    assert story.serves_newest()


def test_what_is_mended_during_a_build_is_tried_once_that_has_failed(story: Story) -> None:
    """The failure is one of the text that the build was decided with."""
    story.changed("requirements.txt", content="nonsense")
    story.finish(story.begin(HashInputs))
    build = story.begin(BuildImage)
    story.changed("requirements.txt", content="nonsense# mended")
    story.finish(story.begin(HashInputs))
    story.finish(build, Failed("bad Dockerfile"))

    assert story.settle()[0].startswith("image default: BuildImage")
    assert story.serves_newest()


def test_a_rebuild_by_command_builds_the_same_fingerprint_anew(story: Story) -> None:
    """The build number is served by a new build only; the new image is swapped in."""
    story.tell(RebuildRequested(story.passed(1), (DEFAULT,)))

    assert story.settle() == [
        "image default: BuildImage (asked to rebuild)",
        "target web: RecreateContainer (image is newer: asked to rebuild)",
        "target web: up to date",
    ]


def test_a_build_of_unchanged_content_recreates_nothing(story: Story) -> None:
    """Images are compared by content: another fingerprint on the same id is no newer image."""
    story.changed("requirements.txt", content="other spelling")
    story.finish(story.begin(HashInputs))
    same = Built(story.fingerprint(), story.container().image, story.now)
    story.finish(story.begin(BuildImage), ImageBuilt(same))

    assert story.settle() == ["target web: up to date"]


def test_an_image_whose_tag_is_taken_away_is_built_only_when_a_container_needs_it(story: Story) -> None:
    """Containers that have the content already go on; a new container brings the build."""
    story.world.images.clear()
    story.tell(ImageTouched(story.passed(1), DEFAULT))
    assert story.settle() == ["target web: up to date"]

    story.vanished()
    assert story.settle() == [
        "image default: BuildImage (requirements.txt changed)",
        "target web: RecreateContainer (its container is gone)",
        "target web: up to date",
    ]


def test_an_image_that_no_target_wants_is_not_built() -> None:
    """A stopped target needs no image."""
    story = Story()
    story.tell(StopRequested(story.now, (TargetName("web"),)))
    story.connected()

    assert story.settle() == ["image default: HashInputs (requirements.txt changed)", "target web: stopped"]
    assert hold_of(story) is HoldKind.UNUSED


def test_the_newest_three_images_are_kept_and_older_ones_removed(story: Story) -> None:
    """The fourth oldest goes, never one that a container uses."""
    for content in ("one", "two", "three"):
        story.changed("requirements.txt", content=content)
        story.passed(1)
        lines = story.settle()

    assert "image default: RemoveImage (superseded)" in lines
    assert len(story.world.images) == 3
    assert len(story.world.removed) == 1


def test_no_image_is_removed_while_a_container_is_unknown(story: Story) -> None:
    """An image counts as unused only where every container is known."""
    for content in ("one", "two", "three"):
        story.world.images[DEFAULT, Fingerprint(content)] = story.world.images[DEFAULT, story.fingerprint()]
    story.tell(ImageTouched(story.now, DEFAULT))
    story.finish(story.begin(InspectImage))
    story.crashed()

    assert hold_of(story) is HoldKind.UP_TO_DATE


def test_an_image_that_cannot_be_removed_is_not_tried_again(story: Story) -> None:
    """A refused removal holds itself back and nothing else."""
    story.failing["RemoveImage"] = Failed("in use by a stranger")
    for content in ("one", "two", "three"):
        story.changed("requirements.txt", content=content)
        story.passed(1)
        lines = story.settle()

    assert lines.count("image default: RemoveImage (superseded)") == 1
    assert hold_of(story) is HoldKind.UP_TO_DATE


def test_several_images_that_cannot_be_removed_are_each_tried_once(story: Story) -> None:
    """The refusal of one removal does not make room for another try of the other."""
    story.failing["RemoveImage"] = Failed("in use by a stranger")
    lines = []
    for content in ("one", "two", "three", "four", "five"):
        story.changed("requirements.txt", content=content)
        story.passed(1)
        lines += story.settle()

    assert lines.count("image default: RemoveImage (superseded)") == 3


def test_inputs_that_cannot_be_read_are_read_again_after_a_growing_pause(story: Story) -> None:
    """A look that fails is repeated, later and later, and meanwhile nothing is settled."""
    story.failing["HashInputs"] = Failed("requirements.txt: permission denied")
    story.changed("requirements.txt")
    story.settle()
    first = decide_image(story.state, DEFAULT)
    assert isinstance(first, Hold)
    assert first.kind is HoldKind.RETRYING
    assert not is_settled(story.state)

    story.tell(FilesChanged(story.passed(1), 99))
    story.finish(story.begin(HashInputs))
    second = decide_image(story.state, DEFAULT)
    assert isinstance(second, Hold)
    assert first.until is not None
    assert second.until is not None
    assert second.until - story.now > first.until - (story.now - 1.02)

    story.failing.clear()
    story.passed(60)
    story.tell(FilesChanged(story.now, 100))
    assert "target web: up to date" in story.settle()


def test_git_holds_builds_and_restarts_until_it_ends(story: Story) -> None:
    """A checkout is decided once, at its end."""
    story.tell(GitStarted(story.now))
    story.changed("requirements.txt", "app.py")
    assert story.settle() == ["target web: a git operation rewrites the tree"]
    story.changed("views.py")
    story.tell(GitEnded(story.now))

    assert story.settle() == [
        "image default: HashInputs (requirements.txt changed)",
        "image default: BuildImage (requirements.txt changed)",
        "target web: RecreateContainer (image is newer: requirements.txt changed)",
        "target web: up to date",
    ]


def test_an_edit_while_git_is_at_work_is_decided_once_after_it(story: Story) -> None:
    """However often it was saved; and what is undone by then leads to nothing."""
    story.tell(GitStarted(story.now))
    for _ in range(3):
        story.changed("app.py")
    assert story.due() == []
    story.tell(GitEnded(story.now))
    assert story.settle() == ["target web: RestartContainer (app.py changed)", "target web: up to date"]

    before = story.disk.files["views.py"]
    story.tell(GitStarted(story.now))
    story.changed("views.py", content="other")
    story.changed("views.py", content=before)
    story.tell(GitEnded(story.now))
    assert story.settle() == ["target web: up to date"]


def test_what_runs_when_git_begins_runs_to_its_end(story: Story) -> None:
    """A build is not cancelled for a tree that is half another one."""
    story.changed("requirements.txt")
    story.finish(story.begin(HashInputs))
    build = story.begin(BuildImage)
    story.tell(GitStarted(story.now))
    story.changed("requirements.txt")
    assert story.due() == []
    story.finish(build)
    assert story.due() == []
    story.tell(GitEnded(story.now))

    assert story.settle()[0] == "image default: HashInputs (requirements.txt changed)"


def test_a_target_can_be_stopped_and_removed_while_git_is_at_work(story: Story) -> None:
    """To stop needs no file; to start or restart waits for the end, as it would load half a tree."""
    story.tell(GitStarted(story.now))
    story.tell(RestartRequested(story.now, (TargetName("web"),)))
    assert story.settle() == ["target web: a git operation rewrites the tree"]
    story.tell(StopRequested(story.now, (TargetName("web"),)))
    assert story.settle() == ["target web: StopContainer (asked to stop)", "target web: stopped"]
    story.tell(StartRequested(story.now, (TargetName("web"),)))
    assert story.settle() == ["target web: a git operation rewrites the tree"]
    story.tell(ShutdownRequested(story.now, remove=True))
    assert any(isinstance(action, RemoveContainer) for action in story.due())


def test_a_build_that_the_engine_takes_with_it_is_no_failure(story: Story) -> None:
    """After the engine's return it is begun again."""
    story.changed("requirements.txt")
    story.finish(story.begin(HashInputs))
    story.finish(story.begin(BuildImage), Lost("connection reset"))
    assert story.settle() == ["target web: engine down"]

    story.connected()
    assert "image default: BuildImage (requirements.txt changed)" in story.settle()


def test_the_end_of_devrun_cancels_a_build(story: Story) -> None:
    """Nobody waits for an image that nobody will use."""
    story.changed("requirements.txt")
    story.finish(story.begin(HashInputs))
    build = story.begin(BuildImage)
    story.tell(BuildAdvanced(story.now, DEFAULT, "2/5 RUN pip install"))
    assert story.state.images[DEFAULT].progress == "2/5 RUN pip install"
    story.tell(ShutdownRequested(story.now))
    story.begin(CancelBuild)
    assert hold_of(story) is HoldKind.BUSY
    story.finish(build, Cancelled())

    assert hold_of(story) is HoldKind.UNUSED
    assert story.settle()[-1] == "target web: stopped"


def test_an_edit_of_code_alone_never_concerns_the_image(story: Story) -> None:
    """Code restarts, and while it does the image is up to date."""
    story.changed("app.py")
    story.begin(RestartContainer)

    assert hold_of(story) is HoldKind.UP_TO_DATE
    assert story.state.images[DEFAULT].builds == 1
    assert not any(isinstance(action, RemoveImage) for action in story.due())


def test_code_beside_a_comment_in_the_requirements_does_not_wait_for_the_build_that_goes_on(
    story: Story,
) -> None:
    """What the running build is for has been decided; the comment changes nothing in that."""
    story.changed("requirements.txt")
    story.finish(story.begin(HashInputs))
    build = story.begin(BuildImage)
    story.changed("requirements.txt", "app.py", content=f"{story.disk.files['requirements.txt']}# why")
    story.finish(story.begin(HashInputs))

    assert isinstance(story.begin(RestartContainer), RestartContainer)
    assert isinstance(build, BuildImage)
    assert build.fingerprint == story.fingerprint()


def test_code_that_came_with_the_requirements_waits_for_the_build_over_a_comment(story: Story) -> None:
    """It may need what is being installed."""
    story.changed("requirements.txt", "app.py")
    story.finish(story.begin(HashInputs))
    story.begin(BuildImage)
    story.changed("requirements.txt", content=f"{story.disk.files['requirements.txt']}# why")
    story.finish(story.begin(HashInputs))

    assert story.holds() == {"web": "waiting for image default"}


def test_an_image_heard_of_before_its_build_ends_hides_no_other(story: Story) -> None:
    """The engine tells of the tag first; then the older images are asked for, and one is used again."""
    text = story.disk.files["requirements.txt"]
    story.changed("requirements.txt")
    story.finish(story.begin(HashInputs))
    build = story.begin(BuildImage)

    story.tell(ImageTouched(story.now, DEFAULT))
    story.finish(build)
    story.settle()
    story.changed("requirements.txt", content=text)

    assert story.settle() == [
        "image default: HashInputs (requirements.txt changed)",
        "target web: RecreateContainer (image is newer: requirements.txt changed)",
        "target web: up to date",
    ]


def test_an_image_heard_of_while_another_is_removed_is_asked_for(story: Story) -> None:
    """The end of the removal does not stand for a list of what else is there."""
    for content in ("one", "two", "three"):
        story.changed("requirements.txt", content=content)
        story.passed(1)
        if content != "three":
            story.settle()
    for action in (HashInputs, BuildImage, RecreateContainer):
        story.finish(story.begin(action))
    removal = story.begin(RemoveImage)

    story.tell(ImageTouched(story.now, DEFAULT))
    story.finish(removal)

    assert story.state.images[DEFAULT].built is None
    story.settle()
    assert len(story.state.images[DEFAULT].built or ()) == 3
