"""A container for one command: like a target's, but nobody's, and gone when its program has ended."""

import json
import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from devrun.config.project import Depth, Project, TargetConfig
from devrun.core.values import ContainerId
from devrun.engine import labels
from devrun.engine.command import choose_typed
from devrun.engine.connection import CALL_TIMEOUT_S, Connection, RefusedError
from devrun.engine.containers import Containers
from devrun.engine.plan import ImageFacts, Payload, payload, plan, without_name
from devrun.engine.refusals import program_error
from devrun.engine.session import DETACH_KEYS, Size, Stream
from devrun.errors import DevrunError, EngineUnreachableError

log = logging.getLogger(__name__)


def oneoff_payload(
    project: Project,
    target: TargetConfig,
    facts: ImageFacts,
    argv: tuple[str, ...],
    terminal: Size | None,
) -> Payload:
    """Return the body of the engine's create call; without `argv` the target's own program is started."""
    alone = replace(target, ports=(), debug_port=None, tty=terminal is not None, reload=Depth.CONTAINER)
    chosen = plan(project, alone, facts)
    if argv:
        entrypoint = facts.entrypoint if target.entrypoint is None else target.entrypoint
        chosen = replace(chosen, start=choose_typed(argv, entrypoint))
    # Under the target's name the others would find this container too.
    body = without_name(project, payload(project, alone, facts, chosen, both_families=False))
    host = body["HostConfig"]
    assert isinstance(host, dict)
    size = {"ConsoleSize": [*terminal]} if terminal else {}
    return {
        **body,
        **dict.fromkeys(("AttachStdin", "AttachStdout", "AttachStderr"), True),
        # With its only reader gone the program reads the end of its input.
        **dict.fromkeys(("OpenStdin", "StdinOnce"), True),
        "Labels": {**labels.project_labels(project), labels.ROLE: labels.ROLE_ONEOFF},
        # By the engine: it is gone even where devrun was killed.
        "HostConfig": {**host, **size, "AutoRemove": True},
    }


class Oneoff:
    """A session in a container of its own, which `start` starts."""

    def __init__(
        self, connection: Connection, containers: Containers, container: ContainerId, *, tty: bool
    ) -> None:
        self._connection = connection
        self._containers = containers
        self._container = container
        self._stream = Stream(connection, tty=tty)
        self._ending = connection.exchange()

    def start(self) -> None:
        """Start the program with its streams connected, so that nothing it writes is lost."""
        streams = dict.fromkeys(("stream", "stdin", "stdout", "stderr"), 1)
        keys = {"detachKeys": DETACH_KEYS}
        self._stream.open(f"{self._path}/attach", "attach to the container", params={**streams, **keys})
        with self._connection.asking("wait for the container"):
            self._ending.send(
                "POST", f"{self._path}/wait", params={"condition": "removed"}, timeout=CALL_TIMEOUT_S
            )
        try:
            with self._connection.asking("start the container"):
                self._connection.calls.start(self._container)
        except RefusedError as refused:
            raise program_error(refused.message.partition(": ")[2]) or refused from refused

    def output(self) -> Iterator[tuple[str, bytes]]:
        """Yield what the program writes."""
        return self._stream.output()

    def write(self, data: bytes) -> None:
        """Let the program read this."""
        self._stream.write(data)

    def end_input(self) -> None:
        """Let it read the end of its input."""
        self._stream.end_input()

    def resize(self, size: Size) -> None:
        """Tell its terminal how large it is."""
        with self._connection.asking("resize the terminal"):
            self._connection.open("POST", f"{self._path}/resize", params=size.params).read()

    def signal(self, name: str) -> None:
        """Send it a signal; one that ended is fine."""
        with suppress(RefusedError), self._connection.asking("send a signal"):
            self._connection.open("POST", f"{self._path}/kill", params={"signal": name}).read()

    def wait(self) -> int:
        """Return its exit code, once its container is removed."""
        with self._connection.asking("wait for the container"):
            said = self._ending.read()
        try:
            return int(json.loads(said)["StatusCode"])
        except (ValueError, KeyError, TypeError) as error:
            raise EngineUnreachableError("the engine ended, and the container with it") from error

    def close(self) -> None:
        """End it if it runs: its container is removed, whatever state it is in."""
        self._stream.close()
        self._ending.close()
        try:
            self._containers.remove(self._container)
        except DevrunError as error:
            log.warning("a container was left: %s", error.message)

    @property
    def _path(self) -> str:
        return f"/containers/{self._container}"
