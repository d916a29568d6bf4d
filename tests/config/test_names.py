"""Any name gets a slug that Docker takes, and two projects never share one."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devrun.config.load import load
from devrun.config.names import SLUG_LIMIT, project_slug, slugify
from devrun.config.project import Project


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("hello", "hello"),
        ("Hello World", "hello-world"),
        ("Мой проект", "moi-proekt"),
        ("hello_cmd", "hello-cmd"),
        ("a" * 100, "a" * 40),
    ],
)
def test_a_name_is_spelt_in_letters_digits_and_dashes(name: str, slug: str) -> None:
    """Other alphabets are transliterated."""
    assert slugify(name) == slug


def test_a_name_without_such_a_spelling_gets_a_hash() -> None:
    """Always the same one, and another one for another name."""
    assert re.fullmatch(r"x[0-9a-f]{7}", slugify("🙂"))
    assert slugify("🙂") == slugify("🙂") != slugify("🙃")


@given(st.text(alphabet=st.characters(codec=None)))
def test_every_name_has_a_slug(name: str) -> None:
    """Names of folders may hold anything, bytes that are no UTF-8 too."""
    slug = slugify(name)

    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", slug)
    assert len(slug) <= SLUG_LIMIT


def test_two_checkouts_of_one_name_do_not_collide(tmp_path: Path) -> None:
    """The real path tells them apart."""
    one, two = (project_slug("shop", tmp_path / name) for name in ("one", "two"))

    assert one != two
    assert one.startswith("shop-")


def test_a_folder_and_a_link_to_it_are_one_project(tmp_path: Path, read: Callable[..., Project]) -> None:
    """Whichever way a terminal came there, it finds the same containers."""
    project = read("")
    (tmp_path / "link").symlink_to(project.root)

    assert load(tmp_path / "link" / "devrun.toml", {}) == project
