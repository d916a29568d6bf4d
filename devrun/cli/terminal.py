"""What `devrun watch` prints: its own lines on stderr, what targets write on stdout."""

import os
import sys
import threading
from typing import TextIO

import click

from devrun.cli.text import safe
from devrun.config.project import ImageName, Project, TargetName
from devrun.core.actions import (
    Action,
    BuildImage,
    CancelBuild,
    RecreateContainer,
    RemoveContainer,
    RestartContainer,
    StopContainer,
    subject_of,
)
from devrun.core.decide import Hold, HoldKind
from devrun.core.events import Cancelled, Failed, Lost, Outcome
from devrun.engine.protocol import BuildProgress, OutputLine

COLOURS = ("cyan", "yellow", "green", "magenta", "blue", "bright_cyan", "bright_yellow", "bright_green")

BEGUN: dict[type, str] = {
    BuildImage: "building",
    CancelBuild: "cancelling the build",
    RecreateContainer: "starting",
    RestartContainer: "restarting",
    StopContainer: "stopping",
    RemoveContainer: "removing",
}
DONE: dict[type, str] = {
    BuildImage: "built",
    RecreateContainer: "started",
    RestartContainer: "restarted",
    StopContainer: "stopped",
    RemoveContainer: "removed",
}
"""Actions that are not named here are of no interest to a person."""

TOLD_HOLDS = frozenset(
    {
        HoldKind.EXITED,
        HoldKind.CRASHED,
        HoldKind.SYNTAX_ERROR,
        HoldKind.FLAPPING,
        HoldKind.PAUSED,
        HoldKind.RETRYING,
        HoldKind.GIT,
    }
)
FAILURES = frozenset({HoldKind.CRASHED, HoldKind.SYNTAX_ERROR, HoldKind.FLAPPING, HoldKind.RETRYING})


class Terminal:
    """A listener that prints. Lines of several threads do not mix."""

    def __init__(self, project: Project, only: frozenset[TargetName], *, quiet: bool = False) -> None:
        self._project = project
        self._only = only
        self._quiet = quiet
        self._colours: dict[TargetName, str] = {}
        self._prefixes = self._prefix_all(project)
        self._lock = threading.Lock()
        self._steps: dict[ImageName, tuple[int, str]] = {}
        self._said: set[str] = set()
        self._holds: dict[str, str] = {}

    def _prefix_all(self, project: Project) -> dict[TargetName, str]:
        """Return what stands before the lines of each target, removed ones too; who has a colour keeps it."""
        for name in project.targets:
            self._colours.setdefault(name, COLOURS[len(self._colours) % len(COLOURS)])
        shown = [name for name in project.targets if not self._only or name in self._only]
        width = max(map(len, shown), default=0)
        return {name: f"{name:<{width}} | " for name in self._colours} if len(shown) > 1 else {}

    def begin(self) -> None:
        """Say what is about to be watched."""
        names = ", ".join(self._project.targets)
        self._say(f"watching {self._project.root} ({names}); Ctrl-C stops")

    def action_started(self, action: Action) -> None:
        """Say what is done, and why."""
        if verb := BEGUN.get(type(action)):
            self._holds.pop(subject_of(action), None)
            self._say(f"{_subject(action)}: {verb} ({action.cause})")

    def action_finished(self, action: Action, outcome: Outcome, seconds: float) -> None:
        """Say how it ended."""
        if isinstance(outcome, Failed):
            self._fail(_subject(action), outcome)
        elif isinstance(outcome, Lost):
            self._say(f"{_subject(action)}: the engine went away meanwhile: {outcome.error}", colour="yellow")
        elif isinstance(outcome, Cancelled):
            self._give_up(action, seconds)
        elif verb := DONE.get(type(action)):
            self._say(f"{_subject(action)}: {verb} in {seconds:.2f} s", colour="green")

    def _give_up(self, action: Action, seconds: float) -> None:
        if isinstance(action, BuildImage):
            self._say(f"{_subject(action)}: given up after {seconds:.2f} s")

    def _fail(self, subject: str, failed: Failed) -> None:
        for line in failed.output:
            self._say(f"{subject}:   {line}", always=True)
        self._say(f"{subject}: {failed.error}", colour="red", always=True)
        if failed.hint:
            self._say(f"{subject}:   hint: {failed.hint}", always=True)

    def held(self, subject: str, hold: Hold) -> None:
        """Say what a person should know of."""
        if hold.kind in TOLD_HOLDS and self._holds.get(subject) != hold.text:
            self._holds[subject] = hold.text
            is_failure = hold.kind in FAILURES
            colour = "red" if is_failure else None
            self._say(f"{_plain(subject)}: {hold.text}", colour=colour, always=is_failure)

    def engine_changed(self, *, up: bool, text: str, hint: str) -> None:
        """Say that the engine came, or went."""
        if up:
            self._say(f"connected with {text}")
            return
        self._say(f"the engine is not there: {text}", colour="red", always=True)
        if hint:
            self._say(f"  hint: {hint}", always=True)

    def build_progressed(self, image: ImageName, progress: BuildProgress) -> None:
        """Say each step once."""
        step = (progress.step, progress.instruction)
        if progress.instruction and self._steps.get(image) != step:
            self._steps[image] = step
            cached = " (cached)" if progress.cached else ""
            place = f"[{progress.step}/{progress.steps}] " if progress.steps else ""
            self._say(f"image {image}: {place}{progress.instruction}{cached}", colour="bright_black")

    def output(self, line: OutputLine) -> None:
        """Print a line of a target on stdout."""
        prefix = self._prefixes.get(line.target, "")
        colours = _has_colours(sys.stdout)
        if prefix and colours:
            prefix = click.style(prefix, fg=self._colours[line.target])
        self._print(prefix + safe(line.text, colours=colours), sys.stdout)

    def hinted(self, subject: str, hint: str) -> None:
        """Say a hint once."""
        if (text := f"{_plain(subject)}: hint: {hint}") not in self._said:
            self._said.add(text)
            self._say(text, colour="yellow", always=True)

    def noticed(self, text: str) -> None:
        """Say something of the project as a whole."""
        for line in text.splitlines():
            self._say(line, colour="yellow", always=True)

    def reconfigured(self, project: Project, text: str) -> None:
        """Say what another configuration makes different, and tell its targets' lines apart from now on."""
        self._prefixes = self._prefix_all(project)
        self._say(text)

    def _say(self, text: str, *, colour: str | None = None, always: bool = False) -> None:
        if self._quiet and not always:
            return
        mark, text = "devrun:", safe(text)
        if _has_colours(sys.stderr):
            mark = click.style(mark, bold=True)
            text = click.style(text, fg=colour) if colour else text
        self._print(f"{mark} {text}", sys.stderr)

    def _print(self, text: str, stream: TextIO) -> None:
        with self._lock:
            try:
                stream.write(f"{text}\n")
                stream.flush()
            except (BrokenPipeError, ValueError):
                pass  # Whoever read it has gone; the containers run on.


def _subject(action: Action) -> str:
    return _plain(subject_of(action))


def _plain(subject: str) -> str:
    """Return a target by its name alone, as people speak of it."""
    return subject.removeprefix("target ")


def _has_colours(stream: TextIO) -> bool:
    return not stream.closed and stream.isatty() and not os.environ.get("NO_COLOR")
