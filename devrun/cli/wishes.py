"""What `restart`, `start`, `stop` and `rebuild` have in common: a wish is sent, and then told how it went."""

import threading
import time
from collections.abc import Callable, Collection

import click

from devrun.cli.lines import lines_of
from devrun.cli.main import Options
from devrun.cli.text import safe
from devrun.cli.wait import report_outcome
from devrun.control.client import Client
from devrun.core.journal import Entry, Missed
from devrun.core.report import Report
from devrun.errors import DevrunError, ExitCode

PAUSE_S = 0.05
LAST_WORDS_S = 1.0
"""Entries come milliseconds after what they tell of."""

no_wait = click.option("--no-wait", is_flag=True, help="Return at once, and not when it is done.")


class Wish:
    """A connection on which something is wished, and its outcome told."""

    def __init__(self, options: Options) -> None:
        self._quiet = options.verbosity < 0
        self.client = Client.connect(options.place())
        self.report = self.client.status()
        if self.client.mismatch:
            click.echo(self.client.mismatch, err=True)

    def fulfil(
        self, subjects: Collection[str], send: Callable[[], None], until: Callable[[], int], *, wait: bool
    ) -> int:
        """Send the wish, and say what becomes of `subjects` until it is done."""
        if not wait:
            send()
            return ExitCode.OK
        teller = _Teller(self.client, self.report.entry, subjects, quiet=self._quiet)
        send()
        code = until()
        teller.end(self.client.status().entry)
        return code

    def of_each(
        self,
        names: Collection[str],
        ask: Callable[[str], None],
        until: Callable[[Collection[str]], int],
        *,
        wait: bool,
    ) -> int:
        """Ask the same of several targets, and say what becomes of them until it is done."""

        def send() -> None:
            for name in names:
                ask(name)

        return self.fulfil(subjects_of(self.report, names), send, lambda: until(names), wait=wait)

    def until_ready(self, targets: Collection[str]) -> int:
        """Return when targets are ready, or say why they are not."""
        return report_outcome(self.client.wait(targets))

    def until_stopped(self, targets: Collection[str]) -> int:
        """Return when targets are stopped, or say why they are not."""
        while True:
            report = self.client.status()
            waiting = [
                name for name in targets if name in report.targets and report.targets[name].hold != "stopped"
            ]
            failed = [name for name in waiting if report.targets[name].hold == "failed"]
            for name in failed:
                click.echo(f"error: {name}: {safe(report.targets[name].doing)}", err=True)
            if failed:
                return ExitCode.TARGET_FAILED
            if not waiting or not report.engine_up:
                return ExitCode.OK if not waiting else ExitCode.ENGINE_UNREACHABLE
            time.sleep(PAUSE_S)


class _Teller:
    """Says what happens to some subjects, in a thread, from an entry on."""

    def __init__(self, client: Client, after: int, subjects: Collection[str], *, quiet: bool) -> None:
        self._entries = client.events(follow=True, after=after)
        self._subjects = set(subjects)
        self._quiet = quiet
        self._reached = threading.Condition()
        self._last = after
        threading.Thread(target=self._run, name="teller", daemon=True).start()

    def end(self, number: int) -> None:
        """Return when all up to an entry has been said."""
        with self._reached:
            self._reached.wait_for(lambda: self._last >= number, LAST_WORDS_S)

    def _run(self) -> None:
        try:
            for entry in self._entries:
                if isinstance(entry, Missed):
                    continue
                if entry.subject in self._subjects:
                    self._say(entry)
                with self._reached:
                    self._last = entry.number
                    self._reached.notify_all()
        except DevrunError:
            pass  # The command itself says that devrun has gone.

    def _say(self, entry: Entry) -> None:
        """Say what goes well; what does not is said in the end, with its remedy."""
        for line in lines_of(entry):
            if not line.always and not self._quiet:
                click.echo(f"devrun: {safe(line.text)}", err=True)


def active(report: Report) -> list[str]:
    """Return the targets that the user has not stopped."""
    return [name for name, target in report.targets.items() if target.hold != "stopped"]


def subjects_of(report: Report, targets: Collection[str]) -> set[str]:
    """Return what is worth telling of while targets are worked on: they, and their images."""
    images = {f"image {report.targets[name].image}" for name in targets if name in report.targets}
    return {f"target {name}" for name in targets} | images
