"""The text of a Dockerfile cut into instructions: directives, continued lines, flags, JSON, heredocs.

A port of the rules of BuildKit's parser, which is its judge in the tests. No kept library serves:
`dockerfile-parse` mis-reads heredocs, and BuildKit's own parser has no wheels for Linux on ARM or Intel Macs.
What the instructions mean is no matter of this module.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from devrun.errors import ConfigError
from devrun.sources.ignore import GO_SPACE
from devrun.sources.substitution import Heredoc, SubstitutionError, heredocs_of

_BLANKS = re.compile(r"[\t\v\f\r ]+")
_DIRECTIVE = re.compile(r"([a-zA-Z][a-zA-Z0-9]*)[\t\n\f\r ]*=[\t\n\f\r ]*(.+?)[\t\n\f\r ]*")
_DIRECTIVES = {"syntax", "escape", "check"}
_WITH_HEREDOCS = {"ADD", "COPY", "RUN"}


class DockerfileError(ConfigError):
    """The Dockerfile has a line that Docker would refuse, or that this version does not know."""

    def __init__(self, reason: str, line: int, origin: str = "Dockerfile") -> None:
        super().__init__(f"{origin}:{line}: {reason}" if line else f"{origin}: {reason}")
        self.reason = reason
        self.line = line


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction. `words` are as BuildKit splits them: a RUN in shell form has its one line."""

    keyword: str
    """In upper case."""
    flags: tuple[str, ...]
    words: tuple[str, ...]
    json: bool
    heredocs: tuple[Heredoc, ...]
    line: int
    end_line: int
    text: str
    """The joined line, without heredocs."""
    trigger: "Instruction | None" = None
    """What an ONBUILD holds back."""

    def flag(self, name: str) -> str | None:
        """Return the value of `--name=value`; of several the last; None without one."""
        return next(reversed(self.flag_values(name)), None)

    def flag_values(self, name: str) -> tuple[str, ...]:
        """Return all values of a flag that may be repeated; `--name` alone stands for `true`."""
        pairs = (flag.removeprefix("--").partition("=") for flag in self.flags)
        return tuple(value if equals else "true" for key, equals, value in pairs if key == name)

    @property
    def meaning(self) -> tuple[object, ...]:
        """What the instruction says, wherever and however it is written."""
        documents = [(doc.name, doc.content, doc.expand, doc.chomp, doc.descriptor) for doc in self.heredocs]
        inner = self.trigger and self.trigger.meaning
        return (self.keyword, self.flags, self.words, self.json, documents, inner)


def parse_instructions(text: str) -> tuple[tuple[Instruction, ...], Mapping[str, str]]:
    """Return the instructions and the parser directives of a Dockerfile; raises DockerfileError."""
    reader = _Reader(text.removeprefix("\ufeff"))
    instructions = tuple(reader.read())
    if not instructions:
        raise DockerfileError("a file with no instructions", reader.number)
    return instructions, reader.directives


def read_directives(text: str) -> Mapping[str, str]:
    """Return the parser directives alone; of a file that is no Dockerfile of Docker's as well."""
    reader = _Reader(text.removeprefix("\ufeff"))
    with suppress(DockerfileError):
        next(reader.read(), None)
    return reader.directives


