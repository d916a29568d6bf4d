"""What is said over the socket, the values of the core, as JSON and back.

A field that this version does not know is passed over and a missing one gets its default, so that an older
client reads a newer daemon and the other way round. A raised PROTOCOL says that this no longer holds.
Nothing but the standard library is used: `devrun status --json` starts in a few milliseconds.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import TypeVar, Union, get_args, get_origin, get_type_hints

from devrun.errors import DevrunError

Value = TypeVar("Value")


def encode(said: object) -> bytes:
    """Return a value of the core as JSON, in ASCII, with a line end."""
    return to_json(_plain(said))


def decode(kind: type[Value], text: bytes) -> Value:
    """Return the value that `encode` made, by this version of devrun or another one."""
    try:
        return _record(kind, json.loads(text))
    except (ValueError, TypeError, RecursionError) as error:
        message = f"the answer of the running devrun cannot be read: {error}"
        raise DevrunError(message, hint="it may be of another version: restart it") from error


def to_json(said: object) -> bytes:
    """Return a value as one line of JSON, in ASCII: file names may hold what UTF-8 cannot say."""
    return json.dumps(said).encode("ascii") + b"\n"


def _plain(value: object) -> object:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, tuple | list | frozenset):
        return [_plain(one) for one in value]
    return value


def _record(make: Callable[..., Value], said: object) -> Value:
    """Return the dataclass with the values that it knows; raises TypeError where a needed one is missing."""
    if not isinstance(said, dict):
        raise TypeError(f"{said!r} stands where an object should")
    hints = get_type_hints(make)
    return make(**{name: _value(kind, said[name]) for name, kind in hints.items() if name in said})


def _value(kind: object, said: object) -> object:
    """Return `said` as the annotation `kind` wants it; raises TypeError where it is something else."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        (some,) = (one for one in inner if one is not NoneType)
        return None if said is None else _value(some, said)
    if origin is tuple and isinstance(said, list):
        return tuple(_value(inner[0], one) for one in said)
    if origin is Mapping and isinstance(said, dict):
        return {key: _value(inner[1], one) for key, one in said.items()}
    if isinstance(kind, type):
        if is_dataclass(kind):
            return _record(kind, said)
        if kind is float and isinstance(said, int):
            return float(said)
        if isinstance(said, kind):
            return said
    raise TypeError(f"{said!r} stands where {kind} should")
