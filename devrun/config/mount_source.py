"""Which folders a container may see: those of the project, others once they are granted, some never."""

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

ENGINE_SOCKETS = (
    "/run/docker.sock",
    "/var/run/docker.sock",
    "/run/podman/podman.sock",
    "/run/containerd/containerd.sock",
    "/run/buildkit/buildkitd.sock",
    "/run/crio/crio.sock",
)
RUNTIME_SOCKETS = ("docker.sock", "podman/podman.sock", "buildkit/buildkitd.sock")
"""Below the runtime directory of a user who has an engine of his own."""
HOME_SOCKETS = (".docker/run/docker.sock", ".docker/desktop/docker.sock", ".colima/default/docker.sock")

HIDDEN = "would be seen in the container, and could be changed there"


def refusal(source: Path) -> str:
    """Return why a folder, given by its real path, cannot be the source of a mount; empty: it can."""
    if source == Path(source.anchor):
        return f"the whole file system {HIDDEN}"
    if _home().is_relative_to(source):
        return f"the home directory {HIDDEN}"
    if _holds_engine(source):
        return f"the engine's socket {HIDDEN}"
    return volume_refusal(source)


def volume_refusal(source: Path) -> str:
    """Return why a real path is shown to no container, whatever was granted; empty: it may be.

    The home directory may be: what devrun keeps in it is covered (see `covered`).
    """
    if source == Path(source.anchor):
        return f"the whole file system {HIDDEN}"
    own = [*_own_folders()]
    is_home = _home().is_relative_to(source) and not _own_runtime().is_relative_to(source)
    if any(source.is_relative_to(one) or (one.is_relative_to(source) and not is_home) for one in own):
        return f"devrun's own directory {HIDDEN}"
    return ""


def reach(source: Path, root: Path) -> str:
    """Return what of this machine a path shows beyond the project at `root`; empty: nothing."""
    if _holds_engine(source):
        return "the engine's socket"
    if _home().is_relative_to(source):
        return "the home directory"
    return "" if source.is_relative_to(root) else "what is outside the project"


def covered(source: Path) -> Iterator[str]:
    """Yield devrun's own directories below a path, relative to it: grants and locks are kept there."""
    for own in _own_folders():
        if own != source and own.is_relative_to(source):
            yield own.relative_to(source).as_posix()


def leads_out(source: Path, written: Path, root: Path) -> bool:
    """Tell whether a path that is written as one of the project leads out of it, over a link."""
    return Path(os.path.normpath(written)).is_relative_to(root) and not source.is_relative_to(root)


def _holds_engine(source: Path) -> bool:
    return any(place.is_relative_to(source) for place in _engine_sockets())


def _home() -> Path:
    try:
        return Path(pwd.getpwuid(os.geteuid()).pw_dir).resolve()
    except KeyError:  # a user without an entry
        return Path("~").expanduser().resolve()


def _own_folders() -> Iterator[Path]:
    """Yield where devrun keeps its locks, its sockets, and what was granted."""
    state = _home() / ".local" / "state" / "devrun"
    yield from dict.fromkeys((state, Path(os.path.realpath(state))))
    yield _own_runtime()


def _own_runtime() -> Path:
    return Path(f"/run/user/{os.geteuid()}/devrun")


def _engine_sockets() -> Iterator[Path]:
    for place in ENGINE_SOCKETS:
        yield Path(os.path.realpath(place))
    for name in RUNTIME_SOCKETS:
        yield Path(f"/run/user/{os.geteuid()}") / name
    for name in HOME_SOCKETS:
        if (_home() / name).exists():
            yield Path(os.path.realpath(_home() / name))
    kind, _, path = os.environ.get("DOCKER_HOST", "").partition("://")
    if kind == "unix" and path:
        yield Path(os.path.realpath(path))
