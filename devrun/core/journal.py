"""What happened, in entries: each decision with its cause, each outcome with its seconds.

All that a person is told comes from here: the lines of `devrun watch`, `devrun events`, the live view.
"""

from dataclasses import dataclass, replace
from enum import Enum

from devrun.core.actions import Action, InspectImage, InspectTarget, kind_of, subject_of
from devrun.core.decide import Hold, HoldKind
from devrun.core.events import Cancelled, ContainerStarted, Failed, Lost, Outcome


class EntryKind(str, Enum):
    """What an entry tells of."""

    BEGAN = "began"
    """An action began; `text` is its cause."""
    DONE = "done"
    FAILED = "failed"
    """It was refused; `text` is the error."""
    LOST = "lost"
    """The engine took its outcome along."""
    CANCELLED = "cancelled"
    HELD = "held"
    """Nothing is done; `text` says why, `hold` is its kind."""
    STEP = "step"
    """A build, or a pull, came on."""
    ENGINE_UP = "engine up"
    ENGINE_DOWN = "engine down"
    CONFIGURED = "configured"
    """Another configuration is in force."""
    HINT = "hint"
    NOTICE = "notice"
    STARTED = "started"
    """devrun itself did."""
    ENDED = "ended"


_LOOKS = frozenset({InspectImage.__name__, InspectTarget.__name__})
_TROUBLE = frozenset({EntryKind.FAILED.value, EntryKind.LOST.value})


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. Kinds are texts, so that a newer daemon may know others."""

    at: float
    kind: str
    subject: str = ""
    """`image default`, `target web`; empty: the project as a whole."""
    text: str = ""
    action: str = ""
    """`RestartContainer`, for instance."""
    seconds: float | None = None
    hold: str = ""
    hint: str = ""
    step: str = ""
    """The failing instruction of a build; of a build that goes on, `2/5`."""
    output: tuple[str, ...] = ()
    """The last lines of what failed."""
    reload: str = ""
    """Of a restart that was to be more than the container's: `container`, `process` or `warm`."""
    number: int = 0
    """They rise over all daemons of a project; 0: not kept yet."""

    @property
    def is_of_interest(self) -> bool:
        """Whether anybody is told of it: that devrun looks at something, or is busy, goes without saying."""
        is_look = self.action in _LOOKS and self.kind not in _TROUBLE
        return not is_look and self.hold != HoldKind.BUSY.value

    @property
    def is_kept(self) -> bool:
        """Whether it is worth a line on the disk."""
        return self.kind != EntryKind.STEP

    def numbered(self, number: int) -> "Entry":
        """Return it as it is kept."""
        return replace(self, number=number)


def began(action: Action, at: float) -> Entry:
    """Return the entry of an action that begins."""
    return Entry(at, EntryKind.BEGAN.value, subject_of(action), action.cause, kind_of(action))


def ended(action: Action, outcome: Outcome, at: float, seconds: float) -> Entry:
    """Return the entry of an action's end."""
    subject, name, seconds = subject_of(action), kind_of(action), round(seconds, 3)
    match outcome:
        case Failed():
            return Entry(
                at,
                EntryKind.FAILED.value,
                subject,
                outcome.error,
                name,
                seconds,
                hint=outcome.hint,
                step=outcome.step,
                output=outcome.output,
            )
        case Lost():
            return Entry(at, EntryKind.LOST.value, subject, outcome.error, name, seconds)
        case Cancelled():
            return Entry(at, EntryKind.CANCELLED.value, subject, action.cause, name, seconds)
        case _:
            how = outcome.how(action) if isinstance(outcome, ContainerStarted) else ""
            return Entry(at, EntryKind.DONE.value, subject, action.cause, name, seconds, reload=how)


def held(subject: str, hold: Hold, at: float) -> Entry:
    """Return the entry of another hold than before."""
    return Entry(at, EntryKind.HELD.value, subject, hold.text, hold=hold.kind.value)


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line that a target wrote, or a build."""

    at: float
    name: str
    """The target; of a build, the image."""
    stream: str
    """`stdout`, `stderr` or `build`."""
    text: str
    number: int = 0
    """They rise with the order in which the daemon read them."""


@dataclass(frozen=True, slots=True)
class Missed:
    """What a slow reader lost: so many lines or entries."""

    lost: int
