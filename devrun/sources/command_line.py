"""What the words of a target's command may mean: modules, files, folders to search, scripts of other kinds.

Nothing here knows where anything lies. A word that means nothing of all that does no harm: what it would name
is not there.
"""

import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from devrun.config.project import Command, ImageCommand, Module, Script, TargetConfig
from devrun.sources.imports import imports_of, name_in

TEST_RUNNERS = frozenset({"pytest", "py.test", "unittest", "nose2", "trial", "behave", "tox", "nox", "ptw"})
"""They load by patterns what nothing names: tests, conftest.py."""
DJANGO_TESTS = frozenset({"manage.py", "test"})
"""These words together run tests too."""
APP_OPTIONS = frozenset({"-A", "--app"})
FOLDER_OPTIONS = frozenset({"cd", "--app-dir", "--chdir", "--pythonpath", "--workdir"})
"""What they are followed by is searched for modules, and what is run may lie there."""
DEFAULTS = {
    "flask": ("wsgi.py", "app.py"),
    "fastapi": ("main.py", "app.py", "api.py", "app/main.py", "app/app.py", "app/api.py"),
}
"""What these programs load where no word tells them what to load."""

PYTHON = re.compile(r"python[\d.]*")
INTERPRETER = re.compile(rf"(?:ba|da|z|a|k)?sh|{PYTHON.pattern}")
SHELL_SYNTAX = re.compile(r"[\s;'\"]")
SEPARATORS = frozenset({";", "&&", "||", "|", "&"})
VARIABLE = re.compile(r"\$(?:\{(\w+)(?::?-([^}]*))?\}|(\w+))")
"""`$NAME`, `${NAME}`, `${NAME:-instead}`."""

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CommandLine:
    """What is said of how a program starts."""

    started: Words
    arguments: Words = ()
    """Of a Python script: they may mean anything."""

    @property
    def words(self) -> Words:
        """All of them."""
        return (*self.started, *self.arguments)

    def names(self) -> Iterator[str]:
        """Yield the modules that are run or loaded: `main:app`, and what is the value of an option.

        A package that is run starts with its `__main__`; an application of Celery may lie in its `celery`.
        """
        for option, word in _options(self.started):
            code = imports_of(word.encode()) if option == "-c" else None
            yield from code.names if code else ()
            if _is_loaded(option, word):
                name = module_in(word)
                yield name
                yield from (f"{name}.__main__",) if option == "-m" else ()
                yield from (f"{name}.celery",) if option in APP_OPTIONS else ()

    def strings(self) -> Iterator[str]:
        """Yield what other words may name: programs are called like the packages that they come from."""
        words = [word for option, word in _options(self.started) if not _is_loaded(option, word)]
        words += [word for _, word in _options(self.arguments)]
        yield from filter(None, map(module_in, words))

    def files(self) -> Iterator[str]:
        """Yield the Python files."""
        for _, word in _options(self.words):
            if word.endswith(".py"):
                yield word

    def folders(self) -> Iterator[str]:
        """Yield the folders in which programs are told to look for modules."""
        for option, word in _options(self.words):
            if option in FOLDER_OPTIONS:
                yield word

    def others(self) -> Iterator[str]:
        """Yield what is run that does not end like a Python file: a shell script, or `bin/serve`."""
        before = "sh"
        for word in self.started:
            is_run = _is(INTERPRETER, before)
            if is_run and word[:1] not in ("", "-") and not word.endswith(".py"):
                yield word
            if not (is_run and word.startswith("-")):
                before = word

    def is_for_tests(self, script: str) -> bool:
        """Return whether tests are run, by a script or by what is said."""
        said = {posixpath.basename(word) for word in (script, *self.words)}
        return not said.isdisjoint(TEST_RUNNERS) or said >= DJANGO_TESTS


def command_line(target: TargetConfig, image: Words, variables: Mapping[str, str]) -> CommandLine:
    """Return what is said of how a target starts; `image` are the words of ENTRYPOINT and CMD."""
    override = target.entrypoint or ()
    match target.program:
        case Script():
            return CommandLine(_words(override, variables), _words(target.args, variables))
        case Module(name=name):
            said = (*override, "-m", name)
        case Command(argv=argv):
            said = (*override, *argv)
        case ImageCommand():  # pragma: no branch - no other is left
            said = image if target.entrypoint is None else override
    parted = _parted(_words((*said, *target.args), variables))
    return CommandLine((*parted.started, *_defaults(parted.started, variables)), parted.arguments)


def module_in(text: str) -> str:
    """Return the module that a word may name which is no file; empty: it names none."""
    return "" if text.endswith(".py") else name_in(text)


def _words(said: Words, variables: Mapping[str, str]) -> Words:
    """Return words with their variables filled in; of a line for a shell, what stands in it too."""
    words = list[str]()
    for word in said:
        filled = VARIABLE.sub(lambda found: _value(found, variables), word)
        is_code = words[-1:] == ["-c"] and imports_of(filled.encode()) is not None
        words += [filled, *([] if is_code else _split(filled))]
    return tuple(words)


def _value(found: re.Match[str], variables: Mapping[str, str]) -> str:
    return variables.get(found[1] or found[3]) or found[2] or ""


def _split(line: str) -> list[str]:
    if not SHELL_SYNTAX.search(line):
        return []
    try:
        return shlex.split(line.replace(";", " ; "))
    except ValueError:  # A quote without its end: the shell does not take it either.
        return []


def _parted(words: Words) -> CommandLine:
    """Return words, with those that a Python script gets as its arguments."""
    started, arguments = list[str](), list[str]()
    chosen, before = started, "python"
    for word in words:
        if word in SEPARATORS:
            chosen = started
        chosen.append(word)
        if _is(PYTHON, before) and word.endswith(".py"):
            chosen = arguments
        if not (word.startswith("-") and _is(PYTHON, before)):
            before = word
    return CommandLine(tuple(started), tuple(arguments))


def _defaults(words: Words, variables: Mapping[str, str]) -> Words:
    """Return what is loaded by programs that no word tells what to load."""
    programs = DEFAULTS.keys() & {posixpath.basename(word) for word in words}
    if any(option in APP_OPTIONS for option, _ in _options(words)):
        return ()
    if "flask" in programs and (told := variables.get("FLASK_APP")):
        return ("--app", told)
    return tuple(file for program in sorted(programs) for file in DEFAULTS[program])


def _options(words: Words) -> Iterator[tuple[str, str]]:
    """Yield each word with the one before it, which may be an option with this value: `--app=hello` too."""
    before = ""
    for word in words:
        option, is_with_value, value = word.partition("=")
        yield (option, value) if is_with_value else (before, word)
        before = "" if is_with_value or word == "--" else word


def _is_loaded(option: str, word: str) -> bool:
    """Return whether a word names a module for certain, should there be one of that name."""
    name = module_in(word)
    return bool(name) and (name != word or "." in name or option.startswith("-"))


def _is(program: re.Pattern[str], word: str) -> bool:
    return program.fullmatch(posixpath.basename(word)) is not None
