"""Network sandboxes: a tiny container for each target that has its network, so that restarts need none made.

What a target asks of the network - ports, networks, its name there, its hostname, names of other hosts - is
its sandbox's, and the target's container joins that. It is found by labels, its name ends with a hash of what
it holds: where that stays, so does the sandbox, whatever becomes of the target's container.

Engines keep a joined container's sandbox by id. One that was removed is lost to the container, which then has
to be made anew; one that ended, or was started again, leaves a running program without a network.
"""

import hashlib
import json
import logging
import threading
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from http import HTTPStatus

from devrun.config.project import Project, TargetConfig, TargetName
from devrun.core.values import Container, ContainerId
from devrun.engine import labels, pause
from devrun.engine.connection import Connection, RefusedError
from devrun.engine.containers import AT_ONCE, Containers
from devrun.engine.inspected import (
    Inspected,
    is_live,
    labels_of,
    name_of,
    ports_of,
    read_container,
    started_ns,
)
from devrun.engine.plan import Payload
from devrun.errors import EngineError

JOINS = "container:"
"""Begins the network mode of a container that has another one's network."""
_OF_CONTAINER = ("Hostname", "ExposedPorts", "NetworkingConfig")
_OF_HOST = ("NetworkMode", "PortBindings", "ExtraHosts")
_HELD_BACK: Payload = {
    "RestartPolicy": {"Name": "no"},
    "LogConfig": {"Type": "none", "Config": {}},
    "CapDrop": ["ALL"],
    "SecurityOpt": ["no-new-privileges"],
    "ReadonlyRootfs": True,
}
"""It only waits: it is allowed nothing, and writes nothing."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a target's next container is: in a sandbox, or in none."""

    payload: Payload
    """That of the target's container."""
    sandbox: ContainerId | None = None
    ran: bool = False
    """Whether the sandbox ran already."""


class Sandboxes:
    """The sandboxes of a project. Every method may be called from any thread, once at a time for a target."""

    def __init__(self, connection: Connection, project: Project, containers: Containers) -> None:
        self._connection = connection
        self._project = project
        self._containers = containers
        self._lock = threading.Lock()
        self._off = why_none(connection)

    def make(self, target: TargetConfig, payload: Payload) -> Place:
        """Find or make the sandbox that a target's payload asks for, without starting it.

        Where there is none the payload stays as it is.
        """
        if self._off or not target.network_sandbox:
            return Place(payload)
        own, body = split(self._project, target, payload, pause.reference(self._connection.architecture))
        given = _labels(body)
        name = labels.sandbox_name(self._project, target.name, given[labels.SPEC])
        found = self._containers.find(name)
        if found is not None and _is_usable(found, given):
            return Place(_joining(own, found["Id"]), ContainerId(found["Id"]), ran=is_live(found))
        if not self._has_image():
            return Place(payload)
        made = self._containers.create(name, body, keep=None)
        try:
            self._containers.join(made, target.name, target.surroundings.networks)
        except EngineError:
            self._containers.remove(made)
            raise
        return Place(_joining(own, made), made)

    def start(self, inspected: Inspected, target: TargetName) -> None:
        """Start a target's container, and its sandbox before it where that does not run."""
        sandbox, name, container = joined(inspected), name_of(inspected), ContainerId(inspected["Id"])
        if sandbox and not is_live(inspected):
            self.wake(sandbox, name, target)
        try:
            self._containers.start(container, name, target)
        except RefusedError:
            # A restart does not ask beforehand what is nearly always so.
            if not sandbox or not self._is_down(sandbox):
                raise
            self.wake(sandbox, name, target)
            self._containers.start(container, name, target)

    def wake(self, sandbox: ContainerId, name: str, target: TargetName) -> None:
        """Start a sandbox; what goes wrong is told under the name of the target's container."""
        try:
            self._containers.start(sandbox, name, target)
        except RefusedError as error:
            if self._containers.find(sandbox) is not None:
                raise
            raise EngineError(f'start container "{name}": {GONE}') from error

    def wake_all(self, targets: Collection[TargetName]) -> None:
        """Start the sandboxes that stopped containers of some targets join, all at once."""
        asleep = {
            sandbox: TargetName(name)
            for entry in self._containers.listed(role=labels.ROLE_TARGET)
            if (name := entry["Labels"][labels.TARGET]) in targets
            and entry["State"] != "running"
            and (sandbox := joined(entry))
        }
        if asleep:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(self._try_to_wake, asleep, asleep.values()))

    def _try_to_wake(self, sandbox: ContainerId, target: TargetName) -> None:
        try:
            self.wake(sandbox, target, target)
        except EngineError as error:
            log.info("the network of %s is not set up: %s", target, error.message)

    def see(self, inspected: Inspected) -> Container:
        """Return a target's container as devrun's core knows it, with the network that its sandbox has."""
        seen, sandbox = read_container(inspected), joined(inspected)
        if not sandbox:
            return seen
        found = self._containers.find(sandbox)
        if found is None:
            return replace(seen, cut_off=GONE)
        is_up = is_live(found)
        return replace(
            seen,
            ports=ports_of(found) if is_up else (),
            keeps_network=is_up and not is_live(inspected),
            cut_off=_cut_off(inspected, found) if is_live(inspected) else "",
        )

    def holder(self, inspected: Inspected) -> Inspected:
        """Return whose network a container has: its sandbox's, or its own."""
        sandbox = joined(inspected)
        return (self._containers.find(sandbox) if sandbox else None) or inspected

    def halt(self, inspected: Inspected) -> None:
        """End the sandbox of a container, and so free its ports."""
        sandbox = joined(inspected)
        found = self._containers.find(sandbox) if sandbox else None
        if found is not None:
            self._containers.halt(found)

    def leave(self, inspected: Inspected, going: Collection[ContainerId]) -> None:
        """Remove the sandbox of a container, unless one that is not about to be removed has it too."""
        sandbox = joined(inspected)
        if sandbox and self._users(sandbox) <= {*going}:
            self._containers.remove(sandbox)

    def sweep(self, target: TargetName, keep: ContainerId | None) -> None:
        """Remove all sandboxes of a target but one."""
        for sandbox in self._containers.ids(target=target, role=labels.ROLE_SANDBOX):
            if sandbox != keep:
                self._containers.remove(sandbox)

    def tidy(self) -> None:
        """Remove the sandboxes of targets that are no longer in the file and have no container."""
        known = {*self._project.targets, *self._containers.targets()}
        for target in set(self._containers.targets(labels.ROLE_SANDBOX)) - known:
            self.sweep(target, keep=None)

    def is_gone(self, sandbox: ContainerId) -> bool:
        """Tell whether a sandbox was removed, or is about to be."""
        found = self._containers.find(sandbox)
        return found is None or _is_going(found)

    def _is_down(self, sandbox: ContainerId) -> bool:
        found = self._containers.find(sandbox)
        return found is None or not is_live(found)

    def _users(self, sandbox: ContainerId) -> set[ContainerId]:
        return {
            ContainerId(entry["Id"])
            for entry in self._containers.listed(role=labels.ROLE_TARGET)
            if joined(entry) == sandbox
        }

    def _has_image(self) -> bool:
        """Give the engine the image where it lacks it; one that does not take it has no sandboxes."""
        with self._lock:
            if self._off:
                return False
            try:
                _ensure_image(self._connection)
            except RefusedError as error:
                self._off = error.message
                log.warning("restarts make their network anew: %s", error.message)
        return not self._off


