"""Where a program starts: what devrun.toml and the Dockerfile say, brought back through the mount."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from devrun.config.project import Command, ImageCommand, Module, Mount, Program, Script
from devrun.sources.closure import shown_source
from devrun.sources.entry import entry_of, script_of
from devrun.sources.input_rules import Runtime
from devrun.sources.reach import Entry
from tests.sources.live_disk import WEB, make_project, make_target

ROOT = Path("/p")
IMAGE = ImageCommand()


@dataclass(frozen=True)
class Case:
    """A target, and what is expected of its start."""

    program: Program
    files: str = ""
    """Relative to the project, divided by spaces; each of them has to be among those found."""
    names: str = ""
    """All of them."""
    strings: str = ""
    """Some of them."""
    args: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] | None = None
    image: tuple[str, ...] = ()
    """The words of ENTRYPOINT and CMD."""


def run(*words: str) -> Command:
    """Return a command."""
    return Command(words)


CASES: dict[str, Case] = {
    "a script": Case(Script("bin/web.py"), "bin/web.py"),
    "arguments of a script may mean anything": Case(
        Script("manage.py"),
        "manage.py",
        "",
        "serve job app.settings",
        ("serve", "job", "--settings=app.settings"),
    ),
    "a script among the arguments": Case(Script("wrap.py"), "wrap.py app.py", args=("app.py",)),
    "a debugger before a script": Case(
        Script("web.py"),
        "web.py",
        "debugpy debugpy.__main__",
        entrypoint=("python", "-m", "debugpy", "--listen=0"),
    ),
    "a module": Case(
        Module("pkg.tool"), names="pkg.tool pkg.tool.__main__", strings="serve", args=("serve",)
    ),
    "a module with an application": Case(
        Module("uvicorn"), names="uvicorn uvicorn.__main__ main", args=("main:app", "--reload")
    ),
    "gunicorn": Case(run("gunicorn", "-w", "4", "-b", ":80", "pkg.wsgi:app"), names="pkg.wsgi"),
    "gunicorn with a factory": Case(run("gunicorn", "main:create_app('x')"), names="main"),
    "gunicorn in another folder": Case(run("gunicorn", "--chdir", "site", "main:app"), names="site main"),
    "gunicorn with a bare word": Case(run("gunicorn", "wsgi"), strings="wsgi"),
    "gunicorn with its settings": Case(
        run("gunicorn", "-c", "gunicorn.conf.py", "main:app"), "gunicorn.conf.py", "main"
    ),
    "uvicorn": Case(run("uvicorn", "main:app", "--reload"), names="main"),
    "uvicorn of Python": Case(
        run("python", "-m", "uvicorn", "app.main:app"), names="uvicorn uvicorn.__main__ app.main"
    ),
    "flask": Case(run("flask", "--app=hello", "run"), names="hello hello.celery"),
    "flask with a file": Case(run("flask", "--app", "hello.py", "run"), "hello.py"),
    "flask that is told nothing": Case(run("flask", "run"), "app.py wsgi.py"),
    "flask by a variable": Case(
        run("/venv/bin/flask", "run"), names="hello hello.celery", env={"FLASK_APP": "hello:create_app()"}
    ),
    "flask by a variable with a file": Case(run("flask", "run"), "hello.py", env={"FLASK_APP": "hello.py"}),
    "flask in an image": Case(
        IMAGE, "app.py wsgi.py", image=("python -m flask run",), names="flask flask.__main__"
    ),
    "fastapi": Case(run("fastapi", "run", "app/main.py"), "app/main.py"),
    "fastapi that is told nothing": Case(run("fastapi", "dev"), "main.py app/main.py"),
    "celery": Case(run("celery", "-A", "proj", "worker", "-l", "info"), names="proj proj.celery info"),
    "celery, joined": Case(run("celery", "--app=proj.app", "beat"), names="proj.app proj.app.celery"),
    "a command of Django": Case(run("python", "manage.py", "serve", "job"), "manage.py", "", "serve job"),
    "a program of the project": Case(run("mytool", "serve"), names="", strings="mytool serve"),
    "a module of Python": Case(run("python3.13", "-m", "pkg"), names="pkg pkg.__main__"),
    "options of Python": Case(run("python", "-u", "-B", "web.py", "job"), "web.py", "", "job"),
    "code": Case(run("python", "-c", "from app import main; main.go()"), names="app.main"),
    "a line for a shell": Case(
        run("sh", "-c", "python manage.py migrate job && exec gunicorn 'pkg.wsgi:app'"),
        "manage.py",
        "pkg.wsgi",
        "migrate job",
    ),
    "a line for a shell with a folder": Case(run("sh", "-c", "cd lib; python web.py"), "lib/web.py web.py"),
    "code in a line for a shell": Case(run("sh", "-c", 'python -c "import app.main"'), names="app.main"),
    "a broken line for a shell": Case(run("sh", "-c", "python web.py 'x"), ""),
    "what the image starts": Case(IMAGE, "web.py", image=("python", "web.py")),
    "a line in the image": Case(IMAGE, "", "main", image=("exec gunicorn main:app --bind :$PORT",)),
    "variables in the image": Case(
        IMAGE,
        "",
        "main other",
        image=("gunicorn $APP ${OTHER:-other:app} ${NONE}",),
        env={"APP": "main:app"},
    ),
    "ENTRYPOINT and CMD": Case(
        IMAGE, "web.py", strings="job", args=("job",), image=("python", "-u", "web.py")
    ),
    "an entrypoint instead of the image's": Case(
        IMAGE, "", "main", image=("python", "web.py"), entrypoint=("uvicorn", "main:app")
    ),
    "settings": Case(
        run("gunicorn", "pkg.wsgi"),
        "",
        "pkg.wsgi",
        "pkg.settings",
        env={"DJANGO_SETTINGS_MODULE": "pkg.settings", "LEVEL": "3", "TEXT": "two words"},
    ),
    "the name of a host": Case(run("wait-for-it", "db:5432", "--", "python", "web.py"), "web.py"),
}


def entry(case: Case, runtime: Runtime, mount: Mount | None = None, workdir: str | None = None) -> Entry:
    """Return where a target starts."""
    target = replace(
        make_target(WEB, ROOT, program=case.program, mount=mount, env=case.env),
        args=case.args,
        workdir=workdir,
        entrypoint=case.entrypoint,
    )
    return entry_of(make_project(ROOT, target), target, runtime, shown_source(target, runtime.workdir))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_start_is_told_by_words_and_variables(case: Case) -> None:
    """Files, modules, and what may be modules too."""
    found = entry(case, Runtime("/app", case.image))

    assert set(found.files) >= {f"/p/{file}" for file in case.files.split()}
    assert bool(found.files) is bool(case.files)
    assert set(found.names) == set(case.names.split())
    assert set(found.strings) >= set(case.strings.split())


TESTS = {
    "pytest": Case(run("pytest", "-x")),
    "pytest in a virtual environment": Case(run("/venv/bin/pytest")),
    "a module": Case(Module("pytest")),
    "unittest": Case(run("python", "-m", "unittest", "discover")),
    "coverage": Case(run("coverage", "run", "-m", "pytest")),
    "a script": Case(Script("pytest")),
    "the image": Case(IMAGE, image=("tox -e py",)),
    "a line": Case(run("sh", "-c", "pip install -e . && pytest tests")),
    "an argument": Case(Script("manage.py"), args=("test", "polls")),
    "Django": Case(run("python", "manage.py", "test")),
}


@pytest.mark.parametrize("case", TESTS.values(), ids=TESTS)
def test_what_a_test_runner_loads_cannot_be_told(case: Case) -> None:
    """It looks for tests by patterns: every Python file counts."""
    found = entry(case, Runtime("/app", case.image))

    assert (found.files, found.names, found.strings) == ((), (), ())


OTHERS: dict[str, tuple[Command, set[str]]] = {
    "a shell script": (run("sh", "start.sh", "x.sh"), {"start.sh"}),
    "with options": (run("/bin/bash", "-eu", "bin/start"), {"bin/start"}),
    "by itself": (run("./start.sh", "x.sh"), {"start.sh"}),
    "Python without an ending": (run("python", "-u", "bin/serve", "data.csv"), {"bin/serve"}),
    "in a line": (run("sh", "-c", "sh a.sh && bash b.sh c.sh"), {"a.sh", "b.sh"}),
    "a Python file is none": (run("python", "web.py", "data.csv"), set()),
}


@pytest.mark.parametrize(("command", "expected"), OTHERS.values(), ids=OTHERS)
def test_scripts_of_other_kinds_are_found(command: Command, expected: set[str]) -> None:
    """What they get as their arguments is none of them."""
    found = set(entry(Case(command), Runtime("/app")).others)

    assert {file for file in found if "." in file or "bin" in file} >= {f"/p/{name}" for name in expected}
    assert not found & {"/p/x.sh", "/p/c.sh", "/p/data.csv", "/p/web.py"}


@dataclass(frozen=True)
class Place:
    """Where a mount lies, and which folders of the host are searched."""

    roots: str
    """All of them, in their order."""
    mount: Mount | None = None
    workdir: str | None = None
    image: str | None = "/app"
    path: str = ""
    """PYTHONPATH."""
    program: Program = IMAGE


PLACES: dict[str, Place] = {
    "the project at the WORKDIR": Place("/p /p/src"),
    "a script in a folder": Place("/p/bin /p /p/src", program=Script("bin/web.py")),
    "PYTHONPATH": Place("/p /p/src /p/lib /p/lib/src /p/a /p/a/src", path="/app/lib:a::/usr/lib"),
    "a path that climbs": Place("/p /p/src /p/lib /p/lib/src", path="/app/x/../lib"),
    "a WORKDIR inside the mount": Place("/p/site /p/site/src /p /p/src", workdir="/app/site"),
    "the image's, inside the mount": Place(
        "/p/site /p/site/src /p /p/src", Mount(ROOT, "/app"), image="/app/site"
    ),
    "a WORKDIR elsewhere": Place("/p /p/src", Mount(ROOT, "/app"), image="/srv"),
    "a neighbour of the mount": Place("/p /p/src", Mount(ROOT, "/app"), image="/app2"),
    "a sub folder": Place("/p/web /p/web/src", Mount(ROOT / "web")),
    "a sub folder at its own name": Place("/p /p/src /p/web /p/web/src", Mount(ROOT / "web", "/app/web")),
    "a sub folder at another name": Place("/p/web /p/web/src", Mount(ROOT / "web", "/app/site")),
    "two levels": Place("/p /p/src /p/a/b /p/a/b/src", Mount(ROOT / "a/b", "/app/a/b")),
    "two levels with another name": Place("/p/a/b /p/a/b/src", Mount(ROOT / "a/b", "/app/c/b")),
    "below the root": Place("/p /p/src /p/app /p/app/src", Mount(ROOT / "app", "/app"), image="/"),
    "the name of the mount, elsewhere": Place("/p/app /p/app/src", Mount(ROOT / "app", "/app"), image="/srv"),
    "a folder outside": Place("/other /other/src", Mount(Path("/other"))),
    "an option": Place("/p /p/src /p/lib /p/lib/src", program=run("uvicorn", "--app-dir", "lib", "main:app")),
    "an option with a sign": Place(
        "/p /p/src /p/lib /p/lib/src", program=run("gunicorn", "--chdir=lib", "main:app")
    ),
    "an outer folder": Place("/p /p/src", program=run("sh", "-c", "cd /srv && python -m x")),
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_modules_are_looked_for_where_the_container_does(place: Place) -> None:
    """In the folder it starts in, in those of PYTHONPATH, as far as the mount shows them."""
    case = Case(place.program, env={"PYTHONPATH": place.path})

    assert list(entry(case, Runtime(place.image), place.mount, place.workdir).roots) == place.roots.split()


def test_paths_of_the_container_become_paths_of_the_host() -> None:
    """What the mount does not show is left out."""
    words = ("python", "/app/a.py", "../b.py", "/srv/c.py", "./d.py", "e/../f.py")
    found = entry(Case(IMAGE), Runtime("/app", words), Mount(ROOT / "web"))

    assert found.files == ("/p/web/a.py", "/p/web/d.py", "/p/web/f.py")


def test_variables_of_the_target_come_before_those_of_the_image() -> None:
    """Both are seen by the program."""
    runtime = Runtime("/app", variables=(("PYTHONPATH", "/app/one"), ("SETTINGS", "app.settings")))

    assert "/p/one" in entry(Case(IMAGE), runtime).roots
    assert entry(Case(IMAGE), runtime).strings == ("app.settings",)
    other = entry(Case(IMAGE, env={"PYTHONPATH": "/app/two"}), runtime)
    assert "/p/two" in other.roots
    assert "/p/one" not in other.roots


def test_without_a_mount_nothing_is_known() -> None:
    """Nor needed: the image carries its code."""
    target = make_target(WEB, ROOT, mounted=False)

    assert entry_of(make_project(ROOT, target), target, Runtime("/app"), None) == Entry()


def test_only_a_script_is_the_script_of_a_target() -> None:
    """By its whole path."""
    script = make_target(WEB, ROOT, script="bin/web.py")
    module = make_target(WEB, ROOT, program=Module("web"))

    assert script_of(make_project(ROOT, script), script) == "/p/bin/web.py"
    assert script_of(make_project(ROOT, module), module) == ""
