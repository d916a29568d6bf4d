"""Programs, run cold as a container would run them, and by the agent at each of its depths."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

AGENT = Path(__file__).parents[2] / "devrun" / "engine" / "agent"
LIMIT_S = 30.0
STEP_S = 0.004
PREPARED = "for the next start"
NAME_OF_ZYGOTE = "devrun-warm"
VERSIONS = range(8, 16)

T = TypeVar("T")
Told = dict[str, object]


def pythons() -> dict[str, str]:
    """Returns the interpreters of this machine by their versions, those of pyenv among them."""
    places = [*os.environ.get("PATH", "").split(":")]
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    places += [str(folder / "bin") for folder in sorted(versions.glob("3.*"))]
    path = ":".join(place for place in places if "shims" not in place)
    found = {f"3.{minor}": shutil.which(f"python3.{minor}", path=path) for minor in VERSIONS}
    mine = f"3.{sys.version_info[1]}"
    return {**{version: place for version, place in found.items() if place}, mine: sys.executable}


@dataclass(frozen=True, slots=True)
class Program:
    """What is run, and what is done to it; `words` come after the interpreter."""

    words: tuple[str, ...]
    files: Mapping[str, str]
    stdin: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    umask: int = 0o022
    drive: Callable[["Running"], str] | None = None
    """Does something to it once it runs, and returns what came of it; it has to end the program."""
    numbers: bool = True
    """Whether numbers in its output have to be the same: not where it writes times and pids."""

    @property
    def index(self) -> int:
        """Where in the whole command the program begins."""
        words = iter(enumerate(self.words, 1))
        for place, word in words:
            if word in {"-W", "-X"}:
                next(words)
            elif word == "-m" or not word.startswith("-"):
                return place
        raise AssertionError(self.words)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What can be seen of a run from outside."""

    stdout: str
    stderr: str
    code: int
    driven: str


@dataclass(slots=True)
class Running:
    """A main process, and what it writes."""

    folder: Path
    process: "subprocess.Popen[bytes]"
    output: tuple[Path, Path]
    stdin: int
    offsets: tuple[int, int] = (0, 0)

    def read(self) -> tuple[str, str]:
        """Returns what it has written so far, since the last mark."""
        texts = [path.read_bytes()[start:] for path, start in zip(self.output, self.offsets, strict=True)]
        return texts[0].decode(errors="replace"), texts[1].decode(errors="replace")

    def mark(self) -> None:
        """Has what is written from now on read alone, and what was given at the start given once more."""
        os.lseek(self.stdin, 0, os.SEEK_SET)
        self.offsets = (self.output[0].stat().st_size, self.output[1].stat().st_size)

    def wait_for(self, text: str) -> None:
        """Waits until it has written something."""
        until(lambda: text in "".join(self.read()), lambda: f"no {text!r} in {self.read()}")

    def send(self, number: int) -> None:
        """Sends a signal as the engine would: to the main process."""
        self.process.send_signal(number)

    def get(self, port: int, path: str = "/") -> str:
        """Returns what its server answers, once it does."""

        def ask() -> str | None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=LIMIT_S) as answer:
                    return f"{answer.status} {answer.read().decode()}"
            except urllib.error.HTTPError as error:
                return f"{error.code} {error.read().decode()}"
            except (OSError, ValueError):
                return None

        return until(ask, lambda: f"no answer: {self.read()}")


def until(look: Callable[[], T | None], what: Callable[[], str]) -> T:
    """Returns what is looked for as soon as it is there."""
    ends = time.monotonic() + LIMIT_S
    while time.monotonic() < ends:
        found = look()
        if found:
            return found
        time.sleep(STEP_S)
    raise AssertionError(what())


def launch(command: list[str], folder: Path, program: Program, name: str) -> Running:
    """Starts a main process in the program's folder, with what it is given, and nothing else."""
    output = (folder.parent / f"{name}.out", folder.parent / f"{name}.err")
    env = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
    stdin = folder.parent / "stdin"
    stdin.write_text(program.stdin)
    given = os.open(stdin, os.O_RDONLY)
    with output[0].open("ab") as out, output[1].open("ab") as err:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**env, **program.env},
            stdin=given,
            stdout=out,
            stderr=err,
            umask=program.umask,
            start_new_session=True,
        )
    return Running(folder, process, output, given)


