"""Shows devrun's main job on a copy of examples/03-scripts.

It starts `devrun watch`, edits a script, edits the list of packages, and shows `devrun status` after each.
It waits for what status and the web application say, with a limit, and ends with 1 and the end of
`devrun watch`'s output where something does not come.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import machine

EXAMPLE = machine.ROOT / "examples" / "03-scripts"
DEVRUN = machine.VENV / "bin" / "devrun"
WEB_TARGET = "hello"
NEW_TEXT = "Hello again!"
NEW_PACKAGE = "six==1.17.0"

EXIT_INTERRUPTED = 130

# Long enough for a first build on a slow line.
STEP_TIMEOUT_S = 300.0
STOP_TIMEOUT_S = 30.0
POLL_S = 0.2
LOG_TAIL_LINES = 40


class DemoError(Exception):
    """A step of the demo that did not come."""


def main() -> int:
    """Prepares the machine, shows everything, and returns the exit code."""
    try:
        machine.refuse_old_python()
        os.environ.update(machine.prepare(engine=True))
    except machine.MachineError as missing:
        return machine.report(missing)
    try:
        with tempfile.TemporaryDirectory(prefix="devrun-demo-") as folder:
            project = Path(folder).resolve() / EXAMPLE.name
            shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns("__pycache__"))
            show(Demo(project))
    except DemoError as error:
        machine.say(f"demo: {error}")
        return machine.EXIT_ERROR
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    heading("done")
    return 0


def show(demo: Demo) -> None:
    """Goes through the steps."""
    heading(f"devrun watch, in a copy of examples/{EXAMPLE.name}")
    with demo.watching():
        demo.wait("the example to be up", lambda: demo.settled() and "Hello" in demo.page())
        print(f"the web application says: {demo.page()}")
        demo.show_status()

        heading("edit hello.py: one container restarts")
        demo.edit("hello.py", lambda text: text.replace("Hello, world!", NEW_TEXT))
        demo.wait("the new code to answer", lambda: demo.page() == NEW_TEXT and demo.settled())
        print(f"the web application says: {demo.page()}")
        demo.show_status()

        heading(f"add {NEW_PACKAGE} to requirement.txt: one build, and the containers are replaced")
        before = demo.fingerprints()
        demo.edit("requirement.txt", lambda text: f"{text}{NEW_PACKAGE}\n")
        demo.wait("the new image", lambda: demo.fingerprints() != before and demo.settled())
        demo.wait("the new container to answer", lambda: demo.page() == NEW_TEXT)
        demo.show_status()

        heading("devrun down")
        demo.down()


class Demo:
    """A project with `devrun watch` at work in it."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self.log = project.parent / "watch.log"
        self.port = free_port()
        self.image_ids: set[str] = set()
        self.process: subprocess.Popen[bytes] | None = None

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Runs `devrun watch` beside the block; takes down what it made, however the block ends."""
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [DEVRUN, "watch"],
                cwd=self.project,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is for the demo, which then takes everything down in order.
                start_new_session=True,
            )
        try:
            yield
        except BaseException:
            self.clean_up()
            raise
        self.forget_images()

    def environment(self) -> dict[str, str]:
        """Returns the environment of the devrun commands."""
        return {**os.environ, "PORT": str(self.port)}

    def devrun(self, *arguments: str, capture: bool = False) -> subprocess.CompletedProcess[str]:
        """Runs a devrun command in the project."""
        return subprocess.run(
            [DEVRUN, *arguments],
            cwd=self.project,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=capture,
            text=True,
        )

    def status(self) -> dict[str, Any]:
        """Returns what `devrun status --json` says, nothing while devrun does not answer."""
        done = self.devrun("status", "--json", capture=True)
        report: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {}
        self.image_ids |= {image["id"] for image in report.get("images", {}).values() if image["id"]}
        return report

    def show_status(self) -> None:
        """Shows the table that a user sees."""
        print("\n$ devrun status", flush=True)
        if self.devrun("status").returncode:
            raise self.failed("devrun status does not answer")

    def settled(self) -> bool:
        """Tells whether all is done, with the web application running; raises DemoError if it will not."""
        report = self.status()
        if not report.get("settled"):
            return False
        target = report["targets"][WEB_TARGET]
        if target["state"] != "running":
            raise self.failed(f"{WEB_TARGET} is {target['state']}: {target['doing']}")
        return True

    def fingerprints(self) -> list[str]:
        """Returns what the images in use were built from."""
        return [image["fingerprint"] for image in self.status().get("images", {}).values()]

    def page(self) -> str:
        """Returns what the web application answers, an empty text while it does not."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=5) as answer:
                return str(answer.read().decode())
        except (OSError, http.client.HTTPException):
            return ""

    def edit(self, name: str, change: Callable[[str], str]) -> None:
        """Changes a file of the project as an editor does."""
        path = self.project / name
        path.write_text(change(path.read_text()))

    def wait(self, what: str, reached: Callable[[], bool]) -> None:
        """Returns once it is so; raises DemoError after the limit or when `devrun watch` has ended."""
        deadline = time.monotonic() + STEP_TIMEOUT_S
        while not reached():
            if self.process and self.process.poll() is not None:
                raise self.failed(f"devrun watch ended with {self.process.returncode}")
            if time.monotonic() > deadline:
                raise self.failed(f"waited {STEP_TIMEOUT_S:.0f} s for {what}")
            time.sleep(POLL_S)

    def down(self) -> None:
        """Stops devrun from outside and sees it end."""
        if self.devrun("down").returncode:
            raise self.failed("devrun down did not work")
        assert self.process
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise self.failed("devrun watch goes on after devrun down") from None

    def clean_up(self) -> None:
        """Stops and removes what is left after a step that did not come."""
        self.devrun("down", capture=True)
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.forget_images()

    def forget_images(self) -> None:
        """Removes the images that were built: the next demo has a project, so images, of its own."""
        engine = machine.Engine(os.environ.get("DOCKER_HOST") or machine.DEFAULT_HOST)
        for image_id in self.image_ids:
            engine.remove_image(image_id)

    def failed(self, problem: str) -> DemoError:
        """Returns the error, after showing the end of `devrun watch`'s output."""
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        machine.say("\n".join(["the end of devrun watch's output:", *lines]))
        return DemoError(problem)


def free_port() -> int:
    """Returns a port that is free now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def heading(text: str) -> None:
    """Shows what comes next."""
    print(f"\n== {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
