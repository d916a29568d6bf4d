"""Folders that a container must not see are never mounted."""

import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest

from devrun.config.mount_source import refusal
from devrun.config.project import Mount, Project, TargetName

HOME = Path(pwd.getpwuid(os.geteuid()).pw_dir).resolve()

Refused = Callable[..., list[str]]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (Path("/"), "the whole file system"),
        (HOME, "the home directory"),
        (HOME / ".local", "devrun's own directory"),
        (HOME / ".local/state/devrun/0123", "devrun's own directory"),
        (Path("/run"), "the engine's socket"),
        (Path(f"/run/user/{os.geteuid()}/devrun"), "devrun's own directory"),
    ],
)
def test_a_folder_that_holds_what_must_stay_outside_is_refused(source: Path, name: str) -> None:
    """Whatever runs in the container could change it, and so the machine."""
    assert refusal(source).startswith(name)
    assert refusal(source).endswith("would be seen in the container, and could be changed there")


def test_the_engine_of_the_environment_counts_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its socket may lie anywhere."""
    assert refusal(tmp_path) == ""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/engine/docker.sock")

    assert refusal(tmp_path).startswith("the engine's socket")


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ("[mount]\nsource = '/'\n[targets]\nweb = 'app.py'", "2: mount.source: "),
        (f"[targets.web]\nscript = 'app.py'\nmount.source = '{HOME}'", "3: targets.web.mount.source: "),
    ],
)
def test_the_refusal_names_the_key(refused: Refused, keys: str, line: str) -> None:
    """That of the project's mount, or of the target's own."""
    (problem,) = refused(keys)

    assert problem.startswith(line)


def test_a_link_out_of_the_project_is_refused(root: Path, tmp_path: Path, refused: Refused) -> None:
    """The file does not say that a folder elsewhere is meant."""
    (tmp_path / "other").mkdir()
    (root / "src").symlink_to("../other")

    assert refused("[mount]\nsource = 'src'\n[targets]\nweb = 'app.py'") == [
        "2: mount.source: 'src' is a link out of the project"
    ]


def test_a_folder_outside_is_mounted_where_the_file_says_so(
    root: Path, tmp_path: Path, read: Callable[..., Project]
) -> None:
    """Writing `..` is saying so."""
    (tmp_path / "other").mkdir()
    target = read("[mount]\nsource = '../other'\n[targets]\nweb = 'app.py'").targets[TargetName("web")]

    assert target.mount == Mount(tmp_path / "other")
