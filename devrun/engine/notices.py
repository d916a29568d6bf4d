"""What the engine tells without being asked: which of its events concern a project."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from devrun.config.names import slugify
from devrun.config.project import ImageName, Project, TargetName
from devrun.engine import labels
from devrun.engine.connection import Connection
from devrun.engine.exchange import Exchange
from devrun.engine.protocol import Touched

CONTAINER_EVENTS = ("create", "start", "die", "destroy", "pause", "unpause", "rename", "stop", "oom")
IMAGE_EVENTS = ("tag", "untag", "delete", "pull")
# Labels are not asked for: what the engine tells of a removed image has none. Naming the events keeps out
# those of `exec`, three for each health check of anybody's container.
FILTERS = json.dumps({"type": ["container", "image"], "event": [*CONTAINER_EVENTS, *IMAGE_EVENTS]})


@dataclass(frozen=True, slots=True)
class Known:
    """What events are compared with. Some images may be newer than what is known of the project."""

    project: Project
    asked: Callable[[], Iterable[ImageName]] = tuple
    """Returns the images that were asked for so far."""
    prebuilt: Callable[[], Mapping[str, ImageName]] = dict
    """Returns the names and ids of those that others build."""


def watch(
    connection: Connection, known: Known, connected: Callable[[], None], emit: Callable[[Touched], None]
) -> None:
    """Subscribe, call `connected`, and deliver until the connection ends or is closed."""
    with connection.asking("watch the engine's events"), connection.exchange() as exchange:
        exchange.send("GET", "/events", params={"filters": FILTERS}, timeout=10.0)
        connected()
        for touched in _read(exchange, known):
            emit(touched)


def _read(exchange: Exchange, known: Known) -> Iterator[Touched]:
    for line in exchange.lines():
        event = json.loads(line) if line else None
        touched = read_event(event, known) if isinstance(event, dict) else None
        if touched:
            yield touched


def read_event(event: Mapping[str, object], known: Known) -> Touched | None:
    """Return what of the project an event is about, None where it is about something else."""
    actor = event.get("Actor")
    attributes = actor.get("Attributes") if isinstance(actor, dict) else None
    said = attributes if isinstance(attributes, dict) else {}
    if event.get("Type") == "container":
        target = said.get(labels.TARGET)
        is_ours = labels.is_ours(known.project, said)
        return Touched(target=TargetName(target)) if target and is_ours else None
    name = _image_of(said, str(actor.get("ID", "")) if isinstance(actor, dict) else "", known)
    return Touched(image=ImageName(name)) if name else None


def _image_of(said: Mapping[str, str], identity: str, known: Known) -> str | None:
    """Return the image of an event; what is removed, or others build, has no labels of ours."""
    if labels.is_ours(known.project, said) and labels.IMAGE in said:
        return said[labels.IMAGE]
    reference = said.get("name", "")
    prebuilt = known.prebuilt()
    # A pull names the repository alone, and has the whole reference in the place of the id.
    return prebuilt.get(identity) or prebuilt.get(reference) or _built_as(reference, known)


def _built_as(reference: str, known: Known) -> str | None:
    """Return the image whose tag a reference is; podman writes `localhost/` before it."""
    repository, _, _ = reference.removeprefix("localhost/").partition(":")
    slug = known.project.slug
    names = (*known.project.images, *known.asked())
    return next((name for name in names if repository == f"devrun/{slug}-{slugify(name)}"), None)
