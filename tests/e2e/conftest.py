"""A copy of an example, `devrun` as a subprocess, and judges that are not devrun."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from devrun.config.find import root_key
from devrun.control.client import Client
from devrun.control.place import Place
from devrun.core.report import ImageReport, Report, TargetReport
from devrun.engine.connection import Connection
from devrun.errors import DevrunError

EXAMPLES = Path(__file__).parents[2] / "examples"
BASE = os.environ.get("DEVRUN_PYTHON_IMAGE", "devrun-stand-in/python:3")
LIMIT_S = 120.0
"""A first build installs packages, on a machine that does much else meanwhile."""
PAUSE_S = 0.05


class Start(NamedTuple):
    """One run of a container, as the engine itself says."""

    container: str
    started: str
    image: str


class Sandbox:
    """A project of its own, and all that a user does with it."""

    def __init__(self, folder: Path, connection: Connection) -> None:
        self.folder = folder
        self.engine = connection.client
        self.key = root_key(folder)
        self.place = Place.of(self.key)
        self.port = free_port()
        self.environment = {
            # Measuring which lines are run takes as long as running them: here only what they do counts.
            **{name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")},
            "DEVRUN_PYTHON_IMAGE": BASE,
            "PORT": str(self.port),
            "NO_COLOR": "1",
        }
        self.daemon: subprocess.Popen[bytes] | None = None
        self.log = folder.parent / "devrun.log"

    def devrun(self, *arguments: str, limit_s: float = LIMIT_S) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        command = [sys.executable, "-m", "devrun", "-C", str(self.folder), *arguments]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=limit_s, check=False
        )

    def watch(self, *arguments: str) -> "Sandbox":
        """Start `devrun watch`, without waiting for anything."""
        command = [sys.executable, "-m", "devrun", "-C", str(self.folder), "watch", *arguments]
        with self.log.open("ab") as log:
            self.daemon = subprocess.Popen(
                command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        return self

    def settled(self, what: str = "settled", limit_s: float = LIMIT_S) -> Report:
        """Wait until all is at rest."""
        return self.until(lambda report: report.settled, what, limit_s)

    def until(self, holds: Callable[[Report], bool], what: str, limit_s: float = LIMIT_S) -> Report:
        """Wait until the report says so; on time-out, say all that is known."""
        limit = time.monotonic() + limit_s
        report: Report | None = None
        while time.monotonic() < limit:
            with contextlib.suppress(DevrunError):
                report = self.status()
                if holds(report):
                    return report
            if self.daemon and self.daemon.poll() is not None:
                break
            threading.Event().wait(PAUSE_S)
        raise AssertionError(f"not within {limit_s} s: {what}\n{report}\n{self.output()}")

    def status(self) -> Report:
        """Return the report, by the socket."""
        return Client.connect(self.place).status()

    def target(self, name: str) -> TargetReport:
        """Return what is said of a target."""
        return self.status().targets[name]

    def image(self) -> ImageReport:
        """Return what is said of the one image."""
        (image,) = self.status().images.values()
        return image

    def output(self) -> str:
        """Return all that the daemons of this project have printed."""
        return self.log.read_text() if self.log.exists() else ""

    def write(self, name: str, text: str) -> None:
        """Save a file."""
        (self.folder / name).write_text(text)

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace text in a file."""
        text = (self.folder / name).read_text()
        assert old in text, (name, old)
        self.write(name, text.replace(old, new))

    def restarted(self, name: str, before: TargetReport, what: str) -> TargetReport:
        """Wait until all that was saved is loaded and ready; a target was restarted, or recreated, for it."""
        outcome = Client.connect(self.place).wait(timeout_s=LIMIT_S)
        after = self.target(name)
        said = f"{what}: {outcome}\n{after}\n{self.output()}"
        assert (outcome.outcome, after.restarts > before.restarts) == ("ready", True), said
        return after

    def start_of(self, name: str) -> Start:
        """Return the present run of a target's one container, asked of the engine."""
        labels = [f"dev.devrun.root={self.key}", f"dev.devrun.target={name}", "dev.devrun.role=target"]
        (container,) = self.engine.containers(all=True, filters={"label": labels})
        inspected = self.engine.inspect_container(container["Id"])
        return Start(inspected["Id"], inspected["State"]["StartedAt"], inspected["Image"])

    def containers(self) -> list[str]:
        """Return the names of all containers of the project, asked of the engine."""
        found = self.engine.containers(all=True, filters={"label": [f"dev.devrun.root={self.key}"]})
        return sorted(container["Names"][0].lstrip("/") for container in found)

    def inside(self, name: str, *command: str) -> str:
        """Return what a command in a target's container prints."""
        made = self.engine.exec_create(self.start_of(name).container, list(command))
        printed = self.engine.exec_start(made["Id"])
        assert isinstance(printed, bytes)
        return printed.decode()

    def page(self) -> str:
        """Return what is served on the published port; empty where nothing is."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=5) as answer:
                body = answer.read()
        except OSError:
            return ""
        assert isinstance(body, bytes)
        return body.decode()

    def serves(self, text: str, limit_s: float = 30.0) -> bool:
        """Tell whether the page shows a text, once the server answers at all."""
        limit = time.monotonic() + limit_s
        page = ""
        while time.monotonic() < limit and text not in (page := self.page()):
            threading.Event().wait(PAUSE_S)
        return text in page

    def kill(self, number: signal.Signals) -> int:
        """Send the daemon a signal and return its exit code."""
        assert self.daemon is not None
        self.daemon.send_signal(number)
        code = self.daemon.wait(LIMIT_S)
        self.daemon = None
        return code

    def close(self) -> None:
        """Leave nothing behind."""
        down = self.devrun("down")
        if self.daemon:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.daemon.wait(20)
            self.daemon.kill()
            self.daemon.wait()
        for image in self.engine.images(filters={"label": [f"dev.devrun.root={self.key}"]}):
            for tag in image["RepoTags"] or ():
                self.engine.remove_image(tag)
        shutil.rmtree(self.place.state, ignore_errors=True)
        assert down.returncode == 0, down.stderr
        assert self.containers() == []


def free_port() -> int:
    """Return a port that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        assert isinstance(port, int)
        return port


@pytest.fixture
def sandbox(tmp_path: Path, connection: Connection) -> Iterator[Callable[[str], Sandbox]]:
    """Make a project out of an example."""
    made: list[Sandbox] = []

    def make(example: str) -> Sandbox:
        folder = tmp_path / example
        shutil.copytree(EXAMPLES / example, folder)
        made.append(Sandbox(folder, connection))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def scripts(sandbox: Callable[[str], Sandbox]) -> Sandbox:
    """The example with three scripts, watched, at rest, and with its files read by Python."""
    project = sandbox("03-scripts").watch()
    project.settled("the first start")
    assert project.serves("Hello, world!"), project.output()
    return project


def as_json(text: str) -> dict[str, object]:
    """Return what a command printed as JSON."""
    said = json.loads(text)
    assert isinstance(said, dict)
    return said
