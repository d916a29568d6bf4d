"""An image by its name: what the engine knows of it."""

import json
from http import HTTPStatus
from urllib.parse import quote

from devrun.engine.connection import Connection, RefusedError


def look_up(connection: Connection, image: str) -> dict[str, object] | None:
    """Return the engine's description of an image, None where it has no such image."""
    try:
        with connection.asking(f"look for image {image}"):
            found = json.loads(connection.open("GET", f"/images/{quote(image)}/json").read())
    except RefusedError as refused:
        if refused.status == HTTPStatus.NOT_FOUND:
            return None
        raise
    return found if isinstance(found, dict) else {}
