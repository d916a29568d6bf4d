"""What a Dockerfile means before anything is built: stages, base images, and what it takes from the context.

Variables are filled in as BuildKit does it, stage by stage. What only an external base image knows (its
WORKDIR, its ENV) is None here, never a guess.
"""

import csv
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from devrun.sources.dockerfile_syntax import (
    KEYWORDS,
    DockerfileError,
    Instruction,
    parse_instructions,
    read_directives,
)
from devrun.sources.substitution import Scope, SubstitutionError, expand, heredoc_word

SCRATCH = "scratch"
PROXY_ARGS = frozenset(
    name
    for scheme in ("http", "https", "ftp", "no", "all")
    for name in (f"{scheme}_proxy", f"{scheme}_proxy".upper())
)
PLATFORM_ARGS = frozenset(
    f"{side}{part}"
    for side in ("BUILD", "TARGET")
    for part in ("PLATFORM", "OS", "OSVERSION", "ARCH", "VARIANT")
) | {"TARGETSTAGE"}
"""Arguments that exist without being declared; the values of these are the engine's matter."""

_OURS = re.compile(r"(?:docker\.io/)?(?:docker/dockerfile|docker/dockerfile-upstream)(?::|@|$)")
_REMOTE = re.compile(r"(?:https?|git|ssh|ftp)://|[\w.-]+@[\w.-]+:")


@dataclass(frozen=True, slots=True)
class Stage:
    """From one FROM to the next."""

    index: int
    name: str
    """In lower case; empty without AS."""
    base: str
    """As written."""
    line: int
    instructions: tuple[Instruction, ...]
    """Without the FROM."""
    flags: tuple[str, ...] = ()
    """Of the FROM."""


@dataclass(frozen=True, slots=True)
class Take:
    """What one COPY, ADD or `RUN --mount=type=bind` takes from the context."""

    line: int
    stage: int
    keyword: str
    sources: tuple[str, ...] | None
    """Paths and patterns, filled in; None: they cannot be told, which means any file."""
    text: str
    origin: str
    """The Dockerfile's name."""
    destination: str | None = None
    """Absolute path in the image; None: unknown, or not kept in the image (a bind)."""
    into_directory: bool = False
    """A file goes into `destination`, not to it."""
    parents: bool = False

    def __str__(self) -> str:
        short = " ".join(self.text.split())
        return f"{self.origin}:{self.line} {short if len(short) <= 60 else short[:59] + '…'}"


