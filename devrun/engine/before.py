"""The command that is run to its end before a target's start, in a container of its own.

It sees what the target's container will see - image, mount, environment, network - but has none of its ports,
nor its name in the network. Nothing of the target is touched before it has ended with 0.
"""

import json
import logging
import shlex
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from devrun.config.project import Command, Depth, Project, TargetConfig, TargetName
from devrun.config.words import read_entrypoint
from devrun.core.values import ContainerId
from devrun.engine import labels
from devrun.engine.cancellation import Cancellation
from devrun.engine.connection import CALL_TIMEOUT_S, Connection
from devrun.engine.containers import Containers
from devrun.engine.plan import ImageFacts, Payload, payload, plan, without_name
from devrun.engine.steps import LINE_LIMIT, plain
from devrun.errors import BuildCancelledError, EngineError, EngineUnreachableError

TAIL_LINES = 40

log = logging.getLogger(__name__)


class Before:
    """Runs such commands, several at a time. `cancel` may be called from any thread."""

    def __init__(self, connection: Connection, project: Project, containers: Containers) -> None:
        self._connection = connection
        self._project = project
        self._containers = containers
        self._lock = threading.Lock()
        self._running: set[Cancellation] = set()
        self._is_over = False

    def run(self, target: TargetConfig, facts: ImageFacts, stale: tuple[str, ...] = ()) -> None:
        """Run a target's command, where it has one; raises EngineError if it does not end with 0.

        `stale` are source files whose byte code must not be trusted.
        """
        if not target.before_start:
            return
        words = f'before-start "{shlex.join(target.before_start)}"'
        name = labels.container_name(self._project, target.name) + labels.BEFORE
        given = target.surroundings
        body = before_payload(self._project, target, facts)
        made = self._containers.create(name, body, keep=None, platform=given.platform)
        try:
            # Its name in the network is not the target's, whose callers it would get.
            self._containers.join(made, TargetName(name), given.networks)
            self._containers.empty_bytecode(self._containers.inspect(made), stale)
            with self._cancellable(words) as cancellation:
                self._containers.start(made, name, TargetName(name))
                code = self._await_end(made, cancellation, words)
            log.info("%s of %s ended with %d", words, target.name, code)
            if code:
                hint = "its output says why; the next change, or a restart, runs it again"
                raise EngineError(f"{words} exits with {code}", hint=hint, output=self._tail(made))
        finally:
            self._containers.remove(made)

    def cancel(self) -> None:
        """Give up the commands that run, and those that would be run from now on."""
        with self._lock:
            self._is_over = True
            running = tuple(self._running)
        for one in running:
            one.cancel()

    @contextmanager
    def _cancellable(self, words: str) -> Iterator[Cancellation]:
        cancellation = Cancellation()
        with self._lock:
            self._running.add(cancellation)
            if self._is_over:
                cancellation.cancel()
        try:
            cancellation.check()
            yield cancellation
        except BuildCancelledError as error:
            raise EngineError(f"{words}: given up, because devrun ends") from error
        finally:
            with self._lock:
                self._running.discard(cancellation)

    def _await_end(self, container: ContainerId, cancellation: Cancellation, words: str) -> int:
        """Return the exit code, however long it takes."""
        with cancellation.exchange(self._connection, words) as exchange:
            exchange.send(
                "POST",
                f"/containers/{container}/wait",
                params={"condition": "not-running"},
                timeout=CALL_TIMEOUT_S,
            )
            said = exchange.read()
        if not said:
            raise EngineUnreachableError(f"{words}: the engine went away")
        return int(json.loads(said)["StatusCode"])

    def _tail(self, container: ContainerId) -> tuple[str, ...]:
        with self._connection.asking("read the output of before-start"):
            written = bytes(self._connection.client.logs(container, tail=TAIL_LINES))
        return tuple(line[:LINE_LIMIT] for line in plain(written.decode("utf-8", "replace")).splitlines())


def before_payload(project: Project, target: TargetConfig, facts: ImageFacts) -> Payload:
    """Return the body of the engine's create call for the command before a target's start.

    Of an ENTRYPOINT only wrappers stay before it: what they wrap is the program, and not this command.
    """
    entrypoint = facts.entrypoint if target.entrypoint is None else target.entrypoint
    like_it = replace(
        target,
        program=Command(target.before_start),
        args=(),
        entrypoint=read_entrypoint(entrypoint).wrappers,
        ports=(),
        debug_port=None,
        tty=False,
        reload=Depth.CONTAINER,
    )
    body = payload(project, like_it, facts, plan(project, like_it, facts), both_families=False)
    given = body["Labels"]
    assert isinstance(given, dict)
    no_target = {name: value for name, value in given.items() if name not in (labels.TARGET, labels.SPEC)}
    return {**without_name(project, body), "Labels": {**no_target, labels.ROLE: labels.ROLE_ONEOFF}}
