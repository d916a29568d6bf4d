"""Where a project is: its file, and the key of its folder. Needs nothing but the disk, for quick commands."""

import hashlib
import os
from pathlib import Path

from devrun.config.pyproject import PYPROJECT, has_table
from devrun.errors import ConfigError

FILE_NAME = "devrun.toml"
KEY_LENGTH = 12
STARTER = '[targets]\nweb = "app.py"'


def find_file(start: Path) -> Path:
    """Return the nearest `devrun.toml`, or `pyproject.toml` with a table of ours, at or above a folder."""
    try:
        folder = start.resolve()
    except OSError as error:  # somebody has removed the folder that the terminal stands in
        raise ConfigError(f"the current folder cannot be read: {(error.strerror or '').lower()}") from error
    for place in (folder, *folder.parents):
        # A link that leads nowhere is somebody's mistake, and no reason to take a file above it.
        if os.path.lexists(place / FILE_NAME):
            return place / FILE_NAME
        if has_table(place / PYPROJECT):
            return place / PYPROJECT
    raise ConfigError(
        f"no {FILE_NAME} in {folder} or above it, and no {PYPROJECT} with [tool.devrun]",
        hint=f"write one beside your Dockerfile, for example:\n{STARTER}",
    )


def real_file(file: Path) -> Path:
    """Return a project's file by the real path of its folder; the file may be a link to anywhere."""
    return file.parent.resolve() / file.name


def root_key(root: Path) -> str:
    """Return the hash that stands for a project's real path in labels and in the state directory's name."""
    return hashlib.sha256(bytes(root.resolve())).hexdigest()[:KEY_LENGTH]
