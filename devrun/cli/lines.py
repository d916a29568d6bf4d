"""The lines that tell a person what happened: one entry of the journal in, its lines out."""

from collections.abc import Iterator
from dataclasses import dataclass

from devrun.core.decide import HoldKind
from devrun.core.journal import Entry, EntryKind

BEGUN = {
    "BuildImage": "building",
    "PullImage": "pulling",
    "CancelBuild": "cancelling the build",
    "RecreateContainer": "starting",
    "RestartContainer": "restarting",
    "StopContainer": "stopping",
    "RemoveContainer": "removing",
}
DONE = {
    "BuildImage": "built",
    "PullImage": "pulled",
    "RecreateContainer": "started",
    "RestartContainer": "restarted",
    "StopContainer": "stopped",
    "RemoveContainer": "removed",
}
"""Actions that are not named here are of no interest to a person."""

FAILURES = frozenset(
    kind.value for kind in (HoldKind.CRASHED, HoldKind.SYNTAX_ERROR, HoldKind.FLAPPING, HoldKind.RETRYING)
)
TOLD_HOLDS = FAILURES | {
    kind.value for kind in (HoldKind.EXITED, HoldKind.PAUSED, HoldKind.GIT, HoldKind.WAITING)
}


@dataclass(frozen=True, slots=True)
class Line:
    """A line to say."""

    text: str
    colour: str | None = None
    always: bool = False
    """Whether those hear it too who want to know only what went wrong."""


def lines_of(entry: Entry) -> Iterator[Line]:
    """Yield what there is to say of an entry; nothing where it is of no interest to a person."""
    subject = plain(entry.subject)
    match entry.kind:
        case EntryKind.BEGAN | EntryKind.DONE | EntryKind.CANCELLED | EntryKind.LOST:
            yield from _action(subject, entry)
        case EntryKind.FAILED:
            yield from _failure(subject, entry)
        case EntryKind.HELD if entry.hold in TOLD_HOLDS:
            is_failure = entry.hold in FAILURES
            yield Line(f"{subject}: {entry.text}", "red" if is_failure else None, is_failure)
        case EntryKind.STEP:
            place = f"[{entry.step}] " if entry.step else ""
            yield Line(f"{subject}: {place}{entry.text}", "bright_black")
        case EntryKind.HINT:
            yield Line(f"{subject}: hint: {entry.text}", "yellow", always=True)
        case EntryKind.NOTICE:
            yield from (Line(line, "yellow", always=True) for line in entry.text.splitlines())
        case EntryKind.CONFIGURED:
            yield Line(entry.text)
        case EntryKind.ENGINE_UP | EntryKind.ENGINE_DOWN:
            yield from _engine(entry)
        case _:
            pass


def plain(subject: str) -> str:
    """Return a target by its name alone, as people speak of it."""
    return subject.removeprefix("target ")


def _failure(subject: str, entry: Entry) -> Iterator[Line]:
    """Yield the output first: the reason stands below it, where the eye is."""
    for line in entry.output:
        yield Line(f"{subject}:   {line}", always=True)
    yield Line(f"{subject}: {entry.text}", "red", always=True)
    if entry.hint:
        yield Line(f"{subject}:   hint: {entry.hint}", always=True)


def _action(subject: str, entry: Entry) -> Iterator[Line]:
    seconds = entry.seconds or 0
    match entry.kind:
        case EntryKind.BEGAN if verb := BEGUN.get(entry.action):
            yield Line(f"{subject}: {verb} ({entry.text})")
        case EntryKind.DONE if verb := DONE.get(entry.action):
            how = f" ({entry.reload})" if entry.reload else ""
            yield Line(f"{subject}: {verb}{how} in {seconds:.2f} s", "green")
        case EntryKind.CANCELLED if entry.action in {"BuildImage", "PullImage"}:
            yield Line(f"{subject}: given up after {seconds:.2f} s")
        case EntryKind.LOST:
            yield Line(f"{subject}: the engine went away meanwhile: {entry.text}", "yellow")
        case _:
            pass


def _engine(entry: Entry) -> Iterator[Line]:
    if entry.kind == EntryKind.ENGINE_UP:
        yield Line(f"connected with {entry.text}")
        return
    yield Line(f"the engine is not there: {entry.text}", "red", always=True)
    if entry.hint:
        yield Line(f"  hint: {entry.hint}", always=True)
