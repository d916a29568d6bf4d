"""What of the host is shown in a container, and what of the image stays visible below it: rules only."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from devrun.config.project import TargetConfig


@dataclass(frozen=True, slots=True)
class Shown:
    """A host directory at a place in the container."""

    source: Path
    path: PurePosixPath
    kept: tuple[PurePosixPath, ...] = ()
    """Below `path`, what the image has itself: anonymous volumes, filled by the engine from the image."""

    def inside(self, file: Path) -> PurePosixPath | None:
        """Return where a host file is seen, None where it is not."""
        try:
            return self.path / PurePosixPath(file.relative_to(self.source).as_posix())
        except ValueError:
            return None


def choose_mount(
    target: TargetConfig, workdir: str, env: Mapping[str, str], venvs: tuple[str, ...]
) -> tuple[Shown | None, str]:
    """Return what is mounted, and the rule in words.

    `workdir` and `env` are the image's; `venvs` are virtual environments that were seen in it.
    """
    if target.mount is None:
        return None, "nothing is mounted: the image carries its code"
    path = PurePosixPath(target.mount.path or workdir or "/")
    if path == PurePosixPath("/"):
        return None, "nothing is mounted: the image has no WORKDIR, and `mount.path` names no place"
    where = "`mount.path`" if target.mount.path else "the image's WORKDIR"
    kept = {path / name for name in target.mount.keep} | _environments(path, env, venvs)
    # What the target puts there itself takes the place of what the image has.
    kept -= {PurePosixPath(place) for place in target.surroundings.places}
    # A volume inside a volume would hide the first one's content again.
    outer = tuple(sorted(place for place in kept if not any(other in place.parents for other in kept)))
    words = f"{target.mount.source} is shown at {path} ({where})"
    if outer:
        words += f", but {', '.join(map(str, outer))} of the image stays visible"
    return Shown(target.mount.source, path, outer), words


def _environments(path: PurePosixPath, env: Mapping[str, str], venvs: tuple[str, ...]) -> set[PurePosixPath]:
    """Return the virtual environments of the image that the mount would hide."""
    named = [PurePosixPath(env["VIRTUAL_ENV"])] if env.get("VIRTUAL_ENV") else []
    on_path = [PurePosixPath(entry) for entry in env.get("PATH", "").split(":") if entry]
    named += [entry.parent for entry in on_path if entry.name == "bin"]
    named += [PurePosixPath(venv) for venv in venvs]
    return {place for place in named if path in place.parents}
