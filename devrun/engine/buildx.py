"""Where docker's `buildx` is: the client that builds need which want a session."""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from devrun.errors import EngineError

VERSION_TIMEOUT_S = 10.0
PLUGIN = "docker-buildx"
SYSTEM_FOLDERS = (
    Path("/usr/local/lib/docker/cli-plugins"),
    Path("/usr/local/libexec/docker/cli-plugins"),
    Path("/usr/lib/docker/cli-plugins"),
    Path("/usr/libexec/docker/cli-plugins"),
)

_VERSION = re.compile(r"buildx v?(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Buildx:
    """The client, by the words that start it."""

    command: tuple[str, ...]
    version: tuple[int, int]


def require_buildx(need: str) -> Buildx:
    """Return the client; the error where there is none begins with what needs it."""
    found = find_buildx(os.environ, Path.home())
    if found is None:
        raise EngineError(
            f"{need} needs a build session, and `docker buildx` is not installed",
            hint="install the buildx plugin: package docker-buildx-plugin or docker-buildx, "
            "or https://github.com/docker/buildx",
        )
    return found


def find_buildx(
    environ: Mapping[str, str], home: Path, system: tuple[Path, ...] = SYSTEM_FOLDERS
) -> Buildx | None:
    """Return the first that answers: by any `docker` in PATH, else the plugin by itself."""
    return next(filter(None, map(_asked, _candidates(environ, home, system))), None)


def _candidates(
    environ: Mapping[str, str], home: Path, system: tuple[Path, ...]
) -> Iterator[tuple[str, ...]]:
    path = [Path(folder) for folder in environ.get("PATH", os.defpath).split(os.pathsep) if folder]
    clients = dict.fromkeys(os.path.realpath(folder / "docker") for folder in path)
    yield from ((client, "buildx") for client in clients)
    own = Path(environ.get("DOCKER_CONFIG") or home / ".docker") / "cli-plugins"
    yield from ((str(folder / PLUGIN),) for folder in (*path, own, *system))


def _asked(command: tuple[str, ...]) -> Buildx | None:
    if not os.access(command[0], os.X_OK):
        return None
    try:
        answer = subprocess.run(
            [*command, "version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=VERSION_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = _VERSION.search(answer.stdout)
    return Buildx(command, (int(found[1]), int(found[2]))) if found and not answer.returncode else None
