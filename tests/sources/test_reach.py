"""Which files a program reaches, layout by layout, and by which chain."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from devrun.sources.modules import is_unreached_source
from devrun.sources.reach import Entry, Reach
from tests.sources.reach_tree import Tree, names, start


@dataclass(frozen=True)
class Layout:
    """Files, a start, and what is reached of them; the others are not."""

    files: Mapping[str, str]
    reached: str
    """Names, divided by spaces."""
    entry: Entry = field(default_factory=lambda: start("main.py"))
    named: str = ""
    """What is reached by strings beside that."""
    scripts: tuple[str, ...] = ()


EMPTY = dict.fromkeys
LAYOUTS: dict[str, Layout] = {
    "a module beside": Layout(
        {"main.py": "import a", "a.py": "import b", "b.py": "", "c.py": ""}, "main.py a.py b.py"
    ),
    "a circle": Layout({"main.py": "import a", "a.py": "import main"}, "main.py a.py"),
    "a module imports itself": Layout({"main.py": "import main"}, "main.py"),
    "a package brings its __init__": Layout(
        {"main.py": "import a.b.c", **EMPTY(["a/__init__.py", "a/b/__init__.py", "a/b/c.py", "a/d.py"], "")},
        "main.py a/__init__.py a/b/__init__.py a/b/c.py",
    ),
    "an __init__ on the way has imports": Layout(
        {
            "main.py": "import a.b",
            "a/__init__.py": "from .c import x",
            "a/b.py": "",
            "a/c.py": "",
            "a/d.py": "",
        },
        "main.py a/__init__.py a/b.py a/c.py",
    ),
    "from a package a module or a name": Layout(
        {"main.py": "from a import b, c", "a/__init__.py": "c = 1", "a/b.py": ""},
        "main.py a/__init__.py a/b.py",
    ),
    "an attribute of a module": Layout(
        {"main.py": "from a import b", "a.py": "", "b.py": ""}, "main.py a.py"
    ),
    "a namespace package": Layout(
        {"main.py": "import a.b.c", "a/b/c.py": "", "a/b/d.py": ""}, "main.py a/b/c.py"
    ),
    "a namespace package in two roots": Layout(
        {"main.py": "import a.b, a.c", "a/b.py": "", "src/a/c.py": "", "src/a/d.py": ""},
        "main.py a/b.py src/a/c.py",
    ),
    "below src": Layout(
        {"main.py": "import a.b", "src/a/__init__.py": "", "src/a/b.py": "", "src/c.py": ""},
        "main.py src/a/__init__.py src/a/b.py",
    ),
    "the same name in two roots": Layout(
        {"main.py": "import a", "a.py": "", "src/a/__init__.py": ""}, "main.py a.py src/a/__init__.py"
    ),
    "a module and a folder of one name": Layout(
        {"main.py": "import a.b", "a.py": "", "a/b.py": ""}, "main.py a.py a/b.py"
    ),
    "a root that was not named": Layout({"main.py": "import a", "lib/a.py": ""}, "main.py"),
    "from . import": Layout(
        {
            "main.py": "import a",
            "a/__init__.py": "from . import b, x",
            "a/b.py": "",
            "b.py": "",
            "a/c.py": "",
        },
        "main.py a/__init__.py a/b.py",
    ),
    "from .. import": Layout(
        {
            "main.py": "import a.b.c",
            "a/b/c.py": "from ..d import x\nfrom .. import e\nfrom ..f.g import y",
            **EMPTY(
                ["a/__init__.py", "a/d.py", "a/e.py", "a/f/__init__.py", "a/f/g.py", "a/b/d.py", "d.py"], ""
            ),
        },
        "main.py a/b/c.py a/__init__.py a/d.py a/e.py a/f/__init__.py a/f/g.py",
    ),
    "more dots than folders": Layout({"main.py": "from ........ import a", "a.py": ""}, "main.py"),
    "from . import *": Layout(
        {"main.py": "import a.b", "a/__init__.py": "", "a/b.py": "from . import *", "a/c.py": ""},
        "main.py a/__init__.py a/b.py",
    ),
    "from a package all": Layout(
        {
            "main.py": "from a import *",
            "a/__init__.py": "__all__ = ['bb']",
            "a/bb.py": "",
            "a/c.py": "",
        },
        "main.py a/__init__.py",
        named="a/bb.py",
    ),
    "a package lists the script of another target": Layout(
        {"main.py": "import ab", "ab/__init__.py": "x = 'job'", "ab/job.py": ""},
        "main.py ab/__init__.py",
        scripts=("main.py", "ab/job.py"),
    ),
    "scripts beside packages": Layout(
        {"bin/main.py": "import b, a.c", "bin/b.py": "", "a/c.py": "", "b.py": "", "main.py": ""},
        "bin/main.py bin/b.py a/c.py b.py",
        start("bin/main.py", roots=("bin", "")),
    ),
    "a module that is run": Layout(
        {"a/__init__.py": "", "a/__main__.py": "from . import b", "a/b.py": "", "a/c.py": ""},
        "a/__init__.py a/__main__.py a/b.py",
        start(names=("a", "a.__main__")),
    ),
    "a script without an ending": Layout(
        {"bin/run": "import a", "a.py": ""}, "bin/run a.py", start("bin/run")
    ),
    "extension modules": Layout(
        {
            "main.py": "import a, b.c, d",
            **EMPTY(["a.cpython-313-x86_64-linux-gnu.so", "b/__init__.cpython-313-x86_64-linux-gnu.so"], ""),
            **EMPTY(["b/c.abi3.so", "d.pyd", "libd.so", "e.so"], ""),
        },
        "main.py b/c.abi3.so d.pyd"
        " a.cpython-313-x86_64-linux-gnu.so b/__init__.cpython-313-x86_64-linux-gnu.so",
    ),
    "a name with a dot is no module": Layout({"main.py": "import a", "a.b.py": ""}, "main.py"),
    "by name": Layout(
        {"main.py": "import_module('a.b')\n__import__('c')", "a/b.py": "", "c.py": ""}, "main.py a/b.py c.py"
    ),
    "by a relative name": Layout(
        {"main.py": "import a.b", "a/b.py": "import_module('.c', __package__)", "a/c.py": "", "c.py": ""},
        "main.py a/b.py a/c.py",
    ),
    "only for types": Layout({"main.py": "if TYPE_CHECKING:\n    import a", "a.py": ""}, "main.py"),
    "a string that names a module": Layout(
        {
            "main.py": "x = 'a.b:app'",
            "a/__init__.py": "",
            "a/b.py": "import c",
            "c.py": "x = 'dd'",
            "dd.py": "",
        },
        "main.py",
        named="a/__init__.py a/b.py c.py dd.py",
    ),
    "a string that names a thing in a module": Layout(
        {"main.py": "x = 'ab.Config'", "ab.py": "", "Config.py": ""}, "main.py", named="ab.py"
    ),
    "a string that names a package": Layout(
        {
            "main.py": "x = ['polls']",
            **EMPTY(["polls/__init__.py", "polls/models.py", "polls/migrations/m1.py", "polls/x.so"], ""),
            **EMPTY(["polls/tests/a.py", "polls/test_a.py", "polls/conftest.py", "polls2/a.py"], ""),
        },
        "main.py",
        named="polls/__init__.py polls/models.py polls/migrations/m1.py polls/x.so",
    ),
    "a word does not name a folder without an __init__": Layout(
        {"main.py": "x = 'data'", "data/a.py": ""}, "main.py"
    ),
    "a dotted name does": Layout(
        {"main.py": "x = 'data.sets'", "data/sets/a.py": "", "data/b.py": ""},
        "main.py",
        named="data/sets/a.py",
    ),
    "a word names no test": Layout(
        {"main.py": "x = 'tests', 'test_a', 'conftest'", **EMPTY(["tests/__init__.py", "tests/a.py"], "")}
        | EMPTY(["test_a.py", "conftest.py"], ""),
        "main.py",
    ),
    "a dotted name may": Layout(
        {
            "main.py": "x = 'tests.settings'",
            **EMPTY(["tests/__init__.py", "tests/settings.py", "tests/b.py"], ""),
        },
        "main.py",
        named="tests/__init__.py tests/settings.py",
    ),
    "a word names no script of a target": Layout(
        {"main.py": "x = 'job', 'job.py', 'job.log', 'job:app'", "job.py": ""},
        "main.py",
        scripts=("main.py", "job.py"),
    ),
    "nor does a package that holds it": Layout(
        {"main.py": "x = 'ab'", "ab/__init__.py": "", "ab/job.py": "", "ab/c.py": ""},
        "main.py",
        named="ab/__init__.py ab/c.py",
        scripts=("main.py", "ab/job.py"),
    ),
    "a dotted name of a script may": Layout(
        {"main.py": "x = 'ab.job:app'", "ab/job.py": ""},
        "main.py",
        named="ab/job.py",
        scripts=("main.py", "ab/job.py"),
    ),
    "an import of a script does": Layout(
        {"main.py": "import job", "job.py": ""}, "main.py job.py", scripts=("main.py", "job.py")
    ),
    "the name of a script that nobody runs as a target": Layout(
        {"main.py": "run(['python', 'sub.py'])", "sub.py": "import a", "a.py": ""},
        "main.py",
        named="sub.py a.py",
    ),
    "the name of a data file": Layout(
        {"main.py": "x = 'config.yaml', 'app.json', 'www.example.org'", **EMPTY(["config.py", "app.py"], "")}
        | {"www.py": ""},
        "main.py",
    ),
    "a module that is called like data": Layout(
        {"main.py": "x = 'app.json'", "app/__init__.py": "", "app/json.py": ""},
        "main.py",
        named="app/__init__.py app/json.py",
    ),
    "settings": Layout(
        {"main.py": "", "site/settings.py": "APPS = ['polls']", "polls/__init__.py": "", "polls/a.py": ""},
        "main.py",
        start("main.py", strings=("site.settings",)),
        named="site/settings.py polls/__init__.py polls/a.py",
    ),
    "imported beats named": Layout(
        {"main.py": "x = 'ab'\nimport c", "c.py": "import ab", "ab.py": ""}, "main.py c.py ab.py"
    ),
    "what does not parse leads nowhere": Layout({"main.py": "import a\nimport", "a.py": ""}, "main.py"),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_a_program_reaches_what_it_loads_and_nothing_else(layout: Layout) -> None:
    """By imports, and beside that by strings, which may mean something else."""
    reach = Tree(layout.files, *layout.scripts).graph.reach(layout.entry)

    assert names(reach.imported) == set(layout.reached.split())
    assert names(reach.reached) == set(f"{layout.reached} {layout.named}".split())


def test_nothing_is_known_where_the_start_is_not_found() -> None:
    """A name in settings is no start."""
    tree = Tree({"a.py": "", "b.py": ""})

    assert not Reach().is_known
    assert not tree.graph.reach(start("main.py", names=("os", "flask"))).is_known
    settings = tree.graph.reach(start(strings=("a.py",)))
    assert not settings.is_known
    assert tree.graph.reach(start(names=("a",))).is_known


def test_a_chain_tells_the_shortest_way_from_the_start() -> None:
    """By imports where there is such a way."""
    tree = Tree(
        {
            "main.py": "import a, c\nx = 'dd'",
            "a.py": "import b",
            "b.py": "import c",
            "c.py": "import dd",
            "dd.py": "",
        }
    )
    reach = tree.graph.reach(start("main.py"))

    assert reach.chain("/p/c.py") == ("/p/main.py", "/p/c.py")
    assert reach.chain("/p/b.py") == ("/p/main.py", "/p/a.py", "/p/b.py")
    assert reach.chain("/p/dd.py") == ("/p/main.py", "/p/c.py", "/p/dd.py")
    assert reach.chain("/p/main.py") == ("/p/main.py",)


def test_a_circle_of_imports_has_a_chain_that_ends() -> None:
    """The start has none above it."""
    reach = Tree({"main.py": "import a", "a.py": "import main, b", "b.py": "import a"}).graph.reach(
        start("main.py")
    )

    assert reach.chain("/p/b.py") == ("/p/main.py", "/p/a.py", "/p/b.py")
    assert Reach(parents={"a": "b", "b": "a"}).chain("a") == ("b", "a")


PASSED_OVER = {
    **dict.fromkeys(
        ["a.py", "a/b.py", "latest/a.py", "contest.py", "a/setup/b.py", "testing.py", "docsite/a.py"], True
    ),
    **dict.fromkeys(
        ["tests/a.py", "a/tests/b.py", "test/a.py", "a/test_b.py", "a_test.py", "conftest.py"], False
    ),
    **dict.fromkeys(
        ["setup.py", "a/setup.py", "noxfile.py", "docs/conf.py", "a/doc/b.py", "test_.py"], False
    ),
}


def test_tests_documents_and_packaging_are_loaded_by_nobody_who_does_not_ask() -> None:
    """By their names, wherever they lie."""
    assert {path: is_unreached_source(path) for path in PASSED_OVER} == PASSED_OVER
