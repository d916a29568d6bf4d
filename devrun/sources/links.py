"""Symbolic links inside a build context, as Docker follows them: their targets never leave the context."""

import posixpath
from pathlib import Path

from devrun.sources.globs import inside

MOST_HOPS = 40
"""As many as the kernel follows before it calls it a loop."""


def hops(context: Path, name: str) -> tuple[str, ...]:
    """Return the links that `name` leads over, and where it ends; only itself where there is no link."""
    seen: list[str] = []
    while len(seen) < MOST_HOPS and (link := _first_link(context, name)) is not None:
        seen.append(link)
        try:
            target = str((context / link).readlink())
        except OSError:
            break  # It has been replaced just now, which is a change of its own.
        start = "" if target.startswith("/") else posixpath.dirname(link)
        name = inside(f"{start}/{target}/{name[len(link) :]}")
    return (*seen, name)


def _first_link(context: Path, name: str) -> str | None:
    parts = name.split("/")
    prefixes = ("/".join(parts[:end]) for end in range(1, len(parts) + 1))
    return next((prefix for prefix in prefixes if prefix and (context / prefix).is_symlink()), None)
