"""Docker as the engine of one project: each method of the protocol, put together from its parts."""

import logging
import socket
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path

from devrun.config.project import AnyImage, Depth, ImageName, PrebuiltImage, Project, TargetConfig, TargetName
from devrun.core.values import (
    Broken,
    BuildContext,
    Built,
    Container,
    ContainerId,
    Fingerprint,
    ImageId,
    Saved,
)
from devrun.engine import labels, notices
from devrun.engine.agents import BOOT_PATIENCE_S, Agents
from devrun.engine.before import Before
from devrun.engine.bytecode import find_stale
from devrun.engine.connection import CALL_TIMEOUT_S, Connection, RefusedError, find_connection
from devrun.engine.containers import AT_ONCE, Containers
from devrun.engine.exchange import Params
from devrun.engine.images import Images
from devrun.engine.inside import Inside
from devrun.engine.inspected import Inspected, address_of, labels_of, name_of
from devrun.engine.leftovers import Leftovers
from devrun.engine.network import Network
from devrun.engine.output import deliver, log_params, read_lines
from devrun.engine.plan import ContainerPlan, ImageFacts, Payload, payload, plan
from devrun.engine.prebuilt import Prebuilt
from devrun.engine.probe import Probe
from devrun.engine.protocol import BuildProgress, Engine, OutputLine, Removal, Touched
from devrun.engine.quarters import CODE
from devrun.engine.sandbox import Sandboxes
from devrun.engine.sources import check_sources
from devrun.engine.swap import Swap
from devrun.errors import EngineError, EngineUnreachableError

log = logging.getLogger(__name__)


def connect(project: Project, agents: Path | None = None, probed: Path | None = None) -> Engine:
    """Return the engine of a project; raises EngineUnreachableError with the remedy.

    `agents` is a private directory of devrun's own for the agents of containers; None: they get none.
    `probed` is the file that keeps what was seen of images.
    """
    return DockerEngine(find_connection(), project, agents, probed)


