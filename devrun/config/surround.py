"""The surroundings that a target's table asks for, checked against the disk and against one another."""

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

from devrun.config.mount_source import covered, leads_out, volume_refusal
from devrun.config.nearby import near
from devrun.config.notation import VolumeText
from devrun.config.problems import KeyPath, Problem, quoted
from devrun.config.project import Mount
from devrun.config.schema import TargetTable, Tree
from devrun.config.surroundings import HostPath, NamedVolume, Surroundings, Tmpfs, Volume

HOST = "host"
"""What `user` says for the developer who runs devrun."""


def user_of(table: TargetTable) -> str | None:
    """Return whom the container runs as; None: whom its image says."""
    return f"{os.geteuid()}:{os.getegid()}" if table.user == HOST else table.user


def keeps_network(table: TargetTable, *, default: bool) -> bool:
    """Tell whether a target's network is kept in a sandbox; that of the host needs none."""
    is_kept = default if table.network_sandbox is None else table.network_sandbox
    return is_kept and table.network is None


def surroundings_of(
    table: TargetTable, path: KeyPath, mount: Mount | None, root: Path, tree: Tree
) -> tuple[Surroundings, list[Problem]]:
    """Return what a target is given, and what is wrong with it; `tree` is what the file says unfilled."""
    problems = [*_taken_twice(table, path, mount), *_of_host_network(table, path)]
    volumes = []
    for index, text in enumerate(table.volumes):
        volume, found = _volume(text, (*path, "volumes", index), root, tree)
        volumes.append(volume)
        problems += found
    found_surroundings = Surroundings(
        volumes=tuple(volumes),
        networks=tuple(dict.fromkeys(table.networks)),
        hostname=table.hostname,
        extra_hosts=tuple(table.extra_hosts),
        tmpfs=(*table.tmpfs, *_covers(volumes, taken={one.path for one in table.tmpfs})),
        shm_size=table.shm_size,
        memory=table.memory,
        cpus=table.cpus,
        gpus=table.gpus,
        platform=table.platform,
        host_user=_login() if table.user == HOST else "",
        host_network=table.network is not None,
        privileged=table.privileged,
        devices=tuple(dict.fromkeys(table.devices)),
        cap_add=tuple(sorted(set(table.cap_add))),
    )
    return found_surroundings, problems


def _volume(text: VolumeText, where: KeyPath, root: Path, tree: Tree) -> tuple[Volume, list[Problem]]:
    if text.is_named:
        return NamedVolume(text.source, text.path, text.read_only), []
    written = root / os.path.expanduser(text.source)  # noqa: PTH111 - Path's own raises for an unknown user
    source = Path(os.path.realpath(written))
    problem = _problem(source, written, where, root, tree)
    return HostPath(source, text.path, text.read_only), [problem] if problem else []


def _problem(source: Path, written: Path, where: KeyPath, root: Path, tree: Tree) -> Problem | None:
    said = quoted(tree, where)
    if reason := volume_refusal(source):
        return Problem(where, reason, "name a folder of its own in `volumes`")
    if not os.path.exists(source):  # noqa: PTH110 - Path's own raises for a name that is too long
        return Problem(
            where, f"{said}: there is no such file or folder{near(written)}", "make it, or correct the path"
        )
    if leads_out(source, written, root):
        return Problem(where, f"{said} is a link out of the project", "write the path that it leads to")
    return None


def _covers(volumes: list[Volume], taken: set[str]) -> Iterator[Tmpfs]:
    """Yield what hides devrun's own directories where the home directory is shown: grants are kept there."""
    for volume in volumes:
        for below in covered(volume.source) if isinstance(volume, HostPath) else ():
            if (place := f"{volume.path}/{below}") not in taken:
                yield Tmpfs(place, "size=64k")


def _of_host_network(table: TargetTable, path: KeyPath) -> Iterator[Problem]:
    """Yield what cannot be had with the host's network."""
    if table.network is None:
        return
    for key in ("ports", "networks"):
        if getattr(table, key):
            yield Problem((*path, key), 'there are none with network = "host"')
    if table.debug is not False:
        yield Problem((*path, "debug"), 'a debugger would be open to others with network = "host"')


def _taken_twice(table: TargetTable, path: KeyPath, mount: Mount | None) -> Iterator[Problem]:
    """Yield what is to be mounted where something else is: engines may take it, and show one of them."""
    taken = {mount.path.rstrip("/")} if mount and mount.path else set()
    places = [((*path, "volumes", index), one.path) for index, one in enumerate(table.volumes)]
    places += [((*path, "tmpfs", index), one.path) for index, one in enumerate(table.tmpfs)]
    for where, place in places:
        if place in taken:
            yield Problem(where, "something else of this target is mounted at the same place")
        taken.add(place)


def _login() -> str:
    """Return what the developer is called on this machine."""
    uid = os.geteuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # a user without an entry
        return f"user{uid}"
