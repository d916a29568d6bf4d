"""What `devrun doctor` looks at on this machine: Python, devrun's folder, the docker client, the files."""

import platform
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from devrun import __version__
from devrun.cli.finding import Finding, fail, ok, warn
from devrun.cli.main import Options
from devrun.config.project import Project
from devrun.control.lock import read
from devrun.sources.file_systems import file_system_of, is_silent
from devrun.sources.lookout import RESCAN_S
from devrun.sources.roots import find_roots, watched_directories
from devrun.sources.snapshot import Snapshot
from devrun.sources.watcher import WatcherError, watch

LIMITS = Path("/proc/sys/fs/inotify")
NEARLY = 0.8
"""Of the watches that a user has: other programs want some, too."""
ANSWER_S = 10.0
MORE_WATCHES = (
    "sudo sysctl fs.inotify.max_user_watches=524288 fs.inotify.max_user_instances=512,"
    " or leave folders out: `ignore` in [project]"
)
INSTALL_CLIENT = "only builds with secrets, ssh or a frontend of their own need it; "


def check_python() -> Iterator[Finding]:
    """Say which Python runs devrun."""
    yield ok("python", f"Python {platform.python_version()} runs devrun {__version__}")


def check_state(options: Options) -> Iterator[Finding]:
    """Say whether devrun's own folder can be used, and whether a daemon does."""
    place = options.place()
    place.check_outside(options.root)
    place.make()
    trial = place.state / ".doctor"
    try:
        trial.touch()
        trial.unlink()
    except OSError as error:
        yield fail(
            "state", f"{place.state}: {(error.strerror or '').lower()}", "make room, or make it writable"
        )
        return
    holder = read(place)
    if holder is None:
        yield ok("state", f"{place.state} can be used, no daemon runs")
    elif holder.version != __version__:
        text = f"the daemon (pid {holder.pid}) is devrun {holder.version}, this is {__version__}"
        yield warn("state", text, "start `devrun watch` anew")
    else:
        yield ok("state", f"{place.state} is used by the daemon (pid {holder.pid})")


def check_client() -> Iterator[Finding]:
    """Say whether the docker client and its buildx are there; the engine is used without them."""
    if not shutil.which("docker"):
        yield warn("client", "there is no docker client", f"{INSTALL_CLIENT}install docker-ce-cli")
        return
    yield ok("client", _answer("docker", "--version") or "docker is there, but does not tell its version")
    if buildx := _answer("docker", "buildx", "version"):
        yield ok("buildx", buildx)
    else:
        yield warn(
            "buildx", "the docker client has no buildx", f"{INSTALL_CLIENT}install docker-buildx-plugin"
        )


def check_watch(project: Project) -> Iterator[Finding]:
    """Say whether all folders of a project can be watched, by watching them."""
    snapshot = Snapshot(find_roots(project))
    snapshot.scan()
    folders = len(snapshot.directories)
    limit = _limit("max_user_watches")
    text = f"folders to watch: {folders}" + (f", of {limit} that a user may watch" if limit else "")
    try:
        watch(snapshot.directories).close()
    except WatcherError as error:
        yield warn("watch", f"{text}: {error}", MORE_WATCHES)
        return
    is_close = bool(limit) and folders > NEARLY * limit
    yield warn("watch", text, MORE_WATCHES) if is_close else ok("watch", text)


def check_files(project: Project) -> Iterator[Finding]:
    """Say whether the file systems of a project's folders tell of changes."""
    for folder in watched_directories(project):
        kind = file_system_of(folder)
        if is_silent(kind):
            text = f"{folder} is on {kind}: what others change there is seen after up to {RESCAN_S:g} s"
            yield warn("files", text, "keep the project on a disk of this machine; in WSL, not below /mnt")
        elif kind:
            yield ok("files", f"{folder} is on {kind}")


def _answer(*command: str) -> str:
    """Return the first line that a program says of itself; empty: it fails."""
    try:
        said = subprocess.run(
            command, capture_output=True, text=True, timeout=ANSWER_S, check=True, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return next(iter(said.stdout.splitlines()), "")


def _limit(name: str) -> int:
    try:
        return int((LIMITS / name).read_text())
    except (OSError, ValueError):
        return 0
