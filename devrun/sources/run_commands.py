"""What the commands of a RUN may read: an installer reads its own tables, an unknown program anything.

A file of settings counts by its tables for installers only where nothing else runs that could see it. So a
command is taken for harmless by its name alone, and where a line is not understood it is not.
"""

import posixpath
import re
import shlex
from collections.abc import Iterator, Sequence

from devrun.sources.dockerfile_syntax import Instruction

_INSTALLER = re.compile(
    r"pip(?:3(?:\.\d+)?)?|uv|pipx|poetry|pdm|hatch|flit|pipenv|pip-compile|pip-sync|micropipenv"
    r"|conda|mamba|micromamba"
)
_PYTHON = re.compile(r"(?:python|pypy)\d*(?:\.\d+)?")
_MODULES = frozenset(
    {"pip", "uv", "pipx", "poetry", "pdm", "hatch", "flit", "pipenv", "build", "installer"}
) | {
    "venv",
    "virtualenv",
    "ensurepip",
}
"""What `python -m` runs without reading the settings of other tools."""
_HARMLESS = re.compile(
    r"apt|apt-get|apk|dnf|yum|microdnf|dpkg|rpm|echo|printf|mkdir|rmdir|rm|touch|chmod|chown|chgrp|true|false|:"
    r"|test|\[|\[\[|set|unset|export|cd|pushd|popd|umask|ulimit|sleep|useradd|groupadd|adduser|addgroup|usermod"
    r"|passwd|curl|wget|gpg|unzip|gunzip|git|update-ca-certificates|locale-gen|ldconfig|uname|id|whoami|pwd|ls"
    r"|which|command|hash|date|du|df|ps|mktemp|readlink|realpath|dirname|basename|nproc|getconf|virtualenv"
)
"""Programs that read no settings of Python tools."""
_BEFORE = frozenset(
    {"if", "then", "else", "elif", "do", "while", "until", "!", "time", "exec", "sudo", "env"}
)
"""Words of a shell after which a command follows."""
_AFTER = frozenset({"fi", "done", "{", "}", "for"})
"""Words that are no command, nor followed by one in the same piece of a line."""
_RUNS = frozenset({"run", "exec", "shell"})
"""Subcommands by which an installer starts another program, at any depth."""
_CHECKS = frozenset({"test", "fmt", "lint"})
_VARIABLE = re.compile(r"\w+=.*", re.DOTALL)
_SIGNS = frozenset("();<>|&")


def reads_anything(run: Instruction) -> bool:
    """Return whether a RUN starts something that may read any file that it sees."""
    if run.json:
        return not _is_harmless(run.words)
    lines = run.words if not run.heredocs else tuple(doc.content for doc in run.heredocs)
    if any(not line.startswith("<<") for line in run.words) and run.heredocs:
        return True  # What a heredoc is fed to is not followed.
    try:
        return not all(map(_is_harmless, _commands(lines)))
    except ValueError:  # An open quote.
        return True


def _commands(texts: Sequence[str]) -> Iterator[list[str]]:
    """Yield the words of each simple command."""
    for line in "\n".join(texts).replace("\\\n", " ").splitlines():
        if "`" in line or "$(" in line or "#!" in line:
            raise ValueError(line)
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        command: list[str] = []
        for token in lexer:
            if set(token) <= _SIGNS and not set(token) & set("<>"):
                yield command
                command = []
            else:
                command.append(token)
        yield command


def _is_harmless(words: Sequence[str]) -> bool:
    rest = list(words)
    while rest and (rest[0] in _BEFORE or _VARIABLE.fullmatch(rest[0])):
        rest.pop(0)
    if not rest or rest[0] in _AFTER:
        return True
    program, arguments = posixpath.basename(rest[0]), rest[1:]
    if program in (".", "source"):
        return arguments[-1:] != [] and posixpath.basename(arguments[-1]) == "activate"
    if _PYTHON.fullmatch(program):
        is_module = arguments[:1] == ["-m"] and arguments[1:2] != []
        return is_module and arguments[1] in _MODULES and _installs(arguments[2:])
    return bool(_HARMLESS.fullmatch(program)) or bool(_INSTALLER.fullmatch(program) and _installs(arguments))


def _installs(arguments: Sequence[str]) -> bool:
    first = next((one for one in arguments if not one.startswith("-")), "")
    return first not in _CHECKS and _RUNS.isdisjoint(arguments)
