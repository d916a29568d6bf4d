"""What a file may load, told from its text: every construct, and what is none."""

import sys

import pytest

from devrun.sources.imports import LONGEST_NAME, Imports, imports_of, name_in, problem_in

LISTS: dict[str, set[str]] = {
    "import a": {"a"},
    "import a.b.c": {"a.b.c"},
    "import a as b, c.d as e": {"a", "c.d"},
    "from a import b": {"a.b"},
    "from a.b import c as d, e": {"a.b.c", "a.b.e"},
    "from a import (\n    b,\n    c,\n)": {"a.b", "a.c"},
    "from a import \\\n    b": {"a.b"},
    "from a import *": {"a"},
    "import a; import b": {"a", "b"},
    "def f():\n    import a": {"a"},
    "async def f():\n    await g()\n    import a": {"a"},
    "class C:\n    import a\n    def f(self):\n        from b import c": {"a", "b.c"},
    "try:\n    import a\nexcept ImportError:\n    import b\nelse:\n    import c\nfinally:\n    import d": {
        *("a", "b", "c", "d"),
    },
    "if x:\n    import a\nelif y:\n    import b\nelse:\n    import c": {"a", "b", "c"},
    "for x in y:\n    import a\nelse:\n    import b": {"a", "b"},
    "while x:\n    import a": {"a"},
    "with x as y:\n    import a": {"a"},
    "match x:\n    case 1:\n        import a\n    case {'k': [*_]} if y:\n        import b": {"a", "b"},
    "if TYPE_CHECKING:\n    import a": set(),
    "if typing.TYPE_CHECKING:\n    import a\nelse:\n    import b": {"b"},
    "if TYPE_CHECKING:\n    import a\nelif x:\n    import b": {"b"},
    "if t.TYPE_CHECKING:\n    if x:\n        import a": set(),
    "if not TYPE_CHECKING:\n    import a": {"a"},
    "if TYPE_CHECKING or x:\n    import a": {"a"},
    "if checks().x:\n    import a": {"a"},
    "importlib.import_module('a.b')": {"a.b"},
    "import_module('a')": {"a"},
    "from importlib import import_module as load\nload(x)": {"importlib.import_module"},
    "x = [__import__('a') for y in z]": {"a"},
    "f(lambda: importlib.import_module('a'))": {"a"},
    "@decorate(import_module('a'))\ndef f(x=__import__('b')): ...": {"a", "b"},
    "def f(x: Annotated[str, load(import_module('a'))]): ...": {"a"},
    "import_module(name)": set(),
    "import_module('')": set(),
    "import_module()": set(),
    "import_module(1)": set(),
    "other('a b')": set(),
    "import_module('.c', 'a.b')": {"a.b.c"},
    "import_module('..c', package='a.b')": {"a.c"},
    "import_module('...c', 'a')": {"a.c"},
    "import_module('.', 'a')": {"a"},
    "from __future__ import annotations": {"__future__.annotations"},
    "# import a\nx = 1": set(),
    "": set(),
}


@pytest.mark.parametrize(("text", "names"), LISTS.items(), ids=LISTS)
def test_imports_count_wherever_they_stand(text: str, names: set[str]) -> None:
    """In functions, in branches, by calls; but for those that only type checkers follow."""
    found = imports_of(text.encode())

    assert found is not None
    assert found.names == names
    assert found.relative == frozenset()


RELATIVE: dict[str, set[tuple[int, str]]] = {
    "from . import a, b": {(1, "a"), (1, "b")},
    "from . import *": {(1, "")},
    "from .a import b": {(1, "a.b")},
    "from .a import *": {(1, "a")},
    "from ..a.b import c": {(2, "a.b.c")},
    "from ... import a": {(3, "a")},
    "def f():\n    from . import a": {(1, "a")},
    "import_module('.a', __package__)": {(1, "a")},
    "importlib.import_module('..a.b', package=__name__)": {(2, "a.b")},
    "if TYPE_CHECKING:\n    from . import a": set(),
}


