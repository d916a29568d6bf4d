"""Ignore rules with the semantics of Docker's ignore files, whoever wrote them.

The order is the meaning: of all rules that match a path, or a directory above it, the last one decides, and a
rule with `!` decides against ignoring. No kept library serves: those for gitignore differ in `!`, `**` and
brackets, docker-py's own in eleven documented ways. Each rule knows the line that it came from.
"""

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass, field

from devrun.sources.globs import Matcher, PatternError, any_matcher, clean, ignore_matcher, literal_head

_FAR_SPACES = [0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000]
GO_SPACE = "\t\n\v\f\r " + "".join(map(chr, _FAR_SPACES))
"""What Go's `unicode.IsSpace` takes for a space; Python's own idea has four control characters more."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of an ignore file."""

    pattern: str
    """Cleaned, relative, without its `!`."""
    negated: bool
    line: int
    origin: str
    matches: Matcher = field(compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.origin}:{self.line} ({'!' if self.negated else ''}{self.pattern})"

    def may_match_below(self, directory: str) -> bool:
        """Return whether something in `directory` could match; True where only the disk can tell."""
        head = literal_head(self.pattern)
        return not head or _is_at_or_below(head, directory) or _is_at_or_below(directory, head)


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """An ignore file, or several one after the other."""

    rules: tuple[Rule, ...] = ()
    problems: tuple[str, ...] = ()
    """Lines that Docker would refuse, with where and why; they ignore nothing here."""
    _directories: dict[str, tuple[bool, ...]] = field(
        default_factory=dict, compare=False, repr=False, hash=False
    )
    _plain: Matcher | None = field(init=False, compare=False, repr=False, hash=False)
    """Whether any rule matches, where that is the whole question: none has a `!`."""
    _ignored: dict[str, bool] = field(default_factory=dict, compare=False, repr=False, hash=False)

    def __post_init__(self) -> None:
        is_plain = not any(rule.negated for rule in self.rules)
        plain = any_matcher(tuple(rule.pattern for rule in self.rules)) if is_plain else None
        object.__setattr__(self, "_plain", plain)

    @classmethod
    def parse(cls, text: str, origin: str) -> "IgnoreRules":
        """Read an ignore file; what is no pattern becomes a problem, never an exception."""
        lines = enumerate(text.removeprefix("\ufeff").split("\n"), 1)
        read = [rule for number, line in lines if (rule := _read(line, number, origin)) is not None]
        rules = tuple(rule for rule in read if isinstance(rule, Rule))
        return cls(rules, tuple(problem for problem in read if isinstance(problem, str)))

    @classmethod
    def joined(cls, parts: Iterable["IgnoreRules"]) -> "IgnoreRules":
        """Return all rules as one list, in which later parts may take back what earlier ones ignore."""
        together = tuple(parts)
        rules = tuple(rule for part in together for rule in part.rules)
        return cls(rules, tuple(problem for part in together for problem in part.problems))

    def match(self, path: str) -> Rule | None:
        """Return the rule that decides on `path` (relative, with forward slashes); None: no rule matches."""
        last = None
        for rule, matched in zip(self.rules, self._matched(path), strict=True):
            last = rule if matched else last
        return last

    def excludes(self, path: str) -> bool:
        """Return whether `path` is ignored."""
        if self._plain is not None:
            return self._plain(path) or self._ignores_above(path, self._plain)
        rule = self.match(path)
        return rule is not None and not rule.negated

    def may_reinclude_below(self, directory: str) -> bool:
        """Return False only if everything in an ignored `directory` is ignored too: a walk may skip it."""
        return any(rule.negated and rule.may_match_below(directory) for rule in self.rules)

    def _ignores_above(self, path: str, plain: Matcher) -> bool:
        directory = path.rpartition("/")[0]
        if not directory:
            return False
        known = self._ignored.get(directory)
        if known is None:
            known = plain(directory) or self._ignores_above(directory, plain)
            self._ignored[directory] = known
        return known

    def _matched(self, path: str) -> tuple[bool, ...]:
        """Return which rules match `path`, as Docker's walk tells it, from the directories down to the file.

        A rule is looked at only where it could change the verdict; what it said of a directory holds below.
        """
        directory = posixpath.dirname(path)
        above = self._of_directory(directory) if directory else (False,) * len(self.rules)
        ignored, flags = False, []
        for rule, inherited in zip(self.rules, above, strict=True):
            matched = inherited or (rule.negated == ignored and rule.matches(path))
            ignored = not rule.negated if matched else ignored
            flags.append(matched)
        return tuple(flags)

    def _of_directory(self, directory: str) -> tuple[bool, ...]:
        known = self._directories.get(directory)
        if known is None:
            known = self._directories[directory] = self._matched(directory)
        return known


def _read(line: str, number: int, origin: str) -> Rule | str | None:
    """Return the rule of a line, or why there is none; None for comments and blank lines."""
    pattern = line.strip(GO_SPACE)
    # Docker looks for the `#` before it strips spaces: an indented one is part of a name.
    if line.startswith("#") or not pattern:
        return None
    negated = pattern.startswith("!")
    pattern = clean(pattern[1:].strip(GO_SPACE)) if negated and pattern != "!" else clean(pattern)
    relative = pattern[1:] if len(pattern) > 1 and pattern.startswith("/") else pattern
    if relative.startswith("!") and (not negated or relative == "!"):
        # Docker reads the list twice: a `!` that a leading slash has hidden comes to light then.
        negated, relative = True, relative[1:]
    if not relative:
        return f"{origin}:{number}: bad pattern '!': nothing after it"
    try:
        return Rule(relative, negated, number, origin, ignore_matcher(relative))
    except PatternError as error:
        return f"{origin}:{number}: {error}"


def _is_at_or_below(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory + "/")