_GOING = frozenset({"removing", "dead"})
GONE = "its network sandbox is gone"


def why_none(connection: Connection) -> str:
    """Return in words why an engine has no network sandboxes; empty: it has."""
    if not connection.is_docker:
        return f"{connection.name} is not Docker"
    if not pause.has_program(connection.architecture):
        return f"there is none for the engine's architecture, {connection.architecture or 'which it hides'}"
    return ""


def joined(inspected: Inspected) -> ContainerId | None:
    """Return the container whose network another one has; None: it has its own."""
    mode = str((inspected.get("HostConfig") or {}).get("NetworkMode") or "")
    return ContainerId(mode.removeprefix(JOINS)) if mode.startswith(JOINS) else None


def split(project: Project, target: TargetConfig, payload: Payload, image: str) -> tuple[Payload, Payload]:
    """Return the body of a target's container without what concerns the network, and that of its sandbox."""
    host = payload["HostConfig"]
    assert isinstance(host, dict)
    network = {key: payload[key] for key in _OF_CONTAINER if key in payload}
    of_host = {key: host[key] for key in _OF_HOST if key in host}
    own = {key: value for key, value in payload.items() if key not in network}
    own["HostConfig"] = {key: value for key, value in host.items() if key not in of_host}
    said = json.dumps([image, network, of_host, target.surroundings.networks], sort_keys=True)
    known = {
        **labels.project_labels(project),
        labels.TARGET: str(target.name),
        labels.SPEC: hashlib.sha256(said.encode()).hexdigest()[:16],
        labels.ROLE: labels.ROLE_SANDBOX,
    }
    return own, {**network, "Image": image, "Labels": known, "HostConfig": {**of_host, **_HELD_BACK}}


def _joining(own: Payload, sandbox: str) -> Payload:
    host = own["HostConfig"]
    assert isinstance(host, dict)
    return {**own, "HostConfig": {**host, "NetworkMode": JOINS + sandbox}}


def _labels(body: Payload) -> dict[str, str]:
    given = body["Labels"]
    assert isinstance(given, dict)
    return given


def _is_usable(found: Inspected, given: dict[str, str]) -> bool:
    """Tell whether a container is the sandbox that these labels are of, and stays."""
    return given.items() <= labels_of(found).items() and not _is_going(found)


def _is_going(inspected: Inspected) -> bool:
    return inspected["State"].get("Status") in _GOING


def _cut_off(inspected: Inspected, sandbox: Inspected) -> str:
    """Return why a running container has no network any more, empty where it has."""
    if not is_live(sandbox):
        return "its network sandbox ended"
    if started_ns(sandbox) > started_ns(inspected):
        return "its network sandbox was started again"
    return ""


def _ensure_image(connection: Connection) -> None:
    name = pause.reference(connection.architecture)
    with connection.asking("look for the image of network sandboxes"):
        if connection.calls.images({"reference": name}):
            return
    with connection.asking("load the image of network sandboxes"):
        said = connection.open(
            "POST",
            "/images/load",
            params={"quiet": 1},
            body=pause.archive(connection.architecture),
            headers={"Content-Type": "application/x-tar"},
        ).read()
    if b'"errorDetail"' in said:
        # The answer has begun by then, with a status that says that all is well.
        raise RefusedError(
            f"load the image of network sandboxes: {said.decode('utf-8', 'replace').strip()}",
            HTTPStatus.INTERNAL_SERVER_ERROR,
        )
