"""The real engine, for the tests that need one."""

import os
from collections.abc import Iterator
from pathlib import Path

import coverage
import pytest

from devrun.engine.buildx import find_buildx
from devrun.engine.connection import Connection, find_connection
from devrun.errors import EngineUnreachableError


@pytest.fixture(scope="session")
def connection() -> Iterator[Connection]:
    """A connection with the real engine; without one the test is skipped, or fails under CI."""
    if os.environ.get("DEVRUN_TEST_ENGINE") == "0":
        pytest.skip("DEVRUN_TEST_ENGINE=0")
    try:
        made = find_connection()
    except EngineUnreachableError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"no engine under CI: {error}")
        pytest.skip(str(error))
    yield made
    made.close()


@pytest.fixture
def unmeasured() -> Iterator[None]:
    """Which lines run is not measured: that would take longer than the test, and plain ones run them, too."""
    measuring = coverage.Coverage.current()
    if measuring is not None:
        measuring.stop()
    yield
    if measuring is not None:
        measuring.start()


@pytest.fixture
def buildx(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker's buildx can be found; without one the test is skipped, or fails under CI."""
    # It keeps its records there, and not in the home.
    monkeypatch.setenv("BUILDX_CONFIG", str(tmp_path_factory.mktemp("buildx")))
    if folder := os.environ.get("DEVRUN_TEST_BUILDX"):
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    if find_buildx(os.environ, Path.home()) is None:
        if os.environ.get("CI") == "true":
            pytest.fail("no docker buildx under CI")
        pytest.skip("no docker buildx")