class _Reader:
    """Walks over the lines once; `number` is that of the line read last."""

    def __init__(self, text: str) -> None:
        self._lines = re.findall(r"[^\n]*\n|[^\n]+", text)
        self.number = 0
        self.directives: dict[str, str] = {}
        self._directives_over = False
        self._escape = "\\"

    def read(self) -> Iterator[Instruction]:
        """Yield the instructions one after the other; raises DockerfileError at the first bad one."""
        while self.number < len(self._lines):
            line, goes_on = self._continued(self._next().lstrip(GO_SPACE))
            start = self.number
            if not line and not goes_on:
                continue
            while goes_on and self.number < len(self._lines):
                following = self._next()
                # Comments and blank lines inside a continued instruction do not end it.
                if following.strip(GO_SPACE):
                    following, goes_on = self._continued(following)
                    line += following
            instruction = self._instruction(line, start)
            yield replace(instruction, heredocs=self._heredocs(instruction, line), end_line=self.number)

    def _next(self) -> str:
        line = self._lines[self.number].rstrip("\r\n")
        self.number += 1
        stripped = line.lstrip(GO_SPACE)
        self._directive(stripped)
        return "" if stripped.startswith("#") else line

    def _directive(self, line: str) -> None:
        """Directives stand above everything else: the first other line ends them."""
        found = _DIRECTIVE.fullmatch(line[1:].lstrip(GO_SPACE)) if line.startswith("#") else None
        name = found[1].lower() if found else ""
        if self._directives_over or not found or name not in _DIRECTIVES:
            self._directives_over = True
            return
        if name in self.directives:
            raise DockerfileError(f"only one {name} parser directive can be used", self.number)
        if name == "escape" and found[2] not in ("\\", "`"):
            raise DockerfileError(f"escape is {found[2]!r}, not \\ or `", self.number)
        self.directives[name] = found[2]
        self._escape = found[2] if name == "escape" else self._escape

    def _continued(self, line: str) -> tuple[str, bool]:
        sign = re.escape(self._escape)
        found = re.search(rf"(?:(?<=[^{sign}])|^){sign}[ \t]*\Z", line)
        return (line[: found.start()], True) if found else (line, False)

    def _instruction(self, line: str, start: int) -> Instruction:
        keyword, _, rest = _cut(line.strip(GO_SPACE))
        flags, rest = _flags(rest, self._escape)
        split = _SPLITTERS.get(keyword.upper(), _nothing)
        try:
            words, is_json = split(rest.strip(GO_SPACE), self._escape)
        except ValueError as error:
            raise DockerfileError(str(error), start) from error
        trigger = self._instruction(rest, start) if keyword.upper() == "ONBUILD" and rest else None
        return Instruction(
            keyword.upper(), flags, words, is_json, (), start, self.number, line.strip(GO_SPACE), trigger
        )

    def _heredocs(self, instruction: Instruction, line: str) -> tuple[Heredoc, ...]:
        carrier = instruction.trigger or instruction
        if carrier.keyword not in _WITH_HEREDOCS or carrier.json or "<<" not in line:
            return ()
        try:
            return tuple(self._content(doc, instruction.line) for doc in heredocs_of(line))
        except SubstitutionError as error:
            raise DockerfileError(str(error), instruction.line) from error

    def _content(self, doc: Heredoc, start: int) -> Heredoc:
        content = ""
        while self.number < len(self._lines):
            line = self._lines[self.number]
            self.number += 1
            end = line.rstrip("\r\n")
            if (end.lstrip("\t") if doc.chomp else end) == doc.name:
                return replace(doc, content=content)
            content += line
        raise DockerfileError(f"the heredoc {doc.name!r} has no end", start)


def _cut(line: str) -> tuple[str, str, str]:
    parts = _BLANKS.split(line, maxsplit=1)
    return (parts[0], " ", parts[1]) if len(parts) == 2 else (parts[0], "", "")


def _flags(line: str, escape: str) -> tuple[tuple[str, ...], str]:
    """Return the leading `--flag` words without their quotes, and what follows them."""
    flags: list[str] = []
    at = 0
    while True:
        at += len(line[at:]) - len(line[at:].lstrip(GO_SPACE))
        if not line.startswith("--", at):
            return tuple(flags), line[at:]
        word, at = _flag(line, at, escape)
        if word == "--":
            return tuple(flags), line[at:]
        flags.append(word)


