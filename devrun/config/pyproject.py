"""`[tool.devrun]` of a pyproject.toml: what a devrun.toml says otherwise.

Most files of this name belong to other tools and are passed over. Quick commands have to tell without a
parser, so the text is looked at: its tables are found by their tokens, which takes a parser only where the
text seems to have the table and is broken.
"""

import re
from pathlib import Path

from devrun.config.locate import key_lines
from devrun.config.text_file import UnreadableError, read_bytes

PYPROJECT = "pyproject.toml"
TABLE = ("tool", "devrun")

_HEADER = re.compile(
    rb"""^[ \t]*\[[ \t]*["']?tool["']?[ \t]*\.[ \t]*["']?devrun["']?[ \t]*[].]""", re.MULTILINE
)


def table_of(file: Path) -> tuple[str, ...]:
    """Return the table of a file in which devrun's keys stand; empty: the file is devrun's own."""
    return TABLE if file.name == PYPROJECT else ()


def has_table(file: Path) -> bool:
    """Tell whether a file has the table, or would have it if its text were mended.

    In a text that does not parse, a quote that is not closed may hide all that follows; and a string of one
    that does may show what looks like the table. A file that cannot be read has none.
    """
    try:
        data = read_bytes(file)
    except UnreadableError:
        return False
    if TABLE[-1].encode() not in data:
        return False
    if TABLE in key_lines(data.decode("utf-8-sig", "replace")):
        return True
    return bool(_HEADER.search(data)) and not _parses(data)


def _parses(data: bytes) -> bool:
    import tomli  # only here: it takes a quick command longer than all else

    try:
        tomli.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return False
    return True
