"""Base images come from a registry, with the user's credentials, before the build."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import docker.errors
import pytest

from devrun.engine.connection import Connection
from devrun.engine.lookup import look_up
from devrun.errors import BuildCancelledError, EngineError
from tests.engine.builds import LIMIT_S, Workshop, open_workshop
from tests.registry import PASSWORD, USER, Registry, docker_config, serve_registry

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(sys.platform != "linux", reason="the engine's 127.0.0.1 is another machine's"),
]


@pytest.fixture
def registry() -> Iterator[Registry]:
    """A registry that wants a login, on a port of its own."""
    with serve_registry() as serving:
        yield serving


@pytest.fixture
def workshop(tmp_path: Path, registry: Registry, connection: Connection) -> Iterator[Workshop]:
    """A project folder on the real engine, which forgets the registry's image afterwards."""
    project = tmp_path / "project"
    project.mkdir()
    with open_workshop(project, connection) as opened:
        yield opened
        opened.forget()
        with suppress(docker.errors.ImageNotFound):
            opened.connection.client.remove_image(registry.image)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's docker configuration, which is empty."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    file = tmp_path / "config.json"
    file.write_text("{}")
    return file


def refusal(workshop: Workshop, base: str) -> EngineError:
    """Return the error of a build that starts from `base`."""
    with pytest.raises(EngineError) as caught:
        workshop.build(f"FROM {base}\n", bases=(base,))
    return caught.value


def test_a_base_is_pulled_with_the_users_credentials(
    workshop: Workshop, registry: Registry, config: Path
) -> None:
    """The pull is told as progress of the FROM line, and the build finds the image."""
    config.write_text(docker_config(registry))
    built = workshop.build(f"FROM {registry.image}\nCOPY Dockerfile /\n", bases=(registry.image,))

    pulled = [told for told in workshop.told if told.line.startswith("pulling")]
    assert {told.instruction for told in pulled} == {f"FROM {registry.image}"}
    assert pulled[-1].line == "pulling: 1 of 1 layers, 0 of 0 MB"
    # The image's own layer came along.
    found = look_up(workshop.connection, built.id)
    assert found is not None
    layers = found["RootFS"]
    assert isinstance(layers, dict)
    assert len(layers["Layers"]) == 2


def test_a_base_that_is_there_is_not_asked_for(workshop: Workshop, registry: Registry, config: Path) -> None:
    """The registry may be out of reach by then."""
    config.write_text(docker_config(registry))
    workshop.build(f"FROM {registry.image}\nCOPY Dockerfile /\n", bases=(registry.image,))
    registry.token = "another"
    config.write_text("{}")

    built = workshop.build(f"FROM {registry.image}\nCOPY Dockerfile /a\n", "f2", bases=(registry.image,))
    assert built.fingerprint == "f2"


def test_wrong_credentials_are_told_as_such(workshop: Workshop, registry: Registry, config: Path) -> None:
    """The error names the image and the Dockerfile, and how to log in again."""
    config.write_text(docker_config(registry, password="wrong"))
    error = refusal(workshop, registry.image)

    assert error.message.startswith(f"base image {registry.image} of Dockerfile: its registry refuses access")
    assert error.hint == (
        f"the credentials in docker's configuration were refused; log in again: docker login {registry.host}"
    )


def test_missing_credentials_are_asked_for(workshop: Workshop, registry: Registry, config: Path) -> None:
    """Without a login the hint is to log in."""
    error = refusal(workshop, registry.image)

    assert "its registry refuses access" in error.message
    assert error.hint == f"correct the name, or log in: docker login {registry.host}"


def test_a_missing_tag_is_told(workshop: Workshop, registry: Registry, config: Path) -> None:
    """An image that the registry does not have is named with the Dockerfile that wants it."""
    config.write_text(docker_config(registry))
    wanted = registry.image.replace(":1", ":9")

    assert refusal(workshop, wanted).message == (
        f"base image {wanted} of Dockerfile: its registry has no such image"
    )


def test_a_registry_out_of_reach_is_told(workshop: Workshop, config: Path) -> None:
    """Nobody listens there."""
    error = refusal(workshop, "127.0.0.1:1/nothing:1")

    assert error.message.startswith(
        "base image 127.0.0.1:1/nothing:1 of Dockerfile: its registry cannot be reached"
    )


def test_a_credential_helper_is_asked(
    workshop: Workshop, registry: Registry, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registry with a helper of its own gets what the helper says."""
    helper = config.parent / "docker-credential-of-test"
    answer = f'{{"ServerURL": "", "Username": "{USER}", "Secret": "{PASSWORD}"}}'
    helper.write_text(f"#!/bin/sh\ncat > /dev/null\necho '{answer}'\n")
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", str(config.parent), prepend=":")
    config.write_text(f'{{"credHelpers": {{"{registry.host}": "of-test"}}}}')

    built = workshop.build(f"FROM {registry.image}\nCOPY Dockerfile /\n", bases=(registry.image,))
    assert built.fingerprint == "f1"


def test_a_broken_credential_helper_is_named_where_it_matters(
    workshop: Workshop, registry: Registry, config: Path
) -> None:
    """The pull is tried without credentials; where it is refused, the hint has both."""
    config.write_text(f'{{"credHelpers": {{"{registry.host}": "not-installed"}}}}')
    error = refusal(workshop, registry.image)

    assert "docker login" in error.hint
    assert "docker's credentials cannot be read" in error.hint


def test_a_pull_that_hangs_is_cancelled(workshop: Workshop, registry: Registry, config: Path) -> None:
    """The layer never comes, and `cancel_build` ends the waiting all the same."""
    config.write_text(docker_config(registry))
    registry.layer_allowed.clear()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(workshop.build, f"FROM {registry.image}\n", bases=(registry.image,))
        assert registry.layer_asked.wait(LIMIT_S)
        workshop.cancel()
        with pytest.raises(BuildCancelledError):
            running.result(LIMIT_S)