def _flag(line: str, at: int, escape: str) -> tuple[str, int]:
    word, quote = "", ""
    while at < len(line):
        char = line[at]
        if not quote and char in GO_SPACE:
            break
        at += 1
        if char == quote:
            quote = ""
        elif not quote and char in "'\"":
            quote = char
        elif char == escape:
            word += line[at : at + 1]
            at += 1
        else:
            word += char
    return word, at


def _one(rest: str, _escape: str) -> tuple[tuple[str, ...], bool]:
    return ((rest,) if rest else ()), False


def _nothing(_rest: str, _escape: str) -> tuple[tuple[str, ...], bool]:
    return (), False


def _blank_separated(rest: str, _escape: str) -> tuple[tuple[str, ...], bool]:
    return (tuple(_BLANKS.split(rest)) if rest else ()), False


def _json_or_one(rest: str, escape: str) -> tuple[tuple[str, ...], bool]:
    listed = _json(rest)
    return _one(rest, escape) if listed is None else (listed, True)


def _json_or_list(rest: str, escape: str) -> tuple[tuple[str, ...], bool]:
    listed = _json(rest)
    return _blank_separated(rest, escape) if listed is None else (listed, True)


def _json(rest: str) -> tuple[str, ...] | None:
    if not rest.startswith("["):
        return None
    try:
        # Go knows no NaN and no Infinity: what has one is no JSON, but a word in brackets.
        listed = json.loads(rest, parse_constant=int)
    except (ValueError, RecursionError):
        return None
    if not all(isinstance(word, str) for word in listed):
        raise ValueError("a JSON array here must consist of strings only")
    return tuple(listed)


def _quoted_words(rest: str, escape: str) -> tuple[tuple[str, ...], bool]:
    """Split at spaces outside quotes; quotes and escapes stay, as substitution needs them."""
    words, word, quote, at = [], "", "", 0
    while at < len(rest):
        char = rest[at]
        at += 1
        if not quote and char in GO_SPACE:
            words += [word] if word else []
            word = ""
            continue
        if char == escape and quote != "'":
            if at == len(rest):
                break
            char += rest[at]
            at += 1
        elif char == quote:
            quote = ""
        elif not quote and char in "'\"":
            quote = char
        word += char
    return tuple(words + ([word] if word else [])), False


def _pairs(rest: str, escape: str) -> tuple[tuple[str, ...], bool]:
    """Return names and values in turn, of `A=1 B=2` or of the old form `A 1`."""
    words, _ = _quoted_words(rest, escape)
    if not words:
        return (), False
    if "=" not in words[0]:
        parts = _BLANKS.split(rest, maxsplit=1)
        if len(parts) < 2:
            raise ValueError("two arguments are needed: a name and a value")
        return tuple(parts), False
    lone = next((word for word in words if "=" not in word), None)
    if lone is not None:
        raise ValueError(f"no = in {lone!r}: name=value is needed")
    return tuple(part for word in words for part in word.split("=", 1)), False


def _health(rest: str, escape: str) -> tuple[tuple[str, ...], bool]:
    kind, _, command = _cut(rest)
    words, is_json = _json_or_one(command, escape)
    return ((kind, *words) if kind else ()), is_json


_SPLITTERS: Mapping[str, Callable[[str, str], tuple[tuple[str, ...], bool]]] = {
    "ADD": _json_or_list,
    "ARG": _quoted_words,
    "CMD": _json_or_one,
    "COPY": _json_or_list,
    "ENTRYPOINT": _json_or_one,
    "ENV": _pairs,
    "EXPOSE": _blank_separated,
    "FROM": _blank_separated,
    "HEALTHCHECK": _health,
    "LABEL": _pairs,
    "MAINTAINER": _one,
    "ONBUILD": _nothing,
    "RUN": _json_or_one,
    "SHELL": _json_or_one,
    "STOPSIGNAL": _one,
    "USER": _one,
    "VOLUME": _json_or_list,
    "WORKDIR": _one,
}
KEYWORDS = frozenset(_SPLITTERS)
