"""How what belongs to a project is known again: its labels, and the names of containers and networks.

"Ours" means project and root. Only labels decide that; a name proves nothing, since anybody may take it.
"""

from collections.abc import Mapping

from devrun.config.names import slugify
from devrun.config.project import Project, TargetName

PREFIX = "dev.devrun."
PROJECT = PREFIX + "project"
ROOT = PREFIX + "root"
TARGET = PREFIX + "target"
IMAGE = PREFIX + "image"
SPEC = PREFIX + "spec"
ROLE = PREFIX + "role"
PYTHON = PREFIX + "python"
"""What the probe of the image found, so that a restart needs no probe."""
MOUNT = PREFIX + "mount"
"""Where the source is shown, which other folders of the host may be beside; empty: nowhere."""
VOLUME = PREFIX + "volume"

ROLE_TARGET = "target"
ROLE_ONEOFF = "oneoff"
"""Containers of `run`, the probe, commands before starts: no target's, and ended with what started them."""
ROLE_SANDBOX = "sandbox"
"""Containers that have the network of a target's container: devrun's own affair, and told of by `doctor`."""
NEXT = ".next"
"""Ends the name of a container that is about to follow another one; no target's name can end so."""

SANDBOX = ".net-"
"""Stands in the name of a network sandbox, between its target's container and a hash of what it holds."""
BEFORE = ".before"
"""Ends the name of a container that runs a command before a start."""


def project_labels(project: Project) -> dict[str, str]:
    """Return the labels that make a thing ours."""
    return {PROJECT: project.slug, ROOT: project.key}


def is_ours(project: Project, labels: Mapping[str, str] | None) -> bool:
    """Tell whether something with these labels belongs to this project in this folder."""
    has = labels or {}
    return all(has.get(name) == value for name, value in project_labels(project).items())


def is_our_container(project: Project, labels: Mapping[str, str] | None) -> bool:
    """Tell whether devrun made a container: one that a user made of our image inherits the image's labels."""
    return is_ours(project, labels) and ROLE in (labels or {})


def label_list(project: Project, **more: str) -> list[str]:
    """Return the engine's label filter for what is ours, narrowed by labels given without their prefix."""
    wanted = {**project_labels(project), **{PREFIX + name: value for name, value in more.items()}}
    return [f"{name}={value}" for name, value in wanted.items()]


def container_name(project: Project, target: TargetName) -> str:
    """Return the name of a target's container."""
    return f"{project.slug}-{slugify(target)}"


def sandbox_name(project: Project, target: TargetName, spec: str) -> str:
    """Return the name of a target's network sandbox: one that holds something else has another."""
    return f"{container_name(project, target)}{SANDBOX}{spec[:8]}"


def shown_name(name: str, labels: Mapping[str, str] | None) -> str:
    """Return what people call a container: a sandbox by the name of the container whose network it has."""
    return name.partition(SANDBOX)[0] if (labels or {}).get(ROLE) == ROLE_SANDBOX else name


def volume_name(project: Project, name: str) -> str:
    """Return what a volume of the project is called by the engine."""
    return f"{project.slug}-{name}"


def volume_labels(project: Project, name: str) -> dict[str, str]:
    """Return the labels that say whose a volume is."""
    return {**project_labels(project), VOLUME: name}


def network_name(project: Project) -> str:
    """Return the name of the network in which a project's targets find each other."""
    return f"devrun-{project.slug}"
