"""Where sessions come from: the images and containers of a project, in which a person runs commands."""

import secrets
from types import TracebackType

from devrun.config.project import AnyImage, PrebuiltImage, Project, TargetConfig, TargetName
from devrun.core.values import Built, ContainerId, ImageId, Phase
from devrun.engine import labels
from devrun.engine.connection import Connection, find_connection
from devrun.engine.containers import Containers
from devrun.engine.execution import Execution
from devrun.engine.images import Images
from devrun.engine.inspected import read_container
from devrun.engine.network import Network
from devrun.engine.oneoff import Oneoff, oneoff_payload
from devrun.engine.prebuilt import Prebuilt
from devrun.engine.probe import Probe
from devrun.engine.session import Session, Size
from devrun.engine.sources import check_sources


def open_sessions(project: Project) -> "Sessions":
    """Return what starts sessions of a project; raises EngineUnreachableError with the remedy."""
    return Sessions(find_connection(), project)


class Sessions:
    """Starts sessions. `terminal` is the size of the person's terminal; None: there is none."""

    def __init__(self, connection: Connection, project: Project) -> None:
        self._connection = connection
        self._project = project
        self._images = Images(connection, project)
        self._prebuilt = Prebuilt(connection, project)
        self._network = Network(connection, project)
        self._containers = Containers(connection, project, self._network)
        self._probe = Probe(connection, project)

    def __enter__(self) -> "Sessions":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def images(self, image: AnyImage) -> tuple[Built, ...]:
        """Return what is there of an image, the newest first."""
        if isinstance(image, PrebuiltImage):
            return self._prebuilt.find(image)
        return self._images.inspect_image(image.name)

    def container(self, target: TargetName) -> ContainerId | None:
        """Return the container in which a target runs, None where it does not."""
        found = map(self._containers.find, self._containers.ids(target=target, role=labels.ROLE_TARGET))
        seen = [read_container(inspected) for inspected in found if inspected is not None]
        return next((one.id for one in seen if one.phase is Phase.RUNNING), None)

    def run(
        self, target: TargetConfig, image: ImageId, argv: tuple[str, ...], terminal: Size | None
    ) -> Session:
        """Start a command in a container of its own, like the target's; none: the target's own program."""
        facts = self._probe.facts(image, target)
        check_sources(target)
        body = oneoff_payload(self._project, target, facts, argv, terminal)
        name = f"{labels.container_name(self._project, target.name)}-run-{secrets.token_hex(3)}"
        self._network.ensure()
        try:
            given = target.surroundings
            made = self._containers.create(name, body, keep=None, platform=given.platform)
            self._containers.join(made, name, given.networks)
            session = Oneoff(self._connection, self._containers, made, tty=terminal is not None)
            session.start()
        except BaseException:
            # Whatever it was, a key for instance: nobody else knows of the container.
            self._containers.remove(ContainerId(name))
            raise
        return session

    def execute(self, container: ContainerId, argv: tuple[str, ...], terminal: Size | None) -> Session:
        """Start a command in a container that runs."""
        session = Execution(self._connection, container, argv, terminal)
        session.start()
        return session

    def close(self) -> None:
        """End the connection with the engine."""
        self._connection.close()
