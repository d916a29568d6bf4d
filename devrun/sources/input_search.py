"""One search for build inputs: it judges what lies in the context, and reads what decides.

The contents that it collects are meanings where they are understood, hashes of bytes elsewhere. What is told
from rules and names alone is a `Selection`, which the next search takes over for as long as these are equal.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from devrun.core.report import Problem
from devrun.sources.content import HashFile
from devrun.sources.context_tree import Entry, Kind, list_entries
from devrun.sources.dependency_files import Understand, has_tables, understanding
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


@dataclass(frozen=True, slots=True)
class Selection:
    """Which entries of a context are taken, and decide."""

    rules: InputRules
    known: Mapping[str, str]
    """Files whose meaning is counted elsewhere, and why they count."""
    entries: tuple[Entry, ...]
    verdicts: Mapping[str, Verdict | None]
    """By the names of all entries."""
    files: Mapping[str, InputFile]
    deciding: tuple[tuple[int, Understand | None], ...]
    """The places of those entries that decide, and what understands each; None: it counts by its bytes."""
    meant: tuple[str, ...]
    """The names of entries that decide, and whose meaning is counted elsewhere."""
    hides: bool
    """The image has files, taken by a directory or pattern, that the mount hides."""


def select(
    rules: InputRules, known: Mapping[str, str], entries: tuple[Entry, ...], before: Selection | None
) -> Selection:
    """Sort the entries of a context into those that decide and those that do not.

    `before` is another selection from the same context: what it found is not looked for again.
    """
    judged: Mapping[str, Verdict | None] = {}
    if before and before.rules == rules:
        if before.known == known and before.entries == entries:
            return replace(before, entries=entries)  # The files may have other stamps.
        judged = before.verdicts
    verdicts = {
        entry.name: judged[entry.name] if entry.name in judged else _judged(rules, entry) for entry in entries
    }
    files, deciding, meant = dict[str, InputFile](), list[tuple[int, Understand | None]](), list[str]()
    for at, entry in enumerate(entries):
        verdict, path = verdicts[entry.name], str(entry.path)
        if verdict is None:
            continue
        if path in known and not verdict.single:
            meant += [entry.name] if verdict.decides else []
            verdict = Verdict(decides=True, rule=known[path])
        elif verdict.decides:
            by_tables = rules.only_installs(entry.name)
            deciding.append((at, understanding(entry.name, by_tables=by_tables)))
        files[path] = InputFile(entry.path, entry.name, verdict.decides, verdict.rule)
    hides = any(verdict.is_hidden for verdict in verdicts.values() if verdict)
    return Selection(rules, known, entries, verdicts, files, tuple(deciding), tuple(meant), hides)


def _judged(rules: InputRules, entry: Entry) -> Verdict | None:
    """Return the verdict on an entry that an instruction takes."""
    verdict = rules.verdict(entry.name)
    return verdict if verdict is None or verdict.decides else rules.wished(entry.path) or verdict


@dataclass(slots=True)
class Search:
    """What a search has found so far."""

    rules: InputRules
    known: Mapping[str, str]
    """Files whose meaning is counted elsewhere, and why they count."""
    hash_file: HashFile
    read: Read
    given: Mapping[str, str] = field(default_factory=dict)
    """Files that are given to builds and decide nothing; a failed build may do with another one of them."""
    files: dict[str, InputFile] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    """Why a file, present or not, puts the fingerprint in doubt."""
    contents: dict[str, object] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    understood: set[str] = field(default_factory=set)
    """Files that count by their meaning."""

    def take(self, selection: Selection) -> None:
        """Read the entries that decide."""
        self.files.update(selection.files)
        self.reasons |= {**self.given, **self.known}
        for path, file in selection.files.items():
            if file.decides:
                self.reasons.setdefault(path, file.rule)
        self.contents.update(dict.fromkeys(selection.meant, "counted by its meaning"))
        for at, understand in selection.deciding:
            entry = selection.entries[at]
            self.contents[entry.name] = [self._content(entry, understand), entry.executable]

    def wish(self) -> None:
        """Add the files that only `[image] inputs` asks for."""
        root, globs = self.rules.root, self.rules.inputs
        for entry in list_entries(root, IgnoreRules(), map(clean, globs), _is_no_litter) if globs else ():
            verdict = self.rules.wished(entry.path)
            if verdict and str(entry.path) not in self.files:
                self._add(entry, verdict)

    def expect(self, missing: Iterable[Path]) -> None:
        """Take note of what is named and not there, so that its coming is noticed, whatever shows it then."""
        for path in missing:
            self.reasons.setdefault(str(path), "named by an instruction, and not there")

    def written(self) -> list[tuple[str, str]]:
        """Return the bytes' hashes of all files that count by their meaning, or not at all."""
        paths = {*self.understood, *self.known, *self.given}
        return sorted((path, self._bytes(Path(path))) for path in paths)

    def _add(self, entry: Entry, verdict: Verdict) -> None:
        """Add a file that is not sent."""
        path = str(entry.path)
        self.files[path] = InputFile(entry.path, "", verdict.decides, verdict.rule)
        self.reasons.setdefault(path, verdict.rule)
        if path not in self.known:
            # Two slashes keep names of the project apart from those of the context.
            content = self._content(entry, understanding(entry.name, by_tables=False))
            self.contents.setdefault(f"//{entry.name}", [content, entry.executable])

    def _content(self, entry: Entry, understand: Understand | None) -> object:
        if entry.kind is Kind.DIRECTORY:
            return "directory"
        try:
            if entry.kind is Kind.LINK:
                return ["link", str(entry.path.readlink())]
            if understand is None:
                return self.hash_file(entry.path, entry.stamp)
            return self._meant(entry, understand(entry.path, self.read))
        except OSError as error:
            self.problems.append(Problem(f"build input {entry.name!r}: {error.strerror or error}"))
            return ["unreadable"]

    def _meant(self, entry: Entry, found: Meaning) -> object:
        self.understood.update(map(str, found.files))
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
        path = str(file)
        self.reasons.setdefault(path, rule)
        known = self.files.get(path)
        if known is None or not known.decides:
            self.files[path] = InputFile(file, known.name if known else "", decides=True, rule=rule)

    def _archive(self, path: Path, origin: str) -> str:
        self.reasons.setdefault(str(path), f"installed by {origin}")
        return self._bytes(path)

    def _bytes(self, path: Path) -> str:
        try:
            return "directory" if path.is_dir() else self.hash_file(path, None)
        except (OSError, ValueError):
            return "missing"


def _is_no_litter(directory: str) -> bool:
    return not BUILT_IN.excludes(directory)
