"""Both engines for the contract suite; the real one where there is one."""

import fcntl
import hashlib
import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from devrun.core.values import BuildContext, Fingerprint, ImageId
from devrun.engine.connection import Connection
from devrun.engine.docker import connect
from tests.engine.bench import Bench, make_project
from tests.fake_engine import FakeEngine

BASE = os.environ.get("DEVRUN_PYTHON_IMAGE", "devrun-stand-in/python:3")
DOCKERFILE = f"""\
FROM {BASE}
WORKDIR /app
RUN python3 -m venv --without-pip /app/.venv && ln -sf "$(command -v python3)" /usr/local/bin/python
RUN useradd --uid 4321 --no-create-home someone
ENTRYPOINT ["python"]
"""
TAG = f"devrun-test/python:{hashlib.sha256(DOCKERFILE.encode()).hexdigest()[:12]}"


@pytest.fixture(scope="session")
def test_image(connection: Connection) -> ImageId:
    """An image with a Python, a virtual environment below its WORKDIR, and a user; built once for all."""
    lock = Path(tempfile.gettempdir()) / f"{TAG.replace('/', '-').replace(':', '-')}.lock"
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not connection.client.images(name=TAG):
            text = io.BytesIO(DOCKERFILE.encode())
            built = connection.client.build(fileobj=text, tag=TAG, rm=True, forcerm=True, decode=True)
            steps = list(built)
            assert not any("error" in step for step in steps), steps
    return ImageId(connection.client.images(name=TAG)[0]["Id"])


@pytest.fixture
def fake_bench(tmp_path: Path) -> Iterator[Bench]:
    """The fake engine with an image."""
    project = make_project(tmp_path)
    engine = FakeEngine(project)
    image = next(iter(project.images.values()))
    built = engine.build_image(image, Fingerprint("f1"), BuildContext("", (), ()), lambda _: None)
    yield Bench(engine, project, built.id, engine.take_name)
    engine.close()


@pytest.fixture
def real_bench(tmp_path: Path, connection: Connection, test_image: ImageId) -> Iterator[Bench]:
    """The real engine; what the test made there goes with it."""
    project = make_project(tmp_path)
    foreign: list[str] = []

    def take_name(name: str) -> None:
        foreign.append(connection.create({"Image": test_image, "Cmd": ["-V"]}, name))

    agents = tmp_path.with_name(f"{tmp_path.name}-agents")
    engine = connect(project, agents)
    try:
        yield Bench(engine, project, test_image, take_name)
    finally:
        # The test may have closed its own engine.
        tidy = connect(project, agents)
        tidy.remove_everything()
        tidy.close()
        engine.close()
        assert not agents.exists()  # They go with their containers.
        for container in foreign:
            connection.client.remove_container(container, force=True)


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.engine)])
def bench(request: pytest.FixtureRequest) -> Bench:
    """Each engine in turn."""
    found = request.getfixturevalue(f"{request.param}_bench")
    assert isinstance(found, Bench)
    return found
