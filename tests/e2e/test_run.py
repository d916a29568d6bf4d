"""`devrun run`, `exec` and `shell` as a person uses them: with pipes, with a terminal, and with Ctrl-C."""

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from devrun.engine.connection import Connection
from devrun.errors import ExitCode
from tests.e2e.conftest import EXAMPLES, LIMIT_S, Sandbox

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("run")]

GOES_ON = "import os, time; os.write(1, b'ready\\n'); time.sleep(1000)"
STUBBORN = f"import signal; [signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]; {GOES_ON}"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, connection: Connection) -> Iterator[Sandbox]:
    """The example with three scripts, its image built, for all tests here."""
    folder = tmp_path_factory.mktemp("run") / "03-scripts"
    shutil.copytree(EXAMPLES / folder.name, folder)
    project = Sandbox(folder, connection).watch()
    project.settled("the first start")
    project.kill(signal.SIGINT)
    yield project
    project.close()


@pytest.fixture
def built(shared: Sandbox) -> Iterator[Sandbox]:
    """The same without a daemon, as it was."""
    requirements = (shared.folder / "requirement.txt").read_text()
    yield shared
    shared.write("requirement.txt", requirements)
    if shared.daemon:
        shared.kill(signal.SIGINT)


class Terminal:
    """A terminal, and `devrun` in it."""

    def __init__(self, sandbox: Sandbox, *arguments: str) -> None:
        self.ours, theirs = pty.openpty()
        self._set_size(24, 80)
        self.before = termios.tcgetattr(theirs)
        self.theirs = theirs
        self.process = subprocess.Popen(
            [sys.executable, "-m", "devrun", "-C", str(sandbox.folder), *arguments],
            env=sandbox.environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        self.shown = ""

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self.ours, keys.encode())

    def resize(self, rows: int, columns: int) -> None:
        """Give the window another size, of which the terminal tells the process that it controls."""
        self._set_size(rows, columns)
        self.process.send_signal(signal.SIGWINCH)

    def _set_size(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def shows(self, pattern: str) -> str:
        """Wait for a text on the screen, and return all of it that came since the last one."""
        limit = time.monotonic() + LIMIT_S
        while not re.search(pattern, self.shown):
            ready, _, _ = select.select([self.ours], [], [], limit - time.monotonic())
            assert ready, f"never shown: {pattern}\n{self.shown}"
            self.shown += os.read(self.ours, 65536).decode()
        shown, self.shown = self.shown, ""
        return shown

    def close(self) -> None:
        """Leave nothing behind."""
        self.process.kill()
        self.process.wait()
        os.close(self.ours)
        os.close(self.theirs)


@contextmanager
def terminal(sandbox: Sandbox, *arguments: str) -> Iterator[Terminal]:
    made = Terminal(sandbox, *arguments)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def piped(sandbox: Sandbox, *arguments: str) -> "Iterator[subprocess.Popen[str]]":
    """Start a command with pipes, and wait for its first line, which says that its program is ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", "devrun", "-C", str(sandbox.folder), *arguments],
        env=sandbox.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    try:
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def oneoffs(sandbox: Sandbox) -> list[str]:
    """Return the containers that belong to commands."""
    return [name for name in sandbox.containers() if "-run-" in name]


def test_run_and_exec_end_as_their_command_does(built: Sandbox) -> None:
    """Output, errors and exit code are the command's; options behind it too; 125 is devrun's own."""
    listed = built.devrun("run", "hello", "--", "pip", "freeze")
    assert ("Flask==" in listed.stdout, listed.stderr, listed.returncode) == (True, "", 0)

    python = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    said = built.devrun("run", "hello", "python", "-c", python)
    assert (said.stdout, said.stderr, said.returncode) == ("out\n", "err\n", 3)

    assert "hello.py" in built.devrun("run", "default", "--", "ls", "-a").stdout
    assert "Hello" in built.devrun("run", "new-hello").stdout

    stopped = built.devrun("exec", "hello", "ls", "-l")
    assert stopped.stderr == (
        "error: hello does not run\n"
        "  hint: `devrun watch` runs it; `devrun run hello -- ...` needs no running target\n"
    )
    assert stopped.returncode == ExitCode.OWN_ERROR

    built.watch()
    built.settled("the second start")
    listed = built.devrun("exec", "hello", "ls", "-l")
    assert ("hello.py" in listed.stdout, listed.stderr, listed.returncode) == (True, "", 0)
    missing = built.devrun("exec", "hello", "--", "no-such-program")
    assert missing.stderr == 'error: the program "no-such-program" is not in the container\n'
    assert missing.returncode == ExitCode.NOT_FOUND
    assert oneoffs(built) == []


def test_an_image_that_is_not_the_newest_is_used_and_told(built: Sandbox) -> None:
    """A command need not wait for a build."""
    built.edit("requirement.txt", "Flask==", "Flask>=")
    older = built.devrun("run", "hello", "--", "echo", "done")
    assert (older.stdout, older.returncode) == ("done\n", 0)
    assert older.stderr == (
        "devrun: image default is older than what it is built of; `devrun watch` builds it anew\n"
    )


def test_without_any_image_it_is_told_what_builds_one(sandbox: Callable[[str], Sandbox]) -> None:
    """Nothing is built in passing."""
    never = sandbox("03-scripts").devrun("run", "hello", "--", "echo", "done")

    assert never.stderr == "error: image default is not built\n  hint: `devrun watch` builds it\n"
    assert never.returncode == ExitCode.OWN_ERROR


def test_doctor_looks_for_the_project_in_a_container_and_for_its_ports(built: Sandbox) -> None:
    """Both are well, until somebody else has the port."""
    well = built.devrun("doctor")
    assert f"ok    mount: containers see {built.folder}/Dockerfile\n" in well.stdout
    assert f"ok    ports: free, or held by their targets: {built.port}\n" in well.stdout
    assert well.returncode == ExitCode.OK

    with socket.create_server(("127.0.0.1", built.port)):
        taken = built.devrun("doctor")
    assert f"fail  ports: port {built.port} for hello is taken by " in taken.stdout
    assert taken.returncode == ExitCode.ERROR
    assert oneoffs(built) == []


def test_what_is_piped_in_is_read_to_its_end(built: Sandbox) -> None:
    """A program that asks for input gets it, and its end."""
    with piped(built, "run", "hello", "--", "sh", "-c", "echo ready; cat") as process:
        said, _ = process.communicate("one\ntwo\n", timeout=LIMIT_S)

    assert (said, process.returncode) == ("one\ntwo\n", 0)


def test_without_a_terminal_ctrl_c_goes_to_the_program(built: Sandbox) -> None:
    """It ends as it likes, and its container with it; from the third on devrun ends it."""
    with piped(built, "run", "hello", "--", "python", "-c", GOES_ON) as process:
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=LIMIT_S)
        assert ("KeyboardInterrupt" in said, process.returncode) == (True, 130)

    with piped(built, "run", "hello", "--", "python", "-c", STUBBORN) as process:
        # Two of a kind that come at once may be one; and whoever runs the tests may have SIGHUP ignored.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
            process.send_signal(number)
            threading.Event().wait(0.3)
        process.communicate(timeout=LIMIT_S)
        assert process.returncode == ExitCode.INTERRUPTED
    assert oneoffs(built) == []


def test_output_that_nobody_reads_ends_the_command(built: Sandbox) -> None:
    """As `devrun run ... | head -1`: quietly, and with its container."""
    with piped(built, "run", "hello", "--", "sh", "-c", "echo ready; yes") as process:
        assert process.stdout
        process.stdout.close()
        assert process.stderr
        assert process.stderr.read() == ""
        process.wait(LIMIT_S)
    assert oneoffs(built) == []


def test_python_asks_in_a_terminal(built: Sandbox) -> None:
    """Keys go to the container, its window follows ours, and afterwards our terminal is as before."""
    with terminal(built, "run", "hello", "--", "python", "-q") as prompt:
        prompt.shows(">>> ")
        prompt.type("import os; os.get_terminal_size()\r")
        assert "columns=80, lines=24" in prompt.shows(r"lines=\d+\)\s+>>> ")
        prompt.type("\x03")
        assert "KeyboardInterrupt" in prompt.shows(r"Interrupt\s+>>> ")
        prompt.type("from signal import *; _ = signal(SIGWINCH, lambda *_: print(os.get_terminal_size()))\r")
        prompt.shows(r"\)\)\s+>>> ")
        prompt.resize(30, 100)
        prompt.shows("columns=100, lines=30")
        prompt.type("raise SystemExit(4)\r")
        assert prompt.process.wait(LIMIT_S) == 4
        assert termios.tcgetattr(prompt.theirs) == prompt.before
    assert oneoffs(built) == []


def test_a_shell_opens_where_the_target_runs_or_in_a_container_like_it(built: Sandbox) -> None:
    """It is said which; and it is bash where there is one."""
    with terminal(built, "shell", "hello") as shell:
        assert "hello does not run: this is a container of its own" in shell.shows(r"# ")
        shell.type("echo $((6*7)) $BASH_VERSION; exit 5\r")
        assert re.search(r"42 5\.", shell.shows(r"42 \d\.\d.*\n"))
        assert shell.process.wait(LIMIT_S) == 5

    built.watch()
    built.settled("the second start")
    with terminal(built, "shell", "hello") as shell:
        assert "does not run" not in shell.shows(r"# ")
        shell.type("echo here > /tmp/seen; echo $((6*7))\r")
        shell.shows(r"42\r(?s:.*)# $")
        assert built.inside("hello", "cat", "/tmp/seen") == "here\n"
        shell.type("\x04")
        assert shell.process.wait(LIMIT_S) == 0
