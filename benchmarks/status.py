"""How long a question for the status takes: as a command, and over the socket of a daemon that is busy.

    .venv/bin/python -m benchmarks.status [QUESTIONS]

It needs an engine, and the image that DEVRUN_PYTHON_IMAGE names. The command is measured in turn with
a Python that does nothing, since machines differ; the socket while an image is being built and two targets
write as fast as they can.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.engine import BASE
from devrun import Client
from devrun.errors import NotRunningError

COMMANDS = 40
FLOOD = "while True:\n    print('x' * 100)\n"
BUILD = "RUN for i in $(seq 400); do echo building $i; sleep 0.1; done\n"
QUIET = f"FROM {BASE}\nWORKDIR /app\n"


def main() -> None:
    """Measures, and prints a line for each kind."""
    questions = int((*sys.argv[1:], "1000")[0])
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve() / "project"
        root.mkdir()
        (root / "Dockerfile").write_text(QUIET)
        (root / "devrun.toml").write_text('[targets]\none = "flood.py"\ntwo = "flood.py"\n')
        (root / "flood.py").write_text("import signal\nsignal.pause()\n")
        with watched(root) as client:
            commands(root)
            sockets(client, questions, "at rest")
            (root / "flood.py").write_text(FLOOD)
            client.wait()
            (root / "Dockerfile").write_text(f"{QUIET}RUN echo {time.time()}\n{BUILD}")
            while "building" not in client.status().images["default"].doing:
                time.sleep(0.05)
            sockets(client, questions, "during a build and two floods of output")


@contextmanager
def watched(root: Path) -> Iterator[Client]:
    """Runs a daemon, and gives a client of it once all is at rest."""
    log = root.with_suffix(".log").open("wb")
    command = [sys.executable, "-m", "devrun", "-C", str(root), "watch"]
    nothing = subprocess.DEVNULL
    # Ctrl-C is ours: it is told what to remove.
    daemon = subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=log, start_new_session=True)
    try:
        yield found(root, daemon)
    finally:
        subprocess.run([*command[:-1], "down", "--images"], check=True, stderr=subprocess.DEVNULL)
        daemon.wait()
        log.close()


def found(root: Path, daemon: "subprocess.Popen[bytes]") -> Client:
    """Returns a client of the project's daemon, once all is at rest."""
    while daemon.poll() is None:
        try:
            client = Client.find(root)
            client.wait()
            return client
        except NotRunningError:
            time.sleep(0.05)
    raise RuntimeError(f"devrun watch ended with {daemon.returncode}")


def commands(root: Path) -> None:
    """Compares the command with a Python that does nothing, in turn."""
    nothing = [sys.executable, "-c", "pass"]
    status = [sys.executable, "-m", "devrun", "-C", str(root), "status", "--json"]
    pairs = [(taken(lambda: run(nothing)), taken(lambda: run(status))) for _ in range(COMMANDS)]
    bare, command = (statistics.median(times) * 1000 for times in zip(*pairs, strict=True))
    print(f"devrun status --json: median {command:.0f} ms, beside {bare:.0f} ms for python -c pass", end="")
    print(f": {command / bare:.1f} times as long")


def sockets(client: Client, questions: int, when: str) -> None:
    """Asks over and over, each time on a new connection."""
    times = sorted(taken(client.status_bytes) for _ in range(questions))
    median, p99 = statistics.median(times), times[int(len(times) * 0.99)]
    print(f"the socket {when}: median {median * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms", end="")
    print(f", longest {times[-1] * 1000:.1f} ms")


def run(command: list[str]) -> None:
    """Runs a command to its end."""
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def taken(do: Callable[[], object]) -> float:
    """Returns the seconds that it takes."""
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