@pytest.mark.parametrize(("text", "relative"), RELATIVE.items(), ids=RELATIVE)
def test_relative_imports_are_dots_and_a_name(text: str, relative: set[tuple[int, str]]) -> None:
    """Where they lead depends on the file that they stand in."""
    found = imports_of(text.encode())

    assert found is not None
    assert found.relative == relative
    assert found.names == set()


STRINGS: dict[str, set[str]] = {
    "x = 'polls'": {"polls"},
    "x = ['app.settings', 'main:app', 'main:create_app()']": {"app.settings", "main"},
    "x = {'ENGINE': 'app.db'}": {"ENGINE", "app.db"},
    "f(x='app.db')": {"app.db"},
    "x = 'app.' 'settings'": {"app.settings"},
    "x = f'plugins.{name}'": {"plugins"},
    "x = 'plugins.%s' % name": {"plugins"},
    "x = 'plugins.' + name": {"plugins"},
    "x = f'{\"app.db\"}'": {"app.db"},
    "match x:\n    case 'app.db': ...": {"app.db"},
    "'app.db'": set(),
    '"""app.db"""\nimport a': set(),
    'def f():\n    """app.db"""\nclass C:\n    "app.db"': set(),
    "x = b'app.db'": set(),
    "x = 'two words'": set(),
    "log = logging.getLogger('app')": set(),
    "log = getLogger(name='app')": set(),
    "x = 'a-b'": set(),
    "x = '../a'": set(),
    "x = 'a'": set(),
    "x = 'a' * 3, 1.5, ..., None": set(),
    f"x = '{'a' * LONGEST_NAME}'": {"a" * LONGEST_NAME},
    f"x = '{'a' * (LONGEST_NAME + 1)}'": set(),
    "x: 'app.db' = y": set(),
    "def f(x: 'app.db', *y: 'app.dc', z: list['app.dd'] = 1) -> 'app.de': ...": set(),
    "async def f() -> 'app.db': ...": set(),
    "def f(x='app.db'): ...": {"app.db"},
    "x: Annotated[str, Depends('app.access:check')] = 1": {"app.access"},
    "if TYPE_CHECKING:\n    x = 'app.db'": set(),
}


@pytest.mark.parametrize(("text", "strings"), STRINGS.items(), ids=STRINGS)
def test_strings_count_that_may_name_a_module(text: str, strings: set[str]) -> None:
    """But for texts that nothing reads, and for annotations."""
    found = imports_of(text.encode())

    assert found is not None
    assert found.strings == strings


NAMES = {
    "polls": "polls",
    "app.settings": "app.settings",
    "app.urls:handler": "app.urls",
    "app:": "app",
    "main:create_app('a b')": "main",
    "main:app.wsgi": "main",
    "jobs/run.py": "",
    "run.py": "run",
    "a.b.": "a.b",
    "a.{}": "",
    "ab.{}": "ab",
    "ab.{name}": "ab",
    "ab.%s": "ab",
    "été.änderung": "été.änderung",
    "_a.__b__": "_a.__b__",
    "1a": "",
    "a..b": "",
    ".a": "",
    "ab\n": "",
    "note: this": "",
    "http://host": "",
    "db:5432": "",
    "": "",
}


def test_a_name_is_read_out_of_a_text() -> None:
    """With what may stand behind it."""
    assert {text: name_in(text) for text in NAMES} == {**NAMES, "a.{}": "a"}


