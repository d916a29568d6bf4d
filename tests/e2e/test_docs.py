"""Every command in the README and in docs/ does what it says, in the project that the README describes."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devrun.control.lock import read
from tests.e2e.conftest import BASE, LIMIT_S, Sandbox

pytestmark = pytest.mark.engine

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", *sorted(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md"))]
ELSEWHERE = {
    "pip install .": "CI installs the checkout",
    "python -m benchmarks.decision 500 20": "",
    "python -m benchmarks.status 100": "",
    "benchmarks/run --quick": "CI runs it with --check",
    "benchmarks/run": "it takes half an hour",
    "benchmarks/run --render benchmarks/results/FILE.json": "it writes that page",
    "scripts/soak --restarts 2000 --reload warm": "it takes minutes",
    "scripts/soak --minutes 20": "tests/e2e/test_soak.py runs seconds of it",
}
"""Commands that are run from the checkout: those with a reason are not run here."""
HELLO = """\
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
if __name__ == "__main__":
    print("hello", flush=True)
    while True:
        time.sleep(0.1)
"""
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str, language: str) -> list[str]:
    """Return the blocks of code of a page."""
    return [text for said, text in BLOCK.findall((ROOT / page).read_text()) if said == language]


def commands(page: str) -> list[str]:
    """Return what is typed, in the order of the page."""
    lines = (line for block in blocks(page, "console") for line in block.splitlines())
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]


@pytest.fixture
def project(sandbox: Callable[[str], Sandbox], tmp_path: Path) -> Iterator[Sandbox]:
    """The README's first project, with `devrun` and `python` to be typed."""
    made = sandbox("01-script")
    (made.folder / "devrun.toml").unlink()
    (dockerfile,) = blocks("README.md", "dockerfile")
    made.write("Dockerfile", dockerfile.replace("python:3.13-slim", BASE))
    made.write("requirement.txt", "six\n")
    made.write("hello.py", HELLO)
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    for name, words in (("devrun", f"{sys.executable} -m devrun"), ("python", sys.executable)):
        program = bin_folder / name
        program.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        program.chmod(0o755)
    made.environment["PATH"] = f"{bin_folder}:{os.environ['PATH']}"
    made.environment["PYTHONPATH"] = str(ROOT)
    yield made
    if made.daemon:
        made.kill(signal.SIGINT)


def typed(project: Sandbox, command: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run a command as a shell does."""
    return subprocess.run(
        command,
        shell=True,
        cwd=folder,
        env=project.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=2 * LIMIT_S,
        check=False,
    )


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)])
def test_every_command_of_a_page_works(project: Sandbox, page: str) -> None:
    """In the order of the page; a watch in the foreground ends when the next one begins."""
    if page != "README.md":
        assert project.devrun("init").returncode == 0
    for command in commands(page):
        if command == "devrun watch":
            project.devrun("down")
            if (project.folder / "devrun.toml").exists():
                project.watch().settled(command)
            continue
        if "watch --detach" in command and project.daemon:
            project.kill(signal.SIGINT)
        if ELSEWHERE.get(command):
            continue
        ended = typed(project, command, ROOT if command in ELSEWHERE else project.folder)
        assert ended.returncode == 0, f"{command}\n{ended.stdout}\n{ended.stderr}"


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")])
def test_every_program_of_a_page_works(project: Sandbox, page: str) -> None:
    """In the project's folder, while devrun runs."""
    assert project.devrun("init").returncode == 0
    assert project.devrun("watch", "--detach").returncode == 0
    assert project.devrun("wait").returncode == 0
    assert read(project.place) is not None
    for block in blocks(page, "python"):
        ended = subprocess.run(
            [sys.executable, "-c", block],
            cwd=project.folder,
            env=project.environment,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert (ended.returncode, ended.stderr) == (0, ""), block
        assert ended.stdout


def test_the_reference_of_devrun_toml_is_valid(project: Sandbox) -> None:
    """All that the README's example says, with the files that it names."""
    (reference,) = blocks("README.md", "toml")
    for name in ("report.py", ".env", "token.txt"):
        project.write(name, "")
    project.write("Dockerfile", f"FROM {BASE} AS dev\nWORKDIR /app\n")
    project.write("devrun.toml", reference)
    checked = project.devrun("check")

    assert checked.returncode == 0, checked.stderr
    for target in ("report", "db", "web"):
        assert f"target {target}: runs" in checked.stdout
    project.write("devrun.toml", '[targets]\nhello = "hello.py"\n')


def test_the_pages_name_every_command_and_every_key() -> None:
    """Of the command line, and of the schema."""
    from devrun.cli.main import COMMANDS
    from devrun.config.schema import known_keys

    readme = (ROOT / "README.md").read_text()
    both = readme + (ROOT / "docs" / "configuration.md").read_text()

    assert [name for name in COMMANDS if f"`{name}" not in readme] == []
    keys = {*known_keys(("targets", "x")), *known_keys(("image",)), *known_keys(("mount",))}
    assert [key for key in sorted(keys) if f"`{key}`" not in both and f"\n{key} = " not in both] == []
    assert len(readme.splitlines()) <= 200
