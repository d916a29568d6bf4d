"""The first devrun.toml of a project, written from what its folder holds; text only."""

import json
import posixpath
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from devrun.cli.text import safe
from devrun.config.names import slugify
from devrun.config.words import leading_python, read_entrypoint
from devrun.sources.survey import SHELL, Survey

LIKELY = ("main.py", "app.py", "server.py", "run.py", "manage.py")
"""Of several scripts, where the Dockerfile starts none, these are the ones that are meant."""
FIRST_FREE_PORT = 1024
"""Below it, a port is for root only on many machines."""
PORT_SHIFT = 8000
SERVER = "web"
MAX_PORT = 65535

Words = tuple[str, ...]

_SHELL_SYNTAX = re.compile(r"[$`;&|<>(){}*?~#\n\\]")

HEAD = """\
# What devrun runs in containers, and keeps running while you edit it.
# `devrun check` says what it means, `devrun watch` starts it.

# reload = "process"  # a restart starts the process anew, and not its container; or "warm"
"""
NO_WORKDIR = """\
# The Dockerfile names no WORKDIR, at which containers would see this folder: so each edit needs a build.
# Another place can be named here.
# [mount]
# path = "/app"
"""
KEEP = '# keep = [".venv"]  # what the image has below it and must stay visible'
NO_PORTS = '# ports = ["8080:5000"]  # host:container; without EXPOSE, only you know which'
OTHERS = "# Not started by themselves: run one by `devrun run NAME`, or take its `autostart` out.\n"
MORE_OF_A_TARGET = """\
# args = ["--verbose"]
# env = { DEBUG = "1" }
# env-file = ".env"
# watch = ["templates/**"]  # more files that restart it
"""


@dataclass(frozen=True, slots=True)
class Program:
    """What a target runs."""

    name: str
    """That which it gives itself."""
    lines: tuple[str, ...]
    """Of its table."""
    script: str = ""


def draft(folder: str, found: Survey, is_file: Callable[[str], bool]) -> str:
    """Return the text for a folder of that name; `is_file` tells of paths below it."""
    name = _quoted(folder.encode("utf-8", "replace").decode())
    parts = [HEAD, f"[project]\nname = {name}\n", _image(found), _mount(found)]
    return "\n".join([*parts, *_targets(found, is_file)])


def _image(found: Survey) -> str:
    lines = [] if found.dockerfile == "Dockerfile" else [f"dockerfile = {_quoted(found.dockerfile)}"]
    if len(found.stages) > 1:
        lines.append(
            f"# stage = {_quoted(found.stages[-1])}  # or {', '.join(map(_quoted, found.stages[:-1]))}"
        )
    lines.append('# args = { NAME = "value" }  # for the ARGs of the Dockerfile')
    return _table("image", lines)


def _mount(found: Survey) -> str:
    if not found.workdir:
        return NO_WORKDIR
    what = "This folder" if found.source == "." else f"The folder {safe(found.source)}"
    lines = [] if found.source == "." else [f"source = {_quoted(found.source)}"]
    table = _table("mount", [*lines, KEEP])
    where = f"{what} is seen in containers at {safe(found.workdir)}, the WORKDIR"
    return f"# {where}: an edit needs no build.\n{table}"


def _targets(found: Survey, is_file: Callable[[str], bool]) -> Iterator[str]:
    """Yield the tables of all programs: that of the Dockerfile, or else the likeliest script, is started."""
    # Without a mount, containers see none of the folder's scripts.
    paths = sorted(found.scripts, key=_likelihood) if found.workdir else ()
    scripts = [Program(_stem(path), (f"script = {_quoted(path)}",), path) for path in paths]
    own = _of_dockerfile(found, is_file)
    first = own or (scripts[0] if scripts else None)
    others = [program for program in scripts if first is None or program.script != first.script]
    if first is None or (first.lines[0].startswith("command") and not (found.ports or others)):
        yield "# Without [targets], what the Dockerfile starts is the one target.\n"
        return
    taken: set[str] = set()
    name = _unique(SERVER if found.ports else first.name, taken)
    yield _target(name, [*first.lines, *_ports(found)]) + MORE_OF_A_TARGET
    for number, program in enumerate(others):
        table = _target(_unique(program.name, taken), [*program.lines, "autostart = false"])
        yield table if number else OTHERS + table


