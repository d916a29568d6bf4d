"""What the looks into images have shown, kept from run to run: an image with one id is always the same.

The file is a mere cache; what cannot be read is looked for again, what cannot be written is logged.
"""

import json
import logging
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from devrun.engine.plan import Python

MOST_KEPT = 50
"""Images, the newest last: those of some weeks."""
MAX_BYTES = 1024 * 1024
_KINDS = {
    "name": str,
    "executable": str,
    "version": str,
    "cache_tag": str,
    "uid": int,
    "gid": int,
    "can_write": bool,
}

log = logging.getLogger(__name__)


class Probed:
    """Owned by whoever looks; without a place nothing is kept."""

    def __init__(self, place: Path | None) -> None:
        self._place = place

    def find(self, key: str) -> Python | None:
        """Return what an earlier look has shown; None: nothing, or what is written is no such thing."""
        said = self._read().get(key, {})
        kinds = {name: type(said.get(name)) for name in _KINDS}
        venvs = said.get("venvs")
        if kinds != _KINDS or not isinstance(venvs, list):
            return None
        fields: dict[str, Any] = {name: said[name] for name in _KINDS}
        return Python(**fields, venvs=tuple(map(str, venvs)))

    def keep(self, key: str, python: Python) -> None:
        """Keep what a look has shown."""
        if self._place is None:
            return
        kept = {**self._read(), key: asdict(python)}
        newest = dict(list(kept.items())[-MOST_KEPT:])
        draft = self._place.with_suffix(".new")
        try:
            draft.unlink(missing_ok=True)
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                json.dump(newest, file)
            draft.replace(self._place)
        except OSError as error:
            log.warning("%s cannot be written: %s", self._place, error.strerror)

    def _read(self) -> dict[str, dict[str, object]]:
        place = self._place
        try:
            if place is None or not place.is_file() or place.stat().st_size > MAX_BYTES:
                return {}
            said = json.loads(place.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            log.warning("%s cannot be used: %s", place, error)
            return {}
        found = said.items() if isinstance(said, dict) else ()
        return {key: value for key, value in found if isinstance(value, dict)}
