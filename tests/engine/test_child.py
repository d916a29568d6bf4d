"""A program that is fed and listened to, and of which nothing is left."""

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from devrun.engine.child import Child

GRACE_S = 0.2
LIMIT_S = 30.0


def shell(script: str, folder: Path) -> Child:
    """Start a script, whose first line is its group's number."""
    return Child(("sh", "-c", f"echo $$ >&2; {script}"), os.environ, folder, grace_s=GRACE_S)


def is_gone(group: str) -> bool:
    """Tell whether no process of a group is left, but dead ones that it has left to the system."""
    limit = time.monotonic() + LIMIT_S
    pause = threading.Event()
    while time.monotonic() < limit:
        listed = subprocess.run(["ps", "-A", "-o", "pgid=,stat="], capture_output=True, text=True, check=True)
        states = [line.split() for line in listed.stdout.splitlines()]
        if not any(of == group and not state.startswith("Z") for of, state in states):
            return True
        pause.wait(0.01)
    return False


def test_it_is_fed_and_heard(tmp_path: Path) -> None:
    """All that it gets has an end; its lines have none, and need not be text."""
    with shell("wc -c >&2; printf '\\377\\r\\nlast' >&2; exit 3", tmp_path) as child:
        group, *lines = child.lines([b"1" * 300_000, b"2"])

    assert [line.strip() for line in lines] == ["300001", "\ufffd", "last"]
    assert child.exit_code == 3
    assert is_gone(group)


def test_one_that_does_not_want_its_food_is_heard_all_the_same(tmp_path: Path) -> None:
    """It says why it has ended."""
    with shell("echo no >&2; exit 1", tmp_path) as child:
        assert list(child.lines(b"x" * 100_000 for _ in range(50)))[1:] == ["no"]

    assert child.exit_code == 1


def test_food_that_goes_bad_ends_it(tmp_path: Path) -> None:
    """It does not take what it has for the whole."""

    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise ValueError("torn")

    heard: list[str] = []
    with shell("cat >/dev/null; echo whole >&2", tmp_path) as child:
        lines = child.lines(pieces())
        with pytest.raises(ValueError, match="torn"):
            heard.extend(lines)

    assert "whole" not in heard
    assert child.exit_code == -15


@pytest.mark.parametrize(
    "script",
    ["sleep 300", "sleep 300 & wait", "trap '' TERM; sleep 300; sleep 300"],
    ids=["by itself", "with what it started", "deaf"],
)
def test_it_ends_when_somebody_wants_it(tmp_path: Path, script: str) -> None:
    """From any thread, with all that it has started, and by force after the grace."""
    with shell(script, tmp_path) as child:
        lines = child.lines(())
        group = next(lines)
        threading.Thread(target=child.end).start()
        assert list(lines) == []
    child.end()

    assert child.exit_code != 0
    assert is_gone(group)


def test_nobody_has_to_listen_to_the_end(tmp_path: Path) -> None:
    """The program ends with the block."""
    with shell("echo 1 >&2; sleep 300", tmp_path) as child:
        lines = child.lines(())
        group = next(lines)
        lines.close()

    assert is_gone(group)


def test_nobody_has_to_listen_at_all(tmp_path: Path) -> None:
    """A build may be given up before it has begun."""
    with shell("sleep 300", tmp_path) as child:
        pass

    assert child.exit_code == -9


def test_one_that_closes_its_mouth_and_goes_on_is_ended(tmp_path: Path) -> None:
    """Without lines there is nothing to wait for."""
    with shell("exec 2>&-; sleep 300", tmp_path) as child:
        (group,) = child.lines(())

    assert is_gone(group)
    assert child.exit_code == -9
