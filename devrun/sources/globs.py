"""Path patterns as Docker writes them: Go's `filepath.Match`, and moby/patternmatcher with its `**`.

Two dialects, both case-sensitive, both over paths with forward slashes: a COPY source is of the first, a line
of an ignore file of the second. Their quirks are kept, because Docker decides by them: `[!a]` is no negation,
`**foo` matches `barfoo`, a bracket is handed to a regular expression as it is. Nothing here touches the disk.
"""

import posixpath
import re
from collections.abc import Callable
from functools import lru_cache

Matcher = Callable[[str], bool]

_WILD = re.compile(r"[*?\[\\]")
_NOT_GLOB_BUT_REGEX = ".+()|{}$"
_REGEX_CLASSES = "dDsSwWafnrtv"
"""Letters that a backslash turns into something else in Go's regular expressions and in Python's alike."""


class PatternError(ValueError):
    """The pattern is one that Docker refuses."""


def clean(path: str) -> str:
    """Return `path` as Go's `filepath.Clean` does: no `.`, no `//`, no `..` that can be resolved."""
    cleaned = posixpath.normpath(path)
    # POSIX lets a path keep exactly two leading slashes; Go does not.
    return cleaned[1:] if cleaned.startswith("//") else cleaned


def inside(path: str) -> str:
    """Return `path` relative to the root that it cannot leave; the root itself is the empty string."""
    return clean("/" + path).lstrip("/")


def is_wild(pattern: str) -> bool:
    """Return whether Docker looks for matches of a COPY source, instead of taking it as a path."""
    return bool(re.search(r"(?<!\\)(?:\\\\)*[*?\[]", pattern))


def literal_head(pattern: str) -> str:
    """Return the leading directories that every match of `pattern` has; empty where it has none."""
    parts = pattern.split("/")
    wild = next((at for at, part in enumerate(parts) if _WILD.search(part)), len(parts))
    return "/".join(parts[:wild])


@lru_cache(maxsize=4096)
def path_matcher(pattern: str) -> Matcher:
    """Return the test of Go's `filepath.Match`; raises PatternError."""
    _check(pattern)
    found = re.compile("".join(_shell_tokens(pattern)), re.DOTALL)
    return lambda path: found.fullmatch(path) is not None


@lru_cache(maxsize=4096)
def ignore_matcher(pattern: str) -> Matcher:
    """Return the test of moby/patternmatcher for one cleaned pattern without its `!`; raises PatternError."""
    return any_matcher((pattern,))


@lru_cache(maxsize=64)
def any_matcher(patterns: tuple[str, ...]) -> Matcher:
    """Return the test of whether any of several such patterns matches; raises PatternError."""
    kinds: dict[str, list[str]] = {"exact": [], "prefix": [], "suffix": [], "regex": []}
    for pattern in patterns:
        kind, wanted = _read(pattern)
        kinds[kind].append(wanted)
    exact, prefixes, suffixes = frozenset(kinds["exact"]), tuple(kinds["prefix"]), tuple(kinds["suffix"])
    regex = re.compile("|".join(kinds["regex"]) or r"(?!)", re.ASCII)
    return lambda path: (
        path in exact
        or path.startswith(prefixes)
        or path.endswith(suffixes)
        or f"/{path}" in suffixes
        or regex.fullmatch(path) is not None
    )


def _read(pattern: str) -> tuple[str, str]:
    """Return how a pattern matches, and what: a path, its beginning, its end, or a regular expression."""
    _check(pattern)
    kind, regex = _compile(pattern)
    if kind != "regex":
        return kind, {"exact": pattern, "prefix": pattern[:-2], "suffix": pattern[2:]}[kind]
    try:
        return kind, f"(?:{re.compile(_python_regex(regex), re.ASCII).pattern})"
    except re.error as error:
        raise PatternError(f"bad pattern {pattern!r}: {error}") from error


def _check(pattern: str) -> None:
    """Refuse what `filepath.Match` refuses: open or empty brackets, half a range, a backslash at the end."""
    at = 0
    while at < len(pattern):
        if pattern[at] == "[":
            at = _end_of_class(pattern, at) - 1
        elif pattern[at] == "\\":
            at += 1
            if at == len(pattern):
                raise PatternError(f"bad pattern {pattern!r}: a backslash at its end")
        at += 1


def _end_of_class(pattern: str, start: int) -> int:
    body = re.compile(r"\[\^?(?:(?:\\.|[^\]\\-])(?:-(?:\\.|[^\]\\-]))?)+\]", re.DOTALL)
    found = body.match(pattern, start)
    if found is None:
        raise PatternError(f"bad pattern {pattern!r}: brackets")
    return found.end()


def _shell_tokens(pattern: str) -> list[str]:
    tokens, at = [], 0
    while at < len(pattern):
        char, step = pattern[at], 1
        if char == "*":
            tokens.append("[^/]*")
        elif char == "?":
            tokens.append("[^/]")
        elif char == "[":
            step = _end_of_class(pattern, at) - at
            tokens.append(_shell_class(pattern[at : at + step]))
        elif char == "\\":
            step = 2
            tokens.append(re.escape(pattern[at + 1]))
        else:
            tokens.append(re.escape(char))
        at += step
    return tokens


def _shell_class(written: str) -> str:
    negated, body = ("^", written[2:-1]) if written.startswith("[^") else ("", written[1:-1])
    literal = re.sub(r"\\(.)|([^-])", lambda found: re.escape(found[1] or found[2]), body, flags=re.DOTALL)
    return f"(?!/)[{negated}{literal}]"


def _compile(pattern: str) -> tuple[str, str]:
    """Return how patternmatcher matches, and the regular expression that it writes for Go."""
    kind, regex, at, first = "exact", "", 0, True
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*" and pattern[at : at + 1] == "*":
            at += 2 if pattern[at + 1 : at + 2] == "/" else 1
            ends = at >= len(pattern)
            kind = "suffix" if first else "prefix" if ends and kind == "exact" else "regex"
            regex += ".*" if ends else "(.*/)?"
        elif char in "*?":
            kind, regex = "regex", regex + ("[^/]*" if char == "*" else "[^/]")
        elif char == "\\":
            kind, regex = "regex", regex + _escaped(pattern, at)
            at += 1
        elif char in "[]":
            kind, regex = "regex", regex + char
        else:
            regex += "\\" + char if char in _NOT_GLOB_BUT_REGEX else char
        first = False
    return kind, regex


def _escaped(pattern: str, at: int) -> str:
    char = pattern[at]
    if char.isalnum() and char not in _REGEX_CLASSES:
        raise PatternError(f"bad pattern {pattern!r}: \\{char}")
    return "\\" + char


def _python_regex(regex: str) -> str:
    """Return Go's expression as Python's: signs that open nested sets here mean themselves there."""
    out, in_class, at = "", False, 0
    while at < len(regex):
        char, step = regex[at], 1
        if char == "\\":
            char, step = regex[at : at + 2], 2
        elif in_class and char in "[&~|":
            if regex[at : at + 2] == "[:":
                raise PatternError(f"bad pattern: a named class in {regex!r}")
            char = "\\" + char
        elif char == "[":
            in_class = True
            if regex[at + 1 : at + 2] == "^":
                char, step = "[^", 2
        elif char == "]":
            char, in_class = ("]" if in_class else "\\]"), False
        out += char
        at += step
    return out
