"""devrun as a contender, at each depth of restart that the present one knows."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from benchmarks.contenders import AfterSave, BrokenError, Contender, Place, background, nothing, told
from benchmarks.machine import environment_of_children
from benchmarks.served import PORT

DEPTHS = ("container", "process", "warm")
SETTINGS = """\
[targets.web]
script = "app.py"
ports = ["127.0.0.1:{port}:{inner}"]
"""
DEVRUN = [sys.executable, "-m", "devrun"]


def ours() -> tuple[list[Contender], list[str]]:
    """Returns devrun at each depth, and the depths that the present one lacks."""
    known = known_depths()
    there = [Contender(called(depth), partial(devrun, depth, bool(known))) for depth in known or DEPTHS[:1]]
    missing = [depth for depth in DEPTHS if depth not in (known or DEPTHS[:1])]
    return there, [f"{called(depth)}: this devrun does not know it" for depth in missing]


def called(depth: str) -> str:
    """Returns the contender's name."""
    return f'devrun, reload = "{depth}"'


def known_depths() -> list[str]:
    """Returns the values of the key `reload`, asked of `devrun schema`; none where there is no such key."""
    schema = subprocess.run(
        [*DEVRUN, "schema"], env=environment_of_children(), stdout=subprocess.PIPE, check=True
    ).stdout
    return [depth for depth in DEPTHS if depth in enums_of("reload", json.loads(schema))]


def enums_of(key: str, schema: dict[str, object]) -> set[str]:
    """Returns the values that a JSON schema allows for a key, in whichever table it is."""
    definitions = schema.get("$defs")
    named = definitions if isinstance(definitions, dict) else {}
    found: set[str] = set()
    for node in nodes(schema):
        properties = node.get("properties")
        if not isinstance(properties, dict) or key not in properties:
            continue
        for part in nodes(properties[key]):
            reference = str(part.get("$ref", "")).rpartition("/")[2]
            found |= enum_of(part) | enum_of(named.get(reference))
    return found


def enum_of(node: object) -> set[str]:
    """Returns the values that an object of a JSON schema lists."""
    values = node.get("enum") if isinstance(node, dict) else None
    return {str(value) for value in values} if isinstance(values, list) else set()


def nodes(value: object) -> Iterator[dict[str, object]]:
    """Yields all objects of a JSON document."""
    if isinstance(value, dict):
        yield value
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        yield from nodes(child)


@contextmanager
def devrun(depth: str, is_key: bool, place: Place) -> Iterator[AfterSave]:  # noqa: FBT001  (bound by partial)
    """Runs `devrun watch`, and removes all that it made."""
    settings = SETTINGS.format(port=place.port, inner=PORT)
    (place.folder / "devrun.toml").write_text(settings + (f'reload = "{depth}"\n' if is_key else ""))
    (place.folder / "Dockerfile").write_text(f"FROM {place.image}\n")
    here = [*DEVRUN, "-C", str(place.folder)]
    try:
        with background(place, [*here, "watch"]) as daemon:
            yield nothing
            if daemon.poll() is not None:
                raise BrokenError(f"{place.name}: it ended with {daemon.returncode}")
    finally:
        told(place, [*here, "down", "--images"])
