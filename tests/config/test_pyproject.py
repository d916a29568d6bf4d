"""`[tool.devrun]` of pyproject.toml says what a devrun.toml says otherwise."""

from collections.abc import Callable
from pathlib import Path

import pytest

from devrun.config.load import load, load_identity
from devrun.config.project import ImageCommand, Project, Script, TargetName
from devrun.errors import ConfigError

WEB = TargetName("web")


@pytest.fixture
def write(root: Path) -> Callable[[str], Path]:
    """Write the project's pyproject.toml."""

    def write_text(text: str) -> Path:
        (root / "pyproject.toml").write_text(text)
        return root / "pyproject.toml"

    return write_text


def problems(file: Path) -> list[str]:
    """Return what is wrong with a file, without its folder, and the remedies."""
    with pytest.raises(ConfigError) as caught:
        load(file, {})
    hints = [caught.value.hint] if caught.value.hint else []
    return [*caught.value.message.replace(f"{file.parent}/", "").split("\n"), *hints]


def test_the_table_says_what_a_devrun_toml_would_say(
    write: Callable[[str], Path], read: Callable[[str], Project]
) -> None:
    """Only the file's name differs; the tables of others mean nothing."""
    own = read('[project]\nname = "shop"\n[targets]\nweb = "app.py"\n')
    shared = load(
        write(
            '[project]\nname = 1\n[tool.devrun.project]\nname = "shop"\n[tool.devrun.targets]\nweb = "app.py"'
        ),
        {},
    )

    assert (shared.name, shared.slug, shared.targets) == (own.name, own.slug, own.targets)
    assert shared.targets[WEB].program == Script("app.py")
    assert shared.file == shared.root / "pyproject.toml"


def test_an_empty_table_runs_the_images_own_command(write: Callable[[str], Path]) -> None:
    """As an empty devrun.toml does."""
    (target,) = load(write("[tool.devrun]\n"), {}).targets.values()

    assert target.program == ImageCommand()


def test_problems_are_told_with_the_whole_key_and_its_line(write: Callable[[str], Path]) -> None:
    """So that an editor can go there."""
    text = '[project]\nname = "x"\n\n[tool.devrun.targets.web]\nscript = "app.py"\nport = 1\n'

    assert problems(write(text)) == [
        "pyproject.toml:6: tool.devrun.targets.web.port: unknown key; did you mean ports?"
    ]


def test_a_remedy_names_tables_as_they_are_called_there(write: Callable[[str], Path], root: Path) -> None:
    """A table `[image]` would be another tool's."""
    (root / "Dockerfile").unlink()

    assert problems(write("[tool]\ndevrun = {}\n")) == [
        "pyproject.toml:2: tool.devrun.image.dockerfile: there is no file 'Dockerfile' in the build context",
        "write one, or name yours: dockerfile = ..., in [tool.devrun.image]",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[project]\n", "pyproject.toml: there is no table [tool.devrun]"),
        ("tool = 1\n", "pyproject.toml: there is no table [tool.devrun]"),
        ("tool.devrun = 1\n", "pyproject.toml: tool.devrun: must be a table"),
        ("[tool.devrun]\n[[[", "pyproject.toml:2: invalid initial character for a key part (column 3)"),
    ],
)
def test_a_file_without_a_usable_table_is_refused_when_it_is_named(
    write: Callable[[str], Path], text: str, problem: str
) -> None:
    """`--config pyproject.toml` asks for it."""
    assert problems(write(text))[0] == problem


def test_the_rest_of_the_file_may_be_as_large_as_it_likes(write: Callable[[str], Path]) -> None:
    """Limits are for what devrun has to understand."""
    others = "".join(f"k{number} = {number}\n" for number in range(6_000))

    assert load(write(f"[tool.other]\n{others}[tool.devrun]\n"), {}).targets


def test_the_identity_of_a_broken_table_is_told(write: Callable[[str], Path]) -> None:
    """`devrun down` needs no more."""
    said = load_identity(write('[tool.devrun]\nwrong = 1\nproject.name = "shop"\n'), {})

    assert said.name == "shop"
