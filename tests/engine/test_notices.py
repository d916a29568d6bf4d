"""Which of the engine's events concern a project."""

from pathlib import Path

import pytest

from devrun.config.project import ImageName, TargetName
from devrun.engine.labels import project_labels
from devrun.engine.notices import Known, read_event
from devrun.engine.prebuilt import familiar
from devrun.engine.protocol import Touched
from tests.engine.bench import make_project

PROJECT = make_project(Path("/home/me/shop"))
OURS = project_labels(PROJECT)
TAG = f"devrun/{PROJECT.slug}-default:1a2b"


@pytest.mark.parametrize(
    ("kind", "attributes", "expected"),
    [
        ("container", {**OURS, "dev.devrun.target": "web"}, Touched(target=TargetName("web"))),
        ("container", OURS, None),
        ("container", {**OURS, "dev.devrun.root": "other", "dev.devrun.target": "web"}, None),
        ("container", {"name": "x"}, None),
        (
            "image",
            {**OURS, "dev.devrun.image": "default", "name": "sha256:1"},
            Touched(image=ImageName("default")),
        ),
        ("image", {"name": TAG}, Touched(image=ImageName("default"))),
        ("image", {"name": f"localhost/{TAG}"}, Touched(image=ImageName("default"))),
        ("image", {"name": "python:3.13"}, None),
        ("image", {"name": "sha256:1"}, None),
        ("image", None, None),
    ],
)
def test_only_what_is_ours_is_told_of(
    kind: str, attributes: dict[str, str] | None, expected: Touched | None
) -> None:
    """By labels, and images by their tag too, since what is removed has no labels any more."""
    assert read_event({"Type": kind, "Actor": {"Attributes": attributes}}, Known(PROJECT)) == expected


def test_an_event_without_an_actor_is_about_nothing() -> None:
    """Newer engines may tell of things that devrun does not know."""
    assert read_event({"Type": "network"}, Known(PROJECT)) is None


def test_an_image_that_a_reload_added_is_known_once_it_was_asked_for() -> None:
    """The engine was connected before."""
    name = ImageName("More")
    event = {"Type": "image", "Actor": {"Attributes": {"name": f"devrun/{PROJECT.slug}-more:1a2b"}}}
    assert read_event(event, Known(PROJECT)) is None

    assert read_event(event, Known(PROJECT, lambda: [name])) == Touched(image=name)


@pytest.mark.parametrize(
    "actor",
    [
        {"ID": "postgres:17", "Attributes": {"name": "postgres"}},  # a pull
        {"ID": "sha256:2", "Attributes": {"name": "postgres:17", "maintainer": "x"}},  # a tag
        {"ID": "sha256:1", "Attributes": {"name": "sha256:1"}},  # the end of a tag
        {"ID": "sha256:1", "Attributes": None},
    ],
)
def test_an_image_of_others_is_known_by_its_reference_and_its_id(actor: dict[str, object]) -> None:
    """It has no labels of ours, whatever happens to it."""
    name = ImageName("postgres:17")
    known = Known(PROJECT, prebuilt=lambda: {"postgres:17": name, "sha256:1": name})

    assert read_event({"Type": "image", "Actor": actor}, known) == Touched(image=name)
    assert read_event({"Type": "image", "Actor": actor}, Known(PROJECT)) is None


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("postgres:17", "postgres:17"),
        ("docker.io/library/postgres:17", "postgres:17"),
        ("index.docker.io/bitnami/kafka:3", "bitnami/kafka:3"),
        ("ghcr.io/library/x:1", "ghcr.io/library/x:1"),
    ],
)
def test_a_reference_is_compared_as_engines_write_it(reference: str, expected: str) -> None:
    """The registry that goes without saying is not said."""
    assert familiar(reference) == expected
