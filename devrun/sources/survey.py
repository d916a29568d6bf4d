"""What a folder without a devrun.toml holds: how its Dockerfile starts containers, and scripts to run.

Nothing is run and nothing is guessed: what only the base image knows is left out.
"""

import ast
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from devrun.errors import ConfigError
from devrun.sources.dockerfile import Dockerfile, Step, foreign_syntax
from devrun.sources.globs import clean
from devrun.sources.substitution import expand

DOCKERFILES = ("Dockerfile", "Containerfile", "Dockerfile.*", "*.Dockerfile", "*/Dockerfile")
"""Where they are looked for, the usual place first."""
REQUIREMENTS = "requirement*.txt"
NO_PROGRAMS = ("setup.py", "conftest.py", "noxfile.py", "test_*.py", "*_test.py")
"""They may be started, but by tools."""
SHELL = ("/bin/sh", "-c")
"""What Docker starts a command in shell form with."""
EXAMPLE = """\
FROM python:3.13-slim
WORKDIR /app
{install}CMD ["python", "{script}"]"""
INSTALL = "COPY {file} .\nRUN python -m pip install -r {file}\n"


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found. Paths are relative to the folder, with forward slashes."""

    dockerfile: str
    workdir: str = ""
    """The image's, where the Dockerfile says it; without one nothing is mounted."""
    source: str = "."
    """The folder that the image has at its WORKDIR."""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    """Those of EXPOSE, as `5000` or `53/udp`."""
    stages: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    """The Python files of `source` that are meant to be started."""


def survey(root: Path) -> Survey:
    """Return what a folder holds; raises ConfigError where there is no Dockerfile, with one to write."""
    dockerfile = _find_dockerfile(root)
    if dockerfile is None:
        raise ConfigError(f"no Dockerfile in {root}", hint=f"write one, for example:\n{_example(root)}")
    text = (root / dockerfile).read_text("utf-8", "replace")
    if foreign_syntax(text, {}):
        return Survey(dockerfile)
    parsed = Dockerfile.parse(text, dockerfile)
    steps = _steps(parsed)
    workdir = (parsed.workdir(None, {}) or "").rstrip("/")
    source = _source(root, parsed, workdir)
    return Survey(
        dockerfile=dockerfile,
        workdir=workdir,
        source=source,
        entrypoint=_last(steps, "ENTRYPOINT"),
        command=_last(steps, "CMD"),
        ports=tuple(dict.fromkeys(_exposed(steps, parsed.escape))),
        stages=tuple(stage.name for stage in parsed.stages if stage.name),
        scripts=tuple(posixpath.normpath(f"{source}/{path.name}") for path in _scripts(root / source)),
    )


def is_started(source: bytes) -> bool:
    """Tell whether a Python file does something when it is started: `if __name__ == "__main__":`."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(isinstance(node, ast.If) and _is_guard(node.test) for node in tree.body)


def _is_guard(test: ast.expr) -> bool:
    return isinstance(test, ast.Compare) and {
        ast.unparse(test.left),
        *map(ast.unparse, test.comparators),
    } == {
        "__name__",
        "'__main__'",
    }


def _find_dockerfile(root: Path) -> str | None:
    found = (path for pattern in DOCKERFILES for path in sorted(root.glob(pattern)))
    files = (path for path in found if path.is_file() and path.suffix != ".dockerignore")
    names = (path.relative_to(root).as_posix() for path in files)
    return next(filter(_is_utf8, names), None)


def _example(root: Path) -> str:
    requirements = sorted(path.name for path in root.glob(REQUIREMENTS))
    install = INSTALL.format(file=requirements[0]) if requirements else ""
    scripts = _scripts(root)
    return EXAMPLE.format(install=install, script=scripts[0].name if scripts else "app.py")


def _scripts(folder: Path) -> list[Path]:
    files = sorted(path for path in folder.glob("*.py") if path.is_file() and _is_utf8(path.name))
    programs = (path for path in files if not any(map(path.match, NO_PROGRAMS)))
    return [path for path in programs if is_started(_read(path))]


def _steps(parsed: Dockerfile) -> list[Step]:
    """Return what is done in the image itself, not in stages that it only takes files from."""
    lines = {one.line for stage in parsed.chain(None, {}) for one in stage.instructions}
    return [step for step in parsed.steps(None, {}) if step.instruction.line in lines]


def _last(steps: Sequence[Step], keyword: str) -> tuple[str, ...]:
    """Return the words of the last instruction of a kind; a shell runs those that are no list."""
    said = [step.instruction for step in steps if step.instruction.keyword == keyword]
    if not said:
        return ()
    return said[-1].words if said[-1].json else (*SHELL, *said[-1].words)


def _exposed(steps: Sequence[Step], escape: str) -> Iterator[str]:
    """Yield the ports of EXPOSE; those that cannot be told, and ranges, are left out."""
    for step in steps:
        for word in step.instruction.words if step.instruction.keyword == "EXPOSE" else ():
            port = (expand(word, step.scope, escape) or "").lower().removesuffix("/tcp")
            if port.removesuffix("/udp").isdecimal():
                yield port


def _source(root: Path, parsed: Dockerfile, workdir: str) -> str:
    """Return the folder that is copied to the WORKDIR: the whole one, unless it is another one alone."""
    copied = [
        clean(take.sources[0])
        for take in parsed.takes(None, {})
        if take.destination == workdir and take.sources and len(take.sources) == 1
    ]
    folders = [name for name in copied if (root / name).is_dir()]
    return folders[0] if len(set(folders)) == 1 and _is_utf8(folders[0]) else "."


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
