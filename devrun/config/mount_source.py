"""Which folders of this machine are never shown to a container: what runs there may write into them."""

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

ENGINE_SOCKETS = ("/run/docker.sock", "/var/run/docker.sock", "/run/podman/podman.sock")
RUNTIME_SOCKETS = ("docker.sock", "podman/podman.sock")
"""Below the runtime directory of a user who has an engine of his own."""

HIDDEN = "would be seen in the container, and could be changed there"


def refusal(source: Path) -> str:
    """Return why a folder, given by its real path, cannot be mounted; empty: it can."""
    if source == Path(source.anchor):
        return f"the whole file system {HIDDEN}"
    if _home().is_relative_to(source):
        return f"the home directory {HIDDEN}"
    if any(place.is_relative_to(source) for place in _engine_sockets()):
        return f"the engine's socket {HIDDEN}"
    if any(source.is_relative_to(own) or own.is_relative_to(source) for own in _own_folders()):
        return f"devrun's own directory {HIDDEN}"
    return ""


def leads_out(source: Path, written: Path, root: Path) -> bool:
    """Tell whether a path that is written as one of the project leads out of it, over a link."""
    return Path(os.path.normpath(written)).is_relative_to(root) and not source.is_relative_to(root)


def _home() -> Path:
    try:
        return Path(pwd.getpwuid(os.geteuid()).pw_dir).resolve()
    except KeyError:  # a user without an entry
        return Path("~").expanduser().resolve()


def _own_folders() -> Iterator[Path]:
    """Yield where devrun keeps its locks and sockets."""
    yield _home() / ".local" / "state" / "devrun"
    yield Path(f"/run/user/{os.geteuid()}/devrun")


def _engine_sockets() -> Iterator[Path]:
    for place in ENGINE_SOCKETS:
        yield Path(os.path.realpath(place))
    for name in RUNTIME_SOCKETS:
        yield Path(f"/run/user/{os.geteuid()}") / name
    kind, _, path = os.environ.get("DOCKER_HOST", "").partition("://")
    if kind == "unix" and path:
        yield Path(os.path.realpath(path))
