"""The swap of a target's containers: the next one is created beside the old one, which stays until it runs.

An error before the old one is stopped leaves it running; one after that brings it back. The old container
keeps its name until the next one runs, so after a crash in between both are there, with their labels. Where
the network stays what it is, so does the sandbox that has it; else the next one's is made beside the old
one's, whose ports it gets.
"""

import logging
from dataclasses import dataclass, replace

from devrun.config.project import Project, TargetConfig
from devrun.core.values import Container, ContainerId
from devrun.engine import labels
from devrun.engine.containers import Containers
from devrun.engine.inspected import Inspected, is_live, name_of
from devrun.engine.plan import Payload
from devrun.engine.sandbox import Place, Sandboxes, joined
from devrun.errors import EngineError

log = logging.getLogger(__name__)


class SandboxGoneError(EngineError):
    """The sandbox of the next container was removed meanwhile."""


@dataclass(frozen=True, slots=True)
class Swap:
    """One swap: of which target, into what. `old` is what was found of the old container."""

    containers: Containers
    sandboxes: Sandboxes
    project: Project
    target: TargetConfig
    payload: Payload
    old: Inspected | None

    def run(self) -> Container:
        """Swap; raises EngineError with the old container as it was before."""
        try:
            return self.run_once()
        except SandboxGoneError as error:
            # Somebody stops a sandbox and then removes it: its end was heard of before it was gone.
            log.info("once more: %s", error.message)
        old = self.containers.find(self.old["Id"]) if self.old else None
        return replace(self, old=old).run_once()

    def run_once(self) -> Container:
        """Swap; raises SandboxGoneError where somebody takes the next one's network away meanwhile."""
        final = labels.container_name(self.project, self.target.name)
        taken = self.old is not None and name_of(self.old) == final
        name = final + labels.NEXT if taken else final
        place = self.sandboxes.make(self.target, self.payload)
        made = None
        is_halted = False
        try:
            made = self._create(name, place)
            # Both may want the same ports, so the old one ends before the next begins.
            is_halted = True
            self._halt_old(place)
            if place.sandbox:
                self.sandboxes.wake(place.sandbox, final, self.target.name)
            self.containers.start(made, final, self.target.name)
        except EngineError as error:
            is_gone = place.sandbox is not None and self.sandboxes.is_gone(place.sandbox)
            self._discard(made, place)
            if is_halted:
                self._revive(place, error)
            if is_gone:
                raise SandboxGoneError(error.message, hint=error.hint) from error
            raise
        self._settle_names(made, name, final, place)
        return self.sandboxes.see(self.containers.inspect(made))

    def _create(self, name: str, place: Place) -> ContainerId:
        keep = ContainerId(self.old["Id"]) if self.old else None
        given = self.target.surroundings
        made = self.containers.create(name, place.payload, keep=keep, platform=given.platform)
        if not place.sandbox:
            try:
                self.containers.join(made, self.target.name, given.networks)
            except EngineError:
                self.containers.remove(made)
                raise
        return made

    def _halt_old(self, place: Place) -> None:
        if self.old:
            self.containers.halt(self.old)
            if joined(self.old) != place.sandbox:
                self.sandboxes.halt(self.old)

    def _discard(self, made: ContainerId | None, place: Place) -> None:
        """Remove what is half made: the sandbox first, since the container is found again by its target."""
        if place.sandbox and (self.old is None or joined(self.old) != place.sandbox):
            self.containers.remove(place.sandbox)
        if made:
            self.containers.remove(made)

    def _revive(self, place: Place, error: EngineError) -> None:
        """Start the old container again, if it ran; its sandbox runs where it ran."""
        if not self.old:
            return
        try:
            if is_live(self.old):
                self.sandboxes.start(self.old, self.target.name)
            elif not place.ran:
                self.sandboxes.halt(self.old)
        except EngineError as second:
            log.warning("after %s: %s", error.message, second.message)

    def _settle_names(self, made: ContainerId, name: str, final: str, place: Place) -> None:
        """Remove the old container and give its name to the next; what stays is found by labels."""
        try:
            self.sandboxes.sweep(self.target.name, keep=place.sandbox)
            if self.old:
                self.containers.remove(ContainerId(self.old["Id"]))
            if name != final:
                self.containers.rename(made, final)
        except EngineError as error:
            log.warning("target %s runs, but %s", self.target.name, error.message)
