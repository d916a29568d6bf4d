"""The images of a project on the real engine: found, told from others, removed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from devrun.config.project import ImageName
from devrun.core.values import Fingerprint
from devrun.engine.connection import Connection
from devrun.engine.lookup import look_up
from tests.engine.builds import FROM, IMAGE, Workshop, open_workshop

pytestmark = pytest.mark.engine


@pytest.fixture
def workshop(tmp_path: Path, connection: Connection) -> Iterator[Workshop]:
    """A project folder on the real engine."""
    with open_workshop(tmp_path, connection) as opened:
        yield opened


def test_a_build_is_found_by_its_fingerprint(workshop: Workshop) -> None:
    """What a build returns is what an inspection finds, with the image's WORKDIR."""
    built = workshop.build(FROM + "WORKDIR /srv/app\n", "abc")

    assert workshop.inspect() == (built,)
    assert (built.fingerprint, built.workdir) == ("abc", "/srv/app")


def test_the_labels_say_whose_it_is(workshop: Workshop) -> None:
    """They are the same for each build of the image."""
    workshop.build(FROM)
    about = look_up(workshop.connection, f"devrun/{workshop.project.slug}-default:f1")
    assert about is not None
    config = about["Config"]
    assert isinstance(config, dict)

    assert {
        "dev.devrun.project": workshop.project.slug,
        "dev.devrun.root": workshop.project.key,
        "dev.devrun.image": "default",
    }.items() <= config["Labels"].items()


def test_removing_an_image_takes_its_tag_only(workshop: Workshop) -> None:
    """Another tag of the same image stays, and what is gone already is no error."""
    workshop.build(FROM + "WORKDIR /x\n", "one")
    workshop.build(FROM + "WORKDIR /x\n", "two")
    workshop.images.remove_image(IMAGE, Fingerprint("one"))
    workshop.images.remove_image(IMAGE, Fingerprint("one"))

    assert [built.fingerprint for built in workshop.inspect()] == ["two"]


def test_an_image_in_use_is_not_removed(workshop: Workshop) -> None:
    """A container of it keeps the image, and that is no error."""
    built = workshop.build(FROM + f"LABEL test={workshop.nonce}\n")
    client = workshop.connection.client
    container = client.create_container(f"devrun/{workshop.project.slug}-default:f1", "true")["Id"]
    try:
        workshop.images.remove_image(IMAGE, Fingerprint("f1"))
        assert workshop.inspect() == (built,)
    finally:
        client.remove_container(container)


def test_images_of_another_name_or_project_are_not_ours(workshop: Workshop, tmp_path: Path) -> None:
    """An image that was built FROM ours inherits its labels, but has another tag."""
    workshop.build(FROM + "WORKDIR /x\n")
    foreign = f"foreign-{workshop.project.slug}:f2"
    client = workshop.connection.client
    client.tag(f"devrun/{workshop.project.slug}-default:f1", foreign)
    try:
        assert [built.fingerprint for built in workshop.inspect()] == ["f1"]
        assert workshop.images.inspect_image(ImageName("other")) == ()
        other = tmp_path / "other"
        other.mkdir()
        assert Workshop(other, workshop.connection).inspect() == ()
    finally:
        client.remove_image(foreign)