@dataclass(frozen=True, slots=True)
class Step:
    """An instruction, and what holds just before it."""

    instruction: Instruction
    scope: Scope
    workdir: str | None


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """A parsed Dockerfile. Methods that take a stage's name or number mean the last stage by None."""

    instructions: tuple[Instruction, ...]
    directives: Mapping[str, str] = field(default_factory=dict)
    stages: tuple[Stage, ...] = ()
    origin: str = "Dockerfile"
    """The file's name, for people."""
    base_workdirs: Mapping[int, str] = field(default_factory=dict)
    """The WORKDIR of external bases, where it is known, by the index of the stage that stands on them."""

    @classmethod
    def parse(cls, text: str, origin: str = "Dockerfile") -> "Dockerfile":
        """Read a Dockerfile; raises DockerfileError, with the line, for what Docker would refuse."""
        try:
            instructions, directives = parse_instructions(text)
            return cls(instructions, directives, tuple(_stages(instructions)), origin)
        except DockerfileError as error:
            raise DockerfileError(error.reason, error.line, origin) from error

    def stage(self, wanted: str | None) -> Stage:
        """Return the stage by its name or number; raises DockerfileError."""
        if wanted is None:
            return self.stages[-1]
        found = self.named(wanted)
        if found is None:
            raise DockerfileError(f"stage {wanted!r} is not in it", 0, self.origin)
        return found

    def needed(self, wanted: str | None, args: Mapping[str, str]) -> tuple[Stage, ...]:
        """Return the stages that the wanted one reaches by FROM, COPY and RUN, in the file's order."""
        found = {stage.index for stage in self.walk(wanted, args)}
        return tuple(stage for stage in self.stages if stage.index in found)

    def walk(self, wanted: str | None, args: Mapping[str, str]) -> tuple[Stage, ...]:
        """Return the same in the order in which they are met, the wanted one first."""
        found, left = dict[int, Stage](), [self.stage(wanted)]
        while left:
            stage = left.pop(0)
            if stage.index not in found:
                found[stage.index] = stage
                left += self._reached(stage, args)
        return tuple(found.values())

    def chain(self, wanted: str | None, args: Mapping[str, str]) -> tuple[Stage, ...]:
        """Return the wanted stage and those that it stands on by FROM: all whose files are in the image."""
        chain = [self.stage(wanted)]
        while (below := self.below(chain[-1], args)) is not None:
            chain.append(below)
        return tuple(reversed(chain))

    def workdir(self, wanted: str | None, args: Mapping[str, str]) -> str | None:
        """Return the image's working directory; None: only the external base knows."""
        return self._run(self.stage(wanted), args)[1].workdir

    def variables(self, wanted: str | None, args: Mapping[str, str]) -> dict[str, str]:
        """Return the variables that are known at the image's end, those of the base image left out."""
        values = self._run(self.stage(wanted), args)[1].scope.values
        return {name: value for name, value in values.items() if value is not None}

    def bases(self, wanted: str | None, args: Mapping[str, str]) -> tuple[str, ...]:
        """Return the external images that a build needs, once each; what cannot be told is left out."""
        found: dict[str, None] = {}
        for stage in self.needed(wanted, args):
            if self.below(stage, args) is None:
                found[self.filled(stage.base, args) or ""] = None
            for name in _froms(self.executed(stage, args)):
                if self.named(name) is None:
                    found[name] = None
        return tuple(name for name in found if name not in ("", SCRATCH))

    def takes(self, wanted: str | None, args: Mapping[str, str]) -> tuple[Take, ...]:
        """Return what the build takes from its context, in the order of the file."""
        return tuple(
            take
            for stage in self.needed(wanted, args)
            for step in self._run(stage, args)[0]
            for take in self._taken(step, stage.index)
        )

    def steps(self, wanted: str | None, args: Mapping[str, str]) -> tuple[Step, ...]:
        """Return all instructions of the needed stages, each with what holds before it."""
        return tuple(step for stage in self.needed(wanted, args) for step in self._run(stage, args)[0])

    def handed(self, wanted: str | None, args: Mapping[str, str]) -> tuple[tuple[Stage, Take], ...]:
        """Return what needed stages take from other stages by COPY, each with the stage it comes from."""
        return tuple(
            (origin, take)
            for stage in self.needed(wanted, args)
            for step in self._run(stage, args)[0]
            if step.instruction.keyword == "COPY"
            and (name := step.instruction.flag("from"))
            and (origin := self.named(name))
            for take in self._copied(step, stage.index)
        )

    @property
    def escape(self) -> str:
        """Return the sign that continues a line and takes the next one's meaning away."""
        return self.directives.get("escape", "\\")

    def named(self, name: str) -> Stage | None:
        """Return the stage of a name or number, as COPY --from looks it up; None: it is an image."""
        if name.isdecimal():
            return self.stages[int(name)] if int(name) < len(self.stages) else None
        return next((stage for stage in reversed(self.stages) if stage.name == name.lower()), None)

    def below(self, stage: Stage, args: Mapping[str, str]) -> Stage | None:
        """Return the stage that another is built on; only earlier ones can be."""
        base = (self.filled(stage.base, args) or "").lower()
        earlier = reversed(self.stages[: stage.index])
        return next((other for other in earlier if other.name and other.name == base), None)

    def filled(self, word: str, args: Mapping[str, str]) -> str | None:
        """Return a word of a FROM with its variables filled in; None: it cannot be told here."""
        return expand(word, self.outer(args), self.escape)

    def _reached(self, stage: Stage, args: Mapping[str, str]) -> list[Stage]:
        below = self.below(stage, args)
        others = (self.named(name) for name in _froms(self.executed(stage, args)))
        return [*([below] if below else []), *(other for other in others if other)]

    def executed(self, stage: Stage, args: Mapping[str, str]) -> tuple[Instruction, ...]:
        """Return what is executed in a stage: what the stage below held back comes first."""
        below = self.below(stage, args)
        held = (one.trigger for one in below.instructions) if below else ()
        return (*(one for one in held if one), *stage.instructions)

    def outer(self, args: Mapping[str, str]) -> Scope:
        """Return the arguments before the first FROM, and those that exist without being declared."""
        values: dict[str, str | None] = {name: args.get(name) for name in sorted(PLATFORM_ARGS)}
        for instruction in self.instructions:
            if instruction.keyword == "FROM":
                break
            for word in instruction.words:
                name, equals, default = word.partition("=")
                if name in args:
                    values[name] = args[name]
                elif equals:
                    values[name] = expand(default, Scope(values, complete=True), self.escape)
        return Scope(values, complete=True)

    def _run(self, stage: Stage, args: Mapping[str, str]) -> tuple[list[Step], Step]:
        """Return the steps of a stage, and what holds at its end (there the instruction is of no matter)."""
        below = self.below(stage, args)
        if below is not None:
            last = self._run(below, args)[1]
            scope, workdir = last.scope, last.workdir
        else:
            scratch = stage.base.lower() == SCRATCH
            scope, workdir = (
                Scope({}, complete=scratch),
                "/" if scratch else self.base_workdirs.get(stage.index),
            )
        steps = []
        for instruction in self.executed(stage, args):
            steps.append(Step(instruction, scope, workdir))
            scope, workdir = self._after(steps[-1], args)
        return steps, Step(self.instructions[0], scope, workdir)

    def _after(self, step: Step, args: Mapping[str, str]) -> tuple[Scope, str | None]:
        words, scope = step.instruction.words, step.scope
        if step.instruction.keyword == "WORKDIR" and words:
            return scope, _joined(step.workdir, expand(words[0], scope, self.escape))
        values = dict(scope.values)
        if step.instruction.keyword == "ENV":
            for name, value in zip(words[::2], words[1::2], strict=False):
                values[expand(name, scope, self.escape) or name] = expand(value, scope, self.escape)
        elif step.instruction.keyword == "ARG":
            for word in words:
                self._declare(word, values, scope, args)
        return Scope(values, scope.complete), step.workdir

    def _declare(
        self, word: str, values: dict[str, str | None], scope: Scope, args: Mapping[str, str]
    ) -> None:
        name, equals, default = word.partition("=")
        outer = self.outer(args).values
        if name in args:
            values[name] = args[name]
        elif equals:
            values[name] = expand(default, Scope(values, scope.complete), self.escape)
        elif name in outer:
            values[name] = outer[name]

    def _taken(self, step: Step, stage: int) -> Iterator[Take]:
        one = step.instruction
        if one.keyword in ("COPY", "ADD") and one.flag("from") is None:
            yield from self._copied(step, stage)
        elif one.keyword == "RUN":
            for mount in mounts_of(one):
                if mount.get("type", "bind").lower() == "bind" and "from" not in mount:
                    source = expand(mount.get("source") or mount.get("src") or "/", step.scope, self.escape)
                    sources = None if source is None else (source,)
                    yield Take(one.line, stage, one.keyword, sources, one.text, self.origin)

    def _copied(self, step: Step, stage: int) -> Iterator[Take]:
        one = step.instruction
        written = [word for word in one.words[:-1] if not _is_document(word)]
        filled = [expand(word, step.scope, self.escape) for word in written]
        known = [source for source in filled if source is not None]
        local = [source for source in known if one.keyword == "COPY" or not _REMOTE.match(source)]
        if len(known) == len(filled) and not local:
            return
        sources = tuple(local) if len(known) == len(filled) else None
        target = expand(one.words[-1], step.scope, self.escape)
        destination = _joined(step.workdir, target)
        into = len(one.words) > 2 or (target is not None and _names_directory(target, destination, step))
        parents = one.flag("parents") not in (None, "false")
        yield Take(one.line, stage, one.keyword, sources, one.text, self.origin, destination, into, parents)


