"""The JSON schema of devrun.toml, by which editors complete and check it as it is written.

It allows what the file may say, and somewhat more: what must exist on disk, or fit together, is found by
`devrun check`. TOML knows no null, so that a key without a default is simply left out.
"""

import ast
import inspect
import json
from itertools import pairwise
from pathlib import Path

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from devrun.config.schema import PROGRAM_KEYS, File, Table, TargetTable

SCHEMA_FILE = Path(__file__).with_name("devrun.schema.json")
"""The schema as it is shipped; `devrun schema` writes it anew."""

DIALECT = "http://json-schema.org/draft-07/schema#"
"""The newest one that editors of TOML files know all of."""


def schema_text() -> str:
    """Return the schema, as it stands in its file."""
    for table in Table.__subclasses__():
        _describe(table)
    for table in Table.__subclasses__():
        table.model_rebuild(force=True)
    said = File.model_json_schema(schema_generator=_Generator)
    untitled = {key: value for key, value in said.items() if key != "title"}
    return json.dumps({"$schema": DIALECT, "title": "devrun.toml", **untitled}, indent=2) + "\n"


def _describe(table: type[Table]) -> None:
    """Give the keys of a table the texts that stand below them; pydantic would read them at every start."""
    (definition,) = ast.parse(inspect.getsource(table)).body
    assert isinstance(definition, ast.ClassDef)
    for key, text in pairwise(definition.body):
        match key, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(said))):
                table.model_fields[name].description = inspect.cleandoc(said)
            case _:
                pass


class _Generator(GenerateJsonSchema):
    """Pydantic's, without nulls and without titles that only repeat a key."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Return what a key may be where it is written."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Return the schema with its default, where that says more than that nothing is there."""
        said = super().default_schema(schema)
        is_plain = isinstance(said.get("default"), str | int)
        return {key: value for key, value in said.items() if key != "default" or is_plain}

    def enum_schema(self, schema: core_schema.EnumSchema) -> JsonSchemaValue:
        """Return the schema of a choice."""
        said = super().enum_schema(schema)
        said.pop("title", None)
        return said

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002
        """Return that a key is its own title."""
        return False

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """Return the schema of a table."""
        said = super().model_schema(schema)
        said.pop("title", None)
        if schema["cls"] is TargetTable:
            first, second, third = PROGRAM_KEYS
            pairs = ((first, second), (first, third), (second, third))
            said["allOf"] = [{"not": {"required": [*pair]}} for pair in pairs]
        return said
