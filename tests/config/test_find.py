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


OURS = '[project]\nname = "x"\n\n[tool.devrun.targets]\nweb = "app.py"\n'


@pytest.mark.parametrize(
    "text",
    [
        OURS,
        "[tool.devrun]\n",
        "[ tool . devrun ] # ours\n",
        "['tool'.\"devrun\"]\n",
        "\ufeff[tool.devrun]\r\n",
        "[tool]\ndevrun.targets.web = 'app.py'\n",
        "[tool]\nother = 1\ndevrun = { mount = false }\n",
        "tool.devrun.mount = false\n",
        "tool = { devrun = {} }\n",
        'x = "\n[tool.devrun]\ny = "a"\n',
        '[tool.devrun]\nx = "not closed\n',
        "[tool.devrun]\n\udcff\n",
    ],
)
def test_a_pyproject_file_with_a_table_of_ours_is_a_projects_file(tmp_path: Path, text: str) -> None:
    """However the table is written; where the text is broken, that is told rather than another file taken."""
    below = tmp_path / "a"
    below.mkdir()
    (tmp_path / "devrun.toml").touch()
    (below / "pyproject.toml").write_text(text, "utf-8", "surrogateescape")

    assert find_file(below) == below / "pyproject.toml"


@pytest.mark.parametrize(
    "text",
    [
        "",
        '[project]\nname = "devrun"\n',
        "# [tool.devrun]\n",
        "[tool.devrunner]\n[tool.other]\ndevrun = 1\n",
        'x = """\n[tool.devrun]\n"""\n',
        "[project\n",
        'name = "devrun\n',
    ],
)
def test_a_pyproject_file_of_others_is_passed_over(tmp_path: Path, text: str) -> None:
    """A package inside a project has one of its own."""
    below = tmp_path / "a"
    below.mkdir()
    (tmp_path / "devrun.toml").touch()
    (below / "pyproject.toml").write_text(text)

    assert find_file(below) == tmp_path / "devrun.toml"


def test_a_pyproject_that_is_no_file_is_passed_over(tmp_path: Path) -> None:
    """Looking for a project waits for nobody."""
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    (tmp_path / "devrun.toml").touch()
    (below / "pyproject.toml").mkdir()
    os.mkfifo(tmp_path / "a" / "pyproject.toml")

    assert find_file(below) == tmp_path / "devrun.toml"


def test_in_one_folder_a_devrun_toml_wins(tmp_path: Path) -> None:
    """It is nobody else's."""
    (tmp_path / "pyproject.toml").write_text(OURS)
    assert find_file(tmp_path) == tmp_path / "pyproject.toml"
    (tmp_path / "devrun.toml").touch()

    assert find_file(tmp_path) == tmp_path / "devrun.toml"
