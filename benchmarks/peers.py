"""What people use instead of devrun, each at its best: a signal ends the program, nothing is rebuilt."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.compose import compose_command
from benchmarks.contenders import (
    AfterSave,
    BrokenError,
    Contender,
    Place,
    background,
    nothing,
    told,
)
from benchmarks.engine import LABEL
from benchmarks.served import PORT

WATCHDOG = "DEVRUN_BENCH_WATCHDOG"
"""The variable that names the folder in which scripts/machine.py has installed watchdog."""

COMPOSE = """\
name: {name}
services:
  web:
    build: .
    init: true
    labels: {{ {label}: "{run}" }}
    ports: ["127.0.0.1:{port}:{inner}"]
    develop:
      watch:
        - {{ action: sync+restart, path: ., target: /app }}
"""
DOCKERFILE = 'FROM {image}\nCOPY . .\nCMD ["python", "app.py"]\n'


def peers() -> tuple[list[Contender], list[str]]:
    """Returns the peers that this machine has, and what it lacks for the others."""
    found = [
        Contender("Flask's debug reloader", flask_reloader, flask=True),
        Contender("watchfiles in the container", watchfiles_inside),
    ]
    lacking = []
    if shutil.which("docker"):
        found.append(Contender("docker restart by a script", restart_by_script))
    else:
        lacking.append("docker restart by a script: no docker client")
    if shutil.which("docker") and os.environ.get(WATCHDOG):
        found.append(Contender("watchmedo, docker restart", watchmedo))
    else:
        lacking.append(f"watchmedo, docker restart: no docker client, or {WATCHDOG} is not set")
    if compose_command():
        found.append(Contender("docker compose watch", compose_watch))
    else:
        lacking.append("docker compose watch: no compose plugin")
    return found, lacking


@contextmanager
def flask_reloader(place: Place) -> Iterator[AfterSave]:
    """Runs Flask's development server with `--debug`."""
    command = ["flask", "--app", "app", "run", "--debug", "--host", "0.0.0.0", "--port", str(PORT)]
    with container(place, command):
        yield nothing


@contextmanager
def watchfiles_inside(place: Place) -> Iterator[AfterSave]:
    """Runs the program by the command watchfiles, in the container."""
    with container(place, ["watchfiles", "python app.py", "/app"]):
        yield nothing


@contextmanager
def restart_by_script(place: Place) -> Iterator[AfterSave]:
    """Runs `docker restart` right after the save: no watcher could be faster."""
    under_way: list[subprocess.Popen[bytes]] = []

    def restart() -> None:
        for process in under_way:
            process.wait()
        under_way[:] = [subprocess.Popen(restart_command(place), stdout=subprocess.DEVNULL)]

    with container(place, ["python", "app.py"]):
        try:
            yield restart
        finally:
            for process in under_way:
                process.wait()


@contextmanager
def watchmedo(place: Place) -> Iterator[AfterSave]:
    """Runs `docker restart` whenever watchmedo, on the host, sees a save."""
    command = [sys.executable, "-m", "watchdog.watchmedo", "shell-command", "--recursive", "--drop"]
    command += ["--patterns=**/*.py", f"--command={' '.join(restart_command(place))}", str(place.folder)]
    paths = {"PYTHONPATH": os.environ[WATCHDOG]}
    with container(place, ["python", "app.py"]), background(place, command, paths):
        yield nothing


@contextmanager
def compose_watch(place: Place) -> Iterator[AfterSave]:
    """Runs `docker compose watch`, which copies the saved file and restarts the container."""
    file = place.folder.with_suffix(".yaml")
    compose = [*(compose_command() or []), "--project-directory", str(place.folder), "-f", str(file)]
    content = COMPOSE.format(name=place.own_name, label=LABEL, run=place.run, port=place.port, inner=PORT)
    file.write_text(content)
    (place.folder / "Dockerfile").write_text(DOCKERFILE.format(image=place.image))
    (place.folder / ".dockerignore").write_text("Dockerfile\n.dockerignore\n")
    try:
        told(place, [*compose, "up", "-d", "--build"])
        with background(place, [*compose, "watch", "--no-up"]) as watcher:
            yield nothing
            if watcher.poll() is not None:
                raise BrokenError(f"{place.name}: it ended with {watcher.returncode}")
    finally:
        told(place, [*compose, "down", "--rmi", "local", "--volumes", "--timeout", "0"])


@contextmanager
def container(place: Place, command: list[str]) -> Iterator[None]:
    """Has a container with the folder mounted, as a user who starts it by hand."""
    made = place.engine.containers.run(
        place.image,
        command,
        name=place.own_name,
        detach=True,
        init=True,
        labels={LABEL: place.run},
        ports={f"{PORT}/tcp": ("127.0.0.1", place.port)},
        # What it writes into the folder, byte code, is then ours to remove.
        user=f"{os.getuid()}:{os.getgid()}",
        volumes={str(place.folder): {"bind": "/app", "mode": "rw"}},
        working_dir="/app",
    )
    try:
        yield
    finally:
        made.remove(force=True, v=True)


def restart_command(place: Place) -> list[str]:
    """Returns the command that restarts the place's container, whose program ends by the signal."""
    return ["docker", "restart", "--time", "2", place.own_name]
