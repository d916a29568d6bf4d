"""A project folder with a Dockerfile and a script, and a way to read a text as its devrun.toml."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from devrun.config.load import load
from devrun.config.project import Project, TargetConfig, TargetName
from devrun.errors import ConfigError

Read = Callable[..., Project]
Refused = Callable[..., list[str]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The project's folder."""
    folder = tmp_path / "hello"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM scratch\n")
    (folder / "app.py").write_text("")
    return folder


@pytest.fixture
def read(root: Path) -> Read:
    """Read a text as the project's file."""

    def read_text(text: str | bytes, environment: Mapping[str, str] | None = None) -> Project:
        data = text if isinstance(text, bytes) else text.encode()
        (root / "devrun.toml").write_bytes(data)
        return load(root / "devrun.toml", environment or {})

    return read_text


@pytest.fixture
def refused(read: Read, root: Path) -> Refused:
    """Read a text that is to be refused, and return its problems, without the file's folder."""

    def problems(text: str | bytes, environment: Mapping[str, str] | None = None) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            read(text, environment)
        return caught.value.message.replace(f"{root}/devrun.toml:", "").split("\n")

    return problems


@pytest.fixture
def target(read: Read) -> Callable[[str], TargetConfig]:
    """Read the keys of a target of app.py, and return what becomes of them."""
    return lambda keys: read(f'[targets.web]\nscript = "app.py"\n{keys}').targets[TargetName("web")]
