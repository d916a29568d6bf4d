"""Files whose content decides what is installed into an image: known by name, or named by a RUN."""

import posixpath
import re
from collections.abc import Iterable

from devrun.sources.dockerfile import Step
from devrun.sources.requirements import is_requirements_file

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
_PYLOCK = re.compile(r"pylock(?:\.[^.]+)?\.toml")
_BETWEEN_WORDS = re.compile(r"[\s;&|()<>\"'`=,{}\[\]]+")


def is_dependency_file(name: str) -> bool:
    """Return whether a path of the context is, by custom, a list of dependencies or a lock of them."""
    short = posixpath.basename(name)
    return short in _NAMES or bool(_PYLOCK.fullmatch(short)) or is_requirements_file(name)


def run_words(steps: Iterable[Step]) -> frozenset[str]:
    """Return all words of RUN lines and their heredocs, that may name a file."""
    words = set[str]()
    for step in steps:
        if step.instruction.keyword == "RUN":
            text = " ".join([*step.instruction.words, *(doc.content for doc in step.instruction.heredocs)])
            words |= {posixpath.normpath(word) for word in _BETWEEN_WORDS.split(text) if word}
    return frozenset(words - {".", "/"})


def is_named(words: frozenset[str], name: str, destination: str | None) -> bool:
    """Return whether a RUN names a file: by its whole path in the image, or by the end of its path."""
    tails = {name[at + 1 :] for at, char in enumerate(name) if char == "/"} | {name}
    if destination is not None:
        tails |= {destination} | {destination[at + 1 :] for at, char in enumerate(destination) if char == "/"}
    return not words.isdisjoint(tails)
