"""What an engine is like, tried out: its builder, its clock, and what its containers see of this machine."""

import io
import json
import tarfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from devrun.config.project import Port, Project, TargetName
from devrun.core.values import ImageId
from devrun.engine import labels
from devrun.engine.connection import Connection, RefusedError
from devrun.engine.context import pack
from devrun.engine.images import Images
from devrun.engine.output import NS, parse_ns
from devrun.engine.ports import taken_by
from devrun.engine.sandbox import why_none

OLDEST_VERSION = (1, 41)
"""The API of Docker 20.10, the first one with BuildKit in it."""
PLACE = "/.devrun-doctor"
"""Where the project is shown to the container that looks for it."""
NO_DOCKERFILE = "NOTHING\n"
TRACE = b"moby.buildkit.trace"
"""What BuildKit tells of a build, and nobody else does."""


class Checkup:
    """An engine under examination. Nothing that it is asked for stays on it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def name(self) -> str:
        """Its name and version, for people."""
        return self._connection.name

    @property
    def is_recent(self) -> bool:
        """Whether it speaks what devrun needs."""
        return tuple(map(int, self._connection.version.split("."))) >= OLDEST_VERSION

    @property
    def is_local(self) -> bool:
        """Whether it is reached without a network, so that ports of this machine are its own."""
        return self._connection.endpoint.socket is not None

    @property
    def why_no_sandbox(self) -> str:
        """Why it has no network sandboxes, in words; empty: it has."""
        return why_none(self._connection)

    def has_buildkit(self) -> bool:
        """Tell whether BuildKit answers, by a Dockerfile that builds nothing."""
        try:
            with self._connection.asking("try a build"):
                said = self._connection.open(
                    "POST",
                    "/build",
                    params={"version": 2},
                    body=pack("Dockerfile", NO_DOCKERFILE, ()),
                    headers={"Content-Type": "application/x-tar"},
                ).read()
        except RefusedError:
            return False
        return TRACE in said

    def clock_ahead_s(self) -> float:
        """Return by how many seconds its clock is ahead of this machine's."""
        before = time.time()
        with self._connection.asking("ask for the engine's time"):
            said = json.loads(self._connection.open("GET", "/info").read())
        at = parse_ns(str(said.get("SystemTime", ""))) / NS
        now = time.time()
        return 0.0 if not at or before <= at <= now else at - (before if at < before else now)

    def image(self, project: Project) -> ImageId | None:
        """Return any image of the project, None where none is built."""
        images = Images(self._connection, project)
        return next(
            (built.id for image in project.built_images for built in images.inspect_image(image.name)), None
        )

    def reads(self, project: Project, image: ImageId, file: Path) -> bytes | None:
        """Return what a container of an image sees of a file through a mount of its folder; None: no file.

        Raises EngineError where the folder cannot be mounted. The container is made, but not started.
        """
        shown = {"Type": "bind", "Source": str(file.parent), "Target": PLACE, "ReadOnly": True}
        body = {
            "Image": image,
            "Cmd": ["true"],
            "Labels": {**labels.project_labels(project), labels.ROLE: labels.ROLE_ONEOFF},
            "HostConfig": {"NetworkMode": "none", "Mounts": [shown]},
        }
        with self._connection.asking("mount the project"):
            made = self._connection.create(body)
        try:
            with self._connection.asking("look into the container"):
                chunks, _ = self._connection.client.get_archive(made, f"{PLACE}/{file.name}")
                return _only_file(b"".join(chunks))
        except RefusedError:
            return None
        finally:
            with self._connection.asking("remove the container"):
                self._connection.client.remove_container(made, v=True, force=True)

    def holders(self, project: Project) -> Mapping[tuple[TargetName, Port], str]:
        """Return who holds the ports that targets are to get, their own containers excepted."""
        with self._connection.asking("list containers"):
            running: list[Mapping[str, Any]] = self._connection.client.containers()
        wanted = [
            (target, port) for target in project.targets.values() for port in target.ports if port.host_port
        ]
        found = {}
        for target, port in wanted:
            own = [one for one in running if _is_of(project, target.name, one)]
            others = [one for one in running if one not in own]
            if not any(_publishes(one, port) for one in own):
                found[(target.name, port)] = taken_by(port, others)
        return {place: who for place, who in found.items() if who}


def _only_file(archive: bytes) -> bytes | None:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        member = tar.next()
        content = tar.extractfile(member) if member else None
        return content.read() if content else None


def _is_of(project: Project, target: TargetName, container: Mapping[str, Any]) -> bool:
    has = container.get("Labels") or {}
    return labels.is_our_container(project, has) and has.get(labels.TARGET) == target


def _publishes(container: Mapping[str, Any], port: Port) -> bool:
    return any(entry.get("PublicPort") == port.host_port for entry in container.get("Ports") or ())
