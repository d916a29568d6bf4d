"""What every contender is: a way to have the served program run from a folder, and run anew after a save."""

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import docker

from benchmarks.client import ask
from benchmarks.machine import environment_of_children
from benchmarks.served import Answer

UP_LIMIT_S = 60.0
END_LIMIT_S = 20.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a contender works; nobody else is there."""

    name: str
    run: str
    """The run's id, which its containers bear as a label."""
    folder: Path
    port: int
    engine: docker.DockerClient
    image: str

    @property
    def own_name(self) -> str:
        """How the name of its container begins."""
        return f"devrun-benchmark-{self.run}-{self.folder.name}"

    @property
    def log(self) -> Path:
        """Where its programs write to: outside of the folder that is watched."""
        return self.folder.with_suffix(".log")


AfterSave = Callable[[], None]
"""What a user, or a user's script, does once a file is saved."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A way from a save to the new code. `runs` has all at work inside, and gives what follows a save."""

    name: str
    runs: Callable[[Place], AbstractContextManager[AfterSave]]
    flask: bool = False
    """Serves the program by Flask, since it brings the reloader."""


class BrokenError(Exception):
    """A contender that does not work: the machinery of the benchmark is broken, or devrun is."""


def nothing() -> None:
    """All that is to be done after a save, where somebody watches."""


def first_answer(place: Place) -> Answer:
    """Waits until the program answers; raises BrokenError with the end of the log."""
    until = time.monotonic() + UP_LIMIT_S
    while time.monotonic() < until:
        answer = ask(place.port)
        if answer:
            return answer
        time.sleep(0.05)
    raise BrokenError(f"{place.name}: no answer within {UP_LIMIT_S:.0f} s\n{end_of_log(place)}")


def end_of_log(place: Place) -> str:
    """The last lines that the contender's programs wrote, and that its container did."""
    text = place.log.read_text(errors="replace") if place.log.exists() else ""
    for container in place.engine.containers.list(all=True, filters={"name": place.own_name}):
        text += container.logs(tail=20).decode(errors="replace")
    return "\n".join(text.splitlines()[-40:])


@contextmanager
def background(
    place: Place, command: list[str], variables: Mapping[str, str] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """Runs a program beside, in a session of its own (Ctrl-C is ours), and ends it: gently, then by force."""
    environment = {**environment_of_children(), **(variables or {})}
    with place.log.open("ab") as log:
        process = subprocess.Popen(
            command,
            cwd=place.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(END_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def told(place: Place, command: list[str]) -> None:
    """Runs a command to its end; raises BrokenError with what it wrote if it says no."""
    done = subprocess.run(
        command,
        cwd=place.folder,
        env=environment_of_children(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    if done.returncode:
        raise BrokenError(f"{place.name}: {' '.join(command)} ended with {done.returncode}\n{done.stdout}")
