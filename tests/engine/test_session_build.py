"""What docker's client is told for a build, and where: no word of its command is a secret."""

from pathlib import Path

import pytest

from devrun.config.project import ImageConfig, ImageName
from devrun.engine.build import BuildRequest
from devrun.engine.buildx import Buildx
from devrun.engine.endpoints import Certificates, Endpoint
from devrun.engine.failure import Recipe
from devrun.engine.given import Given
from devrun.engine.session_build import SessionBuild, cause

SECRET = "s3cret-value"
ARGS = {"TOKEN": SECRET, "PATH": "/image/bin", "BUILDKIT_INLINE_CACHE": "1"}
GIVEN = Given(("--secret=id=a,env=devrun_secret_0",), {"devrun_secret_0": SECRET}, {"a": SECRET})
REQUEST = BuildRequest(
    tag="devrun/p-1-default:f1",
    dockerfile="docker/Dockerfile",
    recipe=Recipe("Dockerfile", "", ""),
    body=lambda: iter(()),
    labels={"b": "2", "a": "1"},
    args={},
    stage="dev",
    platform="linux/arm64",
)
UNIX = Endpoint("unix:///engine.sock")


def build(version: tuple[int, int] = (0, 17)) -> SessionBuild:
    """Return the build of an image with arguments and a secret."""
    image = ImageConfig(ImageName("default"), Path("Dockerfile"), Path(), args=ARGS)
    return SessionBuild(Buildx(("docker", "buildx"), version), image, Path("/p"), GIVEN)


def test_the_command_line_has_no_secret() -> None:
    """Arguments have the values of the environment, but those that the client itself would obey."""
    assert build().arguments(REQUEST) == (
        "docker",
        "buildx",
        "build",
        "--builder=default",
        "--load",
        "--progress=rawjson",
        "--tag=devrun/p-1-default:f1",
        "--file=docker/Dockerfile",
        "--label=a=1",
        "--label=b=2",
        "--build-arg=TOKEN",
        "--build-arg=PATH=/image/bin",
        "--build-arg=BUILDKIT_INLINE_CACHE=1",
        "--target=dev",
        "--platform=linux/arm64",
        "--secret=id=a,env=devrun_secret_0",
        "-",
    )
    assert SECRET not in repr(build())


def test_an_older_client_tells_in_lines() -> None:
    """It knows no other form."""
    assert "--progress=plain" in build((0, 12)).arguments(REQUEST)


def test_the_environment_leads_to_our_engine() -> None:
    """Whatever the user's own environment chooses, and whatever its builder is."""
    environ = {
        "PATH": "/bin",
        "HOME": "/me",
        "DOCKER_CONTEXT": "other",
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": "/x",
        "BUILDX_BUILDER": "cloud",
        "SOURCE_DATE_EPOCH": "1",
    }
    assert build().environment(UNIX, environ) == {
        "PATH": "/bin",
        "HOME": "/me",
        "TOKEN": SECRET,
        "devrun_secret_0": SECRET,
        "DOCKER_HOST": "unix:///engine.sock",
        "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
    }


@pytest.mark.parametrize("verify", [True, False])
def test_certificates_of_the_engine_come_along(*, verify: bool) -> None:
    """As they do for docker itself."""
    endpoint = Endpoint("tcp://engine:2376", certificates=Certificates(Path("/tls"), verify=verify))
    found = build().environment(endpoint, {})

    assert (found["DOCKER_HOST"], found["DOCKER_CERT_PATH"]) == ("tcp://engine:2376", "/tls")
    assert ("DOCKER_TLS_VERIFY" in found) is verify


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["WARN: x", "ERROR: failed", "", "View build details: y"], "failed"),
        (["error: failed", "second line", "", "more"], "failed\nsecond line"),
        (["unknown flag: --x", ""], "unknown flag: --x"),
        ([], ""),
    ],
)
def test_the_cause_is_in_the_clients_last_words(words: list[str], expected: str) -> None:
    """What it adds for people after an empty line is no part of it."""
    assert cause(words) == expected
