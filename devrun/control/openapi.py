"""The OpenAPI document of the socket, made of the endpoints' declarations and of the core's own values."""

import ast
import inspect
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from pydantic import TypeAdapter

from devrun.control.operations import Kind, Operation, Parameter
from devrun.control.protocol import PROTOCOL_HEADER

REF = "#/components/schemas/{model}"
JSON, LINES = "application/json", "application/x-ndjson"
COMMON_ERRORS = {
    400: "The request is no HTTP, or a parameter is not what it should be.",
    403: "The request comes from a web page, or names another host.",
    411: "The body has no length.",
    413: "The body is too large.",
}

Schema = dict[str, object]
Adapter = tuple[type, Literal["serialization"], TypeAdapter[object]]


@dataclass(frozen=True, slots=True)
class Refused:
    """An answer that is an error."""

    error: str
    hint: str
    """What to do about it."""


def document(operations: Sequence[Operation], *, version: str, protocol: str) -> Schema:
    """Return the document."""
    kinds = dict.fromkeys(kind for one in operations for kind in (*one.answer, Refused))
    adapters: list[Adapter] = [(kind, "serialization", TypeAdapter(kind)) for kind in kinds]
    _, said = TypeAdapter.json_schemas(adapters, ref_template=REF)
    schemas: dict[str, Schema] = said["$defs"]
    for kind in _records(kinds):
        _describe(schemas.get(kind.__name__, {}), kind)
    paths: dict[str, Schema] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "devrun",
            "version": version,
            "description": "The local socket of a devrun daemon: `curl --unix-socket`. Every answer has the"
            f" header `{PROTOCOL_HEADER}: {protocol}`.",
        },
        "servers": [{"url": "http://localhost"}],
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _operation(one: Operation) -> Schema:
    errors = {**COMMON_ERRORS, **one.errors}
    content = {"schema": _answer(one.answer)}
    media = LINES if one.streams else JSON
    good = {"description": inspect.getdoc(one.answer[0]) or "", "content": {media: content}}
    refused = {JSON: {"schema": {"$ref": REF.format(model=Refused.__name__)}}}
    bad = {str(code): {"description": text, "content": refused} for code, text in errors.items()}
    return {
        "summary": one.summary,
        "parameters": [_parameter(parameter, one.path) for parameter in one.parameters],
        "responses": {str(one.status): good, **bad},
    }


def _answer(kinds: Sequence[type]) -> Schema:
    refs: list[Schema] = [{"$ref": REF.format(model=kind.__name__)} for kind in kinds]
    return refs[0] if len(refs) == 1 else {"oneOf": refs}


def _parameter(parameter: Parameter, path: str) -> Schema:
    in_path = f"{{{parameter.name}}}" in path
    schema: Schema = {"type": parameter.kind.value}
    if parameter.kind in (Kind.NUMBER, Kind.COUNT):
        schema |= {"exclusiveMinimum" if parameter.above_zero else "minimum": 0, "maximum": parameter.most}
    if parameter.many:
        schema = {"type": "array", "items": schema}
    return {
        "name": parameter.name,
        "in": "path" if in_path else "query",
        "required": in_path,
        "description": parameter.text,
        "schema": schema,
    }


def _records(kinds: Mapping[type, None]) -> dict[type, None]:
    """Return these dataclasses with those that stand in their modules beside them."""
    modules = dict.fromkeys(inspect.getmodule(kind) for kind in kinds)
    found = (value for module in modules for value in vars(module).values())
    return dict.fromkeys(
        value for value in found if inspect.isclass(value) and hasattr(value, "__dataclass_fields__")
    )


def _describe(schema: Schema, kind: type) -> None:
    """Give each property the words that stand below its field in the source."""
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(definition, ast.ClassDef)
    for field, words in pairwise(definition.body):
        match field, words:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                if name in properties:
                    properties[name]["description"] = inspect.cleandoc(text)
            case _:
                pass
