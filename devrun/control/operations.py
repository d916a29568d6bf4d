"""The words that endpoints are declared in: what they take, and what they answer.

One declaration serves three: the router, the reading of parameters, and the OpenAPI document.
"""

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from devrun.errors import DevrunError

_FLAGS = {"true": True, "false": False}


class Kind(str, Enum):
    """What a parameter is, in the words of JSON Schema."""

    TEXT = "string"
    FLAG = "boolean"
    NUMBER = "number"
    COUNT = "integer"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the query, or of the path where its name stands there."""

    name: str
    text: str
    kind: Kind = Kind.TEXT
    many: bool = False
    most: float = 0
    """The largest number."""
    above_zero: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """An endpoint."""

    method: str
    path: str
    summary: str
    run: Callable[[Request, "Arguments"], Awaitable[Response]]
    answer: Sequence[type]
    """What is answered: one of them, or, in a stream, each line."""
    parameters: tuple[Parameter, ...] = ()
    status: int = 200
    streams: bool = False
    errors: Mapping[int, str] = field(default_factory=dict)
    """Beyond what every endpoint may answer."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """The parameters of one request, checked."""

    texts: Mapping[str, tuple[str, ...]]
    numbers: Mapping[str, float]
    flags: Mapping[str, bool]

    def flag(self, name: str) -> bool:
        """Return whether a flag was set."""
        return self.flags.get(name, False)

    def number(self, name: str) -> float | None:
        """Return a number, None where it was not given."""
        return self.numbers.get(name)

    def count(self, name: str) -> int | None:
        """Return a whole number, None where it was not given."""
        return None if (said := self.numbers.get(name)) is None else int(said)

    def all(self, name: str) -> tuple[str, ...]:
        """Return all values of a parameter."""
        return self.texts.get(name, ())


def read_arguments(request: Request, parameters: Sequence[Parameter]) -> Arguments:
    """Return what a request says of these parameters; raises DevrunError for what they cannot be.

    A file's name may be no UTF-8.
    """
    pairs = parse_qsl(request.url.query, errors="surrogateescape", keep_blank_values=True)
    texts: dict[str, tuple[str, ...]] = {}
    numbers: dict[str, float] = {}
    flags: dict[str, bool] = {}
    for parameter in parameters:
        name = parameter.name
        said = tuple(value for key, value in pairs if key == name)
        if not said:
            continue
        match parameter.kind:
            case Kind.TEXT:
                texts[name] = said
            case Kind.FLAG:
                flags[name] = _flag(name, said[-1])
            case Kind.NUMBER | Kind.COUNT:
                numbers[name] = _number(parameter, said[-1])
    return Arguments(texts, numbers, flags)


def _flag(name: str, said: str) -> bool:
    if said not in _FLAGS:
        raise DevrunError(f"parameter {name!r} is {said!r}", hint="give true or false")
    return _FLAGS[said]


def _number(parameter: Parameter, said: str) -> float:
    read = int if parameter.kind is Kind.COUNT else float
    try:
        value: float = read(said)
    except ValueError:
        value = math.nan
    is_low = value <= 0 if parameter.above_zero else value < 0
    if is_low or not value <= parameter.most:
        what = "a whole number" if parameter.kind is Kind.COUNT else "a number"
        least = "above 0" if parameter.above_zero else "from 0"
        raise DevrunError(
            f"parameter {parameter.name!r} is {said!r}", hint=f"give {what} {least} to {parameter.most:,.0f}"
        )
    return value
