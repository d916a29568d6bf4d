"""What a project asks for beyond its containers: folders, networks, devices and rights of this machine.

All else needs no grant: a container that sees the project alone can do no more than the project's own code.
"""

from collections.abc import Iterator
from pathlib import Path

from devrun.config.mount_source import reach
from devrun.config.problems import KeyPath, Problem
from devrun.config.project import Project, TargetConfig
from devrun.config.schema import Tree
from devrun.config.surroundings import HostPath

Asked = tuple[str, Problem]
"""What is asked for in words that stay the same, and what is said where it is not granted."""


def asked_beyond(project: Project, tree: Tree) -> list[Asked]:
    """Return what is asked for, each thing once; `tree` is what the file says."""
    asked = dict[str, Problem]()
    for text, problem in _all(project, tree):
        asked.setdefault(text, problem)
    return [*asked.items()]


def _all(project: Project, tree: Tree) -> Iterator[Asked]:
    if project.mount:
        place = project.mount.path or "the WORKDIR of images"
        yield from _shown(project, project.mount.source, f"[mount] at {place}", ("mount", "source"))
    said = tree.get("targets")
    for name, target in project.targets.items():
        path = ("targets", name)
        own = said.get(name) if isinstance(said, dict) else None
        if target.mount and isinstance(own, dict) and "mount" in own:
            place = f"{name} at {target.mount.path or 'the WORKDIR of its image'}"
            yield from _shown(project, target.mount.source, place, (*path, "mount", "source"))
        yield from _volumes(project, target, path)
        yield from _rights(target, path)


def _volumes(project: Project, target: TargetConfig, path: KeyPath) -> Iterator[Asked]:
    for index, volume in enumerate(target.surroundings.volumes):
        if isinstance(volume, HostPath):
            place = f"{target.name} at {volume.path}{' read-only' if volume.read_only else ''}"
            yield from _shown(project, volume.source, place, (*path, "volumes", index))


def _shown(project: Project, source: Path, place: str, path: KeyPath) -> Iterator[Asked]:
    if what := reach(source, project.root):
        yield _asked(f"{source} is shown to {place}", path, f"{what} is mounted")


def _rights(target: TargetConfig, path: KeyPath) -> Iterator[Asked]:
    given, who = target.surroundings, target.name
    if given.host_network:
        text = f"the network of this machine is that of {who}"
        yield _asked(text, (*path, "network"), "the network of this machine is asked for")
    if given.privileged:
        text = f"all rights of root on this machine are given to {who}"
        yield _asked(text, (*path, "privileged"), "all rights on this machine are asked for")
    for index, device in enumerate(given.devices):
        text = f"device {device.source} is given to {who} at {device.path} ({device.rights})"
        yield _asked(text, (*path, "devices", index), "a device of this machine is asked for")
    for name in given.cap_add:
        text = f"capability {name} is given to {who}"
        yield _asked(text, (*path, "cap-add"), f"capability {name} is asked for")


def _asked(text: str, path: KeyPath, what: str) -> Asked:
    return text, Problem(path, f"{what}, which was not granted")
