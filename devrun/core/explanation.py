"""What a change of a file does, and by which rule: the values that `devrun explain` shows."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Effect:
    """What a change of a file does to one image or target, and the rule in words."""

    acts: bool
    rule: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a change of one file would do."""

    path: str
    """As people know it: relative to the project where it lies inside."""
    ignored: str = ""
    """The rule that leaves it out of the watch; empty: it is watched."""
    images: Mapping[str, Effect] = field(default_factory=dict)
    """Where it acts, the image is built again if the meaning is another one."""
    targets: Mapping[str, Effect] = field(default_factory=dict)
    """Where it acts, the target is restarted."""

    @property
    def acts(self) -> bool:
        """Whether it would do anything."""
        return any(effect.acts for effect in (*self.images.values(), *self.targets.values()))

    @property
    def summary(self) -> str:
        """What would happen, in one line."""
        builds = [f"builds image {name}" for name, effect in self.images.items() if effect.acts]
        restarts = [f"restarts {name}" for name, effect in self.targets.items() if effect.acts]
        return ", ".join([*builds, *restarts]) or "nothing"


@dataclass(frozen=True, slots=True)
class LastBatch:
    """What the last batch of changes did."""

    at: float
    """When it was seen; 0: there was none yet."""
    changed: tuple[Explanation, ...] = ()
    passed_over: Mapping[str, str] = field(default_factory=dict)
    """Paths that something happened to without any effect, with the reason."""
    actions: tuple[str, ...] = ()
    """What was begun since then, each with its cause."""
    holds: Mapping[str, str] = field(default_factory=dict)
    """Why nothing is done now, for each image and target."""


@dataclass(frozen=True, slots=True)
class Explained:
    """The answer to a question for explanations."""

    files: tuple[Explanation, ...] = ()
    last: LastBatch | None = None
