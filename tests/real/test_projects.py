"""Projects that others wrote, of every layout: all that a run of them really loads is in the closure.

They are fetched as source distributions while the test runs, and what a run loads is what `sys.modules` says.
"""

import os
import subprocess
import sys
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from devrun.config.project import Command, Module, Mount, Program, Script
from devrun.sources.disk import Disk
from tests.sources.live_disk import WEB, make_project, make_target
from tests.sources.recorded_run import LIMIT_S, recorded

PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
DOCKERFILE = "FROM python\nWORKDIR /app\n"


@dataclass(frozen=True)
class Real:
    """A project, and how it is run."""

    requirement: str
    program: Program
    run: tuple[str, ...]
    """The same, for `recorded`."""
    least: int
    """So many files are loaded at least: else the run did not get far."""
    folder: str = "."
    path: str = ""
    """PYTHONPATH, relative to the project."""
    needs: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)


PROJECTS = {
    "a single module": Real(
        "bottle==0.13.4",
        Script("main.py"),
        ("script", "main.py"),
        1,
        files={"main.py": "import bottle\nbottle.Bottle()\n"},
    ),
    "flat": Real("tqdm==4.70.1", Module("tqdm"), ("module", "tqdm", "--version"), 8),
    "below src": Real(
        "structlog==26.1.0",
        Script("main.py"),
        ("script", "main.py"),
        10,
        path="src",
        needs=("typing-extensions==4.15.0",),
        files={"main.py": "import structlog\nstructlog.get_logger().info('said')\n"},
    ),
    "a namespace": Real(
        "zope.interface==8.5",
        Script("main.py"),
        ("script", "main.py"),
        7,
        path="src",
        files={"main.py": "from zope.interface import Interface\nclass Thing(Interface): ...\n"},
    ),
    "settings that name modules": Real(
        "django-debug-toolbar==8.0.0",
        Script("example/manage.py"),
        ("script", "example/manage.py", "check"),
        20,
        needs=("django==5.2.8",),
        path=".",
    ),
    "a factory": Real(
        "flask==3.1.3",
        Command(("flask", "--app", "flaskr", "routes")),
        ("module", "flask", "--app", "flaskr", "routes"),
        4,
        folder="examples/tutorial",
        needs=("flask==3.1.3",),
    ),
}


def pip(*words: str | Path) -> None:
    """Have pip fetch something; where it cannot, the test is skipped, or fails under CI."""
    ended = subprocess.run([*PIP, *words], capture_output=True, text=True, timeout=LIMIT_S, check=False)
    if ended.returncode:
        assert os.environ.get("CI") != "true", ended.stderr
        pytest.skip(f"pip fetches nothing here: {ended.stderr[-200:]}")


def fetched(project: Real, place: Path) -> Path:
    """Return the folder of a project, fetched and unpacked."""
    # Not `:all:`, by which pip builds from their sources the tools too that it asks for the metadata.
    name = project.requirement.partition("==")[0]
    pip("download", "--no-deps", "--no-binary", name, "--dest", place, project.requirement)
    (archive,) = place.glob("*.tar.gz")
    with tarfile.open(archive) as content:
        content.extractall(place / "unpacked", filter="data")
    (folder,) = (place / "unpacked").iterdir()
    return folder / project.folder


def loaded(project: Real, root: Path, place: Path) -> frozenset[str]:
    """Return the files of the project that a run loads."""
    if project.needs:
        pip("install", "--no-compile", "--target", place / "needs", *project.needs)
    paths = [str(place / "needs"), *([str(root / project.path)] if project.path else [])]
    run = recorded(root, project.run, {**project.env, "PYTHONPATH": os.pathsep.join(paths)}, place / "loaded")
    assert len(run.loaded) >= project.least, run
    return run.loaded


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("project", PROJECTS.values(), ids=PROJECTS.keys())
def test_what_a_run_loads_is_in_the_closure(project: Real, tmp_path: Path) -> None:
    """A change of any of these files restarts the target, by a chain of imports and not as nobody's file."""
    root = fetched(project, tmp_path).resolve()
    for name, text in {"Dockerfile": DOCKERFILE, **project.files}.items():
        (root / name).write_text(text)
    env = {"PYTHONPATH": f"/app/{project.path}"} if project.path else {}
    target = make_target(WEB, root, program=project.program, mount=Mount(root), env={**env, **project.env})
    disk = Disk.read_once(make_project(root, target))

    rules = {file: disk.explain(file).targets[WEB] for file in loaded(project, root, tmp_path)}
    outside = {file: effect for file, effect in rules.items() if not effect.rule.startswith(f"{WEB} <- ")}
    assert outside == {}
