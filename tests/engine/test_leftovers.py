"""What `down` removes when it is asked to: images and volumes of ours, unless somebody uses them."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import docker.errors
import pytest

from devrun.core.values import ImageId
from devrun.engine.connection import Connection
from devrun.engine.labels import volume_labels, volume_name
from devrun.engine.leftovers import Leftovers
from devrun.engine.protocol import Removal
from tests.engine.builds import FROM, Workshop, open_workshop

pytestmark = pytest.mark.engine


@pytest.fixture
def workshop(tmp_path: Path, connection: Connection) -> Iterator[Workshop]:
    """A project folder on the real engine."""
    with open_workshop(tmp_path, connection) as opened:
        yield opened


@pytest.fixture
def leftovers(workshop: Workshop) -> Leftovers:
    """Those of the project."""
    return Leftovers(workshop.connection, workshop.project)


def tag_of(workshop: Workshop, fingerprint: str) -> str:
    return f"devrun/{workshop.project.slug}-default:{fingerprint}"


def test_all_images_of_the_project_go(workshop: Workshop, leftovers: Leftovers) -> None:
    """Those too whose tag went to a later build."""
    lost = workshop.build(FROM + f"LABEL test=one-{workshop.nonce}\n", "f1")
    workshop.build(FROM + f"LABEL test=two-{workshop.nonce}\n", "f1")
    workshop.build(FROM + f"LABEL test=three-{workshop.nonce}\n", "f2")

    assert leftovers.remove_images() == Removal(
        (f"image {tag_of(workshop, 'f1')}", f"image {tag_of(workshop, 'f2')}", f"image {lost.id}")
    )
    assert leftovers.remove_images() == Removal()


def test_an_image_in_use_is_said_and_left(workshop: Workshop, leftovers: Leftovers) -> None:
    """With the container that uses it, which is not devrun's."""
    workshop.build(FROM + f"LABEL test={workshop.nonce}\n", "f1")
    workshop.build(FROM + f"LABEL test=other-{workshop.nonce}\n", "f2")
    client = workshop.connection.client
    name = f"user-{workshop.project.slug}"
    client.create_container(tag_of(workshop, "f1"), "true", name=name)
    try:
        assert leftovers.remove_images() == Removal(
            (f"image {tag_of(workshop, 'f2')}",),
            (f"image {tag_of(workshop, 'f1')}: container {name} uses it",),
        )
    finally:
        client.remove_container(name)


def test_what_others_built_on_ours_is_theirs(
    workshop: Workshop, leftovers: Leftovers, tmp_path: Path
) -> None:
    """It has the labels of what it was built on, and a tag that is not ours."""
    built = workshop.build(FROM + f"LABEL test={workshop.nonce}\n")
    client = workshop.connection.client
    theirs = f"theirs-{workshop.project.slug}"
    client.tag(built.id, theirs, "1")
    try:
        assert leftovers.remove_images() == Removal((f"image {tag_of(workshop, 'f1')}",))
        assert leftovers.remove_images() == Removal()
        assert ImageId(client.images(name=theirs)[0]["Id"]) == built.id
    finally:
        client.remove_image(f"{theirs}:1")


def test_the_same_project_in_another_folder_keeps_its_own(workshop: Workshop, tmp_path: Path) -> None:
    """Labels say whose they are."""
    workshop.build(FROM + f"LABEL test={workshop.nonce}\n")
    other = tmp_path / "other"
    other.mkdir()
    elsewhere = Workshop(other, workshop.connection)

    assert Leftovers(elsewhere.connection, elsewhere.project).remove_images() == Removal()
    assert len(workshop.inspect()) == 1


def test_volumes_go_unless_somebody_uses_them(workshop: Workshop, leftovers: Leftovers) -> None:
    """By their labels: one that has only the name is not ours."""
    client, project = workshop.connection.client, workshop.project
    one, two, foreign = (volume_name(project, name) for name in ("one", "two", "foreign"))
    client.create_volume(one, labels=volume_labels(project, "one"))
    client.create_volume(two, labels=volume_labels(project, "two"))
    client.create_volume(foreign)
    user = f"user-{project.slug}"
    host = client.create_host_config(binds=[f"{two}:/data"])
    client.create_container(FROM.split()[1], "true", name=user, host_config=host, volumes=["/data"])
    try:
        assert leftovers.remove_volumes() == Removal(
            (f"volume {one}",), (f"volume {two}: container {user} uses it",)
        )
        assert client.inspect_volume(foreign)["Name"] == foreign
    finally:
        client.remove_container(user)
        for name in (one, two, foreign):
            with suppress(docker.errors.NotFound):
                client.remove_volume(name)
