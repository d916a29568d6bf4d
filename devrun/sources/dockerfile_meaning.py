"""What a build makes of a Dockerfile, as plain data: equal for two files that build the same image.

Only the stages that the wanted one needs count, as it reaches them, not by their names or order; arguments
count by their values where these are known. Comments, continued lines and layout are gone already. What
another stage says counts only where BuildKit may refuse the whole file for it. What is not understood stays
as it is written.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from devrun.sources.dockerfile import PLATFORM_ARGS, PROXY_ARGS, Dockerfile, Stage, mounts_of
from devrun.sources.dockerfile_syntax import Instruction

_FLAGS: Mapping[str, frozenset[str]] = {
    "ADD": frozenset({"chown", "chmod", "link", "keep-git-dir", "checksum", "exclude", "unpack"}),
    "COPY": frozenset({"from", "chown", "chmod", "link", "parents", "exclude"}),
    "HEALTHCHECK": frozenset({"interval", "timeout", "start-period", "start-interval", "retries"}),
    "RUN": frozenset({"mount", "network", "security", "device"}),
}
_MAY_BE_EMPTY = frozenset({"CMD", "ENTRYPOINT", "ONBUILD"})
_STAGE_NAME = re.compile(r"[a-z][a-z0-9-_.]*")
_IN_SHELL_FORM = frozenset({"CMD", "ENTRYPOINT", "RUN"})
_ALWAYS_LISTS = frozenset({"ADD", "COPY", "VOLUME"})
"""The JSON form says the same as the plain one here: both are lists."""
_SHELLS = frozenset({"sh", "bash", "ash", "dash", "ksh", "zsh"})
_SHELL_PIECE = re.compile(r"'[^']*'|\"(?:\\.|[^\"\\])*\"|\\.|[ \t]+|[^'\" \t\\]+", re.DOTALL)
_NOT_SIMPLE = re.compile(r"\\\s|`|\$[{'\"]|\$\(.*[\"']|[\"'].*\$\(", re.DOTALL)
"""A blank may be escaped here, or quotes may nest: such a line counts as it is written."""
_TO_BE_FILLED = re.compile(r"[$\\`'\"]")


def meaning(dockerfile: Dockerfile, wanted: str | None, args: Mapping[str, str]) -> tuple[object, ...]:
    """Return the meaning of a build of the wanted stage, the last by None, with these arguments."""
    needed = dockerfile.walk(wanted, args)
    reading = _Reading(dockerfile, args, {stage.index: at for at, stage in enumerate(needed)}, needed)
    stages = [reading.stage(stage) for stage in needed]
    others = [stage for stage in dockerfile.stages if stage not in needed]
    doubts = [doubt for stage in others for doubt in _doubts(dockerfile, stage, args)]
    loose = sorted((name, value) for name, value in args.items() if name in reading.loose())
    # Docker's own frontends differ by version only, and that line is left out of what is sent.
    check = dockerfile.directives.get("check", "")
    return (check, reading.escape(), stages, doubts, loose, reading.target_stage(wanted))


@dataclass(frozen=True, slots=True)
class _Reading:
    """One look at a Dockerfile: the needed stages, the wanted one first, and their places by their index."""

    dockerfile: Dockerfile
    args: Mapping[str, str]
    places: Mapping[int, int]
    needed: tuple[Stage, ...]

    def stage(self, stage: Stage) -> list[object]:
        below = self.dockerfile.below(stage, self.args)
        base = ["stage", self.places[below.index]] if below else ["image", self._filled(stage.base)]
        flags = [self._filled(flag) for flag in sorted(stage.flags)]
        return [base, flags, [part for one in stage.instructions for part in self._parts(one)]]

    def loose(self) -> frozenset[str]:
        """Return the arguments that have an effect, and whose values no instruction's meaning holds."""
        held = (one.trigger for one in self._instructions() if one.trigger)
        names = {word.partition("=")[0] for one in held if one.keyword == "ARG" for word in one.words}
        # BuildKit heeds its own arguments, and the time to write into files, without a declaration.
        own = {name for name in self.args if name.startswith("BUILDKIT_") or name == "SOURCE_DATE_EPOCH"}
        return frozenset(names | own) | PROXY_ARGS | PLATFORM_ARGS

    def escape(self) -> str:
        """Return the escape sign where words have kept one, for it decides what they say."""
        texts = [text for one in self._instructions() for text in (*one.words, *one.flags, one.text)]
        texts += [doc.content for one in self._instructions() for doc in one.heredocs]
        texts += [stage.base for stage in self.needed]
        kept = any("\\" in text or "`" in text for text in texts)
        return self.dockerfile.escape if kept else ""

    def target_stage(self, wanted: str | None) -> str | None:
        """Return the wanted stage's name where an argument says it to the build."""
        said = any("TARGETSTAGE" in one.text for one in self.dockerfile.instructions)
        return wanted if said else None

    def _instructions(self) -> Iterator[Instruction]:
        return (one for stage in self.needed for one in stage.instructions)

    def _parts(self, one: Instruction) -> Iterator[object]:
        """Yield one meaning for an instruction, and for each of the arguments that an ARG names."""
        if one.keyword == "ARG":
            yield from (["ARG", *self._argument(word)] for word in one.words)
        elif one.keyword == "ONBUILD":
            yield one.meaning
        else:
            documents = one.meaning[4]
            is_json = one.json and one.keyword not in _ALWAYS_LISTS
            yield [one.keyword, self._flags(one), self._words(one), is_json, documents]

    def _argument(self, word: str) -> tuple[str, object]:
        name, equals, default = word.partition("=")
        if name in self.args:
            return name, self.args[name]
        if equals:
            return name, ["default", default] if _TO_BE_FILLED.search(default) else default
        outer = self.dockerfile.outer(self.args).values
        known = outer.get(name)
        return name, known if known is not None or name not in outer else ["outer", self._outer_words()]

    def _filled(self, word: str) -> object:
        """Return a word of a FROM with its variables filled in, or as it is with all that may fill it in."""
        filled = self.dockerfile.filled(word, self.args)
        return filled if filled is not None else ["open", word, self._outer_words()]

    def _outer_words(self) -> list[list[object]]:
        starts = (at for at, one in enumerate(self.dockerfile.instructions) if one.keyword == "FROM")
        words = (word for one in self.dockerfile.instructions[: next(starts)] for word in one.words)
        return [[word, self.args.get(word.partition("=")[0])] for word in words]

    def _flags(self, one: Instruction) -> list[object]:
        """Return the flags by name; several of one name stay in their order."""
        pairs = [flag.removeprefix("--").partition("=") for flag in one.flags if not _is_mount(flag)]
        flags = [
            [name, self._origin(value) if name == "from" else value if equals else "true"]
            for name, equals, value in pairs
        ]
        return [sorted(flags, key=lambda flag: str(flag[0])), self._mounts(one)]

    def _mounts(self, one: Instruction) -> list[object]:
        return [
            [[key, self._origin(value) if key == "from" else value] for key, value in mount.items()]
            for mount in mounts_of(one)
        ]

    def _origin(self, name: str) -> object:
        stage = self.dockerfile.named(name)
        return ["stage", self.places[stage.index]] if stage and stage.index in self.places else name

    def _words(self, one: Instruction) -> list[str]:
        words = list(one.words)
        if one.keyword == "HEALTHCHECK":
            words[:1] = [word.upper() for word in words[:1]]
        if one.keyword in _IN_SHELL_FORM and not one.json and not one.heredocs and self._has_plain_shell():
            words = [_without_layout(word) for word in words]
        return words

    def _has_plain_shell(self) -> bool:
        shells = (one.words[:1] for one in self._instructions() if one.keyword == "SHELL")
        return all(posixpath.basename(word) in _SHELLS for words in shells for word in words)


def _without_layout(line: str) -> str:
    """Return a shell's line with single blanks, but in quotes; as it is where that is not sure."""
    pieces = _SHELL_PIECE.findall(line)
    if _NOT_SIMPLE.search(line) or "".join(pieces) != line:
        return line
    return "".join(" " if piece.isspace() else piece for piece in pieces)


def _doubts(dockerfile: Dockerfile, stage: Stage, args: Mapping[str, str]) -> Iterator[object]:
    """Yield what BuildKit may refuse, which reads the stages that are not needed too."""
    if not dockerfile.filled(stage.base, args) or (stage.name and not _STAGE_NAME.fullmatch(stage.name)):
        yield ["FROM", stage.base, stage.name]
    for one in stage.instructions:
        named = {flag.removeprefix("--").partition("=")[0] for flag in one.flags}
        if not named <= _FLAGS.get(one.keyword, frozenset()) or not (
            one.words or one.keyword in _MAY_BE_EMPTY or one.heredocs
        ):
            yield one.meaning


def _is_mount(flag: str) -> bool:
    return flag.startswith("--mount=")
