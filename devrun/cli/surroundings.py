"""The surroundings of a target in words: what its container is given beside its program and its mount."""

import os
from collections.abc import Iterator

from devrun.config.project import Project, TargetConfig
from devrun.config.surroundings import Gpus, HostPath, NamedVolume, Surroundings, Volume
from devrun.engine.labels import volume_name
from devrun.engine.surroundings import HOST_HOME

_UNITS = ("bytes", "KB", "MB", "GB", "TB")
_STEP = 1024


def describe(project: Project, target: TargetConfig) -> Iterator[str]:
    """Yield a line for each thing that is asked for."""
    given = target.surroundings
    for volume in given.volumes:
        yield _volume(project, volume)
    if given.tmpfs:
        places = (f"{one.path} ({one.options})" if one.options else one.path for one in given.tmpfs)
        yield f"in memory, empty at each start: {', '.join(places)}"
    if given.networks:
        yield f"networks: the project's own, and {', '.join(given.networks)}"
    if given.hostname:
        yield f"host name: {given.hostname}"
    if given.extra_hosts:
        yield f"knows: {', '.join(f'{host.name} as {host.address}' for host in given.extra_hosts)}"
    if limits := [*_limits(given)]:
        yield f"limits: {', '.join(limits)}"
    if given.gpus:
        yield f"graphics cards: {_gpus(given.gpus)}"
    yield from _rights(given)
    if given.platform:
        yield f"platform: {given.platform}"
    if given.host_user:
        home = target.env.get("HOME", f"{HOST_HOME}, which is in memory")
        yield f"runs as: {given.host_user} ({target.user}), at home in {home}"


def _rights(given: Surroundings) -> Iterator[str]:
    if given.host_network:
        yield "network: that of this machine, and not the project's"
    if given.privileged:
        yield "rights: all that root has on this machine"
    if given.cap_add:
        yield f"capabilities: {', '.join(given.cap_add)}"
    for device in given.devices:
        yield f"device: {device.source} at {device.path} ({device.rights})"


def _volume(project: Project, volume: Volume) -> str:
    end = ", read-only" if volume.read_only else ""
    match volume:
        case NamedVolume(name=name):
            return f"volume: {volume_name(project, name)} at {volume.path}{end}; `down` keeps it"
        case HostPath(source=source):
            inside = source.is_relative_to(project.root)
            shown = os.path.relpath(source, project.root) if inside else source
            return f"shown beside the source: {shown} at {volume.path}{end}; no edit there restarts it"


def _limits(given: Surroundings) -> Iterator[str]:
    if given.memory:
        yield f"{_size(given.memory)} of memory"
    if given.cpus:
        yield f"{given.cpus:g} processors"
    if given.shm_size:
        yield f"{_size(given.shm_size)} of shared memory"


def _size(size: int) -> str:
    power = 0
    while power + 1 < len(_UNITS) and size >= _STEP ** (power + 1):
        power += 1
    return f"{size / _STEP**power:.4g} {_UNITS[power]}"


def _gpus(gpus: Gpus) -> str:
    return ", ".join(gpus.ids) or ("all" if gpus.count < 0 else f"any {gpus.count}")
