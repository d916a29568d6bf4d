"""What the builds of an image may ask for, from its table: paths may lie in the user's home."""

import os
from pathlib import Path

from devrun.config.schema import ImageTable
from devrun.config.session import Secret, Session, SshAgent


def session_of(table: ImageTable, root: Path) -> Session:
    """Return what builds may ask for; whether it is there is looked at by each of them."""
    secrets = (
        Secret(name, _own_file(root, said.file) if said.file else None, said.env or "")
        for name, said in table.secrets.items()
    )
    agents = (line.partition("=") for line in table.ssh)
    return Session(
        tuple(secrets),
        tuple(SshAgent(name, _own_file(root, path) if path else None) for name, _, path in agents),
        tuple(table.cache_from),
    )


def _own_file(root: Path, value: str) -> Path:
    # Not `Path.expanduser`, which raises where there is no such user.
    return Path(os.path.normpath(root / os.path.expanduser(value)))  # noqa: PTH111
