"""At which line of a TOML text a key stands; parsers do not tell.

This is for error messages only, and for texts that a parser has accepted: brackets and quotes match. A key
that cannot be told from its tokens is answered by the nearest table or key around it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Path = tuple[str, ...]

_TOKEN = re.compile(
    r'''(?P<string>"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\])*"|'[^']*')'''
    r"""|(?P<comment>\#[^\n]*)|(?P<mark>[\n\[\]{},=.])|(?P<word>[^\s\[\]{},=.\#"']+)""",
    re.DOTALL,
)


def key_lines(text: str) -> Mapping[Path, int]:
    """Return the line, from 1, of every table, key and element of a list."""
    scan = _Scan()
    for token in _TOKEN.finditer(text):
        said = token[0]
        if token["mark"]:
            scan.mark(said)
        elif not token["comment"]:
            scan.word(said)
        scan.line += said.count("\n")
    return scan.lines


def line_of(lines: Mapping[Path, int], path: Sequence[str | int]) -> int | None:
    """Return the line of a key, or of the nearest thing around it."""
    parts = tuple(str(part) for part in path)
    return next(
        (lines[parts[:length]] for length in range(len(parts), 0, -1) if parts[:length] in lines), None
    )


@dataclass(slots=True)
class _Bracket:
    """An open list or inline table."""

    path: Path
    is_list: bool
    index: int = 0


@dataclass(slots=True)
class _Scan:
    """Goes through the tokens, and knows which key the next one belongs to."""

    lines: dict[Path, int] = field(default_factory=dict)
    line: int = 1
    table: Path = ()
    open: list[_Bracket] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    """Of the key that is being read."""
    key: Path = ()
    """The key whose value is being read."""
    in_key: bool = True
    in_header: bool = False

    def word(self, text: str) -> None:
        """Take a bare word, or a string."""
        if self.in_key:
            self.parts.append(_name(text))
        else:
            self._note_element()

    def mark(self, sign: str) -> None:
        """Take a sign that separates words, or opens or closes something."""
        match sign:
            case "=":
                self.key = self._prefix() + tuple(self.parts)
                self._note(self.key)
                self.in_key = False
            case "[" if self.in_key and not self.open:
                self.in_header = True
            case "[" | "{":
                self._open(is_list=sign == "[")
            case "]" if self.in_header:
                self.table = tuple(self.parts)
                self._note(self.table)
                self.in_header = self.in_key = False
            case "]" | "}":
                self._close()
            case ",":
                self._next()
            case "\n" if not self.open:
                self._expect_key()

    def _open(self, *, is_list: bool) -> None:
        self._note_element()
        path = self._element() if self.open and self.open[-1].is_list else self.key
        self.open.append(_Bracket(path, is_list))
        self.in_key, self.parts = not is_list, []

    def _close(self) -> None:
        if self.open:
            self.open.pop()
        self.in_key = False

    def _next(self) -> None:
        if self.open and self.open[-1].is_list:
            self.open[-1].index += 1
        else:
            self._expect_key()

    def _expect_key(self) -> None:
        self.in_key, self.parts = True, []

    def _prefix(self) -> Path:
        return self.open[-1].path if self.open else self.table

    def _element(self) -> Path:
        return (*self.open[-1].path, str(self.open[-1].index))

    def _note_element(self) -> None:
        if self.open and self.open[-1].is_list:
            self._note(self._element())

    def _note(self, path: Path) -> None:
        for length in range(1, len(path) + 1):  # a key of [images.dev] says that there is `images`
            self.lines.setdefault(path[:length], self.line)


def _name(written: str) -> str:
    """Return the name that a bare or quoted part of a key stands for."""
    if written.startswith('"') and "\\" in written:
        import tomli  # only here: quick commands look for a table, and wait for no parser

        name: str = tomli.loads(f"name = {written}")["name"]
        return name
    return written.strip("\"'")
