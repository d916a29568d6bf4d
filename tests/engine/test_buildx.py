"""Where docker's buildx is found: by any `docker` in PATH, or as a plugin by itself."""

import os
from pathlib import Path

import pytest

from devrun.engine.buildx import PLUGIN, SYSTEM_FOLDERS, Buildx, find_buildx, require_buildx
from devrun.errors import EngineError

NEW = "echo github.com/docker/buildx v0.17.1 257815a6fbaee88976808020bf04274388275ae8"
OLD = "echo github.com/docker/buildx 0.12.1+ds1 0.12.1+ds1-3"
WITHOUT = """echo "docker: 'buildx' is not a docker command." >&2; exit 1"""


def program(path: Path, script: str) -> str:
    """Write an executable shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def find(root: Path, *folders: str, config: str = "") -> Buildx | None:
    """Look in folders below `root`, which is the home too."""
    environ = {"PATH": os.pathsep.join(str(root / folder) for folder in folders)}
    return find_buildx(environ | ({"DOCKER_CONFIG": config} if config else {}), root, (root / "system",))


def test_every_docker_is_asked(tmp_path: Path) -> None:
    """The first one may have no plugins."""
    program(tmp_path / "a/docker", WITHOUT)
    second = program(tmp_path / "b/docker", NEW)

    assert find(tmp_path, "a", "b") == Buildx((second, "buildx"), (0, 17))


@pytest.mark.parametrize("folder", ["b", ".docker/cli-plugins", "system"])
def test_the_plugin_serves_without_a_docker(tmp_path: Path, folder: str) -> None:
    """It is looked for where docker's clients look, and in PATH."""
    program(tmp_path / "a/docker", WITHOUT)
    plugin = program(tmp_path / folder / "docker-buildx", OLD)

    assert find(tmp_path, "a", "b") == Buildx((plugin,), (0, 12))


def test_the_plugin_may_lie_with_dockers_configuration(tmp_path: Path) -> None:
    """DOCKER_CONFIG says where that is."""
    plugin = program(tmp_path / "config/cli-plugins/docker-buildx", NEW)

    assert find(tmp_path, config=str(tmp_path / "config")) == Buildx((plugin,), (0, 17))


@pytest.mark.parametrize(
    "script", ["echo buildah 1.33", "echo github.com/docker/buildx v0.17.1; exit 1", "kill -9 $$"]
)
def test_what_is_no_buildx_is_passed_over(tmp_path: Path, script: str) -> None:
    """Other programs go by the name of docker."""
    program(tmp_path / "a/docker", script)

    assert find(tmp_path, "a") is None


def test_what_cannot_be_started_is_passed_over(tmp_path: Path) -> None:
    """A broken file, and one that is no program."""
    program(tmp_path / "a/docker", "")
    (tmp_path / "a/docker").write_bytes(b"\x7fELF")
    program(tmp_path / "b/docker", NEW)
    (tmp_path / "b/docker").chmod(0o644)

    assert find(tmp_path, "a", "b") is None


def test_without_one_the_error_says_what_needs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what to do."""
    for name in ("PATH", "HOME", "DOCKER_CONFIG"):
        monkeypatch.setenv(name, str(tmp_path))
    if any((folder / PLUGIN).exists() for folder in SYSTEM_FOLDERS):
        pytest.skip("it is installed for all of the machine")

    with pytest.raises(EngineError, match=r"^Dockerfile:2: RUN needs a build session, and") as caught:
        require_buildx("Dockerfile:2: RUN")
    assert "install the buildx plugin" in caught.value.hint
