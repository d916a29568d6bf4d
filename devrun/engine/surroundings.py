"""What a container is given beside its program, as the engine's create call takes it. Pure.

Only what a target asks for is named: an engine's own defaults stay what they are.
"""

from collections.abc import Mapping

from devrun.config.project import Project, TargetConfig
from devrun.config.surroundings import Device, Gpus, HostPath, NamedVolume, Surroundings, Volume
from devrun.engine import labels

HOST_HOME = "/tmp/.devrun-home"
"""The home of a developer in a container, in memory: no image has one for a user whom it does not know."""
HOST_ADDRESS = "host.docker.internal"
NANO = 1_000_000_000

Part = dict[str, object]


def volume_mounts(project: Project, volumes: tuple[Volume, ...]) -> list[Part]:
    """Return the mounts of volumes; a named one is made by the engine, with labels, where it is missing."""
    return [_mount(project, volume) for volume in volumes]


def _mount(project: Project, volume: Volume) -> Part:
    rest: Part = {"Target": volume.path, "ReadOnly": volume.read_only}
    match volume:
        case HostPath(source=source):
            return {"Type": "bind", "Source": str(source), **rest}
        case NamedVolume(name=name):  # pragma: no branch - no other is left
            owned = {"Labels": labels.volume_labels(project, name)}
            return {
                "Type": "volume",
                "Source": labels.volume_name(project, name),
                "VolumeOptions": owned,
                **rest,
            }


def host_config(target: TargetConfig) -> Part:
    """Return what a target asks for of the host: names, file systems in memory, limits and devices."""
    given = target.surroundings
    asked: Part = {
        "ExtraHosts": _extra_hosts(given),
        "Tmpfs": _tmpfs(target),
        "ShmSize": given.shm_size,
        "Memory": given.memory,
        "NanoCpus": None if given.cpus is None else round(given.cpus * NANO),
        "DeviceRequests": _device_requests(given.gpus),
        "Privileged": given.privileged,
        "Devices": [_device(device) for device in given.devices],
        "CapAdd": list(given.cap_add),
    }
    return {key: value for key, value in asked.items() if value}


def host_env(given: Surroundings, known: Mapping[str, str], said: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a developer whom the image does not know.

    `known` is that of image and target, `said` that of the target alone: the image's HOME is another user's.
    """
    if not given.host_user:
        return {}
    home = {} if "HOME" in said else {"HOME": HOST_HOME}
    return home if "USER" in known else {**home, "USER": given.host_user}


def _extra_hosts(given: Surroundings) -> list[str]:
    said = {host.name: host.address for host in given.extra_hosts}
    return [f"{name}:{address}" for name, address in {HOST_ADDRESS: "host-gateway", **said}.items()]


def _tmpfs(target: TargetConfig) -> dict[str, str]:
    given = target.surroundings
    wanted = {one.path: one.options for one in given.tmpfs}
    if given.host_user and "HOME" not in target.env and HOST_HOME not in given.places:
        uid, _, gid = (target.user or "").partition(":")
        # Unless told, nothing in memory can be executed, which programs in `~/.local/bin` are meant for.
        wanted[HOST_HOME] = f"exec,mode=700,uid={uid},gid={gid}"
    return wanted


def _device(device: Device) -> Part:
    return {
        "PathOnHost": device.source,
        "PathInContainer": device.path,
        "CgroupPermissions": device.rights,
    }


def _device_requests(gpus: Gpus | None) -> list[Part]:
    if gpus is None:
        return []
    which: Part = {"DeviceIDs": list(gpus.ids)} if gpus.ids else {"Count": gpus.count}
    return [{"Driver": "", **which, "Capabilities": [["gpu"]]}]
