"""Programs that are really run: nothing that Python loads is outside of what is reached."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from devrun.config.project import Command, Module, Mount, Program, Script
from devrun.sources.disk import Disk
from tests.sources.live_disk import WEB, make_project, make_target, write
from tests.sources.recorded_run import recorded

DOCKERFILE = "FROM python\nWORKDIR /app\n"


MAIN = Script("main.py")


@dataclass(frozen=True)
class Layout:
    """A project, and how it is run."""

    files: Mapping[str, str]
    loaded: str
    """What a run loads of it, divided by spaces: first what is started, which is no module to Python."""
    program: Program = MAIN
    run: tuple[str, ...] = ("script", "main.py")
    env: Mapping[str, str] = field(default_factory=dict)
    spared: str = ""
    """What is loaded by nobody, and not reached."""


LAYOUTS: dict[str, Layout] = {
    "flat": Layout(
        {"main.py": "import a\nfrom b import x", "a.py": "import c", "b.py": "x = 1", "c.py": "", "d.py": ""},
        "main.py a.py b.py c.py",
        spared="d.py",
    ),
    "imports in functions and branches": Layout(
        {
            "main.py": "def f():\n    import a\n\nf()\n"
            "try:\n    import missing\nexcept ImportError:\n    import b",
            "a.py": "",
            "b.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import c",
            "c.py": "",
        },
        "main.py a.py b.py",
        spared="c.py",
    ),
    "packages": Layout(
        {
            "main.py": "import pkg.sub.a\nfrom pkg import b, name",
            "pkg/__init__.py": "from pkg.c import name",
            "pkg/sub/__init__.py": "",
            "pkg/sub/a.py": "",
            "pkg/b.py": "",
            "pkg/c.py": "name = 1",
            "pkg/d.py": "",
        },
        "main.py pkg/__init__.py pkg/sub/__init__.py pkg/sub/a.py pkg/b.py pkg/c.py",
        spared="pkg/d.py",
    ),
    "below src": Layout(
        {
            "main.py": "import pkg.a",
            "src/pkg/__init__.py": "",
            "src/pkg/a.py": "from . import b",
            "src/pkg/b.py": "",
        },
        "main.py src/pkg/__init__.py src/pkg/a.py src/pkg/b.py",
        env={"PYTHONPATH": "src"},
    ),
    "a namespace": Layout(
        {
            "main.py": "import ns.one.a\nimport ns.two.b",
            "ns/one/a.py": "",
            "lib/ns/two/b.py": "",
            "ns/c.py": "",
        },
        "main.py ns/one/a.py lib/ns/two/b.py",
        env={"PYTHONPATH": "lib"},
        spared="ns/c.py",
    ),
    "relative imports": Layout(
        {
            "pkg/__init__.py": "",
            "pkg/__main__.py": "from .sub.a import x\nfrom . import b",
            "pkg/sub/__init__.py": "from .. import c",
            "pkg/sub/a.py": "from ..d import y as x",
            **dict.fromkeys(["pkg/b.py", "pkg/c.py", "pkg/e.py", "pkg/sub/b.py"], ""),
            "pkg/d.py": "y = 1",
        },
        "pkg/__main__.py pkg/__init__.py pkg/sub/__init__.py pkg/sub/a.py pkg/b.py pkg/c.py pkg/d.py",
        Module("pkg"),
        ("module", "pkg"),
        spared="pkg/e.py pkg/sub/b.py",
    ),
    "a module that is run": Layout(
        {
            "tool/__init__.py": "import helper",
            "tool/run.py": "import a",
            "helper.py": "",
            "a.py": "",
            "run.py": "",
        },
        "tool/run.py tool/__init__.py helper.py a.py",
        Command(("python", "-m", "tool.run")),
        ("module", "tool.run"),
        spared="run.py",
    ),
    "a script in a folder": Layout(
        {"bin/main.py": "import beside, pkg.a", "bin/beside.py": "", "pkg/a.py": "", "beside2.py": ""},
        "bin/main.py bin/beside.py pkg/a.py",
        Script("bin/main.py"),
        ("script", "bin/main.py"),
        env={"PYTHONPATH": "."},
        spared="beside2.py",
    ),
    "a script without an ending": Layout(
        {"bin/serve": "import beside", "bin/beside.py": "", "other.py": ""},
        "bin/serve bin/beside.py",
        Script("bin/serve"),
        ("script", "bin/serve"),
        spared="other.py",
    ),
    "by name": Layout(
        {
            "main.py": "from importlib import import_module\nimport_module('pkg.a')\n__import__('b')",
            "pkg/__init__.py": "",
            "pkg/a.py": "import importlib\nimportlib.import_module('.c', __package__)\n"
            "importlib.import_module('..d', package='pkg.x.y')",
            "pkg/c.py": "",
            "pkg/x/d.py": "",
            "b.py": "",
            "pkg/e.py": "",
        },
        "main.py pkg/__init__.py pkg/a.py pkg/c.py pkg/x/d.py b.py",
        spared="pkg/e.py",
    ),
    "settings that name modules": Layout(
        {
            "manage.py": "import framework",
            "framework.py": "import importlib, os\n"
            "settings = importlib.import_module(os.environ['SETTINGS'])\n"
            "for name in settings.APPS:\n"
            "    importlib.import_module(name)\n"
            "    importlib.import_module(f'{name}.models')\n"
            "importlib.import_module(settings.SERVER.partition(':')[0])\n",
            "site/__init__.py": "",
            "mysite/__init__.py": "",
            "mysite/settings.py": "APPS = ['polls', 'votes.box']\nSERVER = 'mysite.server:app'",
            "mysite/server.py": "app = 1",
            "polls/__init__.py": "",
            "polls/models.py": "from . import fields",
            "polls/fields.py": "",
            "votes/box/__init__.py": "",
            "votes/box/models.py": "",
            "votes/urn.py": "",
        },
        "manage.py framework.py mysite/__init__.py mysite/settings.py mysite/server.py polls/__init__.py"
        " polls/models.py polls/fields.py votes/box/__init__.py votes/box/models.py",
        Script("manage.py"),
        ("script", "manage.py"),
        env={"SETTINGS": "mysite.settings"},
        spared="votes/urn.py",
    ),
    "a package lists its modules": Layout(
        {
            "main.py": "from pkg import *",
            "pkg/__init__.py": "__all__ = ['one', 'two']",
            "pkg/one.py": "",
            "pkg/two.py": "",
        },
        "main.py pkg/__init__.py pkg/one.py pkg/two.py",
    ),
    "modules that are loaded when they are needed": Layout(
        {
            "main.py": "import pkg\npkg.one\n",
            "pkg/__init__.py": "import importlib\n"
            "NAMES = ['one', 'two']\n"
            "def __getattr__(name):\n"
            "    if name not in NAMES:\n"
            "        raise AttributeError(name)\n"
            "    return importlib.import_module(f'.{name}', __name__)\n",
            "pkg/one.py": "",
            "pkg/two.py": "",
        },
        "main.py pkg/__init__.py pkg/one.py",
    ),
    "modules that are named in part": Layout(
        {
            "main.py": "import importlib\n"
            "for name in ('red', 'blue'):\n    importlib.import_module(f'plugins.{name}')",
            "plugins/__init__.py": "",
            "plugins/red.py": "from plugins import shared",
            "plugins/blue.py": "",
            "plugins/shared.py": "",
        },
        "main.py plugins/__init__.py plugins/red.py plugins/blue.py plugins/shared.py",
    ),
    "a circle": Layout(
        {"main.py": "import a", "a.py": "import b", "b.py": "import a, main", "c.py": ""},
        "main.py a.py b.py",
        spared="c.py",
    ),
    "an encoding of old": Layout(
        {"main.py": "# coding: utf-7\nimport a", "a.py": ""},
        "main.py a.py",
    ),
    "code in a command": Layout(
        {"start.py": "from app import main", "app/__init__.py": "", "app/main.py": "", "app/other.py": ""},
        "app/main.py app/__init__.py",
        Command(("python", "-c", "from app import main; print(main)")),
        ("script", "start.py"),
        spared="app/other.py",
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_what_a_run_loads_is_reached(tmp_path: Path, layout: Layout) -> None:
    """The run is a real one; what it does not load and nothing names is not reached."""
    root = tmp_path.resolve() / "project"
    write(root, {"Dockerfile": DOCKERFILE, **layout.files})
    run = recorded(root, layout.run, layout.env, tmp_path / "loaded")
    target = make_target(WEB, root, program=layout.program, mount=Mount(root), env=layout.env)
    disk = Disk.read_once(make_project(root, target))

    reached = disk.reached(WEB)
    started, *loaded = (f"{root}/{name}" for name in layout.loaded.split())
    assert run.loaded >= set(loaded), run.said
    assert run.loaded - reached == set()
    assert started in reached
    assert reached.isdisjoint(f"{root}/{name}" for name in layout.spared.split())
