"""Random lists of requirements as values, and random ways of writing them down.

The files are requirements files and pyproject.toml. As in `meanings`, what a writer adds is no meaning:
order, spelling, quotes, comments, tables for other tools, and which of several files a requirement stands in.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from random import Random

from hypothesis import strategies as st

from tests.sources.meanings import shuffled

Files = dict[str, str]

_NAMES = ("flask", "zope-interface", "rich", "a-b-c")
_VERSIONS = ("1", "2.0", "3.1")


@dataclass(frozen=True)
class Wanted:
    """One requirement."""

    name: str
    extras: frozenset[str]
    versions: frozenset[str]
    marker: tuple[str, str] | None
    hashes: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Requirements:
    """What a requirements file asks for; the order of the options counts."""

    wanted: frozenset[Wanted]
    constraints: frozenset[Wanted]
    options: tuple[str, ...]


_versions = st.frozensets(
    st.builds(str.__add__, st.sampled_from([">=", "<", "==", "!="]), st.sampled_from(_VERSIONS)), max_size=2
)
_markers = st.none() | st.tuples(st.sampled_from(["python_version", "sys_platform"]), st.sampled_from("34"))
_extras = st.frozensets(st.sampled_from(["a", "b-c"]), max_size=2)
_plain = st.builds(Wanted, st.sampled_from(_NAMES), _extras, _versions, _markers)
_hashed = st.builds(
    Wanted,
    st.sampled_from(_NAMES),
    _extras,
    _versions,
    _markers,
    st.frozensets(st.sampled_from(["sha256:1", "sha256:2"]), max_size=2),
)
_options = st.lists(
    st.sampled_from(["--index-url", "--extra-index-url"]).flatmap(
        lambda name: st.sampled_from("xy").map(lambda at: f"{name} https://{at}.org")
    ),
    max_size=3,
)


def requirement_files() -> st.SearchStrategy[Requirements]:
    """Return lists of requirements with constraints and indexes."""
    some = st.frozensets(_hashed, max_size=4)
    return st.builds(Requirements, some, st.frozensets(_plain, max_size=2), _options.map(tuple))


@st.composite
def changed_requirements(draw: st.DrawFn, before: Requirements) -> Requirements:
    """Draw another list, one change away; the meaning may be the same."""
    one, few = draw(_hashed), draw(st.frozensets(_plain, max_size=1))
    return draw(
        st.sampled_from(
            [
                replace(before, wanted=before.wanted ^ {one}),
                replace(before, wanted=frozenset(list(before.wanted)[1:])),
                replace(before, constraints=before.constraints ^ few),
                replace(before, options=before.options[::-1]),
                replace(before, options=(*before.options, "--pre")),
            ]
        )
    )


@dataclass
class RequirementsWriter:
    """Writes requirements down in one of many ways."""

    random: Random

    def write(self, requirements: Requirements) -> Files:
        """Return the files; `requirements.txt` is the first."""
        lines = [self.requirement(one) for one in requirements.wanted]
        lines += [line for line in lines if self.random.random() < 0.2]
        lines = shuffled(self.random, lines)
        cut = self.random.randint(0, len(lines))
        top, more = lines[:cut], lines[cut:]
        top += [self._option("-r", "--requirement", "more.in")]
        top += [self._option("-c", "--constraint", "limits.in")]
        limits = [self.requirement(one) for one in requirements.constraints]
        return {
            "requirements.txt": self._text(self._merged(top, requirements.options)),
            "more.in": self._text(shuffled(self.random, more)),
            "limits.in": self._text(shuffled(self.random, limits)),
        }

    def requirement(self, one: Wanted) -> str:
        """Return a requirement in one of its spellings."""
        name = self._name(one.name)
        extras = ",".join(map(self._name, shuffled(self.random, one.extras)))
        versions = self.random.choice([",", " , "]).join(
            f"{version[: -len(number)]}{self._blank()}{number}"
            for version in shuffled(self.random, one.versions)
            for number in [version.lstrip("<>=!")]
        )
        hashes = [f"--hash{self.random.choice('= ')}{one}" for one in shuffled(self.random, one.hashes)]
        said = f"{name}{f'[{extras}]' if extras else ''}{self._blank()}{versions}{self._marker(one)}"
        return self.random.choice([" ", " \\\n    "]).join([said, *hashes])

    def _marker(self, one: Wanted) -> str:
        if one.marker is None:
            return ""
        variable, value = one.marker
        quote = self.random.choice("'\"")
        return f" ; {variable}{self._blank()}=={self._blank()}{quote}{value}{quote}"

    def _merged(self, lines: list[str], options: Iterable[str]) -> list[str]:
        """Return the lines, shuffled, with the options in between in their order."""
        merged = shuffled(self.random, lines)
        places = sorted(self.random.randint(0, len(merged)) for _ in options)
        for option, place in reversed(list(zip(options, places, strict=True))):
            name, _, value = option.partition(" ")
            short = "-i" if name == "--index-url" else name
            merged.insert(place, self._option(short, name, value) if value else name)
        return merged

    def _option(self, short: str, long: str, value: str) -> str:
        quoted = self.random.choice([value, f'"{value}"'])
        return self.random.choice([f"{short} {value}", f"{long}={quoted}", f"{long}  {quoted}"])

    def _text(self, lines: Iterable[str]) -> str:
        text = "".join(f"{line}{self._end()}" for line in lines)
        start = self.random.choice(["", "\ufeff", "# head\n\n"])
        return start + self.random.choice([text, text.replace("\n", "\r\n")])

    def _end(self) -> str:
        return self.random.choice(["\n", "  # why\n", "\n\n# aside\n"])

    def _name(self, name: str) -> str:
        return self.random.choice([name, name.title(), name.replace("-", self.random.choice("_.-"))])

    def _blank(self) -> str:
        return self.random.choice(["", "", " "])


@dataclass(frozen=True)
class Installation:
    """What a pyproject.toml says of an installation."""

    name: str
    version: str
    python: frozenset[str]
    wanted: frozenset[Wanted]
    extras: Mapping[str, frozenset[Wanted]]
    groups: Mapping[str, frozenset[Wanted]]
    scripts: Mapping[str, str]
    sources: Mapping[str, str]


_some = st.frozensets(_plain, max_size=3)
_tables = st.dictionaries(st.sampled_from(["dev", "my-docs"]), _some, max_size=2)


def installations() -> st.SearchStrategy[Installation]:
    """Return what projects say."""
    return st.builds(
        Installation,
        st.just("p"),
        st.sampled_from(_VERSIONS),
        _versions,
        _some,
        _tables,
        _tables,
        st.dictionaries(st.sampled_from(["run", "go"]), st.sampled_from(["m:a", "m:b"]), max_size=2),
        st.dictionaries(st.sampled_from(_NAMES), st.sampled_from(["../a", "../b"]), max_size=2),
    )


@st.composite
def changed_installations(draw: st.DrawFn, before: Installation) -> Installation:
    """Draw another one that differs in one field at most."""
    other, name = draw(installations()), draw(st.sampled_from(sorted(Installation.__annotations__)))
    fields: dict[str, Callable[[], Installation]] = {
        "version": lambda: replace(before, version=other.version),
        "python": lambda: replace(before, python=other.python),
        "wanted": lambda: replace(before, wanted=other.wanted),
        "extras": lambda: replace(before, extras=other.extras),
        "groups": lambda: replace(before, groups=other.groups),
        "scripts": lambda: replace(before, scripts=other.scripts),
        "sources": lambda: replace(before, sources=other.sources),
    }
    return fields.get(name, lambda: before)()


@dataclass
class PyprojectWriter:
    """Writes a pyproject.toml down in one of many ways."""

    random: Random

    def write(self, said: Installation) -> str:
        """Return the text."""
        plain = RequirementsWriter(self.random)
        python = ",".join(shuffled(self.random, said.python))
        people = ['description = "x"', "keywords = ['y']", f"classifiers = ['{self.random.random()}']"]
        tables = {
            "project": [
                f"name = '{said.name}'",
                f'version = "{said.version}"',
                f"requires-python = '{python}'",
                f"dependencies = {self._list(plain, said.wanted)}",
                *(line for line in people if self.random.random() < 0.5),
            ],
            "project.optional-dependencies": self._lists(plain, said.extras),
            "dependency-groups": self._lists(plain, said.groups),
            "project.scripts": [f"{self._key(name)} = '{said.scripts[name]}'" for name in said.scripts],
            "tool.uv.sources": [
                f"{self._key(name)} = {{ path = '{place}' }}" for name, place in said.sources.items()
            ],
            "tool.ruff": [f"line-length = {self.random.randint(80, 120)}"],
            "tool.devrun": [f"x = '{self.random.random()}'"],
        }
        return "\n".join(
            line
            for name in shuffled(self.random, tables)
            for line in ("# a comment", f"[{name}]", *shuffled(self.random, tables[name]), "")
        )

    def _lists(self, plain: RequirementsWriter, lists: Mapping[str, frozenset[Wanted]]) -> list[str]:
        return [f"{self._key(name)} = {self._list(plain, wanted)}" for name, wanted in lists.items()]

    def _list(self, plain: RequirementsWriter, wanted: Iterable[Wanted]) -> str:
        items = [json.dumps(plain.requirement(one)) for one in shuffled(self.random, wanted)]
        between = self.random.choice([", ", ",\n  ", ",  # why\n"])
        return f"[{between.join(items)}]"

    def _key(self, name: str) -> str:
        return self.random.choice([name, f"'{name}'", f'"{name}"'])
