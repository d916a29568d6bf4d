"""Restarts at all three depths, on one project with a target of each."""

import contextlib
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from devrun.engine.connection import Connection
from tests.e2e.conftest import BASE, Sandbox, free_port

pytestmark = pytest.mark.engine

DEPTHS = ("container", "process", "warm")
DOCKERFILE = f'FROM {BASE}\nWORKDIR /app\nCMD ["python3", "container.py"]\n'
SERVER = """\
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

WORD = "zero"

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(WORD.encode())

    def log_message(self, *args):
        pass

print("serving", WORD)
HTTPServer(("0.0.0.0", 5000), Handler).serve_forever()
"""


class Depths:
    """The project: `container.py`, `process.py` and `warm.py` are served at ports of their own."""

    def __init__(self, folder: Path, connection: Connection) -> None:
        folder.mkdir()
        self.sandbox = Sandbox(folder, connection)
        self.ports = {name: free_port() for name in DEPTHS}
        self.sandbox.write("Dockerfile", DOCKERFILE)
        lines = ['reload = "warm"', "[targets]"]
        for name, port in self.ports.items():
            self.sandbox.write(f"{name}.py", SERVER)
            reload = "" if name == "warm" else f', reload = "{name}"'
            lines.append(f'{name} = {{ script = "{name}.py", ports = ["{port}:5000"]{reload} }}')
        self.sandbox.write("devrun.toml", "\n".join(lines))

    def page(self, name: str) -> str:
        """Return what a target serves; empty where nothing is."""
        url = f"http://127.0.0.1:{self.ports[name]}/"
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
            return str(answer.read(), "utf-8")
        return ""

    def serve(self, name: str, word: str) -> None:
        """Save another word, and wait until it is loaded and ready."""
        before = self.sandbox.target(name)
        (self.sandbox.folder / f"{name}.py").write_text(SERVER.replace("zero", word))
        after = self.sandbox.restarted(name, before, f"{name} says {word}")
        assert self.page(name) == word, after


@pytest.fixture
def depths(tmp_path: Path, connection: Connection) -> Iterator[Depths]:
    """The project, not started."""
    made = Depths(tmp_path / "depths", connection)
    yield made
    made.sandbox.close()


def test_each_depth_serves_what_was_saved_and_outlives_the_daemon(depths: Depths) -> None:
    """One walk: edits, a crash, a daemon that is killed, an agent that is killed, the stop.

    It takes long because an image, three containers and two daemons are started for it.
    """
    project = depths.sandbox.watch()
    project.settled("the first start")
    boots = {name: project.start_of(name) for name in DEPTHS}

    # An edit is served; only where that was asked for is the container started again.
    for name in DEPTHS:
        depths.serve(name, "first")
    depths.serve("warm", "second")  # By now it is known what can be loaded beforehand.
    assert {name: project.start_of(name) == boots[name] for name in DEPTHS} == {
        "container": False,
        "process": True,
        "warm": True,
    }
    said = {name: project.target(name) for name in DEPTHS}
    assert [last.reload for target in said.values() if (last := target.last)] == ["", "process", "warm"]
    assert "restarted (process) in" in project.output()

    # A crash is the program's, with its exception and its line; the next save runs again.
    project.edit("process.py", "print(", "raise ValueError(WORD)\nprint(")
    report = project.until(lambda report: report.targets["process"].problem is not None, "the crash")
    crashed = report.targets["process"]
    assert (crashed.state, crashed.exit_code) == ("exited", 1)
    project.until(
        lambda report: "ValueError: first" in str(report.targets["process"].problem), "the exception"
    )
    assert "/app/process.py:15: ValueError: first" in str(project.target("process").problem)
    depths.serve("process", "mended")
    assert project.start_of("process") == boots["process"]

    # The next daemon takes over what runs the right code, and goes on.
    project.kill(signal.SIGKILL)
    project.watch().settled("taken over")
    depths.serve("process", "again")
    assert [project.target(name).restarts for name in ("process", "warm")] == [1, 0]
    assert project.start_of("process") == boots["process"]
    log = project.engine.logs(project.start_of("process").container).decode()
    assert [line for line in log.splitlines() if line.startswith(("serving", "ValueError"))] == [
        "serving zero",
        "serving first",
        "ValueError: first",
        "serving mended",
        "serving again",
    ]

    # Without its agent a target's container has ended, and is started again with the next save.
    project.engine.kill(project.start_of("warm").container, "SIGKILL")
    project.until(lambda report: report.targets["warm"].exit_code == 137, "the end of the agent")
    depths.serve("warm", "third")
    assert project.start_of("warm").started != boots["warm"].started
    depths.serve("warm", "fourth")

    # A stop ends the containers, and frees the ports.
    project.devrun("stop", "process", "warm")
    project.until(lambda report: report.targets["warm"].hold == "stopped", "the stop")
    project.settled("stopped")
    assert [depths.page(name) for name in DEPTHS] == ["first", "", ""]
