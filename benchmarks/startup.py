"""How long it takes from the command to the running container, beside `docker compose up -d`.

    .venv/bin/python -m benchmarks.startup [ROUNDS]

The image is up to date. Both run one program on the same base, in turn: once with the container there and
stopped, once with none. The engine's own time stamp of the start counts, so that nobody polls. It needs an
engine, and the image that DEVRUN_PYTHON_IMAGE names.
"""

import calendar
import contextlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import docker.errors

from benchmarks.compose import compose_command
from benchmarks.engine import BASE
from devrun import Client
from devrun.engine.connection import Connection, find_connection
from devrun.errors import NotRunningError

PROGRAM = "import http.server\nhttp.server.test(http.server.SimpleHTTPRequestHandler, port=8000)\n"
COMPOSE = """\
name: {name}-compose
services:
  web:
    build: .
    command: python web.py
    init: true
    ports: ["127.0.0.1:{port}:8000"]
    volumes: [".:/app"]
"""
LIMIT_S = 30.0
MODULES = 50


def measure(rounds: int = 10) -> dict[str, float]:
    """Returns medians in seconds, by who starts and from what."""
    with tempfile.TemporaryDirectory(prefix="startup-") as folder:
        root = Path(folder).resolve()
        make_project(root)
        connection = find_connection()
        with contextlib.closing(connection), made(root) as compose:
            taken: dict[str, list[float]] = {}
            for _ in range(rounds):
                for way, start in _ways(root, connection, compose).items():
                    taken.setdefault(way, []).append(start())
    return {way: statistics.median(times) for way, times in taken.items()}


def make_project(root: Path) -> None:
    """Writes a program of some modules, for devrun and for compose."""
    (root / "Dockerfile").write_text(f"FROM {BASE}\nWORKDIR /app\n")
    (root / "devrun.toml").write_text('[targets.web]\nscript = "web.py"\nports = ["18931:8000"]\n')
    (root / "compose.yaml").write_text(COMPOSE.format(name=root.name.lower().replace("_", "-"), port=18932))
    names = [f"part{number}" for number in range(MODULES)]
    (root / "web.py").write_text("".join(f"import {name}\n" for name in names) + PROGRAM)
    for name in names:
        (root / f"{name}.py").write_text("".join(f"def f{line}(a):\n    return a\n" for line in range(50)))


@contextmanager
def made(root: Path) -> Iterator[list[str] | None]:
    """Has images built, and all that was made removed at the end; gives compose's command."""
    compose = compose_command()
    file = [*compose, "--progress", "quiet", "-f", str(root / "compose.yaml")] if compose else None
    if file:
        subprocess.run([*file, "build"], check=True, capture_output=True)
    stop(watch(root), root)
    try:
        yield file
    finally:
        if file:
            subprocess.run([*file, "down", "--rmi", "local", "-t", "0"], check=True, capture_output=True)
        subprocess.run([*_devrun(root), "down", "--images"], check=True, capture_output=True)


def _ways(root: Path, connection: Connection, compose: list[str] | None) -> dict[str, Callable[[], float]]:
    names = {"devrun": "dev.devrun.target=web", "compose": "com.docker.compose.service=web"}

    def removed(label: str) -> None:
        for found in _containers(connection, label, root):
            connection.client.remove_container(found["Id"], force=True)

    def devrun() -> float:
        began = time.time()
        running = watch(root)
        taken = _started_at(connection, names["devrun"], root) - began
        stop(running, root)
        return taken

    def composed() -> float:
        began = time.time()
        subprocess.run([*(compose or []), "up", "-d"], check=True, capture_output=True)
        taken = _started_at(connection, names["compose"], root) - began
        subprocess.run([*(compose or []), "stop", "-t", "0"], check=True, capture_output=True)
        return taken

    def anew(start: Callable[[], float], label: str) -> Callable[[], float]:
        def started() -> float:
            removed(label)
            return start()

        return started

    ways = {"devrun, container there": devrun, "devrun, none": anew(devrun, names["devrun"])}
    if compose:
        ways["compose, container there"] = composed
        ways["compose, none"] = anew(composed, names["compose"])
    return ways


def _containers(connection: Connection, label: str, root: Path) -> list[dict[str, str]]:
    found = connection.client.containers(all=True, filters={"label": label})
    return [one for one in found if any(m.get("Source") == str(root) for m in one["Mounts"])]


def _started_at(connection: Connection, label: str, root: Path) -> float:
    """Returns the moment at which the engine says that the container was started, once it runs."""
    until = time.monotonic() + LIMIT_S
    while time.monotonic() < until:
        for found in _containers(connection, label, root):
            with contextlib.suppress(docker.errors.NotFound):  # It is on its way out.
                state = connection.client.inspect_container(found["Id"])["State"]
                if state["Running"]:
                    return _seconds(state["StartedAt"])
        time.sleep(0.05)
    raise TimeoutError(label)


def _seconds(moment: str) -> float:
    whole, _, part = moment.rstrip("Z").partition(".")
    return float(f"{calendar.timegm(time.strptime(whole, '%Y-%m-%dT%H:%M:%S'))}.{part or 0}")


def _devrun(root: Path) -> list[str]:
    return [sys.executable, "-m", "devrun", "-C", str(root)]


def watch(root: Path) -> "subprocess.Popen[bytes]":
    """Starts devrun."""
    nowhere = subprocess.DEVNULL
    return subprocess.Popen([*_devrun(root), "watch"], stdin=nowhere, stdout=nowhere, stderr=nowhere)


def stop(running: "subprocess.Popen[bytes]", root: Path) -> None:
    """Ends devrun once all has come to rest, as Ctrl-C does."""
    wait_for_rest(root)
    running.send_signal(signal.SIGINT)
    running.wait()


def wait_for_rest(root: Path) -> None:
    """Returns once a daemon is there, and all that it runs is ready."""
    while True:
        try:
            Client.find(root).wait()
            return
        except NotRunningError:
            time.sleep(0.05)


def main() -> None:
    """Measures, and prints a line for each way."""
    for way, taken in measure(int((*sys.argv[1:], "10")[0])).items():
        print(f"{way}: median {taken:.3f} s")


if __name__ == "__main__":
    main()
