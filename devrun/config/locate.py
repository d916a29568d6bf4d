"""At which line of a TOML text a key stands; parsers do not tell.

This is for error messages only: it reads what people write (tables, dotted and quoted keys, inline tables
over several lines), and where it finds no key it answers with the nearest table or key around it.
"""

import re
from collections.abc import Mapping, Sequence

Path = tuple[str, ...]

_TABLE = re.compile(r"^\s*\[\[?\s*(?P<path>[^\[\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(
    r"""(?:^|[{,])\s*(?P<path>(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*="""
)
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")
_TRIPLE = re.compile(r'"""|\'\'\'')
_STRING = re.compile(r'"(?:\\.|[^"\\])*"|\'[^\']*\'|#.*')


def key_lines(text: str) -> Mapping[Path, int]:
    """Return the line, from 1, of every table and key that can be told."""
    lines: dict[Path, int] = {}
    table: Path = ()
    inside: Path = ()
    depth = 0
    in_string = False
    for number, line in enumerate(text.splitlines(), 1):
        quotes = len(_TRIPLE.findall(line))
        if in_string:
            in_string = quotes % 2 == 0
            continue
        in_string = quotes % 2 == 1
        if depth == 0 and (header := _TABLE.match(line)):
            table = inside = _parts(header["path"])
            lines.setdefault(table, number)
            continue
        if depth == 0:
            inside = table
        for key in _KEY.finditer(line):
            is_outer = key.start() == 0 and depth == 0
            path = (table if is_outer else inside) + _parts(key["path"])
            lines.setdefault(path, number)
            if is_outer:
                inside = path
        depth = max(0, depth + _opened(line))
    return lines


def line_of(lines: Mapping[Path, int], path: Sequence[str | int]) -> int | None:
    """Return the line of a key, or of the nearest thing around it."""
    parts = tuple(str(part) for part in path)
    for length in range(len(parts), 0, -1):
        if parts[:length] in lines:
            return lines[parts[:length]]
    return None


def _parts(path: str) -> Path:
    return tuple(part.strip("\"'") for part in _PART.findall(path))


def _opened(line: str) -> int:
    """Return how many more brackets a line opens than it closes."""
    bare = _STRING.sub("", line)
    return sum(bare.count(bracket) for bracket in "[{") - sum(bare.count(bracket) for bracket in "]}")
