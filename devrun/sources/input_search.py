"""One search for build inputs: it judges what lies in the context, and reads what decides.

The contents that it collects are meanings where they are understood, hashes of bytes elsewhere.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from devrun.core.report import Problem
from devrun.sources.content import HashFile
from devrun.sources.context_tree import Entry, Kind, list_entries
from devrun.sources.dependency_files import has_tables, understanding
from devrun.sources.globs import clean
from devrun.sources.ignore import IgnoreRules
from devrun.sources.input_rules import InputRules, Verdict
from devrun.sources.requirements import Meaning, Read
from devrun.sources.unwatched import BUILT_IN


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file that the build takes, or that decides one in another way."""

    path: Path
    name: str
    """The path in the context; empty for a file that is not sent."""
    decides: bool
    rule: str
    """Which line of which file says so, in words."""


@dataclass(slots=True)
class Search:
    """What a search has found so far. `known` are files whose meaning is counted elsewhere."""

    rules: InputRules
    known: dict[Path, str]
    hash_file: HashFile
    read: Read
    given: dict[Path, str] = field(default_factory=dict)
    """Files that are given to builds and decide nothing; a failed build may do with another one of them."""
    files: dict[Path, InputFile] = field(default_factory=dict)
    reasons: dict[Path, str] = field(default_factory=dict)
    """Why a file, present or not, puts the fingerprint in doubt."""
    contents: dict[str, object] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    understood: set[Path] = field(default_factory=set)
    """Files that count by their meaning."""
    hides: bool = False
    """The image has files, taken by a directory or pattern, that the mount hides."""

    def judge(self, entries: Sequence[Entry]) -> None:
        """Sort the entries of a context into those that decide and those that do not."""
        self.reasons |= self.given | self.known
        for entry in entries:
            verdict = self.rules.verdict(entry.name)
            if verdict is None:
                continue
            self.hides |= verdict.is_hidden
            if not verdict.decides:
                verdict = self.rules.wished(entry.path) or verdict
            if entry.path in self.known and not verdict.single:
                if verdict.decides:
                    self.contents[entry.name] = "counted by its meaning"
                verdict = Verdict(decides=True, rule=self.known[entry.path])
            self._add(entry, entry.name, verdict)

    def wish(self) -> None:
        """Add the files that only `[image] inputs` asks for."""
        root, globs = self.rules.root, self.rules.inputs
        for entry in list_entries(root, IgnoreRules(), map(clean, globs), _is_no_litter) if globs else ():
            verdict = self.rules.wished(entry.path)
            if verdict and entry.path not in self.files:
                self._add(entry, "", verdict)

    def expect(self, missing: Iterable[Path]) -> None:
        """Take note of what is named and not there, so that its coming is noticed, whatever shows it then."""
        for path in missing:
            self.reasons.setdefault(path, "named by an instruction, and not there")

    def written(self) -> list[tuple[str, str]]:
        """Return the bytes' hashes of all files that count by their meaning, or not at all."""
        return sorted((str(path), self._bytes(path)) for path in {*self.understood, *self.known, *self.given})

    def _add(self, entry: Entry, name: str, verdict: Verdict) -> None:
        reached = self.files.get(entry.path)
        found = InputFile(entry.path, name, verdict.decides, verdict.rule)
        self.files[entry.path] = replace(reached, name=name) if reached and not verdict.decides else found
        if verdict.decides:
            self.reasons.setdefault(entry.path, verdict.rule)
            # Two slashes keep names of the project apart from those of the context.
            key = name or f"//{entry.name}"
            if entry.path not in self.known or verdict.single:
                by_tables = bool(name) and self.rules.only_installs(name)
                content = self._content(entry, by_tables=by_tables)
                self.contents.setdefault(key, [content, entry.executable])

    def _content(self, entry: Entry, *, by_tables: bool) -> object:
        if entry.kind is Kind.DIRECTORY:
            return "directory"
        try:
            if entry.kind is Kind.LINK:
                return ["link", str(entry.path.readlink())]
            understand = understanding(entry.name, by_tables=by_tables)
            if understand is None:
                return self.hash_file(entry.path)
            return self._meant(entry, understand(entry.path, self.read))
        except OSError as error:
            self.problems.append(Problem(f"build input {entry.name!r}: {error.strerror or error}"))
            return ["unreadable"]

    def _meant(self, entry: Entry, found: Meaning) -> object:
        self.understood |= set(found.files)
        how = "named by" if has_tables(entry.name) else "reached by -r or -c from"
        for file in found.files[1:]:
            self._reach(file, f"{how} {entry.name}")
        archives = []
        for path in found.named:
            members = list_entries(path, IgnoreRules(), [""]) if path.is_dir() else ()
            archives += [[one.name, self._archive(one.path, entry.name)] for one in members]
            archives.append([path.name, self._archive(path, entry.name)])
        return [found.canonical.decode(), archives]

    def _reach(self, file: Path, rule: str) -> None:
        """Count a file whose content stands in the meaning of another one."""
        self.reasons.setdefault(file, rule)
        known = self.files.get(file)
        if known is None or not known.decides:
            self.files[file] = InputFile(file, known.name if known else "", decides=True, rule=rule)

    def _archive(self, path: Path, origin: str) -> str:
        self.reasons.setdefault(path, f"installed by {origin}")
        return self._bytes(path)

    def _bytes(self, path: Path) -> str:
        try:
            return "directory" if path.is_dir() else self.hash_file(path)
        except (OSError, ValueError):
            return "missing"


def _is_no_litter(directory: str) -> bool:
    return not BUILT_IN.excludes(directory)
