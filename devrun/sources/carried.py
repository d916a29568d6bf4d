"""Where a file of the build context ends in the image, over the stages that hand it on."""

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from devrun.sources.dockerfile import Dockerfile, Take
from devrun.sources.placement import placements

_BUILD_ONLY = ("/tmp/", "/var/tmp/")
"""What is copied here is for the build: nothing that runs looks for its files there."""


@dataclass(frozen=True, slots=True)
class Handed:
    """What a COPY takes from another stage."""

    take: Take
    origins: frozenset[int]
    """The stages whose files it may take: the one that it names, and those which that one stands on."""


def handed_on(dockerfile: Dockerfile, wanted: str | None, args: Mapping[str, str]) -> tuple[Handed, ...]:
    """Return what stages take from one another."""
    return tuple(
        Handed(take, frozenset(stage.index for stage in dockerfile.chain(str(origin.index), args)))
        for origin, take in dockerfile.handed(wanted, args)
    )


def resting_places(
    stage: int, destination: str | None, handed: Iterable[Handed]
) -> frozenset[tuple[int, str | None]]:
    """Return all stages with the paths at which a file comes to lie; None: anywhere."""
    handed, found = tuple(handed), set[tuple[int, str | None]]()
    places = {(stage, destination)}
    # As many hops as there are instructions: stages in a circle, which BuildKit refuses, must end here too.
    for _ in range(len(handed) + 1):
        places = {place for place in places if not _is_for_the_build(place[1])}
        found |= places
        places = {further for place in places for one in handed for further in _handed(place, one)}
    return frozenset(found)


def _handed(place: tuple[int, str | None], one: Handed) -> Iterator[tuple[int, str | None]]:
    stage, path = place
    if stage not in one.origins:
        return
    if path is None:
        yield one.take.stage, None
    else:
        yield from ((one.take.stage, put.destination) for put in placements(one.take, path.lstrip("/")))


def _is_for_the_build(path: str | None) -> bool:
    return path is not None and posixpath.join("/", path).startswith(_BUILD_ONLY)
