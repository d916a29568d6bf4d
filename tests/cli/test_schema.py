"""`devrun schema` prints what is shipped, wherever it is called."""

from pathlib import Path

from devrun.config.json_schema import SCHEMA_FILE
from tests.cli.conftest import Devrun


def test_the_schema_is_printed_without_a_project(devrun: Devrun, tmp_path: Path) -> None:
    """An editor asks for it, not a project."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (tmp_path / "devrun.toml").unlink()

    assert devrun("schema", cwd=folder).stdout == SCHEMA_FILE.read_text()
