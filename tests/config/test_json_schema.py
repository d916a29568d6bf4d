"""The JSON schema of devrun.toml: as it is shipped, and as strict as the file itself where it can be.

It is judged by the library that editors of TOML files use.
"""

import json
import re
from pathlib import Path

import jsonschema_rs
import pytest
import tomli
from pydantic import ValidationError

from devrun.config.json_schema import SCHEMA_FILE, schema_text
from devrun.config.schema import File

CHECKOUT = Path(__file__).parents[2]
FILES = sorted([*CHECKOUT.glob("devrun.toml"), *CHECKOUT.glob("examples/*/devrun.toml")])
SCHEMA = json.loads(schema_text())

TAKEN = [
    "",
    'targets.web = "app.py"',
    'targets.web = { script = "app.py", ports = ["8080:5000", 9000, "${PORT:-1}:2"] }',
    'targets.web = { module = "app", args = "--fast -v", watch = "*.html", user = 1000 }',
    'targets.web = { command = ["gunicorn", "app:app"], env = { A = 1, B = true, C = "x", D = 1.5 } }',
    'targets.web = { script = "a.py", restart-on = "none", mount = false, entrypoint = [] }',
    'mount = false\nimages.dev = { args = { A = 1 }, inputs = "a" }',
    'mount = { keep = ".venv" }\nimage.stage = "dev"\nproject = { ignore = ["a"], syntax-guard = false }',
]
REFUSED = [
    "quux = 1",
    "targets.web = 1",
    'targets.web = { script = "a.py", module = "b" }',
    'targets.web = { script = "a.py", port = [1] }',
    'targets.web = { script = "a.py", ports = [1.5] }',
    'targets.web = { script = "a.py", restart-on = "any_" }',
    'targets.web = { script = "a.py", stop-timeout = -1 }',
    'targets.web = { script = "a.py", env_file = [] }',
    'targets.web = { script = "a.py", tty = "yes" }',
    'targets.web = { script = "" }',
    "mount = true",
    'image.args = ["a"]',
    "project.syntax-guard = 1",
]


def test_the_shipped_schema_is_that_of_the_code() -> None:
    """It is written anew by `devrun schema > devrun/config/devrun.schema.json`."""
    assert SCHEMA_FILE.read_text() == schema_text()


def test_it_is_a_schema() -> None:
    """By the schema of schemas."""
    jsonschema_rs.meta.validate(SCHEMA)


def test_every_key_and_table_is_described() -> None:
    """In a docstring below it, which an editor shows at the key."""
    tables = {**SCHEMA["$defs"], "the file": SCHEMA}
    silent = [
        f"{table}.{key}"
        for table, schema in tables.items()
        for key, value in schema.get("properties", {}).items()
        if not value.get("description")
    ]
    assert silent == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_the_examples_are_valid_by_it(file: Path) -> None:
    """They are what people copy."""
    jsonschema_rs.validate(SCHEMA, tomli.loads(file.read_text()))


def test_the_readme_is_valid_by_it() -> None:
    """It shows every key at work."""
    blocks = re.findall(r"```toml\n(.*?)```", (CHECKOUT / "README.md").read_text(), re.DOTALL)
    assert blocks
    for block in blocks:
        jsonschema_rs.validate(SCHEMA, tomli.loads(block))


@pytest.mark.parametrize("text", TAKEN)
def test_what_the_file_may_say_is_valid(text: str) -> None:
    """Short forms too."""
    File.model_validate(tomli.loads(text.replace("${PORT:-1}", "1")))
    jsonschema_rs.validate(SCHEMA, tomli.loads(text))


@pytest.mark.parametrize("text", REFUSED)
def test_what_the_file_may_not_say_is_invalid(text: str) -> None:
    """As far as types, keys and choices go."""
    with pytest.raises(ValidationError):
        File.model_validate(tomli.loads(text))
    assert not jsonschema_rs.is_valid(SCHEMA, tomli.loads(text))
