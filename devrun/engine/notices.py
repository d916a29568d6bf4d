"""What the engine tells without being asked: which of its events concern a project."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping

from devrun.config.names import slugify
from devrun.config.project import ImageName, Project, TargetName
from devrun.engine import labels
from devrun.engine.connection import Connection
from devrun.engine.exchange import Exchange
from devrun.engine.protocol import Touched

CONTAINER_EVENTS = ("create", "start", "die", "destroy", "pause", "unpause", "rename", "stop", "oom")
IMAGE_EVENTS = ("tag", "untag", "delete")
# Labels are not asked for: what the engine tells of a removed image has none. Naming the events keeps out
# those of `exec`, three for each health check of anybody's container.
FILTERS = json.dumps({"type": ["container", "image"], "event": [*CONTAINER_EVENTS, *IMAGE_EVENTS]})


Known = Callable[[], Iterable[ImageName]]
"""Returns the images that were asked for so far: some may be newer than what is known of the project."""


def watch(
    connection: Connection,
    project: Project,
    images: Known,
    connected: Callable[[], None],
    emit: Callable[[Touched], None],
) -> None:
    """Subscribe, call `connected`, and deliver until the connection ends or is closed."""
    with connection.asking("watch the engine's events"), connection.exchange() as exchange:
        exchange.send("GET", "/events", params={"filters": FILTERS}, timeout=10.0)
        connected()
        for touched in _read(exchange, project, images):
            emit(touched)


def _read(exchange: Exchange, project: Project, images: Known) -> Iterator[Touched]:
    for line in exchange.lines():
        event = json.loads(line) if line else None
        touched = read_event(event, project, images()) if isinstance(event, dict) else None
        if touched:
            yield touched


def read_event(
    event: Mapping[str, object], project: Project, images: Iterable[ImageName] = ()
) -> Touched | None:
    """Return what of the project an event is about, None where it is about something else."""
    actor = event.get("Actor")
    attributes = actor.get("Attributes") if isinstance(actor, dict) else None
    known = attributes if isinstance(attributes, dict) else {}
    if event.get("Type") == "container":
        target = known.get(labels.TARGET)
        return Touched(target=TargetName(target)) if target and labels.is_ours(project, known) else None
    image = known.get(labels.IMAGE) if labels.is_ours(project, known) else None
    name = image or _image_of(str(known.get("name", "")), project, images)
    return Touched(image=ImageName(name)) if name else None


def _image_of(reference: str, project: Project, images: Iterable[ImageName]) -> str | None:
    """Return the image whose tag a reference is; podman writes `localhost/` before it."""
    repository, _, _ = reference.removeprefix("localhost/").partition(":")
    names = (*project.images, *images)
    return next((name for name in names if repository == f"devrun/{project.slug}-{slugify(name)}"), None)
