"""The real engine, for the tests that need one."""

import os
from collections.abc import Iterator

import pytest

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
