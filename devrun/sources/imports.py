"""What a Python file may load, told from its text alone.

Import statements count wherever they stand, but for those that only type checkers follow. So do string
constants that may name a module: frameworks load by name what their settings list. Those in annotations are
written for type checkers too.
"""

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

NAME = re.compile(r"([^\W\d]\w*(?:\.[^\W\d]\w*)*?)(?:\.py|:(?:[^\W\d][\w.]*(?:\(.*\))?)?|\.(?:%s|\{\w*\})?)?")
"""What may name a module, as group 1: `polls`, `app.settings`, `main:app`, `main:create_app('test')`, the
script `job.py`; or a package of which something is named later: `plugins.%s`, the `plugins.` of an f-string.
"""
LONGEST_NAME = 120
IMPORTERS = frozenset({"import_module", "__import__"})
LOGGERS = frozenset({"getLogger", "get_logger"})
"""Their texts name no module, though they look like it."""
ANNOTATIONS = frozenset({"annotation", "returns"})
"""The fields of syntax trees that hold them."""

UNPARSABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
Telling = ast.Constant | ast.Import | ast.ImportFrom | ast.Call
TELLING = (ast.Constant, ast.Import, ast.ImportFrom, ast.Call)
LEAVES = frozenset({ast.Name, ast.Pass, ast.Break, ast.Continue, str, type(None)})
"""Most of what stands in a tree; the last two are no nodes."""
JUDGED = frozenset({*TELLING, ast.Expr, ast.If})
"""What is not merely gone over."""
PLAIN = frozenset({"ctx", "op", "ops", "id", "attr", "arg", "name", "type_comment"})
"""The fields in which nothing can be told: operators, names."""
FIELDS = {
    kind: tuple(name for name in kind._fields if name not in PLAIN)
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST)
}

ONE_WORD = (ast.Name, ast.Constant)
"""Most annotations."""

Relative = tuple[int, str]
"""Dots, and the name after them; empty for the package itself."""
Problem = tuple[int, str]
"""Line and message of what does not compile."""


@dataclass(frozen=True, slots=True)
class Imports:
    """The names in a file, none of them looked up yet."""

    names: frozenset[str] = frozenset()
    """Of modules, or of something in one: `from a import b` is `a.b`."""
    relative: frozenset[Relative] = frozenset()
    strings: frozenset[str] = frozenset()
    """Constants that may name a module or a package."""


def imports_of(source: bytes) -> Imports | None:
    """Return what a file may load; None: our own Python does not parse it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except UNPARSABLE:
        return None
    return _collect(tree)


def problem_in(source: bytes) -> Problem | None:
    """Return what in a file does not compile; that is more than what does not parse."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, "source", "exec", dont_inherit=True)
    except SyntaxError as error:
        return error.lineno or 1, error.msg
    except UNPARSABLE as error:
        return 1, str(error) or "too deeply nested"
    return None


def name_in(text: str) -> str:
    """Return the module that a text may name; empty: it names none."""
    found = NAME.fullmatch(text) if 1 < len(text) <= LONGEST_NAME else None
    return found[1] if found else ""


def _collect(tree: ast.Module) -> Imports:
    names, relative, strings = set[str](), set[Relative](), set[str]()
    for node in _telling(tree):
        match node:
            case ast.Constant(value=text):
                strings.add(name_in(text) if isinstance(text, str) else "")
            case ast.Import():
                names.update(alias.name for alias in node.names)
            case ast.ImportFrom(level=0):
                names.update(_joined(node.module or "", alias.name) for alias in node.names)
            case ast.ImportFrom():
                found = (_joined(node.module or "", alias.name) for alias in node.names)
                relative.update((node.level, name) for name in found)
            case ast.Call():  # pragma: no branch - no other is told
                _add_call(node, names, relative)
    strings.discard("")
    return Imports(frozenset(names), frozenset(relative), frozenset(strings))


def _telling(tree: ast.Module) -> Iterator[Telling]:
    """Yield the nodes that may name a module; texts that are mere comments, and what types need, excepted.

    It goes over every node of every file that is reached: an `ast.walk` takes three times as long.
    """
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        kind = type(node)
        if kind in LEAVES:
            continue
        if kind not in JUDGED:
            pending += _children(node)
            continue
        if isinstance(node, TELLING):
            yield node
        pending += _rest(node)


def _children(node: ast.AST) -> list[ast.AST]:
    """Return what stands in a node, without what can tell nothing."""
    found: list[ast.AST] = []
    for name in FIELDS[type(node)]:
        value = getattr(node, name)
        if type(value) is list:
            found += value
        elif name in ANNOTATIONS:
            found += _calls(value) if value else ()
        elif type(value) not in LEAVES and isinstance(value, ast.AST):
            found.append(value)
    return found


def _rest(node: ast.AST) -> list[ast.AST]:
    """Return what of a judged node is gone over."""
    if isinstance(node, ast.Call):
        return [] if _called(node) in LOGGERS else _children(node)
    if isinstance(node, ast.If):
        return [*node.orelse] if _is_for_types(node.test) else _children(node)
    is_comment = isinstance(node, ast.Expr) and type(node.value) is ast.Constant
    return [] if is_comment or isinstance(node, TELLING) else _children(node)


def _calls(annotation: ast.AST) -> Iterator[ast.AST]:
    """Yield the calls in an annotation: `Annotated[str, Depends("app.access:check")]`."""
    if type(annotation) not in ONE_WORD:
        yield from (node for node in ast.walk(annotation) if type(node) is ast.Call)


def _is_for_types(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else test.id if isinstance(test, ast.Name) else ""
    return name == "TYPE_CHECKING"


def _joined(module: str, name: str) -> str:
    return module if name == "*" else f"{module}.{name}" if module else name


def _add_call(node: ast.Call, names: set[str], relative: set[Relative]) -> None:
    text = _text(node.args[:1]) if _called(node) in IMPORTERS else ""
    module = text.lstrip(".")
    dots = len(text) - len(module)
    package = _text([*node.args[1:2], *(word.value for word in node.keywords if word.arg == "package")])
    if dots and package:
        names.add(_joined(_above(package, dots - 1), module or "*"))
    elif dots:
        relative.add((dots, module))
    elif module:
        names.add(module)


def _called(node: ast.Call) -> str:
    """Return the last part of what is called; empty: that has no name."""
    called = node.func
    return called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")


def _text(arguments: list[ast.expr]) -> str:
    """Return the text that an argument is; empty: it is none, or has to be worked out."""
    value = arguments[0].value if arguments and isinstance(arguments[0], ast.Constant) else ""
    return value if isinstance(value, str) else ""


def _above(package: str, levels: int) -> str:
    parts = package.split(".")
    return ".".join(parts[: max(1, len(parts) - levels)])