class Agent:
    """The agent, as the container's main process, and a connection with it."""

    def __init__(
        self, folder: Path, python: str, program: Program, depth: str, *options: str, agent: Path = AGENT
    ) -> None:
        control = folder.parent / f"control-{depth}"
        control.mkdir(exist_ok=True)
        self.socket = control / "agent.sock"
        words = ["--socket", str(self.socket), "--depth", depth, "--source", str(folder), *options]
        if depth == "warm":
            words += ["--program", str(program.index)]
        command = [python, "-I", "-S", "-B", str(agent), *words, "--", python, *program.words]
        self.running = launch(command, folder, program, depth)
        self.run: Told = {}
        self._asked = 0
        self._received = b""
        self.peer = until(self.connect, lambda: f"no socket: {self.running.read()}")
        self.wait(lambda run: run["number"] != 0)

    def connect(self) -> socket.socket | None:
        """Returns a new connection, None where nobody listens yet."""
        peer = socket.socket(socket.AF_UNIX)
        peer.settimeout(LIMIT_S)
        try:
            peer.connect(str(self.socket))
        except OSError:
            peer.close()
            return None
        return peer

    def read(self) -> Told:
        """Returns the next message."""
        while b"\n" not in self._received:
            received = self.peer.recv(1 << 16)
            assert received, f"the agent has gone: {self.run} {self.running.read()}"
            self._received += received
        line, _, self._received = self._received.partition(b"\n")
        message: Told = json.loads(line)
        run = message.get("run")
        if isinstance(run, dict):
            self.run = run
        return message

    def wait(self, wanted: Callable[[Told], bool]) -> Told:
        """Returns the run once it is as wanted."""
        while not self.run or not wanted(self.run):
            self.read()
        return self.run

    def ask(self, wish: str, **more: object) -> Told:
        """Returns the answer to a question."""
        self._asked += 1
        self.peer.sendall(json.dumps({"id": self._asked, "do": wish, **more}).encode() + b"\n")
        while True:
            answer = self.read()
            if answer.get("id") == self._asked:
                return answer

    def restart(self, *stale: str) -> Told:
        """Has the program started anew; returns the new run."""
        answer = self.ask("restart", stale=stale)
        assert "run" in answer, answer
        return self.run

    def warm_up(self) -> None:
        """Has the program warm at its next start, and ends it."""
        self.wait(lambda run: PREPARED in str(run["note"]))
        if self.run["state"] == "running":
            os.kill(int(str(self.run["pid"])), signal.SIGKILL)
        self.wait(lambda run: run["state"] == "ended")

    def close(self) -> int:
        """Stops the container, if that is not under way; returns its exit code."""
        self.peer.close()
        try:
            if self.running.process.poll() is None:
                self.running.process.terminate()
            return self.running.process.wait(LIMIT_S)
        finally:
            self.running.process.kill()
            self.running.process.wait()


def run_cold(folder: Path, python: str, program: Program) -> Outcome:
    """Runs a program as a container does, which ends what it leaves behind."""
    running = launch([python, *program.words], folder, program, "cold")
    try:
        driven = program.drive(running) if program.drive else ""
        code = running.process.wait(LIMIT_S)
    finally:
        running.process.kill()
        for pid in processes(folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    return outcome(running, program, 128 - code if code < 0 else code, driven)


def run_by_agent(folder: Path, python: str, program: Program, depth: str) -> Outcome:
    """Runs a program by the agent: at once, or when it is warm."""
    agent = Agent(folder, python, program, depth)
    running = agent.running
    try:
        if depth == "warm":
            agent.warm_up()
            running.mark()
            run = agent.restart()
            assert run["depth"] == "warm", run
        if program.drive:
            driven = program.drive(running)
            code = running.process.wait(LIMIT_S)
        else:
            driven = ""
            code = int(str(agent.wait(lambda run: run["state"] == "ended")["code"]))
            spared = {running.process.pid}
            until(lambda: not processes(folder) - spared, lambda: "the program left something behind")
    finally:
        closed = agent.close()
    assert closed == code, "the container ends with the program's code"
    assert not processes(folder, zygotes=True), "the agent left something behind"
    return outcome(running, program, code, driven)


def outcome(running: Running, program: Program, code: int, driven: str) -> Outcome:
    """Returns what was seen of a run that has ended."""
    os.close(running.stdin)
    stdout, stderr = (re.sub(r"0x[0-9a-f]+", "0x0", text) for text in running.read())
    if not program.numbers:
        stdout, stderr = (
            "\n".join(sorted(re.sub(r"\d+", "0", text).splitlines())) for text in (stdout, stderr)
        )
    return Outcome(stdout, stderr, code, driven)


def processes(folder: Path, *, zygotes: bool = False) -> set[int]:
    """Returns what runs in the folder, zygotes only where they are asked for."""
    found = set()
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            here = (place / "cwd").readlink() == folder
            if here and (zygotes or (place / "comm").read_text().strip() != NAME_OF_ZYGOTE):
                found.add(int(place.name))
    return found
