"""The workers: one thread for each action that runs, whose outcome comes back as an event."""

import threading
import time
from collections.abc import Callable

from devrun.config.project import ImageName, Project
from devrun.core.actions import Action, CancelBuild
from devrun.core.events import ActionFinished, Lost, Outcome
from devrun.core.model import State
from devrun.daemon.work import Progress, do
from devrun.engine.protocol import Engine
from devrun.sources.disk import Disk

CANCEL_PAUSE_S = 0.2

Post = Callable[[ActionFinished], None]


class Workers:
    """Does actions. Every thread ends with its action."""

    def __init__(
        self,
        post: Post,
        engine: Callable[[], Engine | None],
        state: Callable[[], State],
        disk: Disk,
        progress: Progress,
    ) -> None:
        self._post = post
        self._engine = engine
        self._state = state
        self._disk = disk
        self._progress = progress

    def begin(self, action: Action, project: Project) -> None:
        """Do an action by the configuration that it was decided by, whatever is in force at its end."""
        name = type(action).__name__
        # The loop has just taken note of the action: what it cancels is what runs now.
        building = self._running(action.image) if isinstance(action, CancelBuild) else None
        arguments = (action, project, building)
        threading.Thread(target=self._work, args=arguments, name=name, daemon=True).start()

    def _work(self, action: Action, project: Project, building: Action | None) -> None:
        outcome = self._perform(action, project)
        while isinstance(action, CancelBuild) and self._goes_on(action.image, building):
            outcome = self._perform(action, project)
        self._post(ActionFinished(time.time(), action, outcome))

    def _perform(self, action: Action, project: Project) -> Outcome:
        engine = self._engine()
        if engine is None:
            return Lost("the engine is not connected")
        return do(action, project, self._disk, engine, self._progress)

    def _goes_on(self, image: ImageName, building: Action | None) -> bool:
        """Tell after a moment whether a build is to be cancelled again: it may have been about to begin.

        Another one that takes its place must not be hit, not even one of the same content.
        """
        if self._running(image) is not building:
            return False
        time.sleep(CANCEL_PAUSE_S)
        return self._running(image) is building

    def _running(self, image: ImageName) -> Action | None:
        known = self._state().images.get(image)
        return known.running if known else None
