"""Files whose content decides what is installed into an image: known by name, or named by a RUN."""

import posixpath
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from devrun.sources import pyproject, requirements, setup_cfg
from devrun.sources.dockerfile import Step
from devrun.sources.requirements import Meaning, Read, is_requirements_file

Understand = Callable[[Path, Read], Meaning]

_NAMES = frozenset(
    {
        "pyproject.toml",
        "setup.py",
        "setup.cfg",
        "poetry.lock",
        "uv.lock",
        "pdm.lock",
        "Pipfile",
        "Pipfile.lock",
        "pixi.lock",
        "pixi.toml",
        "conda-lock.yml",
        "environment.yml",
        "environment.yaml",
    }
)
_BY_TABLES: dict[str, Understand] = {"pyproject.toml": pyproject.meaning, "setup.cfg": setup_cfg.meaning}
"""Files that say other things too."""
_INSTALLERS = frozenset(
    {
        "pip",
        "pip3",
        "uv",
        "uvx",
        "pipx",
        "poetry",
        "pdm",
        "hatch",
        "flit",
        "rye",
        "pixi",
        "pipenv",
        "build",
        "setup.py",
        "pip-compile",
        "pip-sync",
        "micropipenv",
    }
)
_MOVERS = frozenset({"cp", "mv", "ln", "rsync"})
_PYLOCK = re.compile(r"pylock(?:\.[^.]+)?\.toml")
_BETWEEN_WORDS = re.compile(r"[\s;&|()<>\"'`=,{}\[\]]+")


def is_dependency_file(name: str) -> bool:
    """Return whether a path of the context is, by custom, a list of dependencies or a lock of them."""
    short = posixpath.basename(name)
    return short in _NAMES or bool(_PYLOCK.fullmatch(short)) or is_requirements_file(name)


def has_tables(name: str) -> bool:
    """Return whether a file says other things too than what is installed."""
    return posixpath.basename(name) in _BY_TABLES


def understanding(name: str, *, by_tables: bool) -> Understand | None:
    """Return what understands a file of dependencies; None: it counts by its bytes.

    `by_tables`: nothing can read those parts of the file that decide no installation.
    """
    if is_requirements_file(name):
        return requirements.meaning
    return _BY_TABLES.get(posixpath.basename(name)) if by_tables else None


def run_words(steps: Iterable[Step]) -> frozenset[str]:
    """Return all words of RUN lines and their heredocs, that may name a file."""
    return frozenset(word for words in _each_run(steps) for word in words) - {".", "/"}


def reader_words(steps: Iterable[Step]) -> frozenset[str]:
    """Return the words of those RUN lines that install nothing, and may read a file for something else."""
    others = (words for words in _each_run(steps) if not _installs(words))
    return frozenset(word for words in others for word in words) - {".", "/"}


def moves_files(steps: Iterable[Step]) -> bool:
    """Return whether a RUN may bring files to other places of the image."""
    return any(words & _MOVERS for words in _each_run(steps))


def _installs(words: set[str]) -> bool:
    return any(
        posixpath.basename(word) in _INSTALLERS and ("/" not in word or "/bin/" in word) for word in words
    )


def _each_run(steps: Iterable[Step]) -> Iterable[set[str]]:
    runs = (step.instruction for step in steps if step.instruction.keyword == "RUN")
    return (_words(" ".join([*run.words, *(doc.content for doc in run.heredocs)])) for run in runs)


def _words(text: str) -> set[str]:
    return {posixpath.normpath(word) for word in _BETWEEN_WORDS.split(text) if word}


def is_named(words: frozenset[str], name: str, destination: str | None) -> bool:
    """Return whether a RUN names a file: by its whole path in the image, or by the end of its path."""
    if not words:
        return False
    tails = {name[at + 1 :] for at, char in enumerate(name) if char == "/"} | {name}
    if destination is not None:
        tails |= {destination} | {destination[at + 1 :] for at, char in enumerate(destination) if char == "/"}
    return not words.isdisjoint(tails)
