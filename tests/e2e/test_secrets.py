"""A build that is given a secret, by `devrun watch` on a real engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from devrun.control.client import Client
from devrun.engine.connection import Connection
from tests.e2e.conftest import BASE, LIMIT_S, Sandbox

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("buildx")]

VALUE = "s3cret-value"
DOCKERFILE = f"""\
FROM {BASE}
WORKDIR /app
COPY requirements.txt .
RUN --mount=type=secret,id=token cat /run/secrets/token && : 0
"""


@pytest.fixture
def project(tmp_path: Path, connection: Connection) -> Iterator[Sandbox]:
    """A project whose secret lies elsewhere, and is not there yet."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    made = Sandbox(folder, connection)
    made.write(
        "devrun.toml",
        '[image]\nsecrets = { token = "../home/token.txt" }\n[targets]\nweb = "hello.py"\n',
    )
    made.write("Dockerfile", DOCKERFILE)
    made.write("requirements.txt", "flask\n")
    made.write("hello.py", "print('Hello')\n")
    (tmp_path / "home").mkdir()
    try:
        yield made.watch()
    finally:
        made.close()


def test_a_build_goes_on_as_soon_as_its_secret_is_there(project: Sandbox, tmp_path: Path) -> None:
    """Another value of it is no reason for another build, and no output shows it."""
    token = tmp_path / "home" / "token.txt"
    failed = project.until(lambda report: report.images["default"].problem is not None, "the build fails")
    problem = failed.images["default"].problem
    assert problem
    assert problem.error == f"secret token: {token}: No such file or directory"

    token.write_text(f"{VALUE}\n")
    project.until(lambda report: report.settled and bool(report.targets["web"].container), "it runs")
    built = project.image()
    token.write_text(f"{VALUE}-2\n")
    project.edit("hello.py", "Hello", "Hello again")
    assert Client.connect(project.place).wait(timeout_s=LIMIT_S).outcome == "ready"

    assert project.image().builds == built.builds == 1
    assert project.image().fingerprint == built.fingerprint
    assert "Hello again" in project.output()
    assert VALUE not in project.output()
