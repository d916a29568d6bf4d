"""What a build asks of the engine beyond its instructions: a frontend, a build session.

BuildKit in the engine reads Dockerfiles by itself. A `# syntax=` line makes it fetch another frontend
image, which old engines can do only through a session that answers for credentials, and which the official
one does not need. Secrets and ssh agents come through such a session always.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from devrun.config.project import ImageConfig

_DIRECTIVE = re.compile(r"\s*#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.+?)\s*$")
_OFFICIAL = re.compile(
    r"(docker\.io/)?docker/dockerfile(:(latest|1(\.\d+)*(-labs)?))?(@sha256:[0-9a-f]{64})?", re.IGNORECASE
)
_FROM = re.compile(r"FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?", re.IGNORECASE)
_TAKEN = re.compile(r"[\s,]-{0,2}from=([^\s,]+)", re.IGNORECASE)
_SESSION_MOUNT = re.compile(r"\s--mount=\S*\btype=(secret|ssh)\b", re.IGNORECASE)
_FLAGGED = re.compile(r"RUN((?:\s+--\S+)+)", re.IGNORECASE)
_HEREDOC = re.compile(r"<<(-?)([\"']?)([A-Za-z_][A-Za-z0-9_]*)\2")


@dataclass(frozen=True, slots=True)
class _Stage:
    """A build stage: how it is called, which stages it takes from, what it runs."""

    names: frozenset[str]
    taken: frozenset[str]
    instructions: tuple[tuple[int, str], ...]


def official_frontend(text: str) -> str | None:
    """Return the official frontend's image that a `# syntax=` line asks for, None without such a line."""
    said = dict(_directives(_lines(text))).get("syntax", "")
    return said if _OFFICIAL.fullmatch(said) else None


def without_syntax(text: str) -> str:
    """Return the Dockerfile as the engine's own frontend takes it, with the same line numbers.

    One for a foreign frontend stays as it is.
    """
    if official_frontend(text) is None:
        return text
    lines = _lines(text)
    keys = [key for key, _ in _directives(lines)]
    kept = [line for key, line in zip(keys, lines, strict=False) if key != "syntax"]
    # An empty line ends the directives, so those that replace the lost ones go below the others.
    return "\n".join([*kept, *[""] * (len(keys) - len(kept)), *lines[len(keys) :]])


def session_need(image: ImageConfig, text: str, name: str) -> str:
    """Return what needs a build session, in the words of an error's beginning; empty where nothing does.

    `text` is the Dockerfile's, `name` what it is called.
    """
    if image.session.needed_by:
        return f"`{image.session.needed_by}` of image {image.name}"
    return _foreign_frontend(image, text, name) or _session_mount(text, image.stage, name)


def _foreign_frontend(image: ImageConfig, text: str, name: str) -> str:
    said = image.args.get("BUILDKIT_SYNTAX")
    if said and not _OFFICIAL.fullmatch(said):
        return f"the frontend {said}, by the argument BUILDKIT_SYNTAX,"
    for number, (key, value) in enumerate(_directives(_lines(text)), 1):
        if key == "syntax" and not _OFFICIAL.fullmatch(value):
            return f"{name}:{number}: the frontend {value}"
    return ""


def _session_mount(text: str, stage: str | None, name: str) -> str:
    for wanted in _needed(_stages(text), stage):
        for line, instruction in wanted.instructions:
            flags = _FLAGGED.match(instruction)
            found = flags and _SESSION_MOUNT.search(flags[1])
            if found:
                return f"{name}:{line}: RUN --mount=type={found[1].lower()}"
    return ""


def _lines(text: str) -> list[str]:
    return text.removeprefix("\ufeff").split("\n")


def _directives(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        found = _DIRECTIVE.match(line)
        if not found:
            return
        yield found[1].lower(), found[2]


def _needed(stages: Sequence[_Stage], wanted: str | None) -> Iterator[_Stage]:
    """Yield the stages that the wanted one is made from, itself included: BuildKit runs no other."""
    names = {wanted.lower()} if wanted else {str(len(stages) - 1)}
    # A stage can take only from those above it, so one pass from below sees all.
    for stage in reversed(stages):
        if names & stage.names:
            names |= stage.taken
            yield stage


def _stages(text: str) -> list[_Stage]:
    groups: list[list[tuple[int, str]]] = []
    for line, instruction in _instructions(text):
        if _FROM.match(instruction):
            groups.append([])
        if groups:
            groups[-1].append((line, instruction))
    return [_stage(index, group) for index, group in enumerate(groups)]


def _stage(index: int, group: Sequence[tuple[int, str]]) -> _Stage:
    first = _FROM.match(group[0][1])
    parent, alias = first.groups() if first else ("", None)
    taken = {name.lower() for _, instruction in group for name in _TAKEN.findall(instruction)}
    names = {str(index)} | ({alias.lower()} if alias else set())
    return _Stage(frozenset(names), frozenset(taken | {parent.lower()}), tuple(group))


def _instructions(text: str) -> Iterator[tuple[int, str]]:
    """Yield the first line's number and the joined lines of each instruction, without heredocs' content."""
    lines = _lines(text.replace("\r\n", "\n"))
    escape = dict(_directives(lines)).get("escape", "\\")[:1]
    rest = iter(enumerate(lines, 1))
    for number, line in rest:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        joined = line
        while joined.rstrip().endswith(escape):
            joined = joined.rstrip()[:-1]
            following = next((more for _, more in rest if not more.lstrip().startswith("#")), None)
            if following is None:
                break
            joined += " " + following
        for dash, _, word in _HEREDOC.findall(joined):
            _skip(rest, word, tabs=bool(dash))
        yield number, " ".join(joined.split())


def _skip(lines: Iterator[tuple[int, str]], end: str, *, tabs: bool) -> None:
    for _, line in lines:
        if (line.lstrip("\t") if tabs else line) == end:
            return
