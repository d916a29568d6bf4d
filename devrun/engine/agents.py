"""The agents in a project's containers: one conversation with each, and what they make of a container.

Where an agent starts the program, the program's start, end and exit code are what counts; the container goes
on meanwhile. An agent that does not answer is asked no more until its container was started again: till then
the container counts by itself.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from devrun.config.project import Depth, TargetName
from devrun.core.values import Container, ContainerId, Phase, RunId
from devrun.engine import labels
from devrun.engine.channel import ANSWER_TIMEOUT_S, Channel, Run, SilentError, connect
from devrun.engine.inspected import Inspected, ending_of, is_live, is_paused, labels_of, read_container
from devrun.engine.plan import Payload
from devrun.engine.quarters import CODE, Quarter, Quarters

BOOT_PATIENCE_S = 10.0
"""An agent listens some 50 ms after the start of its container; a machine under load takes longer."""
BOOT_PAUSE_S = 0.005
LOOK_PAUSE_S = 0.25
"""How often a container is looked at whose agent is awaited: it may have ended."""
SHORTLY_S = 1.0
"""An agent that ends a conversation so soon would do it again."""
END_MARGIN_S = 10.0
"""What the end of a program, and the start of the next, may take beyond the grace."""
NO_HOME = "devrun was given no directory for its agents"

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Known:
    """What is known of one boot of a container with an agent."""

    boot: RunId
    target: TargetName
    inspected: Inspected
    container: Container
    """By itself."""
    channel: Channel | None = None
    run: Run | None = None
    silent: str = ""
    """Why its agent is not spoken to any more."""
    fallback: str = ""
    """Why this boot is there at all."""

    def seen(self) -> Container:
        """Return the container as its program makes it."""
        container = self.container
        note = f"its agent is silent: {self.silent}" if self.silent else ""
        if self.run is None:
            depth = Depth.CONTAINER if self.silent else container.depth
            note = note or container.note
            return replace(
                container, booted=container.started, depth=depth, note=note, fallback=self.fallback
            )
        run = self.run
        is_over = run.is_over and container.phase is Phase.RUNNING and not self.silent
        return replace(
            container,
            started=run.started,
            booted=container.started,
            phase=Phase.EXITED if is_over else container.phase,
            exit_code=run.code if is_over else container.exit_code,
            idle=is_over,
            number=run.number,
            depth=Depth.CONTAINER if self.silent else run.depth,
            note=note or run.note or container.note,
            fallback=self.fallback if run.number == 1 else "",
        )


class Agents:
    """Speaks with them. Every method may be called from any thread."""

    def __init__(
        self,
        home: Path | None,
        find: Callable[[ContainerId], Inspected | None],
        *,
        hindrance: str = "",
        code: Path = CODE,
        patience_s: float = ANSWER_TIMEOUT_S,
        boot_patience_s: float = BOOT_PATIENCE_S,
    ) -> None:
        """`find` looks at a container; `hindrance` is why agents in this engine cannot be reached."""
        self._quarters = Quarters(home, code) if home else None
        self._find = find
        self._patience_s = patience_s
        self._boot_patience_s = boot_patience_s
        self._hindrance = hindrance if home else hindrance or NO_HOME
        self._lock = threading.Lock()
        self._known: dict[ContainerId, _Known] = {}
        self._closed = False
        self.told: Callable[[TargetName], None] = lambda _: None
        """Called with the target whose program ended, or was started, unasked."""

    @property
    def hindrance(self) -> str:
        """Why no container can be given an agent; empty: it can."""
        return self._hindrance

    def give_up(self, why: str) -> None:
        """Give no container an agent any more: one that should answer does not."""
        log.warning("no agents any more: %s", why)
        self._hindrance = why

    def lodge(self, body: Payload, depth: Depth, why: str) -> Payload:
        """Return the create call's body with all that an agent needs; what it gets is noted."""
        said = body["Labels"]
        assert isinstance(said, dict)
        noted = {**said, labels.DEPTH: f"{depth.value}: {why}" if why else depth.value}
        if depth is Depth.CONTAINER or self._quarters is None:
            return {**body, "Labels": noted}
        quarter = self._quarters.make()
        noted |= {labels.AGENT: quarter.version, labels.CONTROL: quarter.control.name}
        return {**body, "Labels": noted, "HostConfig": _with_mounts(body["HostConfig"], quarter)}

    def sweep(self, containers: list[dict[str, str]]) -> None:
        """Remove the directories of containers that are gone; all that there are have these labels."""
        if self._quarters:
            used = [said.get(labels.CONTROL, "") for said in containers]
            self._quarters.sweep(used, [said.get(labels.AGENT, "") for said in containers])

    def clear(self) -> None:
        """Remove all directories: no container is left."""
        if self._quarters:
            self._quarters.clear()

    def evict(self, said: Mapping[str, str], container: ContainerId | None = None) -> None:
        """Forget a container, with these labels, that is gone, or never was."""
        with self._lock:
            known = self._known.pop(container, None) if container else None
        if known and known.channel:
            known.channel.close()
        if self._quarters:
            self._quarters.remove(said.get(labels.CONTROL, ""))

    def seen(self, container: Container, inspected: Inspected) -> Container:
        """Return a container, as its program makes it where an agent starts that."""
        said = labels_of(inspected)
        if labels.AGENT not in said or self._quarters is None:
            return container
        if said[labels.AGENT] != self._quarters.version:
            # It is of another version of devrun, which made all of the container.
            container = replace(container, spec=type(container.spec)(""))
        known = self._meet(container, inspected)
        known.container = container
        if is_live(inspected) and not is_paused(inspected):
            self._ask(known)
            if known.silent and (later := self._find(container.id)) and not is_live(later):
                return replace(read_container(later), booted=container.started)
        return known.seen()

    def inspected(self, container: ContainerId) -> Inspected | None:
        """Return what is known of a container whose agent is spoken to, None of others."""
        known = self._known.get(container)
        return known.inspected if known and known.channel else None

    def restart(self, inspected: Inspected, stale: tuple[str, ...]) -> Container | str:
        """Have the agent start the program anew; returns in words why it did not.

        `stale` is byte code in the container that must not be trusted. The words are empty where nobody has
        to hear them: there is no agent, or it does not run.
        """
        container = ContainerId(inspected["Id"])
        if labels.AGENT not in labels_of(inspected) or not is_live(inspected) or self._quarters is None:
            return ""
        known = self._known.get(container)
        if known is None or known.channel is None:
            self.seen(read_container(inspected), inspected)
            known = self._known[container]
        if known.channel is None:
            return known.silent or "it is gone"
        _, grace_s = ending_of(inspected)
        try:
            known.run = known.channel.restart(stale, grace_s + END_MARGIN_S)
        except SilentError as error:
            self._silence(known, str(error))
            return str(error)
        return known.seen()

    def excuse(self, container: ContainerId, why: str) -> Container | None:
        """Take note why the container was started anew instead of its program alone; returns it with that."""
        known = self._known.get(container)
        if known is None:
            return None
        known.fallback = why
        return known.seen()

    def close(self) -> None:
        """End all conversations."""
        with self._lock:
            self._closed = True
            channels = [known.channel for known in self._known.values() if known.channel]
        for channel in channels:
            channel.close()

    def _meet(self, container: Container, inspected: Inspected) -> _Known:
        """Return what is known of a container's present boot."""
        with self._lock:
            known = self._known.get(container.id)
            if known and known.boot == container.run_id:
                known.inspected = inspected
                return known
            target = TargetName(labels_of(inspected).get(labels.TARGET, ""))
            self._known[container.id] = new = _Known(container.run_id, target, inspected, container)
        if known and known.channel:
            known.channel.close()
        return new

    def _ask(self, known: _Known) -> None:
        """Learn what the program does now."""
        if known.silent:
            return
        try:
            if known.channel is None:
                self._connect(known)
            if known.channel:
                known.run = known.channel.ask()
        except SilentError as error:
            self._silence(known, str(error))

    def _connect(self, known: _Known) -> None:
        """Begin the conversation; right after the container's start it may take a moment."""
        container, booted = known.boot
        token = labels_of(known.inspected).get(labels.CONTROL, "")
        control = self._quarters.control(token) if self._quarters else None
        if control is None:
            raise SilentError("nobody knows where it listens")
        until, look = booted + self._boot_patience_s, time.time() + LOOK_PAUSE_S
        while True:
            try:
                channel = connect(
                    control,
                    known.target,
                    lambda: self.told(known.target),
                    lambda: self._parted(known),
                    patience_s=self._patience_s,
                )
                break
            except SilentError:
                if time.time() > until or self._closed:
                    raise
            if time.time() > look:
                look += LOOK_PAUSE_S
                found = self._find(container)
                if found is None or not is_live(found):
                    raise SilentError("its container has ended")
            time.sleep(BOOT_PAUSE_S)
        known.channel = channel
        if self._closed:
            channel.close()

    def _parted(self, known: _Known) -> None:
        """Take note that a conversation ended; runs in its thread."""
        channel, known.channel = known.channel, None
        if channel is None or time.monotonic() - channel.opened < SHORTLY_S:
            known.silent = known.silent or "its connection ends at once"
        self.told(known.target)

    def _silence(self, known: _Known, why: str) -> None:
        channel, known.channel, known.silent = known.channel, None, why
        if channel:
            channel.close()
        if not self._closed:
            log.info("the agent of %s is silent: %s", known.target, why)


def _with_mounts(host: object, quarter: Quarter) -> Payload:
    assert isinstance(host, dict)
    return {**host, "Mounts": [*host["Mounts"], *quarter.mounts]}
