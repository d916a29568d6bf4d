"""What the daemon tells whoever shows it to a person, as it happens.

The calls come from several threads, and must not block for long: a listener decides nothing.
"""

from typing import Protocol

from devrun.config.project import ImageName, Project
from devrun.core.actions import Action
from devrun.core.decide import Hold
from devrun.core.events import Outcome
from devrun.engine.protocol import BuildProgress, OutputLine


class Listener(Protocol):
    """Somebody to tell."""

    def action_started(self, action: Action) -> None: ...

    def action_finished(self, action: Action, outcome: Outcome, seconds: float) -> None: ...

    def held(self, subject: str, hold: Hold) -> None:
        """Another hold than before keeps an image or a target; `subject` is `target web`, for instance."""

    def engine_changed(self, *, up: bool, text: str, hint: str) -> None: ...

    def build_progressed(self, image: ImageName, progress: BuildProgress) -> None: ...

    def output(self, line: OutputLine) -> None: ...

    def hinted(self, subject: str, hint: str) -> None: ...

    def noticed(self, text: str) -> None:
        """Something that concerns the project as a whole, in one line or several."""

    def reconfigured(self, project: Project, text: str) -> None:
        """Another configuration is in force, and in words what it makes different."""
