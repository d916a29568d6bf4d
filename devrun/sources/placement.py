"""Where a COPY puts a path of the context: told from names alone, so also for files that are to come."""

import posixpath
import re
from dataclasses import dataclass
from functools import lru_cache

from devrun.sources.dockerfile import Take
from devrun.sources.globs import PatternError, ignore_matcher, inside, is_wild, path_matcher

_ARCHIVE = re.compile(r"\.(?:tar|tgz|tbz2?|txz|tzst|gz|bz2|xz|zst)$")


@dataclass(frozen=True, slots=True)
class Placement:
    """One path, taken by one source of an instruction."""

    take: Take
    single: bool
    """The instruction names just this path."""
    destination: str | None
    """Where it lies in the image; None: unknown, unpacked, or gone after the instruction."""


def placements(take: Take, name: str) -> tuple[Placement, ...]:
    """Return how `take` takes the path `name`, once for each source that does; empty if it does not."""
    if take.sources is None:
        return (Placement(take, single=False, destination=None),)
    found = (_attempted(take, source, name) for source in take.sources)
    return tuple(placement for placement in found if placement)


def listed(take: Take) -> tuple[str, ...]:
    """Return the paths and patterns below which everything lies that `take` can take."""
    sources = ("",) if take.sources is None else take.sources
    return tuple(inside(source) for source in sources)


def enters(take: Take, directory: str) -> bool:
    """Return whether something in `directory` may be taken, so that a walk has to look there."""
    if take.sources is None or take.parents or placements(take, directory):
        return True
    parts = directory.split("/")
    patterns = (pattern.split("/") for pattern in listed(take))
    return any(
        len(parts) < len(pattern)
        and all(_may_match(one, part) for one, part in zip(pattern, parts, strict=False))
        for pattern in patterns
    )


def _attempted(take: Take, source: str, name: str) -> Placement | None:
    try:
        return (_placed_with_parents if take.parents else _placed)(take, source, name)
    except PatternError:
        # The build will refuse the pattern; until then nothing is missed.
        return Placement(take, single=False, destination=None)


def _placed(take: Take, source: str, name: str) -> Placement | None:
    pattern, depth, wild = _read_source(source)
    parts = name.split("/")
    top, rest = "/".join(parts[:depth]), "/".join(parts[depth:])
    if not (path_matcher(pattern)(top) if wild else pattern == top):
        return None
    if rest:
        return Placement(take, single=False, destination=_below(take.destination, rest))
    destination = (
        _below(take.destination, posixpath.basename(name)) if take.into_directory else take.destination
    )
    # One match of a pattern is written to the destination, several go into it: not told by names alone.
    unsure = wild and not take.into_directory
    unpacked = take.keyword == "ADD" and _ARCHIVE.search(name)
    return Placement(take, single=not wild, destination=None if unsure or unpacked else destination)


@lru_cache(maxsize=1024)
def _read_source(source: str) -> tuple[str, int, bool]:
    """Return a source as a pattern below the context, its number of parts, and whether it is a wild one."""
    pattern = inside(source)
    return pattern, len(pattern.split("/")) if pattern else 0, is_wild(pattern)


def _placed_with_parents(take: Take, source: str, name: str) -> Placement | None:
    """`--parents` keeps the directories of a path from its pivot `/./` on, and its patterns know `**`."""
    above, pivot, below = source.partition("/./")
    root, pattern = (inside(above), inside(below)) if pivot else ("", inside(source))
    if root and not name.startswith(f"{root}/"):
        return None
    rest = name.removeprefix(f"{root}/") if root else name
    ancestors = [rest[:at] for at, char in enumerate(rest) if char == "/"]
    if pattern and not any(map(ignore_matcher(pattern), [*ancestors, rest])):
        return None
    return Placement(take, single=rest == pattern, destination=_below(take.destination, rest))


def _may_match(pattern: str, part: str) -> bool:
    try:
        return path_matcher(pattern)(part) if is_wild(pattern) else pattern == part
    except PatternError:
        return True


def _below(directory: str | None, rest: str) -> str | None:
    return None if directory is None else posixpath.join(directory, rest)
