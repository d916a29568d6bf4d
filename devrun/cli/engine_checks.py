"""What `devrun doctor` looks at on the engine: its version, builder and clock, the mount and the ports."""

from collections.abc import Iterator
from pathlib import Path

from devrun.cli.finding import Finding, fail, ok, warn
from devrun.config.project import Project
from devrun.core.values import ImageId
from devrun.engine.checkup import Checkup
from devrun.errors import EngineError

LARGEST_CLOCK_GAP_S = 1.0
"""Files and starts of containers are compared by time, with that much of doubt."""
LARGEST_FILE_BYTES = 1024 * 1024
SHARE = (
    "the engine runs on another machine, or in a virtual machine that does not share this folder:"
    " share it there, or choose another engine by DOCKER_HOST or `docker context use`"
)


def check_engine(checkup: Checkup) -> Iterator[Finding]:
    """Say which engine it is, and what its builder and its clock are like."""
    if checkup.is_recent:
        yield ok("engine", checkup.name)
    else:
        yield fail("engine", f"{checkup.name} is too old", "update it to Docker 20.10 or newer")
    if checkup.has_buildkit():
        yield ok("buildkit", "BuildKit builds images")
    else:
        yield warn(
            "buildkit",
            "the engine has no BuildKit: builds are slow, and RUN --mount is not understood",
            "use Docker 20.10 or newer",
        )
    ahead = checkup.clock_ahead_s()
    if abs(ahead) <= LARGEST_CLOCK_GAP_S:
        yield ok("clock", "the engine's clock is that of this machine")
    else:
        way = "ahead of" if ahead > 0 else "behind"
        yield warn(
            "clock",
            f"the engine's clock is {abs(ahead):.1f} s {way} that of this machine: some restarts are in vain",
            "set the clocks by NTP; a virtual machine needs a restart after a sleep",
        )


def check_mount(checkup: Checkup, project: Project) -> Iterator[Finding]:
    """Say whether containers see the project's files, by looking for one in a container."""
    sources = dict.fromkeys(target.mount.source for target in project.targets.values() if target.mount)
    image = checkup.image(project) if sources else None
    if not sources:
        yield ok("mount", "nothing is mounted: images carry their code")
    elif image is None:
        yield warn("mount", "not tried, since no image is built", "ask again after the first `devrun watch`")
    else:
        yield from (_look_for(checkup, project, image, source) for source in sources)


def _look_for(checkup: Checkup, project: Project, image: ImageId, source: Path) -> Finding:
    file = _some_file(source)
    if file is None:
        return ok("mount", f"{source} has no file to look for")
    try:
        seen = checkup.reads(project, image, file)
    except EngineError as error:
        return fail("mount", error.message, SHARE)
    if seen != file.read_bytes():
        return fail("mount", f"containers do not see {file} as it is", SHARE)
    return ok("mount", f"containers see {file}")


def check_ports(checkup: Checkup, project: Project) -> Iterator[Finding]:
    """Say which ports of targets are held by somebody else."""
    wanted = [port for target in project.targets.values() for port in target.ports if port.host_port]
    if not wanted or not checkup.is_local:
        return
    taken = checkup.holders(project)
    for (target, port), who in taken.items():
        hint = f"end that, or choose another one in {project.file_name}"
        yield fail("ports", f"port {port.host_port} for {target} is taken by {who}", hint)
    if not taken:
        numbers = ", ".join(str(port.host_port) for port in wanted)
        yield ok("ports", f"free, or held by their targets: {numbers}")


def check_network(checkup: Checkup, project: Project) -> Iterator[Finding]:
    """Say for which targets a sandbox keeps the network over restarts, and why for none."""
    kept = [name for name, target in project.targets.items() if target.network_sandbox]
    if checkup.why_no_sandbox:
        yield ok("network", f"made anew by each restart: {checkup.why_no_sandbox}")
    elif kept:
        yield ok("network", f"kept over restarts, in a container beside that of: {', '.join(kept)}")
    else:
        yield ok("network", f"made anew by each restart: {project.file_name} says network-sandbox = false")


def _some_file(folder: Path) -> Path | None:
    """Return a plain file in a folder, devrun.toml for instance, that is not too large to read."""
    files = (path for path in sorted(folder.iterdir()) if path.is_file() and not path.is_symlink())
    return next((path for path in files if path.stat().st_size <= LARGEST_FILE_BYTES), None)
