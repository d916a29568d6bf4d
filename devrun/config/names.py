"""Names for people become slugs for Docker: lower case, `[a-z0-9-]`."""

import difflib
import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from devrun.config.find import root_key

SLUG_KEY_LENGTH = 4
SLUG_LIMIT = 40
"""Container names are host names too, and those end at 63 characters: room for the target's name."""
_SLUG = re.compile("[a-z0-9]+(-[a-z0-9]+)*")
"""What is a slug already."""


def slugify(name: str) -> str:
    """Return `name` as `[a-z0-9-]`; a name that has no such spelling gets a hash."""
    if len(name) <= SLUG_LIMIT and _SLUG.fullmatch(name):
        return name
    from slugify import slugify as transliterate  # which brings a table of all letters

    slug = transliterate(name.encode("utf-8", "replace").decode(), max_length=SLUG_LIMIT)
    return slug or "x" + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:7]


def project_slug(name: str, root: Path) -> str:
    """Return the slug of a project: two checkouts of one name get two."""
    return f"{slugify(name)}-{root_key(root)[:SLUG_KEY_LENGTH]}"


def image_tag(slug: str, image: str, fingerprint: str) -> str:
    """Return an image's name for the engine: which project's, which image, and what it was built from."""
    return f"devrun/{slug}-{slugify(image)}:{fingerprint}"


def meant(name: str, known: Iterable[str]) -> str:
    """Return what may have been meant by a name that is not known: the nearest, or else all that are."""
    names = tuple(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]}?" if near else f"there is {', '.join(names)}"
