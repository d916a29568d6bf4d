"""Images that others build: pulled once, called so, and never removed."""

from collections.abc import Mapping

import pytest

from devrun.config.project import AnyImage, ImageCommand, ImageName, PrebuiltImage, TargetConfig, TargetName
from devrun.core.actions import BuildImage, CancelBuild, HashInputs, InspectImage, kind_of
from devrun.core.events import RebuildRequested
from devrun.core.prebuilt import fingerprint_of
from devrun.core.report import ImageReport, report
from devrun.core.values import Fingerprint
from tests.core.story import Story

POSTGRES = ImageName("postgres:17")
DB = TargetConfig(TargetName("db"), POSTGRES, ImageCommand(), stop_timeout_s=10)


@pytest.fixture
def story(story: Story) -> Story:
    """The usual story, to whose file a database of others was added."""
    story.reloaded(DB, images=images_of(story), inputs={POSTGRES: []})
    return story


def images_of(story: Story, platform: str | None = None) -> Mapping[str, AnyImage]:
    kept = {str(name): image for name, image in story.project.images.items()}
    return {**kept, POSTGRES: PrebuiltImage(POSTGRES, platform)}


def image(story: Story, name: ImageName = POSTGRES) -> ImageReport:
    return report(story.state, pid=1, started=0.0, engine="Docker").images[name]


def test_it_is_pulled_and_its_target_is_created(story: Story) -> None:
    """By the same actions as one that is built; the others are left alone."""
    assert story.settle() == [
        "image postgres:17: HashInputs (devrun.toml changed)",
        "image postgres:17: BuildImage (devrun.toml changed)",
        "target db: RecreateContainer (devrun.toml changed)",
        "target web: up to date",
        "target db: up to date",
    ]


def test_no_edit_has_to_do_with_it(story: Story) -> None:
    """It has no files."""
    story.settle()
    story.changed("requirements.txt", "app.py")

    assert not any("postgres" in line and "up to date" not in line for line in story.settle())


def test_a_person_reads_that_it_is_pulled(story: Story) -> None:
    """While it is, and when that is given up; what devrun builds is built."""
    story.finish(story.begin(HashInputs))
    story.finish(story.begin(InspectImage))
    pull = story.begin(BuildImage)
    assert image(story).doing == "pulling: devrun.toml changed"
    story.tell(RebuildRequested(story.now, (POSTGRES,)))
    cancel = story.begin(CancelBuild)

    assert image(story).doing == "cancelling the pull: asked to rebuild"
    assert (image(story).prebuilt, image(story, ImageName("default")).prebuilt) == (True, False)
    assert isinstance(pull, BuildImage)
    assert kind_of(pull) == "PullImage"
    assert isinstance(cancel, CancelBuild)


def test_what_is_built_is_called_a_build() -> None:
    """As ever."""
    build = BuildImage(ImageName("default"), Fingerprint("f1"), 0, "devrun started")

    assert kind_of(build) == "BuildImage"


def test_a_rebuild_pulls_anew(story: Story) -> None:
    """A registry may have a newer one under the same name."""
    story.settle()
    story.tell(RebuildRequested(story.now, (POSTGRES,)))

    assert "image postgres:17: BuildImage (asked to rebuild)" in story.settle()


def test_reference_and_platform_are_all_that_it_is_known_by() -> None:
    """Another one of them is another image."""
    images = [
        PrebuiltImage(POSTGRES),
        PrebuiltImage(POSTGRES, "linux/arm64"),
        PrebuiltImage(ImageName("postgres:16")),
    ]
    fingerprints = [fingerprint_of(one) for one in images]

    assert len(set(fingerprints)) == len(images)
    assert fingerprint_of(PrebuiltImage(POSTGRES)) == fingerprints[0]


def test_another_platform_is_another_pull(story: Story) -> None:
    """The old one is of no use to the target."""
    story.settle()
    story.reloaded(DB, images=images_of(story, "linux/arm64"), saved=())

    assert "image postgres:17: HashInputs (devrun.toml changed)" in story.settle()