FILES: dict[str, tuple[bytes, set[str] | None]] = {
    "a byte order mark": (b"\xef\xbb\xbfimport a\n", {"a"}),
    "a cookie": (b"# -*- coding: latin-1 -*-\nx = '\xe9'\nimport a\n", {"a"}),
    "a cookie in the second line": (b"#!/usr/bin/python\n# coding: cp1252\nx = '\x80'\nimport a\n", {"a"}),
    "a name in another encoding": (b"# coding: latin-1\nimport \xe9t\xe9\n", {"été"}),
    "no UTF-8": (b"x = '\xff'\nimport a\n", None),
    "an unknown encoding": (b"# coding: klingon\nimport a\n", None),
    "an encoding of bytes": (b"# coding: hex\nimport a\n", None),
    "old line ends": (b"import a\rimport b\r\nimport c\r\n", {"a", "b", "c"}),
    "a form feed": (b"\x0cimport a\n", {"a"}),
    "a NUL byte": (b"import a\0\n", None),
    "a syntax error": (b"import a\nimport\n", None),
    "half a file": (b"import a\ndef f(\n", None),
    "tabs beside spaces": (b"if x:\n\timport a\n        import b\n", None),
    "Python 2": (b"print 'a'\n", None),
    "a long number": (b"x = " + b"9" * 5000 + b"\n", None),
    "brackets without end": (b"(" * 100_000, None),
    "many signs": (b"x = " + b"-" * 100_000 + b"1\n", None),
    "an escape that warns": (b"x = '\\d'\nimport a\n", {"a"}),
    "a comparison that warns": (b"x = 1 is 1\nimport a\n", {"a"}),
}


@pytest.mark.parametrize(("source", "names"), FILES.values(), ids=FILES)
def test_bytes_are_read_as_python_reads_them(source: bytes, names: set[str] | None) -> None:
    """By their encoding; what does not parse is told, and no warning is given."""
    found = imports_of(source)

    assert (found and set(found.names)) == names
    assert (problem_in(source) is None) is (names is not None)


def test_a_deep_tree_harms_nobody() -> None:
    """It is read, or it is no Python; on some Pythons one, on some the other."""
    for source in (b"x = a" + b"+a" * 20_000, b"x = a" + b".a" * 20_000, b"x" + b"()" * 20_000):
        found = imports_of(source)
        assert found in (None, Imports())
        problem = problem_in(source)
        assert problem is None or problem[0] == 1


NEWER: dict[str, tuple[tuple[int, int], str]] = {
    "except* (PEP 654)": ((3, 11), "try:\n    import a\nexcept* ValueError:\n    import b"),
    "type parameters (PEP 695)": (
        (3, 12),
        "type T[X] = list[X]\nclass C[X: int]:\n    import a\ndef f[X](x: X) -> X:\n    import b",
    ),
    "quotes in f-strings (PEP 701)": (
        (3, 12),
        "x = f'{__import__('a')} {f'{__import__('b')}'}'",
    ),
    "defaults of type parameters (PEP 696)": (
        (3, 13),
        "class C[X = int]:\n    import a\ndef f[*X = ()]():\n    import b",
    ),
    "except without brackets (PEP 758)": (
        (3, 14),
        "try:\n    import a\nexcept ValueError, TypeError:\n    import b",
    ),
}


@pytest.mark.parametrize(("since", "text"), NEWER.values(), ids=NEWER)
def test_newer_syntax_is_read_by_the_pythons_that_have_it(since: tuple[int, int], text: str) -> None:
    """Others say that it does not parse."""
    found = imports_of(text.encode())

    assert (found and set(found.names)) == ({"a", "b"} if sys.version_info >= since else None)


PROBLEMS: dict[str, tuple[bytes, tuple[int, str] | None]] = {
    "fine": (b"x = 1\n", None),
    "what parses but does not compile": (b"x = 1\nreturn x\n", (2, "'return' outside function")),
    "a warning": (b"x = '\\d'\n", None),
    "our own features": (b"def f(x: int | None) -> 'y': ...\n", None),
    "nothing": (b"", None),
}


@pytest.mark.parametrize(("source", "problem"), PROBLEMS.values(), ids=PROBLEMS)
def test_what_does_not_compile_is_told_with_its_line(source: bytes, problem: tuple[int, str] | None) -> None:
    """As the program would say it."""
    assert problem_in(source) == problem


def test_a_problem_without_a_line_is_in_the_first() -> None:
    """The message says what it is."""
    line, message = problem_in(b"x\0") or (0, "")
    assert (line, bool(message)) == (1, True)
