"""A debugger that an editor can attach to, again and again, at one port."""

import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from devrun.cli.vscode import attach_entry
from devrun.config.load import load
from devrun.config.project import TargetName
from devrun.engine.connection import Connection
from tests.e2e.conftest import BASE, LIMIT_S, Sandbox, free_port

pytestmark = pytest.mark.engine

SCRIPT = """\
import time


def tick(number):
    return number + 1


number = 0
print("run 1", flush=True)
while True:
    number = tick(number)
    time.sleep(0.05)
"""
BREAKPOINT = 5


class Editor:
    """As much of the Debug Adapter Protocol as it takes to stop a program at a line."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), LIMIT_S)
        self._stream = self._socket.makefile("rwb")
        self._sent = 0

    def close(self) -> None:
        """Hang up."""
        self._stream.close()
        self._socket.close()

    def ask(self, command: str, **arguments: object) -> int:
        """Send a request and return its number."""
        self._sent += 1
        request = {"seq": self._sent, "type": "request", "command": command, "arguments": arguments}
        body = json.dumps(request).encode()
        self._stream.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._stream.flush()
        return self._sent

    def until(self, **wanted: object) -> dict[str, object]:
        """Return the next message that says so; fails at one that tells of a failure."""
        while True:
            message = self._read()
            assert message.get("success", True), message
            if wanted.items() <= message.items():
                return message

    def _read(self) -> dict[str, object]:
        length = 0
        while (line := self._stream.readline().strip()) or not length:
            assert line or length, "the debugger has hung up"
            name, _, value = line.partition(b":")
            length = int(value) if name == b"Content-Length" else length
        message = json.loads(self._stream.read(length))
        assert isinstance(message, dict)
        return message


@contextlib.contextmanager
def attached(project: Sandbox, line: str) -> Iterator[Editor]:
    """Attach as VS Code does with the entry that it gets from us, and stop at a line.

    The program has written `line` before: a debugger that begins to listen fails by a race of its own.
    """
    project.until(lambda _: line in project.output().splitlines(), line)
    loaded = load(project.folder / "devrun.toml", project.environment)
    target = loaded.targets[TargetName("web")]
    mappings = [
        {**mapping, "localRoot": mapping["localRoot"].replace("${workspaceFolder}", str(project.folder))}
        for mapping in attach_entry(loaded, target)["pathMappings"]  # type: ignore[attr-defined]
    ]
    with contextlib.closing(Editor(target.debug_port or 0)) as editor:
        editor.until(request_seq=editor.ask("initialize", adapterID="test", pathFormat="path"))
        editor.ask("attach", pathMappings=mappings)
        editor.until(event="initialized")
        source = {"path": str(project.folder / "hello.py")}
        asked = editor.ask("setBreakpoints", source=source, breakpoints=[{"line": BREAKPOINT}])
        set_at = editor.until(request_seq=asked)["body"]
        assert [one["verified"] for one in set_at["breakpoints"]] == [True]  # type: ignore[index]
        editor.ask("configurationDone")
        yield editor


@pytest.fixture
def project(tmp_path: Path, connection: Connection) -> Iterator[Sandbox]:
    """A project with a debugger, watched and at rest."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    made = Sandbox(folder, connection)
    made.write("devrun.toml", f'[targets]\nweb = {{ script = "hello.py", debug = {free_port()} }}\n')
    made.write("Dockerfile", f"FROM {BASE}\nWORKDIR /app\nRUN pip install --quiet debugpy\n")
    made.write("hello.py", SCRIPT)
    try:
        made.watch()
        made.settled("the first start")
        yield made
    finally:
        made.close()


def test_an_editor_attaches_again_after_a_restart(project: Sandbox) -> None:
    """To the same port, with the same breakpoint, whether it has let the program go or not."""
    first = project.start_of("web")
    with attached(project, "run 1") as editor:
        stopped = editor.until(event="stopped")["body"]
        assert stopped["reason"] == "breakpoint"  # type: ignore[index]
        # The program stands still, with an editor that is attached.
        project.edit("hello.py", "run 1", "run 2")
        project.until(lambda _: project.start_of("web") != first, "restarted")
        project.settled()

    with attached(project, "run 2") as editor:
        assert editor.until(event="stopped")["body"]["reason"] == "breakpoint"  # type: ignore[index]
    assert project.start_of("web").container == first.container

    # Where its process alone is restarted, the agent has ended the debugger by then, and freed its port.
    project.edit("devrun.toml", " }", ', reload = "process" }')
    project.until(lambda report: report.targets["web"].reload == "process", "recreated")
    project.settled()
    project.edit("hello.py", "run 2", "run 3")
    project.until(lambda _: "run 3" in project.output(), "run 3")
    second = project.settled().targets["web"]
    boot = project.start_of("web")
    with attached(project, "run 3") as editor:
        editor.until(event="stopped")
        project.edit("hello.py", "run 3", "run 4")
        project.until(lambda report: report.targets["web"].restarts > second.restarts, "restarted")
    with attached(project, "run 4") as editor:
        assert editor.until(event="stopped")["body"]["reason"] == "breakpoint"  # type: ignore[index]
    assert project.start_of("web") == boot
