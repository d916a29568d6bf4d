"""What is one change to its author is one to devrun, and a build is begun anew only where its inputs mean
something new: on the example with three scripts, a real engine and a real daemon.

The judge of starts is the engine's own stream of events.
"""

import os
import re
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from devrun.control.client import Client
from devrun.core.waiting import Ending
from tests.e2e.conftest import LIMIT_S, Sandbox

pytestmark = pytest.mark.engine

FILES = 10_000
SLOW_S = 60
"""What is done during a build takes less, also on a machine under load; nobody waits for its end."""


def git(folder: Path, *arguments: str, given: bytes = b"") -> None:
    """Run git by no configuration but its own."""
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    who = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.org")
    ended = subprocess.run(
        ["git", *who, *arguments], cwd=folder, env=environment, input=given, capture_output=True, check=False
    )
    assert ended.returncode == 0, (arguments, ended.stderr)


def make_branches(folder: Path) -> None:
    """Make a branch `main` of what is there, and `wide` with many more files and some others."""
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=main")
    script = (folder / "hello.py").read_text().replace("Hello, world!", "Hello, wide world!")
    changed = {
        "hello.py": script,
        "hello-cmd.py": 'print("Hello from the other branch")\n',
        "requirement.txt": "# For another branch.\n\n" + (folder / "requirement.txt").read_text(),
        **{f"wide/part{n % 100}/module{n}.py": f"NUMBER = {n}\n" for n in range(FILES)},
    }
    # A stream of commands takes a fraction of the time that writing and adding the files would.
    lines = [
        "commit refs/heads/wide",
        "committer S <s@example.org> 0 +0000",
        "data 0",
        "from refs/heads/main",
    ]
    for name, text in changed.items():
        lines += [f"M 100644 inline {name}", f"data {len(text.encode())}", text]
    git(folder, "fast-import", "--quiet", given=("\n".join(lines) + "\n").encode())


def starts_since(project: Sandbox, moment: float) -> Counter[str]:
    """Return how often a container of each target was started, by the engine's account."""
    # The engine takes fractions of seconds; the stubs know of whole ones only.
    events = project.engine.events(  # type: ignore[call-overload]
        since=f"{moment:.9f}",
        until=f"{time.time():.9f}",
        decode=True,
        filters={"type": ["container"], "event": ["start"], "label": [f"dev.devrun.root={project.key}"]},
    )
    return Counter(event["Actor"]["Attributes"].get("dev.devrun.target", "") for event in events)


def ready(project: Sandbox) -> None:
    """Wait until all that was saved is loaded."""
    outcome = Client.connect(project.place).wait(timeout_s=LIMIT_S)
    assert outcome.outcome == Ending.READY.value, (outcome, project.output())


def test_a_checkout_of_10000_files_and_back_is_one_restart_each_way_and_no_build(scripts: Sandbox) -> None:
    """Of the targets that it concerns; a script that has ended runs again for what it reaches only."""
    make_branches(scripts.folder)
    ready(scripts)
    builds, before = scripts.image().builds, scripts.start_of("new-hello")
    began = time.time()

    git(scripts.folder, "checkout", "--quiet", "wide")
    ready(scripts)
    assert starts_since(scripts, began) == {"hello": 1, "hello-cmd": 1}, scripts.output()
    assert scripts.serves("Hello, wide world!")

    # The engine remembers its last 256 events only, of all projects.
    began = time.time()
    git(scripts.folder, "checkout", "--quiet", "main")
    ready(scripts)
    assert starts_since(scripts, began) == {"hello": 1, "hello-cmd": 1}, scripts.output()
    assert scripts.serves("Hello, world!")
    assert scripts.start_of("new-hello") == before
    assert scripts.image().builds == builds


def last_changed(project: Sandbox) -> list[str]:
    """Return the paths of the last batch of changes."""
    last = Client.connect(project.place).explain((), last=True).last
    return [change.path for change in last.changed] if last else []


def lines_of(project: Sandbox, *starts: str) -> list[str]:
    """Return the lines of the log that begin like this, without devrun's name."""
    lines = [line.removeprefix("devrun: ") for line in project.output().splitlines()]
    return [line for line in lines if line.startswith(starts)]


def test_a_build_is_begun_anew_for_a_new_meaning_and_goes_on_for_a_comment(scripts: Sandbox) -> None:
    """The old container is restarted for an edit of its script meanwhile; the newest inputs are built."""
    builds, first = scripts.image().builds, scripts.start_of("hello")
    requirements = (scripts.folder / "requirement.txt").read_text()
    # The engine has steps of earlier runs in its cache: this one is a new one each time.
    slow = f"grep iniconfig requirement.txt || sleep {SLOW_S} # {time.time_ns()}"
    scripts.edit("Dockerfile", "RUN python", f"RUN {slow}\nRUN python")
    scripts.until(lambda report: "sleep" in report.images["default"].progress, "the build is at work")

    scripts.write("requirement.txt", f"# For a reason.\n{requirements}")
    scripts.until(lambda _: "requirement.txt" in last_changed(scripts), "the comment is seen")
    restarts = scripts.target("hello").restarts
    scripts.edit("hello.py", "Hello, world!", "Hello, meanwhile!")
    report = scripts.until(lambda report: report.targets["hello"].restarts > restarts, "the old one restarts")
    assert report.images["default"].doing.startswith("building")
    assert scripts.serves("Hello, meanwhile!")
    assert scripts.start_of("hello").container == first.container
    assert lines_of(scripts, "image default: cancelling") == []

    scripts.write("requirement.txt", f"{requirements}iniconfig\n")
    ready(scripts)
    said = lines_of(
        scripts,
        "image default: building",
        "image default: cancelling",
        "image default: given",
        "image default: built",
    )
    assert [re.sub(r"( in)? [0-9.]+ s$", "", line) for line in said[2:]] == [
        "image default: building (Dockerfile changed)",
        "image default: cancelling the build (requirement.txt changed)",
        "image default: given up after",
        "image default: building (requirement.txt changed)",
        "image default: built",
    ]
    assert scripts.image().builds == builds + 1
    assert "iniconfig" in scripts.inside("hello", "python", "-m", "pip", "list")
    assert scripts.start_of("hello").container != first.container
    assert scripts.page() == "Hello, meanwhile!"