def foreign_syntax(text: str, args: Mapping[str, str]) -> str | None:
    """Return the frontend other than Docker's own to which `# syntax=`, or an argument, hands the file."""
    syntax = args.get("BUILDKIT_SYNTAX") or read_directives(text).get("syntax", "")
    return syntax if syntax and not _OURS.match(syntax) else None


def _stages(instructions: tuple[Instruction, ...]) -> Iterator[Stage]:
    starts = [at for at, one in enumerate(instructions) if one.keyword == "FROM"]
    for instruction in instructions:
        _check(instruction)
    if not starts:
        raise DockerfileError("no FROM", instructions[-1].line)
    if any(one.keyword != "ARG" for one in instructions[: starts[0]]):
        raise DockerfileError("the first instruction but ARG must be FROM", instructions[0].line)
    for index, (start, end) in enumerate(zip(starts, [*starts[1:], len(instructions)], strict=True)):
        words = instructions[start].words
        name = words[2].lower() if len(words) == 3 else ""
        first = instructions[start]
        yield Stage(index, name, words[0], first.line, instructions[start + 1 : end], first.flags)


def _check(one: Instruction) -> None:
    if one.keyword not in KEYWORDS:
        raise DockerfileError(f"unknown instruction {one.keyword!r}", one.line)
    if one.keyword == "FROM" and not (len(one.words) == 1 or _is_named(one.words)):
        raise DockerfileError("FROM takes an image, or an image, AS and a name", one.line)
    if one.keyword in ("COPY", "ADD") and len(one.words) < 2:
        raise DockerfileError(f"{one.keyword} needs a source and a destination", one.line)
    if one.trigger:
        _check(one.trigger)


