"""The engine at work while devrun is still being loaded: each takes some tenths of a second.

A stopped target's network is what an engine takes longest to set up, and it is needed whatever else will be
found: it is begun as soon as the project is known, before all that decides and watches is imported.
"""

import logging
import threading
from collections.abc import Collection
from concurrent.futures import Future

from devrun.config.project import Project, TargetName
from devrun.engine.protocol import Connect, Engine
from devrun.errors import DevrunError

log = logging.getLogger(__name__)


class Ahead:
    """Connects in a thread of its own, and wakes what stopped targets join. To be made with the lock held."""

    def __init__(self, connect: Connect, project: Project, targets: Collection[TargetName]) -> None:
        self._connect = connect
        self._project = project
        self._targets = targets
        self._first: Future[Engine] | None = Future()
        threading.Thread(target=self._run, args=(self._first,), name="ahead", daemon=True).start()

    def connect(self, project: Project) -> Engine:
        """Return the engine of a project: the first time, the one that was connected ahead."""
        first, self._first = self._first, None
        if first is None:
            return self._connect(project)
        engine = first.result()
        if project is self._project:
            return engine
        engine.close()
        return self._connect(project)

    def _run(self, first: "Future[Engine]") -> None:
        try:
            engine = self._connect(self._project)
        except Exception as error:  # noqa: BLE001 - whoever takes the result is told
            first.set_exception(error)
            return
        first.set_result(engine)
        try:
            engine.wake(self._targets)
        except DevrunError as error:
            log.info("networks are set up when targets start: %s", error.message)
