"""Where a project is: its file, and the key of its folder. Needs nothing but the disk, for quick commands."""

import hashlib
from pathlib import Path

from devrun.errors import ConfigError

FILE_NAME = "devrun.toml"
KEY_LENGTH = 12
STARTER = '[targets]\nweb = "app.py"'


def find_file(start: Path) -> Path:
    """Return the nearest `devrun.toml` at or above a folder."""
    folder = start.resolve()
    for place in (folder, *folder.parents):
        if (place / FILE_NAME).exists():
            return place / FILE_NAME
    raise ConfigError(
        f"no {FILE_NAME} in {folder} or above it",
        hint=f"write one beside your Dockerfile, for example:\n{STARTER}",
    )


def root_key(root: Path) -> str:
    """Return the hash that stands for a project's real path in labels and in the state directory's name."""
    return hashlib.sha256(bytes(root.resolve())).hexdigest()[:KEY_LENGTH]
