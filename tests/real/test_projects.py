"""Projects that others wrote, of every layout: all that a run of them really loads is in the closure.

They are fetched as source distributions while the test runs, and what a run loads is what `sys.modules` says.
"""

import json
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

PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
LIMIT_S = 200

DOCKERFILE = "FROM python\nWORKDIR /app\n"
RECORD = """
import atexit, json, os, runpy, sys

def tell():
    files = {getattr(module, "__file__", None) or "" for module in list(sys.modules.values())}
    with open(os.environ["LOADED"], "w") as record:
        json.dump(sorted(files), record)

atexit.register(tell)
kind, name, *arguments = sys.argv[1:]
sys.argv = [name, *arguments]
if kind == "script":
    sys.path[0] = os.path.dirname(os.path.abspath(name))
    runpy.run_path(name, run_name="__main__")
else:
    sys.path[0] = os.getcwd()
    runpy.run_module(name, run_name="__main__", alter_sys=True)
"""


@dataclass(frozen=True)
class Real:
    """A project, and how it is run."""

    requirement: str
    program: Program
    run: tuple[str, ...]
    """The same, for `RECORD`."""
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
        files={"main.py": "import structlog\nstructlog.get_logger().info('said')\n"},
    ),
    "a namespace": Real(
        "zope.interface==8.7",
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


def fetched(project: Real, place: Path) -> Path:
    """Return the folder of a project, fetched and unpacked."""
    subprocess.run(
        [*PIP, "download", "--no-deps", "--no-binary", ":all:", "--dest", place, project.requirement],
        check=True,
        timeout=LIMIT_S,
    )
    (archive,) = place.glob("*.tar.gz")
    with tarfile.open(archive) as content:
        content.extractall(place / "unpacked", filter="data")
    (folder,) = (place / "unpacked").iterdir()
    return folder / project.folder


def loaded(project: Real, root: Path, place: Path) -> set[str]:
    """Return the files of the project that a run loads."""
    if project.needs:
        subprocess.run(
            [*PIP, "install", "--target", place / "needs", *project.needs], check=True, timeout=LIMIT_S
        )
    paths = [str(place / "needs"), *([str(root / project.path)] if project.path else [])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "LOADED": str(place / "loaded")}
    ended = subprocess.run(
        [sys.executable, "-S", "-B", "-c", RECORD, *project.run],
        cwd=root,
        env={**environment, **project.env},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    files = {os.path.realpath(file) for file in json.loads((place / "loaded").read_text()) if file}
    mine = {file for file in files if file.startswith(f"{root}{os.sep}")}
    assert len(mine) >= project.least, (mine, ended.stderr)
    return mine


@pytest.mark.parametrize("project", PROJECTS.values(), ids=PROJECTS.keys())
def test_what_a_run_loads_is_in_the_closure(project: Real, tmp_path: Path) -> None:
    """A change of any of these files restarts the target, by a chain of imports and not as nobody's file."""
    root = fetched(project, tmp_path).resolve()
    for name, text in {"Dockerfile": DOCKERFILE, **project.files}.items():
        (root / name).write_text(text)
    env = {"PYTHONPATH": f"/app/{project.path}"} if project.path else {}
    target = make_target(WEB, root, program=project.program, mount=Mount(root), env={**env, **project.env})
    disk = Disk(make_project(root, target), lambda _: None, lambda _subject, _text: None, lambda _, __: None)
    disk.read()

    rules = {file: disk.explain(file).targets[WEB] for file in loaded(project, root, tmp_path)}
    outside = {file: effect for file, effect in rules.items() if not effect.rule.startswith(f"{WEB} <- ")}
    assert outside == {}
