"""The swap of a target's containers: the next one is created beside the old one, which stays until it runs.

An error before the old one is stopped leaves it running; one after that brings it back. The old container
keeps its name until the next one runs, so after a crash in between both are there, with their labels.
"""

import logging
from dataclasses import dataclass

from devrun.config.project import Project, TargetConfig
from devrun.core.values import Container, ContainerId
from devrun.engine import labels
from devrun.engine.containers import Containers
from devrun.engine.inspected import Inspected, is_live, name_of, read_container
from devrun.engine.plan import Payload
from devrun.errors import EngineError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Swap:
    """One swap: of which target, into what. `old` is what was found of the old container."""

    containers: Containers
    project: Project
    target: TargetConfig
    payload: Payload
    old: Inspected | None

    def run(self) -> Container:
        """Swap; raises EngineError with the old container as it was before."""
        final = labels.container_name(self.project, self.target.name)
        taken = self.old is not None and name_of(self.old) == final
        name = final + labels.NEXT if taken else final
        keep = ContainerId(self.old["Id"]) if self.old else None
        given = self.target.surroundings
        made = self.containers.create(name, self.payload, keep=keep, platform=given.platform)
        try:
            self.containers.join(made, self.target.name, given.networks)
            # Both may want the same ports, so the old one ends before the next begins.
            self._halt_old()
            self.containers.start(made, final, self.target.name)
        except EngineError as error:
            self._undo(made, error)
            raise
        self._settle_names(made, name, final)
        return read_container(self.containers.inspect(made))

    def _halt_old(self) -> None:
        if self.old:
            self.containers.halt(self.old)

    def _undo(self, made: ContainerId, error: EngineError) -> None:
        """Remove the half-made container and start the old one again, if it ran."""
        self.containers.remove(made)
        if not self.old or not is_live(self.old):
            return
        try:
            self.containers.start(ContainerId(self.old["Id"]), name_of(self.old), self.target.name)
        except EngineError as second:
            log.warning("after %s: %s", error.message, second.message)

    def _settle_names(self, made: ContainerId, name: str, final: str) -> None:
        """Remove the old container and give its name to the next; what stays is found by labels."""
        try:
            if self.old:
                self.containers.remove(ContainerId(self.old["Id"]))
            if name != final:
                self.containers.rename(made, final)
        except EngineError as error:
            log.warning("target %s runs, but %s", self.target.name, error.message)
