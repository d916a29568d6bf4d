"""Random Dockerfiles as values, and random ways of writing one down.

A meaning is a plain value that is compared by `==`. Whatever a writer adds is no meaning: comments, layout,
names of stages, stages and arguments that nobody needs. This is a judge of the fingerprint, so nothing of
devrun is used here.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import TypeVar

from hypothesis import strategies as st

_T = TypeVar("_T")

_WORDS = ("a", "b", "make", "pip", "install", "-q", "x=1")


@dataclass(frozen=True)
class Line:
    """One instruction. `origin` is the number of the stage that files are copied from."""

    keyword: str
    words: tuple[str, ...]
    json: bool = False
    flags: frozenset[tuple[str, str]] = frozenset()
    origin: int | None = None
    document: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stage:
    """What stands on an image, or on an earlier stage by its number."""

    base: str | int
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Dockerfile:
    """The last stage is wanted. `args` are given from outside."""

    stages: tuple[Stage, ...]
    args: Mapping[str, str] = field(default_factory=dict)

    def meaning(self) -> object:
        """Return the wanted stage with all that it stands on, written out."""
        return self._stage(len(self.stages) - 1)

    def _stage(self, number: int) -> object:
        stage = self.stages[number]
        base = stage.base if isinstance(stage.base, str) else self._stage(stage.base)
        return base, tuple(self._line(line) for line in stage.lines)

    def _line(self, line: Line) -> object:
        origin = None if line.origin is None else self._stage(line.origin)
        if line.keyword == "ARG":
            return "ARG", line.words[0], self.args.get(line.words[0], line.words[1])
        return replace(line, origin=None), origin


_word = st.sampled_from(_WORDS)
_words = st.lists(_word, min_size=1, max_size=4).map(tuple)
_flags = st.frozensets(
    st.sampled_from([("chown", "1:1"), ("chown", "2:2"), ("chmod", "755"), ("link", "true")]), max_size=2
).filter(lambda flags: len({name for name, _ in flags}) == len(flags))


def _lines(number: int) -> st.SearchStrategy[Line]:
    """Return instructions of the stage of a number, which may copy from earlier ones."""
    kinds = [
        st.builds(Line, st.just("RUN"), _words),
        st.builds(Line, st.sampled_from(["RUN", "CMD", "ENTRYPOINT"]), _words, st.just(value=True)),
        st.builds(Line, st.just("RUN"), st.just(("<<EOF",)), document=_words),
        st.builds(lambda name, value: Line("ENV", (name, value)), st.sampled_from(["E", "F"]), _word),
        st.builds(lambda name, value: Line("ARG", (name, value)), st.sampled_from(["A", "B"]), _word),
        st.builds(lambda port: Line("EXPOSE", (port,)), st.sampled_from(["80", "81"])),
        st.builds(lambda path: Line("WORKDIR", (path,)), st.sampled_from(["/a", "/b"])),
        st.builds(lambda one: Line("ADD", (f"https://e.org/{one}", "/x")), _word),
        st.builds(lambda one, flags: Line("COPY", (one, "/x/"), flags=flags), st.sampled_from("xy"), _flags),
    ]
    if number:
        earlier = st.integers(0, number - 1)
        kinds.append(st.builds(Line, st.just("COPY"), st.just(("/x", "/y")), flags=_flags, origin=earlier))
    return st.one_of(kinds)


@st.composite
def dockerfiles(draw: st.DrawFn) -> Dockerfile:
    """Draw a Dockerfile of up to four stages, each unlike the others."""
    stages: list[Stage] = []
    for number in range(draw(st.integers(1, 4))):
        images = st.sampled_from(["python:3.13", "busybox"])
        base = draw(st.one_of(images, st.integers(0, number - 1)) if number else images)
        lines = draw(st.lists(_lines(number), max_size=4))
        stages.append(Stage(base, (Line("LABEL", ("number", str(number))), *lines)))
    return Dockerfile(tuple(stages), draw(st.dictionaries(st.sampled_from(["A", "Z"]), _word)))


@st.composite
def changed_dockerfiles(draw: st.DrawFn, before: Dockerfile) -> Dockerfile:
    """Draw another Dockerfile, one change away; the meaning may be the same."""
    at = draw(st.integers(0, len(before.stages) - 1))
    stage = before.stages[at]
    where = draw(st.integers(1, len(stage.lines)))
    new = draw(_lines(at))
    kind = draw(st.sampled_from(["add", "replace", "remove", "swap", "base"]))
    above, here = stage.lines[:where], stage.lines[where:]
    changed = {
        "add": replace(stage, lines=(*above, new, *here)),
        "replace": replace(stage, lines=(*above, new, *here[1:])),
        "remove": replace(stage, lines=(*above, *here[1:])),
        "swap": replace(stage, lines=(*above, *reversed(here))),
        "base": replace(stage, base="busybox"),
    }[kind]
    return replace(before, stages=(*before.stages[:at], changed, *before.stages[at + 1 :]))


@dataclass
class DockerfileWriter:
    """Writes a Dockerfile down in one of many ways."""

    random: Random

    def write(self, dockerfile: Dockerfile) -> str:
        """Return the text."""
        escape = self.random.choice("\\`")
        stages, wanted = self._with_more_stages(dockerfile)
        self._names = [f"s{number}{self.random.choice(('', 'x', '-y'))}" for number in range(len(stages))]
        self._escape = escape
        outer = [f"ARG IMAGE{number}={stage.base}" for number, stage in enumerate(stages)]
        text = [f"# escape={escape}"] if escape == "`" or self.random.random() < 0.3 else []
        text += ["# syntax=docker/dockerfile:1"] if self.random.random() < 0.3 else []
        text += [*self._noise(), *outer]
        for number, stage in enumerate(stages):
            text += [*self._from(number, stage, last=number == wanted), *self._noise()]
            for line in stage.lines:
                text += [*self._line(line), *self._noise()]
        end = "\r\n" if not any(line.document for stage in stages for line in stage.lines) else "\n"
        return self.random.choice(["\n", end]).join(text) + "\n"

    def _with_more_stages(self, dockerfile: Dockerfile) -> tuple[list[Stage], int]:
        """Return the stages with some that nobody needs, and the number of the wanted one."""
        spare = [Stage("alpine", (Line("RUN", (f"spare{self.random.random()}",)),))]
        more = spare if self.random.random() < 0.5 else []
        shift = len(more)
        stages = [
            Stage(
                stage.base if isinstance(stage.base, str) else stage.base + shift,
                tuple(
                    line if line.origin is None else replace(line, origin=line.origin + shift)
                    for line in stage.lines
                ),
            )
            for stage in dockerfile.stages
        ]
        return [*more, *stages], len(stages) + shift - 1

    def _from(self, number: int, stage: Stage, *, last: bool) -> list[str]:
        if isinstance(stage.base, int):
            base = self._cased(self._names[stage.base])
        else:
            base = self.random.choice([stage.base, f"${{IMAGE{number}}}", f"$IMAGE{number}"])
        name = [] if last and self.random.random() < 0.5 else [self._cased("AS"), self._names[number]]
        return self._joined([self._cased("FROM"), base, *name])

    def _line(self, line: Line) -> list[str]:
        flags = [f"--{name}={value}" for name, value in line.flags]
        flags = ["--link" if flag == "--link=true" and self.random.random() < 0.5 else flag for flag in flags]
        if line.origin is not None:
            flags.append(f"--from={self._stage_name(line.origin)}")
        words = [self._cased(line.keyword), *shuffled(self.random, flags)]
        if line.keyword in ("ENV", "LABEL", "ARG"):
            return self._joined([*words, "=".join(line.words)])
        listed = line.keyword in ("COPY", "ADD") and self.random.random() < 0.3
        if line.json or listed:
            commas = f"{self._blank()},{self._blank()}".join(json.dumps(word) for word in line.words)
            return self._joined([*words, f"[{self._blank()}{commas}{self._blank()}]"])
        if line.document:
            return [" ".join([*words, *line.words]), *line.document, "EOF"]
        return self._joined([*words, *line.words])

    def _stage_name(self, number: int) -> str:
        return self.random.choice([str(number), self._names[number], self._names[number].upper()])

    def _joined(self, words: Sequence[str]) -> list[str]:
        """Join words by blanks and continued lines, with comments in between."""
        lines = [words[0]]
        for word in words[1:]:
            if self.random.random() < 0.25:
                lines[-1] += f"{self._blank()} {self._escape}"
                lines += [*self._noise(), f"{self._blank()}{word}"]
            else:
                lines[-1] += f" {self._blank()}{word}"
        return [self._blank() + lines[0], *lines[1:]]

    def _noise(self) -> list[str]:
        return self.random.choice([[], [], [""], ["# a comment"], ["  # RUN no", ""]])

    def _blank(self) -> str:
        return self.random.choice(["", "", " ", "   ", "\t"])

    def _cased(self, word: str) -> str:
        return self.random.choice([word.upper(), word.lower(), word.title()])


def shuffled(random: Random, items: Iterable[_T]) -> list[_T]:
    """Return the items in a random order."""
    listed = list(items)
    random.shuffle(listed)
    return listed
