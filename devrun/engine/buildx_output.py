"""What `docker buildx build` tells: BuildKit's trace as JSON, or as lines for people in older releases.

Both are turned into the messages that the engine's API sends; what is neither is the client's own words.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator, Mapping

from devrun.engine.buildkit import Trace, Vertex, VertexLog, VertexStatus

Told = Trace | str
"""A message of the trace, or a line of the client's own."""

_LINE = re.compile(r"#(?P<vertex>\d+) (?:(?P<seconds>\d+\.\d+) ?)?(?P<text>.*)")
_DONE = re.compile(r"DONE \d+\.\d+s|CACHED|CANCELED|ERROR: .+")


def read_rawjson(lines: Iterable[str]) -> Iterator[Told]:
    """Yield what `--progress=rawjson` tells; releases differ in whether an object is one line or many."""
    held = list[str]()
    for line in lines:
        if not held and not line.startswith("{"):
            yield line
            continue
        held.append(line)
        if line == "}" or (held == [line] and line.endswith("}")):
            yield from _decoded(held)
            held = []
    yield from held


def read_plain(lines: Iterable[str]) -> Iterator[Told]:
    """Yield what `--progress=plain` tells."""
    names: dict[str, str] = {}
    for line in lines:
        found = _LINE.fullmatch(line)
        if found is None:
            yield line
        else:
            yield _plain(found, names)


def _decoded(held: list[str]) -> Iterator[Told]:
    try:
        item = json.loads("\n".join(held))
    except ValueError:
        yield from held
        return
    if isinstance(item, dict):
        yield Trace(
            tuple(_vertex(one) for one in _objects(item, "vertexes")),
            tuple(VertexStatus(_text(one, "id"), _text(one, "vertex")) for one in _objects(item, "statuses")),
            tuple(_log(one) for one in _objects(item, "logs")),
        )


def _objects(item: Mapping[str, object], key: str) -> list[dict[str, object]]:
    found = item.get(key)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _vertex(one: Mapping[str, object]) -> Vertex:
    return Vertex(
        digest=_text(one, "digest"),
        name=_text(one, "name"),
        cached=one.get("cached") is True,
        started="started" in one,
        completed="completed" in one,
        error=_text(one, "error"),
    )


def _log(one: Mapping[str, object]) -> VertexLog:
    stream = one.get("stream")
    try:
        content = base64.b64decode(_text(one, "data"))
    except (ValueError, binascii.Error):
        content = b""
    return VertexLog(_text(one, "vertex"), stream if isinstance(stream, int) else 0, content)


def _text(one: Mapping[str, object], key: str) -> str:
    value = one.get(key)
    return value if isinstance(value, str) else ""


def _plain(found: re.Match[str], names: dict[str, str]) -> Trace:
    """Return what a line says of a vertex: first its name, then what it does and writes, at last its end."""
    vertex, text = found["vertex"], found["text"]
    if found["seconds"]:
        return Trace(logs=(VertexLog(vertex, 1, f"{text}\n".encode()),))
    name = names.setdefault(vertex, text)
    if not _DONE.fullmatch(text):
        statuses = () if text == name else (VertexStatus(text, vertex),)
        return Trace((Vertex(vertex, name, started=True),), statuses)
    error = text.removeprefix("ERROR: ") if text.startswith("ERROR: ") else ""
    return Trace((Vertex(vertex, name, cached=text == "CACHED", started=True, completed=True, error=error),))
