"""What a change leads to: a table of cases, each a project, an edit, and all that devrun does about it.

The base project has two targets that run on: `web` reaches views.py and models.py, `job` reaches tasks.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

SERVE = "import signal\nsignal.pause()\n"
DOCKERFILE = """\
FROM python:3.13
WORKDIR /app
COPY requirement.txt .
RUN python -m pip install -r requirement.txt
COPY . .
"""
CONFIG = '[targets]\nweb = "web.py"\njob = "job.py"\n'
BASE = {
    "Dockerfile": DOCKERFILE,
    "requirement.txt": "flask==3.0\nsix\n",
    "web.py": f"import views\n{SERVE}",
    "job.py": f"import tasks\n{SERVE}",
    "views.py": "import models\n",
    "models.py": "TABLES = 1\n",
    "tasks.py": "TASKS = 1\n",
    "README.md": "# Base\n",
    "devrun.toml": CONFIG,
}

Files = Mapping[str, str | None]
"""Texts by name; None: no such file."""


@dataclass(frozen=True)
class Case:
    """An edit, and what it leads to."""

    name: str
    edit: Files
    expected: tuple[str, ...]
    """What is done, each with its cause, in any order."""
    files: Files = field(default_factory=dict)
    """What is other than in the base project."""


def restart(target: str, cause: str) -> str:
    """Return the line of a restart."""
    return f"restart {target}: {cause} changed"


def both(cause: str) -> tuple[str, ...]:
    """Return the lines of a restart of both targets."""
    return restart("web", cause), restart("job", cause)


def built(cause: str, *targets: str) -> tuple[str, ...]:
    """Return the lines of a build and the swaps that follow from it."""
    swaps = (f"swap {target}: image is newer: {cause} changed" for target in targets or ("web", "job"))
    return f"build default: {cause} changed", *swaps


def dockerfile(text: str) -> dict[str, str]:
    """Return a Dockerfile on the usual base."""
    return {"Dockerfile": f"FROM python:3.13\nWORKDIR /app\n{text}"}


def web(text: str) -> dict[str, str]:
    """Return a web.py that begins in this way."""
    return {"web.py": f"{text}\n{SERVE}"}


def targets(text: str) -> dict[str, str]:
    """Return a devrun.toml with these targets beside `job`."""
    return {"devrun.toml": f'[targets]\njob = "job.py"\n{text}\n'}


REQUIREMENTS = [
    Case("a comment in the requirements", {"requirement.txt": "# why\nflask==3.0 # web\nsix\n"}, ()),
    Case("blank lines in the requirements", {"requirement.txt": "\n\nflask==3.0\n\nsix\n"}, ()),
    Case("another order of requirements", {"requirement.txt": "six\nflask==3.0\n"}, ()),
    Case("another spelling of names", {"requirement.txt": "Flask == 3.0\nSIX\n"}, ()),
    Case("other line ends", {"requirement.txt": "flask==3.0\r\nsix\r\n"}, ()),
    Case("a package more", {"requirement.txt": "flask==3.0\nsix\nrich\n"}, built("requirement.txt")),
    Case("a package less", {"requirement.txt": "flask==3.0\n"}, built("requirement.txt")),
    Case("another version", {"requirement.txt": "flask==3.1\nsix\n"}, built("requirement.txt")),
    Case("an extra", {"requirement.txt": "flask[async]==3.0\nsix\n"}, built("requirement.txt")),
    Case(
        "a marker",
        {"requirement.txt": "flask==3.0\nsix; python_version > '3'\n"},
        built("requirement.txt"),
    ),
    Case(
        "another quoting of a marker",
        {"requirement.txt": 'flask==3.0\nsix; python_version>"3"\n'},
        (),
        {"requirement.txt": "flask==3.0\nsix ; python_version > '3'\n"},
    ),
    Case("an index", {"requirement.txt": "-i https://i/\nflask==3.0\nsix\n"}, built("requirement.txt")),
    Case(
        "what -r reaches",
        {"base.txt": "six==1.17\n"},
        built("base.txt"),
        {"requirement.txt": "-r base.txt\n", "base.txt": "six\n"},
    ),
    Case(
        "a comment in what -r reaches",
        {"base.txt": "six # needed\n"},
        (),
        {"requirement.txt": "-r base.txt\n", "base.txt": "six\n"},
    ),
    Case(
        "what -c reaches",
        {"pins.txt": "six<2\n"},
        built("pins.txt"),
        {"requirement.txt": "six\n-c pins.txt\n", "pins.txt": "six<3\n"},
    ),
    Case(
        "requirements and code in one batch",
        {"requirement.txt": "rich\n", "views.py": "import rich\n"},
        built("requirement.txt"),
    ),
    Case(
        "a comment in the requirements, and code, in one batch",
        {"requirement.txt": "flask==3.0\nsix # why\n", "views.py": "X = 2\n"},
        (restart("web", "views.py"),),
    ),
]

TWO_STAGES = "FROM node AS assets\nRUN make\nFROM python:3.13\nWORKDIR /app\nCOPY requirement.txt .\n"
ARGS = "ARG LEVEL=1\nRUN echo $LEVEL\n"
STAGED = {"devrun.toml": f'[image]\nstage = "dev"\n{CONFIG}'}
STAGES = "FROM python:3.13 AS dev\nWORKDIR /app\nRUN a\nFROM dev AS prod\nRUN b\n"

DOCKERFILES = [
    Case("a comment in the Dockerfile", {"Dockerfile": f"# ours\n{DOCKERFILE}"}, ()),
    Case("a blank line in the Dockerfile", {"Dockerfile": DOCKERFILE.replace("COPY .", "\nCOPY .")}, ()),
    Case("a keyword in lower case", {"Dockerfile": DOCKERFILE.replace("WORKDIR", "workdir")}, ()),
    Case(
        "a continued line",
        {"Dockerfile": DOCKERFILE.replace("COPY requirement", "COPY \\\n  requirement")},
        (),
    ),
    Case("an instruction more", {"Dockerfile": f"{DOCKERFILE}RUN true\n"}, built("Dockerfile")),
    Case("a label", {"Dockerfile": f"{DOCKERFILE}LABEL a=b\n"}, built("Dockerfile")),
    Case("a port that is exposed", {"Dockerfile": f"{DOCKERFILE}EXPOSE 80\n"}, built("Dockerfile")),
    Case("a variable", {"Dockerfile": f"{DOCKERFILE}ENV A=1\n"}, built("Dockerfile")),
    Case("another base", {"Dockerfile": DOCKERFILE.replace("3.13", "3.12")}, built("Dockerfile")),
    Case(
        "another working directory", {"Dockerfile": DOCKERFILE.replace("/app", "/srv")}, built("Dockerfile")
    ),
    Case(
        "the default of an argument",
        dockerfile(ARGS.replace("1", "2")),
        built("Dockerfile"),
        dockerfile(ARGS),
    ),
    Case(
        "the default of an argument before FROM",
        {"Dockerfile": "ARG BASE=python:3.12\nFROM $BASE\nWORKDIR /app\n"},
        built("Dockerfile"),
        {"Dockerfile": "ARG BASE=python:3.13\nFROM $BASE\nWORKDIR /app\n"},
    ),
    Case(
        "a heredoc",
        dockerfile("RUN <<EOF\necho b\nEOF\n"),
        built("Dockerfile"),
        dockerfile("RUN <<EOF\necho a\nEOF\n"),
    ),
    Case(
        "a stage that is needed",
        {"Dockerfile": TWO_STAGES.replace("make", "make all") + "COPY --from=assets /out /out\n"},
        built("Dockerfile"),
        {"Dockerfile": TWO_STAGES + "COPY --from=assets /out /out\n"},
    ),
    Case(
        "a stage that is not needed",
        {"Dockerfile": STAGES.replace("RUN b", "RUN c")},
        (),
        {"Dockerfile": STAGES, **STAGED},
    ),
    Case(
        "the stage that is wanted",
        {"Dockerfile": STAGES.replace("RUN a", "RUN c")},
        built("Dockerfile"),
        {"Dockerfile": STAGES, **STAGED},
    ),
    Case(
        "what a needed stage takes",
        {"assets/a.js": "2"},
        built("assets/a.js"),
        {
            "Dockerfile": "FROM node AS assets\nCOPY assets /src\nFROM python:3.13\nWORKDIR /app\n"
            "COPY --from=assets /src /static\n",
            "assets/a.js": "1",
        },
    ),
    Case(
        "an owner",
        dockerfile("COPY --chown=1:1 etc /etc/app\n"),
        built("Dockerfile"),
        {**dockerfile("COPY etc /etc/app\n"), "etc/a.ini": "1"},
    ),
    Case(
        "a file that is copied elsewhere",
        {"etc/a.ini": "2"},
        built("etc/a.ini"),
        {**dockerfile("COPY etc /etc/app\n"), "etc/a.ini": "1"},
    ),
    Case(
        "a new file that a wildcard takes",
        {"etc/b.ini": "1"},
        built("etc/b.ini"),
        {**dockerfile("COPY etc/*.ini /etc/app/\n"), "etc/a.ini": "1"},
    ),
    Case(
        "a file that a wildcard does not take",
        {"etc/b.txt": "1"},
        (),
        {**dockerfile("COPY etc/*.ini /etc/app/\n"), "etc/a.ini": "1"},
    ),
    Case(
        "a file that an instruction names in JSON",
        {"my conf.ini": "2"},
        built("my conf.ini"),
        {**dockerfile('COPY ["my conf.ini", "/etc/"]\n'), "my conf.ini": "1"},
    ),
    Case(
        "a URL that is added",
        dockerfile("ADD https://example.org/2 /opt/\n"),
        built("Dockerfile"),
        dockerfile("ADD https://example.org/1 /opt/\n"),
    ),
    Case(
        "what a bind mount of RUN takes",
        {"wheels/a.txt": "2"},
        built("wheels/a.txt"),
        {**dockerfile("RUN --mount=type=bind,source=wheels,target=/w ls /w\n"), "wheels/a.txt": "1"},
    ),
    Case(
        "what a cache mount of RUN names",
        {"wheels/a.txt": "2"},
        (),
        {**dockerfile("RUN --mount=type=cache,target=/wheels ls\n"), "wheels/a.txt": "1"},
    ),
    Case(
        "a file that a RUN names",
        {"tool.cfg": "2"},
        built("tool.cfg"),
        {**dockerfile("COPY . .\nRUN setup-it tool.cfg\n"), "tool.cfg": "1"},
    ),
    Case(
        "a file that [image] inputs names",
        {"schema/a.sql": "2"},
        built("schema/a.sql"),
        {"devrun.toml": f'[image]\ninputs = ["schema/*.sql"]\n{CONFIG}', "schema/a.sql": "1"},
    ),
    Case("a mounted file that is copied too", {"README.md": "# Other\n"}, ()),
    Case("an ignore file without effect", {".dockerignore": "# nothing\n"}, ()),
    Case(
        "a pattern in the ignore file",
        {".dockerignore": "data\netc\n"},
        built(".dockerignore"),
        {**dockerfile("COPY . /src\n"), ".dockerignore": "data\n", "etc/a.ini": "1"},
    ),
    Case(
        "an ignored file",
        {"data/a.bin": "2"},
        (),
        {**dockerfile("COPY . /src\n"), ".dockerignore": "data\n*.py\n", "data/a.bin": "1"},
    ),
    Case(
        "the ignore file of a Dockerfile's own",
        {"Dockerfile.dockerignore": "etc\n"},
        built("Dockerfile.dockerignore"),
        {**dockerfile("COPY . /src\n"), ".dockerignore": "x\n", "etc/a.ini": "1"},
    ),
]

PROJECT = '[project]\nname = "app"\nversion = "1"\ndependencies = ["flask", "six"]\n'
PYPROJECT = {
    **dockerfile("COPY pyproject.toml .\nRUN pip install .\n"),
    "pyproject.toml": PROJECT,
}

PACKAGING = [
    Case("a tool's table", {"pyproject.toml": PROJECT + "[tool.ruff]\nline-length = 99\n"}, (), PYPROJECT),
    Case("a comment", {"pyproject.toml": "# ours\n" + PROJECT}, (), PYPROJECT),
    Case(
        "the order of dependencies",
        {"pyproject.toml": PROJECT.replace('"flask", "six"', '"six", "Flask"')},
        (),
        PYPROJECT,
    ),
    Case(
        "a dependency", {"pyproject.toml": PROJECT.replace("six", "rich")}, built("pyproject.toml"), PYPROJECT
    ),
    Case(
        "a group of dependencies",
        {"pyproject.toml": PROJECT + '[dependency-groups]\ndev = ["pytest"]\n'},
        built("pyproject.toml"),
        PYPROJECT,
    ),
    Case(
        "an optional dependency",
        {"pyproject.toml": PROJECT + '[project.optional-dependencies]\nx = ["rich"]\n'},
        built("pyproject.toml"),
        PYPROJECT,
    ),
    Case(
        "the build system",
        {"pyproject.toml": PROJECT + '[build-system]\nrequires = ["hatchling"]\n'},
        built("pyproject.toml"),
        PYPROJECT,
    ),
    Case(
        "the needed Python",
        {"pyproject.toml": PROJECT + 'requires-python = ">=3.10"\n'},
        built("pyproject.toml"),
        PYPROJECT,
    ),
    Case(
        "a script that is installed",
        {"pyproject.toml": PROJECT + '[project.scripts]\napp = "app:main"\n'},
        built("pyproject.toml"),
        PYPROJECT,
    ),
    Case(
        "a source of uv",
        {"pyproject.toml": PROJECT + '[tool.uv.sources]\nsix = { path = "../six" }\n'},
        built("pyproject.toml"),
        PYPROJECT,
    ),
    Case(
        "a dependency of poetry",
        {"pyproject.toml": '[tool.poetry.dependencies]\nflask = "^3.1"\n'},
        built("pyproject.toml"),
        {**PYPROJECT, "pyproject.toml": '[tool.poetry.dependencies]\nflask = "^3.0"\n'},
    ),
    Case(
        "a lock file",
        {"uv.lock": "version = 2\n"},
        built("uv.lock"),
        {
            **dockerfile("COPY pyproject.toml uv.lock ./\nRUN uv sync\n"),
            "pyproject.toml": PROJECT,
            "uv.lock": "version = 1\n",
        },
    ),
]

PACKAGE = {"pkg/__init__.py": "VALUE = 1\n", "pkg/sub.py": "A = 1\n"}


def reached(name: str, begin: str, edited: str, files: Files | None = None) -> Case:
    """Return the case of a file that web.py reaches by what it begins with."""
    before = {edited: "A = 1\n", **web(begin), **(files or {})}
    return Case(name, {edited: f"{before[edited]}B = 2\n"}, (restart("web", edited),), before)


REACH = [
    Case("a script", {"web.py": f"import views, sys\n{SERVE}"}, (restart("web", "web.py"),)),
    Case(
        "the script of the other target",
        {"job.py": f"import tasks, sys\n{SERVE}"},
        (restart("job", "job.py"),),
    ),
    Case("a module of one target", {"tasks.py": "TASKS = 2\n"}, (restart("job", "tasks.py"),)),
    reached("a module", "import views", "views.py"),
    reached("a module that a module imports", "import views", "models.py", {"views.py": "import models\n"}),
    reached("a module in a circle", "import a", "b.py", {"a.py": "import b\n", "b.py": "import a\n"}),
    reached("one of several modules", "import os, a, b", "b.py", {"a.py": ""}),
    reached("a module under another name", "import a as b", "a.py"),
    reached("a submodule", "import pkg.sub", "pkg/sub.py", PACKAGE),
    reached("a package", "import pkg.sub", "pkg/__init__.py", PACKAGE),
    reached("a submodule as a name", "from pkg import sub", "pkg/sub.py", PACKAGE),
    reached("a name of a package", "from pkg import VALUE", "pkg/__init__.py", PACKAGE),
    reached(
        "all names of a package",
        "from pkg import *",
        "pkg/sub.py",
        {**PACKAGE, "pkg/__init__.py": '__all__ = ["sub"]\n'},
    ),
    reached("a sibling", "import pkg", "pkg/sub.py", {**PACKAGE, "pkg/__init__.py": "from . import sub\n"}),
    reached(
        "a name of a sibling",
        "import pkg",
        "pkg/sub.py",
        {**PACKAGE, "pkg/__init__.py": "from .sub import A\n"},
    ),
    reached(
        "a module of the package above",
        "import pkg.deep",
        "pkg/sub.py",
        {**PACKAGE, "pkg/deep/__init__.py": "from ..sub import A\n"},
    ),
    reached("an import in a function", "def f():\n    import a", "a.py"),
    reached("an import in a class", "class C:\n    import a", "a.py"),
    reached("an import in a try", "try:\n    import a\nexcept ImportError:\n    a = None", "a.py"),
    reached("an import in a condition", "if not __debug__:\n    import a", "a.py"),
    reached("a namespace package", "import space.part", "space/part.py"),
    reached("a package below src", "import lib", "src/lib/__init__.py"),
    reached("importlib", 'import importlib\nimportlib.import_module("a")', "a.py"),
    reached(
        "importlib's function",
        'from importlib import import_module\nimport_module("pkg.sub")',
        "pkg/sub.py",
        PACKAGE,
    ),
    reached(
        "importlib in a package",
        "import pkg",
        "pkg/sub.py",
        {**PACKAGE, "pkg/__init__.py": 'import importlib\nimportlib.import_module(".sub", __name__)\n'},
    ),
    reached("__import__", '__import__("a")', "a.py"),
    reached("a string with dots", 'SETTINGS = "conf.settings"', "conf/settings.py", {"conf/__init__.py": ""}),
    reached(
        "a string that names a class",
        'SETTINGS = "conf.settings.Dev"',
        "conf/settings.py",
        {"conf/__init__.py": ""},
    ),
    reached("a string with an attribute", 'APP = "a:app"', "a.py"),
    reached(
        "a string that names a package", 'APPS = ["polls"]', "polls/models.py", {"polls/__init__.py": ""}
    ),
    reached("a string in a call", 'include("polls.urls")', "polls/urls.py", {"polls/__init__.py": ""}),
    Case(
        "an import for types only",
        {"hints.py": "A = 2\n"},
        (restart("job", "hints.py"),),
        {
            **web("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import hints"),
            "job.py": f"import hints\n{SERVE}",
            "hints.py": "A = 1\n",
        },
    ),
    Case(
        "a module that only a docstring names",
        {"tasks.py": "TASKS = 2\n"},
        (restart("job", "tasks.py"),),
        web('"""tasks"""'),
    ),
    Case(
        "a module that only a comment names",
        {"tasks.py": "TASKS = 2\n"},
        (restart("job", "tasks.py"),),
        web("# import tasks"),
    ),
    Case(
        "a module that both reach",
        {"models.py": "TABLES = 2\n"},
        both("models.py"),
        {"job.py": f"import models\n{SERVE}"},
    ),
    Case(
        "an import more",
        {"web.py": f"import tasks\nimport views\n{SERVE}"},
        (restart("web", "web.py"),),
    ),
    Case(
        "an import less: what it named is nobody's now",
        {"web.py": SERVE},
        (restart("web", "web.py"),),
    ),
    Case(
        "a module that was missing",
        {"extra.py": "A = 1\n"},
        (restart("web", "extra.py"),),
        web("try:\n    import extra\nexcept ImportError:\n    pass"),
    ),
    Case("a module that goes away", {"models.py": None}, (restart("web", "models.py"),)),
    Case("a file that nobody reaches", {"lonely.py": "A = 2\n"}, both("lonely.py"), {"lonely.py": "A = 1\n"}),
    Case("a new file that nobody reaches", {"lonely.py": "A = 1\n"}, both("lonely.py")),
    Case("a test", {"test_web.py": "def test_it(): ...\n"}, ()),
    Case("a test by its end", {"web_test.py": "def test_it(): ...\n"}, ()),
    Case("a file of the tests", {"tests/data.py": "A = 1\n"}, ()),
    Case("conftest.py", {"conftest.py": "A = 1\n"}, ()),
    Case("setup.py", {"setup.py": "A = 1\n"}, built("setup.py")),
    Case("noxfile.py", {"noxfile.py": "A = 1\n"}, ()),
    Case("a file of the documentation", {"docs/conf.py": "A = 1\n"}, ()),
    Case(
        "a test that a target imports",
        {"tests/data.py": "A = 2\n"},
        (restart("web", "tests/data.py"),),
        {**web("import tests.data"), "tests/data.py": "A = 1\n"},
    ),
    Case(
        "a script that has done its work, for what it reaches",
        {"tasks.py": "TASKS = 2\n"},
        (restart("job", "tasks.py"),),
        {"job.py": "import tasks\n"},
    ),
    Case(
        "a script that has done its work, for what nobody reaches",
        {"lonely.py": "A = 1\n"},
        (restart("web", "lonely.py"),),
        {"job.py": "import tasks\n"},
    ),
]


def started(name: str, target: str, edited: str, files: Files | None = None) -> Case:
    """Return the case of a file that a target `web` reaches by its configuration."""
    return Case(
        name,
        {edited: "A = 2\n"},
        (restart("web", edited),),
        {
            "web.py": None,
            "views.py": None,
            "models.py": None,
            edited: "A = 1\n",
            **targets(target),
            **(files or {}),
        },
    )


PROGRAMS = [
    started("a module as a program", 'web = { module = "pkg.run" }', "pkg/run.py", {"pkg/__init__.py": ""}),
    started("a package as a program", 'web = { module = "pkg" }', "pkg/__main__.py", {"pkg/__init__.py": ""}),
    started("the package of a module", 'web = { module = "pkg.run" }', "pkg/__init__.py", {"pkg/run.py": ""}),
    started(
        "the application of a server",
        'web = { command = "gunicorn pkg.wsgi:app" }',
        "pkg/wsgi.py",
        {"pkg/__init__.py": ""},
    ),
    started("the application of an option", 'web = { command = "flask --app=hello run" }', "hello.py"),
    started(
        "-m in a command", 'web = { command = "python -m pkg.run" }', "pkg/run.py", {"pkg/__init__.py": ""}
    ),
    started("a script in a command", 'web = { command = "python manage.py runserver" }', "manage.py"),
    started(
        "a module that a variable names",
        'web = { script = "manage.py", env = { DJANGO_SETTINGS_MODULE = "conf.settings" } }',
        "conf/settings.py",
        {"conf/__init__.py": "", "manage.py": SERVE},
    ),
    started(
        "a folder of PYTHONPATH",
        'web = { script = "main.py", env = { PYTHONPATH = "/app/vendor" } }',
        "vendor/tool.py",
        {"main.py": f"import tool\n{SERVE}"},
    ),
    started(
        "a folder beside the script",
        'web = "bin/main.py"',
        "bin/near.py",
        {"bin/main.py": f"import near\n{SERVE}"},
    ),
    started(
        "a word of arguments",
        'web = { script = "main.py", args = ["hello:app"] }',
        "hello.py",
        {"main.py": SERVE},
    ),
]

WATCH = targets('web = { script = "web.py", watch = ["templates/**", "conf.ini"] }')
IGNORE = targets('web = { script = "web.py", ignore = ["generated/"] }')

KEYS = [
    Case(
        "a file that `watch` names",
        {"conf.ini": "b"},
        (restart("web", "conf.ini"),),
        {**WATCH, "conf.ini": "a"},
    ),
    Case(
        "a new file below what `watch` names",
        {"templates/a/b.html": "b"},
        (restart("web", "templates/a/b.html"),),
        WATCH,
    ),
    Case("a text that nothing names", {"notes.txt": "b"}, (), {"notes.txt": "a"}),
    Case(
        "a file that `ignore` of a target names",
        {"generated/a.py": "2\n"},
        (restart("job", "generated/a.py"),),
        {**IGNORE, "generated/a.py": "1\n"},
    ),
    Case(
        "a file that `ignore` of the project names",
        {"generated/a.py": "2\n"},
        (),
        {"devrun.toml": f'[project]\nignore = ["generated/"]\n{CONFIG}', "generated/a.py": "1\n"},
    ),
    Case(
        'any file where `restart-on` is "any"',
        {"notes.txt": "b"},
        (restart("web", "notes.txt"),),
        {**targets('web = { script = "web.py", restart-on = "any" }'), "notes.txt": "a"},
    ),
    Case(
        'no file where `restart-on` is "none"',
        {"views.py": "X = 2\n"},
        (),
        {**targets('web = { script = "web.py", restart-on = "none" }'), "views.py": "X = 1\n"},
    ),
    Case(
        "a target that is not started by itself",
        {"views.py": "X = 2\n"},
        (),
        targets('web = { script = "web.py", autostart = false }'),
    ),
    Case(
        "code in the image",
        {"views.py": "X = 2\n"},
        built("views.py"),
        {"devrun.toml": f"mount = false\n{CONFIG}"},
    ),
    Case(
        "a test in the image",
        {"tests/test_a.py": "2\n"},
        built("tests/test_a.py"),
        {"devrun.toml": f"mount = false\n{CONFIG}", "tests/test_a.py": "1\n"},
    ),
]

NOTHING = [
    Case("the same bytes", {"views.py": "import models\n"}, ()),
    Case("byte code", {"__pycache__/views.cpython-313.pyc": "x"}, ()),
    Case("a swap file", {".views.py.swp": "x"}, ()),
    Case("a backup", {"views.py~": "x"}, ()),
    Case("a number of vim's", {"4913": ""}, ()),
    Case("a file of git", {".git/index": "x"}, ()),
    Case("a file of node", {"node_modules/a/b.py": "x"}, ()),
    Case("a virtual environment", {".venv/lib/a.py": "x"}, ()),
    Case("a cache", {".mypy_cache/a.py": "x"}, ()),
]

SYNTAX = [
    Case("a module that does not parse", {"views.py": "def (:\n"}, ()),
    Case("a script that does not parse", {"web.py": "def (:\n"}, ()),
    Case(
        "a file beside that does not parse", {"lonely.py": "def (:\n"}, both("lonely.py"), {"lonely.py": ""}
    ),
    Case(
        "a module that does not parse, without the guard",
        {"views.py": "def (:\n"},
        (restart("web", "views.py"),),
        {"devrun.toml": f"[project]\nsyntax-guard = false\n{CONFIG}"},
    ),
    Case("an emptied module", {"models.py": ""}, (restart("web", "models.py"),)),
]

CONFIGURATION = [
    Case("a comment in devrun.toml", {"devrun.toml": f"# ours\n{CONFIG}"}, ()),
    Case(
        "a variable of a target",
        targets('web = { script = "web.py", env = { A = "1" } }'),
        ("swap web: devrun.toml changed",),
    ),
    Case(
        "a target more",
        targets('web = "web.py"\nthird = "third.py"'),
        ("swap third: devrun.toml changed",),
        {"third.py": SERVE},
    ),
    Case("a target less", targets(""), ("remove web: no longer wanted",)),
    Case("an invalid devrun.toml", {"devrun.toml": "[targets\n"}, ()),
    Case("no devrun.toml", {"devrun.toml": None}, ()),
    Case("an argument that nothing uses", {"devrun.toml": f'[image]\nargs = {{ X = "1" }}\n{CONFIG}'}, ()),
    Case(
        "an argument that is used",
        {"devrun.toml": f'[image]\nargs = {{ LEVEL = "2" }}\n{CONFIG}'},
        built("devrun.toml"),
        dockerfile(ARGS),
    ),
]

CASES = [
    *REQUIREMENTS,
    *DOCKERFILES,
    *PACKAGING,
    *REACH,
    *PROGRAMS,
    *KEYS,
    *NOTHING,
    *SYNTAX,
    *CONFIGURATION,
]