def _of_dockerfile(found: Survey, is_file: Callable[[str], bool]) -> Program | None:
    """Return what the image starts, in the fewest words; None: it starts nothing of its own."""
    entrypoint = _plain(found.entrypoint)
    # Docker gives no command to an ENTRYPOINT that a shell runs.
    command = () if found.entrypoint[:2] == SHELL else _plain(found.command)
    rest = _program((*entrypoint, *command))
    python = leading_python(rest)
    words = rest[len(python) :] if python else ()
    if len(words) > 1 and words[0] == "-m":
        name = slugify(words[1].partition(".")[0])
        return Program(name, (f"module = {_quoted(words[1])}", *_args(words[2:])))
    script = _on_host(found, words[0]) if words else ""
    if script and is_file(script):
        return Program(_stem(script), (f"script = {_quoted(script)}", *_args(words[1:])), script)
    if rest == python:
        return None  # nothing at all, or a Python that waits for a script
    name = slugify(posixpath.basename(rest[0]))
    if _program(entrypoint):
        # Behind an ENTRYPOINT that is a program itself, a command would be its argument.
        return Program(name, (f"command = {_listed((*entrypoint, *command))}", "entrypoint = []"))
    return Program(name, (f"command = {_listed(command)}",)) if command else None


def _program(words: Words) -> Words:
    """Return what is left of a command without its wrappers."""
    reading = read_entrypoint(words)
    return reading.interpreter or reading.rest


def _plain(words: Words) -> Words:
    """Return a command without the shell that runs it, where that would only split it into words."""
    if words[:2] != SHELL or len(words) != 3 or _SHELL_SYNTAX.search(words[2]):
        return words
    try:
        split = tuple(shlex.split(words[2]))
    except ValueError:
        return words
    plain = split[1:] if split[:1] == ("exec",) else split
    return plain if plain and "=" not in plain[0] else words


def _on_host(found: Survey, path: str) -> str:
    """Return which file of the folder a path of the container shows; empty: none."""
    absolute = posixpath.normpath(posixpath.join(found.workdir or "/", path))
    inside = absolute.removeprefix(f"{found.workdir}/")
    return (
        posixpath.normpath(posixpath.join(found.source, inside))
        if found.workdir and inside != absolute
        else ""
    )


def _ports(found: Survey) -> list[str]:
    shown = []
    for word in found.ports:
        number, _, protocol = word.partition("/")
        port = int(number)
        host = port if port >= FIRST_FREE_PORT else port + PORT_SHIFT
        if 0 < port <= MAX_PORT:
            shown.append(f"{host}:{port}" + (f"/{protocol}" if protocol else ""))
    return [f"ports = {_listed(shown)}  # host:container"] if shown else [NO_PORTS]


def _args(words: Words) -> tuple[str, ...]:
    return (f"args = {_listed(words)}",) if words else ()


def _likelihood(path: str) -> tuple[int, str]:
    name = posixpath.basename(path)
    return LIKELY.index(name) if name in LIKELY else len(LIKELY), name


def _stem(path: str) -> str:
    return slugify(posixpath.basename(path).removesuffix(".py"))


def _unique(name: str, taken: set[str]) -> str:
    tried = next(
        it for number in count(1) if (it := name if number == 1 else f"{name}-{number}") not in taken
    )
    taken.add(tried)
    return tried


def _target(name: str, lines: Sequence[str]) -> str:
    return _table(f"targets.{name}", lines)


def _table(name: str, lines: Sequence[str]) -> str:
    """Return a table, which is a comment where all of its lines are."""
    is_said = any(not line.startswith("#") for line in lines)
    return "\n".join([f"[{name}]" if is_said else f"# [{name}]", *lines, ""])


def _listed(words: Iterable[str]) -> str:
    return f"[{', '.join(map(_quoted, words))}]"


def _quoted(text: str) -> str:
    """Return a text as TOML writes it, so that devrun takes no variable out of it."""
    return json.dumps(text.replace("$", "$$"), ensure_ascii=False).replace("\x7f", "\\u007f")
