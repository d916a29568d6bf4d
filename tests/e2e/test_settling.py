"""Large changes and long builds: one restart at their end, one build for the newest, and edits go on."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from devrun.control.client import Client
from devrun.core.waiting import Ending
from tests.e2e.conftest import LIMIT_S, Sandbox

pytestmark = pytest.mark.engine

MODULES = 10_000
SLOW = "RUN sleep 5 && cat requirement.txt # {}\n"
"""With a number that no earlier build had, since the engine remembers those."""
SERVE = "import signal\nsignal.pause()\n"


def git(folder: Path, *arguments: str) -> None:
    """Run git, by no other configuration than its own."""
    who = ("-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "init.defaultBranch=main")
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", *who, *arguments], cwd=folder, env=environment, check=True, capture_output=True)


def make(folder: Path, files: dict[str, str]) -> None:
    """Write files, with their folders."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def portless(sandbox: Callable[[str], Sandbox]) -> Sandbox:
    """Return the example with three scripts, none of which has to listen anywhere."""
    project = sandbox("03-scripts")
    project.edit("devrun.toml", '{ script = "hello.py", ports = ["${PORT:-8080}:5000"] }', '"hello.py"')
    return project


def starts(project: Sandbox, since: float) -> list[str]:
    """Return which targets' containers were started, by the engine's own events."""
    label = {"label": [f"dev.devrun.root={project.key}"], "event": ["start"]}
    events = project.engine.events(  # type: ignore[call-overload]
        since=f"{since:.9f}", until=f"{time.time():.9f}", decode=True, filters=label
    )
    found = (event["Actor"]["Attributes"].get("dev.devrun.target", "") for event in events)
    return sorted(filter(None, found))


def test_a_checkout_of_ten_thousand_files_is_one_restart_at_its_end(
    sandbox: Callable[[str], Sandbox],
) -> None:
    """And so is the way back; nothing is built, since the inputs mean the same."""
    project = portless(sandbox)
    folder = project.folder
    make(
        folder, {"hello.py": f"import pkg.m1\n{SERVE}", "hello-cmd.py": "print(1)\n", "pkg/m1.py": "N = 0\n"}
    )
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "small")
    git(folder, "checkout", "-qb", "wide")
    make(folder, {f"pkg/d{number % 50}/m{number}.py": f"N = {number}\n" for number in range(MODULES)})
    make(
        folder,
        {"pkg/m1.py": "N = 1\n", "requirement.txt": "# why\n" + (folder / "requirement.txt").read_text()},
    )
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "wide")
    git(folder, "checkout", "-q", "main")
    project.watch().settled("the first start")
    client, builds = Client.connect(project.place), project.image().builds

    for branch in ("wide", "main"):
        since = time.time()
        git(folder, "checkout", "-q", branch)
        outcome = client.wait(timeout_s=LIMIT_S)
        assert outcome.outcome == Ending.READY.value, (outcome, project.output())
        assert starts(project, since) == ["hello"], project.output()
    assert project.image().builds == builds


def test_a_build_goes_on_over_a_comment_and_gives_way_to_another_meaning(
    sandbox: Callable[[str], Sandbox],
) -> None:
    """Meanwhile an edit of code restarts the old container; the image that is left is that of the newest."""
    project = portless(sandbox)
    make(project.folder, {"hello.py": SERVE, "requirement.txt": "flask\n"})
    project.edit("Dockerfile", "RUN python -m pip install -r requirement.txt\n", SLOW.format(time.time_ns()))
    project.watch().settled("the first start")
    client, first = Client.connect(project.place), project.start_of("hello")

    project.write("requirement.txt", "flask\nsix\n")
    project.until(lambda report: "sleep 5" in report.images["default"].progress, "the slow step")
    project.write("requirement.txt", "flask\nsix  # why\n")
    project.write("hello.py", f"{SERVE}# meanwhile\n")
    project.until(lambda report: report.targets["hello"].restarts == 1, "the restart")
    assert project.start_of("hello").container == first.container, project.output()
    assert "building" in project.image().doing
    assert "cancelling" not in project.output()

    project.write("requirement.txt", "flask\nsix\nrich\n")
    project.until(lambda _: "cancelling the build" in project.output(), "the cancellation")
    assert client.wait(timeout_s=60).outcome == Ending.READY.value
    assert project.image().builds == 2
    assert project.inside("hello", "cat", "requirement.txt") == "flask\nsix\nrich\n"
    assert project.output().count("devrun: image default: built in") == 2
