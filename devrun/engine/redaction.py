"""Build arguments in what a build tells: BuildKit shows instructions with the values filled in.

Arguments may be secrets, and what a build tells is shown in status, events and logs.
"""

import re
from collections.abc import Callable, Mapping

SHORTEST_SECRET = 6
"""Shorter values are switches, numbers and versions; hiding each `1` would make the text unreadable."""


def concealing(args: Mapping[str, str]) -> Callable[[str], str]:
    """Return a function that puts `${NAME}` where a text has the value of NAME.

    The base image's name stays: it is public, and all that tells which FROM is meant.
    """
    names = {value: name for name, value in args.items() if len(value.strip()) >= SHORTEST_SECRET}
    if not names:
        return str
    # The longest first, so that one value within another leaves nothing of it.
    values = "|".join(re.escape(value) for value in sorted(names, key=len, reverse=True))
    pattern = re.compile(values)

    def conceal(text: str) -> str:
        if text.upper().startswith("FROM "):
            return text
        return pattern.sub(lambda found: f"${{{names[found[0]]}}}", text)

    return conceal
