"""The network of a project, in which its targets find each other by name."""

import threading
from collections.abc import Iterable

from devrun.config.project import Project
from devrun.core.values import ContainerId
from devrun.engine import labels
from devrun.engine.connection import Connection, RefusedError
from devrun.errors import EngineError

NOT_FOUND = 404
WITHOUT_NAMES = "bridge"
"""The engine's network for containers without one: nobody has a name there."""


class Network:
    """Made when it is missing, found again by its labels."""

    def __init__(self, connection: Connection, project: Project) -> None:
        self._connection = connection
        self._project = project
        self._name = labels.network_name(project)
        # Engines allow two networks of one name where both are asked for at the same time.
        self._lock = threading.Lock()

    def ensure(self) -> None:
        """Make the network if there is none; raises EngineError where another's has its name."""
        with self._lock, self._connection.asking(f'make network "{self._name}"'):
            found = [
                network
                for network in self._connection.calls.networks([self._name])
                if network["Name"] == self._name
            ]
            if not found:
                self._connection.client.create_network(
                    self._name,
                    driver="bridge",
                    check_duplicate=True,
                    labels=labels.project_labels(self._project),
                )
            elif not any(labels.is_ours(self._project, network["Labels"]) for network in found):
                raise EngineError(
                    f'make network "{self._name}": a network that is not devrun\'s has this name',
                    hint=f"remove it: docker network rm {self._name}",
                )

    def join(self, container: ContainerId, alias: str, names: Iterable[str]) -> None:
        """Join a container that does not run to more networks; raises EngineError for one that is not there.

        The engine would notice that only when the container is started.
        """
        for name in names:
            self._find(name)
            self._connect(container, name, alias)

    def rejoin(self, container: ContainerId, alias: str) -> None:
        """Join a stopped container to its networks again, after somebody removed one that it knew."""
        self.ensure()
        client = self._connection.client
        with self._connection.asking(f"inspect container {container[:12]}"):
            names = client.inspect_container(container)["NetworkSettings"]["Networks"]
        for name in names:
            self._find(name)
            with self._connection.asking(f'leave network "{name}"'):
                client.disconnect_container_from_network(container, name, force=True)
            self._connect(container, name, alias)

    def _find(self, name: str) -> None:
        try:
            with self._connection.asking(f'look for network "{name}"'):
                self._connection.client.inspect_network(name)
        except RefusedError as error:
            if error.status != NOT_FOUND:
                raise
            raise EngineError(
                f'there is no network "{name}"',
                hint=f"make it: docker network create {name}; or correct `networks` in devrun.toml",
            ) from error

    def _connect(self, container: ContainerId, name: str, alias: str) -> None:
        aliases = None if name == WITHOUT_NAMES else [alias]
        with self._connection.asking(f'join network "{name}"'):
            self._connection.client.connect_container_to_network(container, name, aliases=aliases)

    def remove(self) -> None:
        """Remove all networks of ours; one that is gone already is no error."""
        client = self._connection.client
        with self._connection.asking("list networks"):
            found = client.networks(filters={"label": labels.label_list(self._project)})
        for network in found:
            self._remove(network["Id"], network["Name"])

    def _remove(self, network: str, name: str) -> None:
        try:
            with self._connection.asking(f'remove network "{name}"'):
                self._connection.client.remove_network(network)
        except RefusedError as error:
            if error.status != NOT_FOUND:
                raise