def _is_named(words: tuple[str, ...]) -> bool:
    return len(words) == 3 and words[1].lower() == "as"


def _is_document(word: str) -> bool:
    try:
        return heredoc_word(word) is not None
    except SubstitutionError:
        return False


def _froms(instructions: tuple[Instruction, ...]) -> Iterator[str]:
    """Yield the stages and images that other instructions than FROM take files from."""
    for one in instructions:
        if one.keyword == "COPY" and (name := one.flag("from")):
            yield name
        elif one.keyword == "RUN":
            yield from (mount["from"] for mount in mounts_of(one) if mount.get("from"))


def mounts_of(one: Instruction) -> Iterator[dict[str, str]]:
    """Yield the `--mount` flags of a RUN by key, as they are written."""
    for written in one.flag_values("mount"):
        pairs = (pair.partition("=") for pair in next(csv.reader([written]), []))
        yield {key.lower(): value for key, _, value in pairs}


def _joined(workdir: str | None, path: str | None) -> str | None:
    if path is None or (workdir is None and not path.startswith("/")):
        return None
    joined = posixpath.normpath(posixpath.join("/", workdir or "/", path))
    return "/" + joined.lstrip("/")


def _names_directory(target: str, destination: str | None, step: Step) -> bool:
    """Return whether `target` is surely a directory: by how it is written, or because it is there already."""
    if target in ("", ".", "..") or target.endswith(("/", "/.", "/..")):
        return True
    below = f"{step.workdir}/" if step.workdir else "/"
    return destination is not None and (destination == "/" or below.startswith(f"{destination}/"))
