"""The containers of a project: found by label, created, started, ended, removed, each step with its words.

No step here decides anything; the swap of two containers is put together in `swap`.
"""

import logging
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from devrun.config.project import Project, TargetName
from devrun.core.values import ContainerId
from devrun.engine import labels
from devrun.engine.bytecode import find_stale, pack
from devrun.engine.connection import CALL_TIMEOUT_S, Connection, RefusedError
from devrun.engine.exchange import LinkError, StatusError
from devrun.engine.inspected import (
    Inspected,
    ending_of,
    is_live,
    is_paused,
    labels_of,
    name_of,
)
from devrun.engine.network import Network
from devrun.engine.plan import Payload
from devrun.engine.ports import holder, taken_port
from devrun.errors import EngineError

KILL_TIMEOUT_S = 10.0
"""A killed process ends at once, unless the kernel holds it, on a dead network drive for instance."""
AT_ONCE = 8
"""An engine takes no more in parallel: it goes through its firewall one by one."""

log = logging.getLogger(__name__)


class Containers:
    """Single steps with containers of ours. Every method may be called from any thread."""

    def __init__(self, connection: Connection, project: Project, network: Network) -> None:
        self._connection = connection
        self._calls = connection.calls
        self._project = project
        self._network = network

    def ids(self, **wanted: str) -> tuple[ContainerId, ...]:
        """Return all containers of ours, narrowed by labels given without their prefix."""
        return tuple(ContainerId(entry["Id"]) for entry in self.listed(**wanted))

    def targets(self, role: str = labels.ROLE_TARGET) -> tuple[TargetName, ...]:
        """Return the names of all targets that have a container of this role."""
        found = self.listed(role=role)
        return tuple(sorted({TargetName(entry["Labels"].get(labels.TARGET, "")) for entry in found}))

    def listed(self, **wanted: str) -> list[Mapping[str, Any]]:
        """Return what the engine's list says of containers of ours, found by labels without their prefix."""
        with self._connection.asking("list containers"):
            asked = [*labels.label_list(self._project, **wanted), labels.ROLE]
            return self._calls.containers({"label": asked})

    def inspect(self, container: ContainerId) -> Inspected:
        """Return what the engine knows of a container of ours; raises EngineError for anything else."""
        found = self.find(container)
        if found is None:
            raise EngineError(f"inspect container {container[:12]}: it is gone")
        return found

    def find(self, container: str) -> Inspected | None:
        """Return what the engine knows of a container of ours, None where it is gone; refuses others."""
        try:
            with self._connection.asking(f"inspect container {container[:12]}"):
                found: Inspected = self._calls.inspect_container(container)
        except RefusedError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise
        if not labels.is_our_container(self._project, labels_of(found)):
            raise EngineError(
                f'the name "{name_of(found)}" is taken by a container that is not devrun\'s',
                hint=f"rename or remove it: docker rm {name_of(found)}",
            )
        return found

    def create(
        self, name: str, payload: Payload, *, keep: ContainerId | None, platform: str | None = None
    ) -> ContainerId:
        """Create a container; one of ours that was left under its name goes, `keep` excepted."""
        try:
            return self._create(name, payload, platform)
        except RefusedError as error:
            if error.status != HTTPStatus.CONFLICT:
                raise
            left = self.find(name)
            if left is not None and left["Id"] != keep:
                # No two targets of a file have one name: it is that of this target, or of one that is gone.
                self.remove(ContainerId(left["Id"]))
        return self._create(name, payload, platform)

    def join(self, container: ContainerId, alias: str, networks: Iterable[str]) -> None:
        """Join a new container to networks beside the project's own, under a name."""
        self._network.join(container, alias, networks)

    def start(self, container: ContainerId, name: str, target: TargetName) -> None:
        """Start a container that is not running; a network that somebody removed is made anew."""
        try:
            self._start(container, name)
        except RefusedError as error:
            if error.status != HTTPStatus.NOT_FOUND or "network" not in error.message:
                raise
            self._network.rejoin(container, target)
            self._start(container, name)

    def halt(self, inspected: Inspected) -> None:
        """End a container's process: its stop signal, its grace, then a kill. One that ended is fine."""
        if not is_live(inspected):
            return
        name, container = name_of(inspected), inspected["Id"]
        signal, grace_s = ending_of(inspected)
        with self._connection.asking(f'stop container "{name}"'):
            if is_paused(inspected):
                # A paused process would take the signal only when it goes on.
                self._connection.client.unpause(container)
            if self._ended(container, signal, grace_s):
                return
            log.info("container %s ignored %s for %g s: killed", name, signal, grace_s)
            if not self._ended(container, "SIGKILL", KILL_TIMEOUT_S):
                raise EngineError(
                    f'stop container "{name}": its process does not end, even when it is killed'
                )

    def empty_bytecode(self, inspected: Inspected, stale: Iterable[str]) -> None:
        """Make the byte code of source files unusable, in a stopped container."""
        files = find_stale(self._project, inspected, stale)
        if not files:
            return
        with self._connection.asking(f'remove old byte code from container "{name_of(inspected)}"'):
            self._calls.put_archive(inspected["Id"], "/", pack(files))

    def rename(self, container: ContainerId, name: str) -> None:
        """Give a container another name."""
        with self._connection.asking(f'rename a container to "{name}"'):
            self._calls.rename(container, name)

    def remove(self, container: ContainerId) -> None:
        """Remove a container and its anonymous volumes; one that is gone, or going, is fine."""
        try:
            with self._connection.asking(f"remove container {container[:12]}"):
                self._calls.remove_container(container)
        except RefusedError as error:
            going = error.status == HTTPStatus.CONFLICT and "already in progress" in error.message
            if error.status != HTTPStatus.NOT_FOUND and not going:
                raise

    def _create(self, name: str, payload: Payload, platform: str | None) -> ContainerId:
        with self._connection.asking(f'create container "{name}"'):
            return ContainerId(self._connection.create(payload, name, platform))

    def _start(self, container: ContainerId, name: str) -> None:
        try:
            with self._connection.asking(f'start container "{name}"'):
                self._calls.start(container)
        except RefusedError as error:
            port = taken_port(error.message)
            if port is None:
                raise
            raise self._port_taken(name, port, error.status) from error

    def _port_taken(self, name: str, port: int, status: int) -> RefusedError:
        with self._connection.asking("list containers"):
            running = self._connection.client.containers()
        debugged = any(target.debug_port == port for target in self._project.targets.values())
        key = f"debug = {port + 1}" if debugged else f'ports = ["{port + 1}:..."]'
        return RefusedError(
            f'start container "{name}": port {port} is taken by {holder(port, running)}',
            status,
            hint=f"end that, or choose another port in {self._project.file_name}: {key}",
        )

    def _ended(self, container: str, signal: str, seconds: float) -> bool:
        """Send a signal, and tell whether the container's process ended within that time."""
        with self._connection.exchange() as exchange:
            # The wait begins before the signal: so an end is never missed, and never waited for twice.
            exchange.send(
                "POST",
                f"/containers/{container}/wait",
                params={"condition": "not-running"},
                timeout=CALL_TIMEOUT_S,
                silence=max(seconds, 0.01),
            )
            self._signal(container, signal)
            try:
                exchange.read()
            except LinkError as error:
                if isinstance(error.cause, TimeoutError):
                    return False
                raise
        return True

    def _signal(self, container: str, signal: str) -> None:
        try:
            self._calls.kill(container, signal)
        except StatusError as error:
            # It ended by itself in this moment.
            if error.status not in (HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND):
                raise
