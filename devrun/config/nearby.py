"""What is called almost like a path that is not there."""

import difflib
from pathlib import Path

NAME_LIMIT = 255
"""Characters of a file's name, on most file systems; no file is called almost like a longer one."""


def near(path: Path) -> str:
    """Return, as the end of a sentence, what lies beside a path and is called almost the same."""
    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return ""
    name = path.name if len(path.name) <= NAME_LIMIT else ""
    close = difflib.get_close_matches(name, [other for other in names if other != name], n=1, cutoff=0.7)
    return f"; did you mean '{close[0]}'?" if close else ""
