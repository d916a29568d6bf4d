"""The project's file is looked for from the current folder upward."""

import os
from pathlib import Path

import pytest

from devrun.config.find import find_file
from devrun.errors import ConfigError, ExitCode


def test_the_nearest_file_at_or_above_a_folder_counts(tmp_path: Path) -> None:
    """As version control looks for its own."""
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    (tmp_path / "devrun.toml").touch()
    assert find_file(below) == tmp_path / "devrun.toml"
    (below / "devrun.toml").touch()

    assert find_file(below) == below / "devrun.toml"


def test_a_link_that_leads_nowhere_is_not_passed_over(tmp_path: Path) -> None:
    """Another project's file above it would be the wrong one."""
    below = tmp_path / "a"
    below.mkdir()
    (tmp_path / "devrun.toml").touch()
    (below / "devrun.toml").symlink_to("nowhere")

    assert find_file(below) == below / "devrun.toml"


def test_no_file_is_an_error_with_a_file_to_begin_with(tmp_path: Path) -> None:
    """A newcomer can paste it."""
    with pytest.raises(ConfigError, match=r"no devrun\.toml in") as caught:
        find_file(tmp_path)

    assert caught.value.exit_code == ExitCode.USAGE
    assert "[targets]" in caught.value.hint


def test_a_current_folder_that_was_removed_is_an_error(tmp_path: Path) -> None:
    """A terminal may stand in one."""
    before = Path.cwd()
    (tmp_path / "gone").mkdir()
    os.chdir(tmp_path / "gone")
    try:
        (tmp_path / "gone").rmdir()
        with pytest.raises(ConfigError, match="the current folder cannot be read"):
            find_file(Path())
    finally:
        os.chdir(before)
