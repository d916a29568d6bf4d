"""Why what a target needs of another one is not as it has to be.

Needs hold back starts only: one that is no longer met stops nobody.
"""

from devrun.config.project import Condition, Dependency
from devrun.core.actions import RecreateContainer, RestartContainer
from devrun.core.due import due_start
from devrun.core.model import State, Target
from devrun.core.values import Container, Phase


def unmet(state: State, need: Dependency) -> str:
    """Return in words why a dependency is not as it has to be, empty where it is."""
    target = state.targets[need.target]
    if not state.is_wanted(target):
        return "it is stopped"
    if isinstance(target.running, RecreateContainer | RestartContainer):
        return "it is being started"
    if target.observed is None:
        return "it is being looked at"
    if target.container is None:
        return "not started yet"
    return "" if _is_met(state, need, target, target.container) else _words(need, target.container)


def _is_met(state: State, need: Dependency, target: Target, container: Container) -> bool:
    has_ended_well = container.phase is Phase.EXITED and container.exit_code == 0
    match need.condition:
        case Condition.STARTED:
            return target.is_running or has_ended_well
        case Condition.HEALTHY:
            return target.is_ready
        case Condition.COMPLETED:  # pragma: no branch - no other is left
            return has_ended_well and due_start(state, need.target) is None


def _words(need: Dependency, container: Container) -> str:
    match container.phase:
        case Phase.CREATED:
            return "not started yet"
        case Phase.PAUSED:
            return "it is paused"
        case Phase.RUNNING:
            return "not healthy yet" if need.condition is Condition.HEALTHY else "it still runs"
        case Phase.EXITED:  # pragma: no branch - no other is left
            if container.exit_code:
                return f"it exited with {container.exit_code}"
            return (
                "it has ended" if need.condition is Condition.HEALTHY else "its newest source has not run yet"
            )