class DockerEngine:
    """A Docker engine, seen from one project."""

    def __init__(
        self,
        connection: Connection,
        project: Project,
        agents: Path | None = None,
        probed: Path | None = None,
        *,
        code: Path = CODE,
        boot_patience_s: float = BOOT_PATIENCE_S,
    ) -> None:
        self._connection = connection
        self._project = project
        self._images = Images(connection, project)
        self._prebuilt = Prebuilt(connection, project)
        self._network = Network(connection, project)
        self._containers = Containers(connection, project, self._network)
        self._sandboxes = Sandboxes(connection, project, self._containers)
        self._probe = Probe(connection, project, probed)
        self._inside = Inside(connection, project)
        self._before = Before(connection, project, self._containers)
        self._leftovers = Leftovers(connection, project)
        self._agents = Agents(
            agents,
            self._containers.find,
            hindrance=_hindrance(connection),
            code=code,
            boot_patience_s=boot_patience_s,
        )
        self._both_families = connection.endpoint.socket is not None and _has_ipv6_loopback()

    def ping(self) -> None:
        """Return if the engine answers within two seconds."""
        self._connection.ping()

    def describe(self) -> str:
        """Return its name and version, for people."""
        return self._connection.name

    def inspect_image(self, image: AnyImage) -> tuple[Built, ...]:
        """Return all images of ours under this name, or the one of others."""
        if isinstance(image, PrebuiltImage):
            return self._prebuilt.find(image)
        return self._images.inspect_image(image.name)

    def build_image(
        self,
        image: AnyImage,
        fingerprint: Fingerprint,
        context: BuildContext,
        progress: Callable[[BuildProgress], None],
        *,
        no_cache: bool = False,
        pull: bool = False,
    ) -> Built:
        """Build, or pull what others have built; raises BuildCancelledError after `cancel_build`."""
        if isinstance(image, PrebuiltImage):
            return self._prebuilt.ensure(image, progress, anew=pull)
        return self._images.build_image(image, fingerprint, context, progress, no_cache=no_cache, pull=pull)

    def cancel_build(self, image: ImageName) -> None:
        """Give up the running build, if there is one."""
        self._images.cancel_build(image)
        self._prebuilt.cancel(image)

    def remove_image(self, image: ImageName, fingerprint: Fingerprint) -> None:
        """Untag one that devrun built; an image in use, or gone already, is no error."""
        self._images.remove_image(image, fingerprint)

    def known_targets(self) -> tuple[TargetName, ...]:
        """Return the names of all targets that have a container of this project, configured or not."""
        return self._containers.targets()

    def wake(self, targets: Collection[TargetName]) -> None:
        """Start the sandboxes of stopped containers; what cannot be started now is told by their start."""
        self._sandboxes.wake_all(targets)

    def inspect_target(self, target: TargetName) -> tuple[Container, ...]:
        """Return all containers of a target, under whatever name."""
        ids = self._containers.ids(target=target, role=labels.ROLE_TARGET)
        # One that went away since it was listed is left out.
        found = (self._containers.find(container) for container in ids)
        return tuple(self._seen(inspected) for inspected in found if inspected is not None)

    def tidy(self) -> None:
        """Remove what a crash left behind of targets that are no longer there, and of their agents."""
        self._sandboxes.tidy()
        listed = self._containers.listed(role=labels.ROLE_TARGET)
        self._agents.sweep([dict(entry["Labels"]) for entry in listed])

    def listeners(self, container: ContainerId) -> frozenset[tuple[str, int]]:
        """Return the addresses and TCP ports on which programs in the container listen."""
        return self._inside.listeners(container)

    def probe(self, container: ContainerId, argv: Sequence[str], timeout_s: float) -> int | None:
        """Return what a command in the container ends with; None where it does not end in time."""
        return self._inside.exit_code(container, argv, timeout_s)

    def address(self, container: ContainerId) -> str:
        """Return the IP address at which this machine reaches the container; empty where it does not."""
        if self._connection.endpoint.socket is None:
            return ""
        holder = self._sandboxes.holder(self._containers.inspect(container))
        return address_of(holder, labels.network_name(self._project))

    def check_syntax(self, container: ContainerId, files: Iterable[Saved]) -> frozenset[Broken]:
        """Return those that the container's own Python does not parse; raises EngineError if it has none."""
        return self._inside.broken(self._containers.inspect(container), files)

    def explain(self, target: TargetConfig, image: ImageId) -> tuple[str, ...]:
        """Return in words how a container of the target would be created, and by which rules."""
        return self._plan(target, self._probe.facts(image, target)).explain

    def recreate(self, target: TargetConfig, image: ImageId, old: ContainerId | None) -> Container:
        """Swap the containers; where the new one cannot be started, the old one runs again and it raises."""
        check_sources(target)
        before = self._containers.find(old) if old else None
        made = self._recreate(target, image, before)
        if before is not None and before["Image"] != image:
            self._images.remove_untagged()  # What was built again had to wait for its container to go.
        return made

    def _plan(self, target: TargetConfig, facts: ImageFacts) -> ContainerPlan:
        return plan(self._project, target, facts, hindrance=self._agents.hindrance)

    def _recreate(self, target: TargetConfig, image: ImageId, before: Inspected | None) -> Container:
        facts = self._probe.facts(image, target)
        self._network.ensure()
        self._before.run(target, facts)
        made = self._swap_led(target, before, facts)
        if made.is_up and made.depth is Depth.CONTAINER and not self._agents.hindrance:
            made = self._without_agent(target, facts, made)
        return made

    def _without_agent(self, target: TargetConfig, facts: ImageFacts, made: Container) -> Container:
        """Swap once more where an agent was to answer and does not, since nobody would hear of an end."""
        if self._plan(target, facts).depth.depth is Depth.CONTAINER:
            return made
        self._agents.give_up(made.note)
        return self._swap_led(target, self._containers.find(made.id), facts)

    def _swap_led(self, target: TargetConfig, before: Inspected | None, facts: ImageFacts) -> Container:
        """Swap the containers, the next one with an agent where it can have one."""
        try:
            return self._swap(target, before, facts)
        except EngineError as error:
            if not self._both_families or "::1" not in error.message:
                raise
            # The engine runs where there is no IPv6 loopback, in a machine of its own for instance.
            self._both_families = False
            log.info("ports are published on 127.0.0.1 only: %s", error.message)
        return self._swap(target, before, facts)

    def _swap(self, target: TargetConfig, before: Inspected | None, facts: ImageFacts) -> Container:
        chosen = self._plan(target, facts)
        body = payload(self._project, target, facts, chosen, both_families=self._both_families)
        if target.reload is not Depth.CONTAINER:
            body = self._agents.lodge(body, chosen.depth.depth, chosen.depth.why)
        try:
            made = Swap(self._containers, self._sandboxes, self._project, target, body, before).run()
        except EngineError:
            self._agents.evict(_labels_in(body))
            raise
        if before is not None:
            self._agents.evict(labels_of(before), ContainerId(before["Id"]))
        return made if target.reload is Depth.CONTAINER else self._look(made.id)

    def _look(self, container: ContainerId) -> Container:
        return self._seen(self._containers.inspect(container))

    def _seen(self, inspected: Inspected) -> Container:
        return self._agents.seen(self._sandboxes.see(inspected), inspected)

    def cancel_before(self) -> None:
        """Give up the commands that run before starts, and those to come: the starts are refused."""
        self._before.cancel()

    def restart(self, target: TargetConfig, container: ContainerId, stale: tuple[str, ...]) -> Container:
        """Start the program anew: by the container's agent, or else by a stop and start of the container."""
        check_sources(target)
        inspected = self._agents.inspected(container) or self._containers.inspect(container)
        if target.before_start:
            self._network.ensure()
            self._before.run(target, self._probe.facts(ImageId(inspected["Image"]), target), stale)
            inspected = self._containers.inspect(container)  # It may have taken long.
        files = tuple(str(file.path) for file in find_stale(self._project, inspected, stale))
        done = self._agents.restart(inspected, files)
        if isinstance(done, Container):
            return done
        inspected = self._containers.inspect(container) if done else inspected
        self._containers.halt(inspected)
        self._containers.empty_bytecode(inspected, stale)
        self._sandboxes.start(inspected, target.name)
        seen = self._look(container)
        return self._agents.excuse(container, done) or seen

    def stop(
        self,
        target: TargetConfig | None,  # noqa: ARG002 - the container itself knows its signal and its grace
        container: ContainerId,
    ) -> Container:
        """Stop the container and keep it; its ports are free then."""
        inspected = self._containers.inspect(container)
        self._containers.halt(inspected)
        self._sandboxes.halt(inspected)
        return self._look(container)

    def remove(self, containers: Iterable[ContainerId]) -> None:
        """Stop and remove; one that is gone already is no error."""
        self._remove(containers)

    def remove_network(self) -> None:
        """Remove the project's network."""
        self._network.remove()

    def remove_everything(self) -> tuple[str, ...]:
        """Remove all containers and networks of this project, by labels; returns the containers' names."""
        sandboxes = self._containers.ids(role=labels.ROLE_SANDBOX)
        removed = self._remove(set(self._containers.ids()) - set(sandboxes))
        self._remove(sandboxes)  # What is left of them: those of no container.
        self._agents.clear()
        self._network.remove()
        return tuple(sorted(removed))

    def remove_images(self) -> Removal:
        """Remove what was built for this project, by labels; what is in use is left."""
        return self._leftovers.remove_images()

    def remove_volumes(self) -> Removal:
        """Remove the named volumes of this project, by labels; what is in use is left."""
        return self._leftovers.remove_volumes()

    def follow_output(
        self,
        target: TargetName,
        container: ContainerId,
        since_ns: int,
        emit: Callable[[OutputLine], None],
        *,
        last: int | None = None,
    ) -> None:
        """Deliver lines until the container stops or `close` is called; none at `since_ns` is repeated.

        Of those that are there already, only the `last` ones.
        """
        tty = bool(self._containers.inspect(container)["Config"].get("Tty"))
        last_ns = since_ns

        def note(line: OutputLine) -> None:
            nonlocal last_ns
            last_ns = line.at_ns
            emit(line)

        self._read_log(target, container, log_params(last_ns, follow=True, last=last), note, tty=tty)
        try:
            # A stream ends with its container, which may be before the last line is in the log.
            self._read_log(target, container, log_params(last_ns, follow=False, last=last), note, tty=tty)
        except RefusedError as refused:
            # Its log went with a container that was removed since; one that is being removed is a conflict.
            if refused.status not in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
                raise
        except EngineUnreachableError:
            # What ends the reading may be `close`, also between the two.
            if not self._connection.closed:
                raise

    def watch_events(self, connected: Callable[[], None], emit: Callable[[Touched], None]) -> None:
        """Subscribe, call `connected`, and deliver until the connection ends or `close` is called."""
        known = notices.Known(self._project, self._images.asked_for, self._prebuilt.identities)
        self._agents.told = lambda target: emit(Touched(target=target))
        notices.watch(self._connection, known, connected, emit)

    def close(self) -> None:
        """End all streams and calls."""
        self._agents.close()
        self._connection.close()
        self._images.close()

    def _read_log(
        self,
        target: TargetName,
        container: ContainerId,
        params: Params,
        emit: Callable[[OutputLine], None],
        *,
        tty: bool,
    ) -> None:
        with self._connection.asking(f"read the output of {target}"), self._connection.exchange() as exchange:
            exchange.send("GET", f"/containers/{container}/logs", params=params, timeout=CALL_TIMEOUT_S)
            deliver(read_lines(exchange.chunks(), tty=tty), target, container, emit)

    def _remove(self, containers: Iterable[ContainerId]) -> list[str]:
        """Stop and remove at the same time, since each may take its grace; returns their names."""
        going = frozenset(containers)
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="remove") as workers:
            removed = workers.map(lambda container: self._remove_one(container, going), going)
            return [name for name in removed if name]

    def _remove_one(self, container: ContainerId, going: frozenset[ContainerId]) -> str:
        inspected = self._containers.find(container)
        if inspected is None:
            return ""
        self._containers.halt(inspected)
        # First what it leaves when devrun ends in between: the container is found again by its target.
        self._sandboxes.leave(inspected, going)
        self._containers.remove(container)
        self._agents.evict(labels_of(inspected), container)
        return name_of(inspected)


def _labels_in(body: Payload) -> dict[str, str]:
    said = body["Labels"]
    assert isinstance(said, dict)
    return said


def _hindrance(connection: Connection) -> str:
    """Return why the sockets of agents cannot be reached from here; empty: they can."""
    if connection.endpoint.socket is None:
        return "the engine is on another machine"
    if sys.platform != "linux" or "Desktop" in connection.platform:
        return "the engine runs in a virtual machine, through whose mounts no socket is reached"
    return ""


def _has_ipv6_loopback() -> bool:
    """Tell whether this machine, and so a local engine, has ::1."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
