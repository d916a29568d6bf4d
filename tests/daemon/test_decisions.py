"""The table of cases, case by case: on real files, with the fake engine, nothing more and nothing less."""

import threading
import time
from pathlib import Path

import pytest

from devrun.control.client import Client
from devrun.core.journal import Entry
from devrun.errors import NotRunningError
from tests.daemon.cases import BASE, CASES, Case, Files
from tests.daemon.test_loop import LIMIT_S, Yard

VERBS = {
    "BuildImage": "build",
    "RecreateContainer": "swap",
    "RestartContainer": "restart",
    "StopContainer": "stop",
    "RemoveContainer": "remove",
}
"""What changes anything, as the table calls it."""


def save(root: Path, files: Files) -> None:
    """Write files, or remove them."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            path.unlink()
        else:
            path.write_text(text, newline="")


@pytest.mark.parametrize("case", CASES, ids=[case.name.replace(" ", "-") for case in CASES])
def test_a_change_leads_to_all_that_it_should_and_to_nothing_else(tmp_path: Path, case: Case) -> None:
    """Each action that follows, with its cause."""
    yard = Yard(tmp_path, {name: text for name, text in {**BASE, **case.files}.items() if text is not None})
    with yard.running():
        client = connected(yard)
        client.wait()
        seen = len(yard.heard.of("began"))
        save(yard.root, case.edit)
        client.wait()
        begun = yard.heard.of("began")[seen:]

    lines = [f"{VERBS[one.action]} {name_of(one)}: {one.text}" for one in begun if one.action in VERBS]
    assert sorted(lines) == sorted(case.expected)


def name_of(entry: Entry) -> str:
    """Return the image or target that an entry concerns."""
    return entry.subject.partition(" ")[2]


def connected(yard: Yard) -> Client:
    """Return a client of the daemon, once it is there."""
    limit = time.monotonic() + LIMIT_S
    while True:
        try:
            return Client.connect(yard.place)
        except NotRunningError:
            assert time.monotonic() < limit
            threading.Event().wait(0.01)
