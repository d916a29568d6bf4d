"""The short way of `devrun status --json` answers as the long one does, or leaves it to that."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from devrun.cli import quick
from devrun.config.find import root_key
from devrun.control.lock import Lock
from devrun.control.place import Place
from devrun.control.server import Server
from devrun.control.wire import encode
from devrun.errors import ExitCode
from tests.control.conftest import Nobody

Devrun = Callable[..., "subprocess.CompletedProcess[str]"]


def died(error: BaseException) -> None:
    pytest.fail(f"the server died: {error}")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["status"],
        ["--json", "status"],
        ["status", "--json", "web"],
        ["-q", "status", "--json"],
        ["-C", "status", "--json"],
        ["status", "--json", "--follow"],
        ["--config"],
    ],
)
def test_any_other_line_goes_the_long_way(words: list[str]) -> None:
    """With options that it does not know, too."""
    assert quick._place(words) is None


def test_its_place_may_be_named() -> None:
    """By the same options."""
    assert quick._place(["status", "--json"]) == (Path(), "")
    assert quick._place(["-C", "a", "--config", "b.toml", "status", "--json"]) == (Path("a"), "b.toml")


def test_both_ways_say_the_same(devrun: Devrun, project: Path) -> None:
    """The report as it came."""
    place = Place.of(root_key(project))
    with Lock.acquire(place, root=project, version="1.2.3") as lock:
        server = Server.start(lock, Nobody(), died=died)
        short = devrun("status", "--json")
        long = devrun("-v", "status", "--json")
        server.stop()

    assert short.stdout == long.stdout == encode(Nobody().report()).decode()
    assert (short.returncode, short.stderr) == (0, "")


def test_what_goes_wrong_is_told_by_the_long_way(devrun: Devrun, tmp_path: Path) -> None:
    """With its words, and its exit code."""
    ended = devrun("status", "--json")
    elsewhere = subprocess.run(
        [sys.executable, "-m", "devrun", "-C", str(tmp_path / "nowhere"), "status", "--json"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stdout) == (ExitCode.NOT_RUNNING, "")
    assert "devrun is not running" in ended.stderr
    assert elsewhere.returncode == ExitCode.USAGE
