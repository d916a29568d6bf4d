"""Variables, quotes and words of a Dockerfile, as BuildKit's own lexer takes them.

Two uses: `expand` fills in `$X`, `${X:-d}` and `${X:+d}`, and `heredocs_of` finds the `<<EOF` of a line. Its
quirks are kept where they decide which lines belong to an instruction. A value that only the base image knows
is never guessed: then the answer is None.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from devrun.sources.ignore import GO_SPACE

_SPECIAL = "@*#?-$!0"
_HEREDOC = re.compile(r"(\d*)<<(-?)[\t\n\f\r ]*([^<]*)")


@dataclass(frozen=True, slots=True)
class Scope:
    """The variables that an instruction sees."""

    values: Mapping[str, str | None]
    """None: it has a value, which is not known here."""
    complete: bool
    """False: a base image may define others."""


@dataclass(frozen=True, slots=True)
class Heredoc:
    """A document in a Dockerfile; `content` keeps its leading tabs, which `chomp` would drop."""

    name: str
    content: str
    expand: bool
    chomp: bool
    descriptor: int


class SubstitutionError(ValueError):
    """The word does not lex, or its value is not known."""


def expand(word: str, scope: Scope, escape: str) -> str | None:
    """Return `word` with its variables filled in and its quotes removed; None: it cannot be told here."""

    def lookup(name: str) -> str | None:
        if scope.values.get(name) is None and (name in scope.values or not scope.complete):
            raise SubstitutionError(f"the value of {name!r} is not known here")
        return scope.values.get(name)

    try:
        return _Lexer(word, escape, lookup).run()[0]
    except SubstitutionError:
        return None


def heredocs_of(line: str) -> tuple[Heredoc, ...]:
    """Return the heredocs that `line` announces, in order, without their content."""
    try:
        words = _Lexer(line, "\\", None, raw_quotes=True, raw_escapes=True).run()[1]
    except SubstitutionError:
        return ()  # As BuildKit: a line that does not lex has no heredocs.
    return tuple(found for found in map(heredoc_word, words) if found)


def heredoc_word(word: str) -> Heredoc | None:
    """Return the heredoc that a single word such as `<<-"EOF"` announces, without its content."""
    found = _HEREDOC.fullmatch(word)
    if not found or not found[3]:
        return None
    plain = _Lexer(found[3], "\\", None).run()[1]
    raw = _Lexer(found[3], "\\", None, raw_quotes=True).run()[1]
    if len(plain) != 1:
        return None
    if len(raw) != 1:
        raise SubstitutionError(f"heredoc {word!r} does not lex")
    quoted = _quotes(plain[0]) != _quotes(raw[0])
    return Heredoc(plain[0], "", not quoted, found[2] == "-", int(found[1] or 0))


def _quotes(word: str) -> int:
    return word.count("'") + word.count('"')


@dataclass(slots=True)
class _Words:
    """The words of one run, split at spaces that are not quoted."""

    buffer: list[str]
    found: list[str]
    inside: bool = False

    def add(self, text: str) -> None:
        """Take text whose spaces end a word."""
        for char in text:
            if char not in GO_SPACE:
                self.add_raw(char)
            elif self.inside and self.buffer:
                self.close()

    def add_raw(self, text: str) -> None:
        """Take text as a part of the word, spaces included."""
        self.buffer += [text] if text else []
        self.inside = True

    def close(self) -> list[str]:
        """End the word that is under way, and return all."""
        if self.buffer:
            self.found.append("".join(self.buffer))
            self.buffer.clear()
            self.inside = False
        return self.found


class _Lexer:
    """One pass over a text. Without `lookup`, variables stay as they are written."""

    def __init__(
        self,
        text: str,
        escape: str,
        lookup: Callable[[str], str | None] | None,
        *,
        raw_quotes: bool = False,
        raw_escapes: bool = False,
    ) -> None:
        self._text = text
        self._at = 0
        self._escape = escape
        self._lookup = lookup
        self._raw_quotes = raw_quotes
        self._raw_escapes = raw_escapes
        # BuildKit shares one buffer among nested runs, so that `a${b:-c}` loses its `a` as a word.
        self._buffer: list[str] = []

    def run(self, stop: str = "", *, raw_escapes: bool | None = None) -> tuple[str, list[str]]:
        """Return the text up to `stop` as one string, and as words."""
        saved = self._raw_escapes
        self._raw_escapes = saved if raw_escapes is None else raw_escapes
        self._buffer.clear()
        words, result = _Words(self._buffer, []), ""
        special = {"'": self._single, '"': self._double, "$": self._dollar, "<": self._less}
        while (char := self._peek()) != "":
            if char == stop:
                self._at += 1
                self._raw_escapes = saved
                return result, words.close()
            if char in special:
                piece = special[char]()
                words.add(piece) if char == "$" else words.add_raw(piece)
                result += piece
            else:
                result += self._plain(words)
        if stop:
            raise SubstitutionError(f"no {stop!r} to the end")
        return result, words.close()

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        char = self._peek()
        self._at += 1
        return char

    def _plain(self, words: _Words) -> str:
        char = self._next()
        if char != self._escape:
            words.add(char)
            return char
        kept = char if self._raw_escapes else ""
        escaped = self._next()
        words.add_raw(kept)
        words.add_raw(escaped)
        return kept + escaped

    def _single(self) -> str:
        end = self._text.find("'", self._at + 1)
        if end < 0:
            raise SubstitutionError("a single quote is not closed")
        body, self._at = self._text[self._at + 1 : end], end + 1
        return f"'{body}'" if self._raw_quotes else body

    def _double(self) -> str:
        self._at += 1
        quote = '"' if self._raw_quotes else ""
        body = ""
        while (char := self._peek()) != '"':
            if char == "":
                raise SubstitutionError("a double quote is not closed")
            body += self._dollar() if char == "$" else self._in_double()
        self._at += 1
        return quote + body + quote

    def _in_double(self) -> str:
        char = self._next()
        if char != self._escape:
            return char
        kept = char if self._raw_escapes else ""
        following = self._peek()
        if following == "":
            return kept
        return kept + self._next() if following in ('"', "$", self._escape) else kept + char

    def _less(self) -> str:
        self._at += 1
        if self._peek() != "<":
            return "<"
        start = self._at
        self._at += 1
        while self._peek() in ("\t", "\r", " "):
            self._at += 1
        return "<" + self._text[start : self._at]

    def _dollar(self) -> str:
        self._at += 1
        if self._peek() == "{":
            self._at += 1
            return self._braced()
        name = self._name()
        if not name:
            return "$"
        return f"${name}" if self._lookup is None else self._lookup(name) or ""

    def _braced(self) -> str:
        if self._peek() in ("", "{", "}", ":"):
            raise SubstitutionError("bad substitution")
        name = self._name()
        sign = self._next()
        if sign == "}":
            return f"${{{name}}}" if self._lookup is None else self._lookup(name) or ""
        if sign == "/":
            return self._replacement(name)
        empty_is_unset = sign == ":"
        sign = self._next() if empty_is_unset else sign
        if sign not in ("+", "-", "?", "#", "%") and not empty_is_unset:
            raise SubstitutionError(f"unsupported modifier {sign!r}")
        raw = sign in ("#", "%")
        if raw and empty_is_unset:
            raise SubstitutionError(f"unsupported modifier ':{sign}'")
        word = self.run("}", raw_escapes=raw)[0]
        if self._lookup is None:
            return f"${{{name}{':' if empty_is_unset else ''}{sign}{word}}}"
        return _modified(sign, self._lookup(name), word, empty_is_unset=empty_is_unset)

    def _replacement(self, name: str) -> str:
        every = "/" if self._peek() == "/" else ""
        self._at += len(every)
        pattern = self.run("/", raw_escapes=True)[0]
        by = self.run("}", raw_escapes=True)[0]
        if self._lookup is None:
            return f"${{{name}/{pattern}/{by}}}"
        raise SubstitutionError("replacement in a variable is not worked out here")

    def _name(self) -> str:
        start = self._at
        if self._peek().isdigit():
            while self._peek().isdigit():
                self._at += 1
        elif self._peek() and self._peek() in _SPECIAL:
            self._at += 1
        else:
            while self._peek().isalnum() or self._peek() == "_":
                self._at += 1
        return self._text[start : self._at]


def _modified(sign: str, value: str | None, word: str, *, empty_is_unset: bool) -> str:
    is_set = bool(value) if empty_is_unset else value is not None
    if sign == "-":
        return (value or "") if is_set else word
    if sign == "+":
        return word if is_set else ""
    if sign == "?" and is_set:
        return value or ""
    raise SubstitutionError(f"modifier {sign!r} is not worked out here")
