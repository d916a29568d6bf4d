"""The live view: a short footer under the scrolling output, with the state of all targets, and keys.

One thread owns the screen. Lines come from several others, and are printed in batches, so that a flood of
output costs no more than what a person can see of it.
"""

import contextlib
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from subprocess import DEVNULL
from typing import Protocol, TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from devrun.cli.explain import last_lines
from devrun.cli.footer import footer
from devrun.cli.keys import Keys
from devrun.cli.table import addresses
from devrun.cli.terminal import Terminal
from devrun.core.explanation import LastBatch
from devrun.core.journal import LogLine
from devrun.core.report import Report
from devrun.errors import DevrunError

REFRESH_S = 0.25
"""So often the footer is drawn anew where nothing happens: its times go on."""
MOST_WAITING = 2_000
"""Lines between two drawings; a flood waits, as it would at the terminal itself."""
BATCH = 500
JOIN_S = 2.0
HELP = (
    "r  restart the shown targets",
    "b  rebuild their images",
    "l  show the next target's output only, and at last all again",
    "o  open the first port in a browser",
    "e  explain what the last changes did",
    "q  stop the containers and quit (or Ctrl-C)",
)


class Controls(Protocol):
    """What the keys do: on the daemon of this process, or on another one over its socket."""

    def report(self) -> Report: ...

    def restart(self, target: str) -> None: ...

    def rebuild(self, image: str) -> None: ...

    def explain_last(self) -> LastBatch | None: ...

    def quit(self) -> None: ...


class LiveView(Terminal):
    """A terminal whose lowest lines stay."""

    def __init__(self, names: Collection[str], *, quiet: bool = False) -> None:
        super().__init__(names, quiet=quiet)
        self._console = Console(file=sys.stdout, highlight=False)
        self._lines: queue.Queue[str] = queue.Queue(MOST_WAITING)
        self._stop = threading.Event()
        self._controls: Controls | None = None
        self._shown: str = ""
        """The target whose output alone is shown; empty: all."""
        self._last = Text()
        self._keys = Keys(self._press)
        self._thread = threading.Thread(target=self._run, name="screen", daemon=True)

    def begin(self, controls: Controls) -> None:
        """Take the terminal."""
        self._controls = controls
        self._keys.begin()
        self._thread.start()

    def close(self) -> None:
        """Print what is left, and give the terminal back."""
        self._stop.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(JOIN_S)
        self._keys.close()

    def leave(self) -> None:
        """Put the terminal back as it was: the process is about to end at once."""
        self._keys.close()
        sys.stdout.write("\x1b[?25h")
        sys.stdout.flush()

    def wrote(self, line: LogLine) -> None:
        """Show a line of a target, if it is not left out."""
        if self._shown in ("", line.name):
            super().wrote(line)

    def _print(self, text: str, stream: TextIO) -> None:
        if not self._thread.is_alive():
            super()._print(text, stream)
            return
        while not self._stop.is_set():
            try:
                self._lines.put(text, timeout=REFRESH_S)
                return
            except queue.Full:
                continue

    # What follows runs in the thread of the screen.

    def _run(self) -> None:
        with Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        ) as live:
            while not self._stop.is_set():
                self._show(self._take(REFRESH_S))
                live.update(self._footer(), refresh=True)
        self._show(self._take(0))

    def _take(self, patience_s: float) -> list[str]:
        """Return the lines that are there, once there is a first one; without patience, all of them."""
        lines: list[str] = []
        with contextlib.suppress(queue.Empty):
            if patience_s:
                lines.append(self._lines.get(timeout=patience_s))
            while len(lines) < BATCH or not patience_s:
                lines.append(self._lines.get_nowait())
        return lines

    def _show(self, lines: list[str]) -> None:
        if lines:
            self._console.print(Text.from_ansi("\n".join(lines)), soft_wrap=True)

    def _footer(self) -> Text:
        """Return the footer, or the last one where a daemon elsewhere does not answer any more."""
        assert self._controls is not None  # else the thread would not run
        with contextlib.suppress(DevrunError):
            report = self._controls.report()
            self._last = footer(report, self._console.size, shown=self._shown, now=time.time())
        return self._last

    # What follows runs in the thread of the keys.

    def _press(self, key: str) -> None:
        action = self._actions().get(key)
        if action is None or self._controls is None:
            return
        try:
            action(self._controls)
        except DevrunError as error:
            self.say(f"{error.message}" + (f" ({error.hint})" if error.hint else ""))

    def _actions(self) -> dict[str, Callable[[Controls], None]]:
        return {
            "r": self._restart,
            "b": self._rebuild,
            "l": self._filter,
            "o": self._open,
            "e": self._explain,
            "q": lambda controls: controls.quit(),
            "?": lambda _: self._say_all(HELP),
        }

    def _chosen(self, report: Report) -> Iterator[str]:
        """Yield the targets that keys act on: the one that is shown alone, or all that run or ran."""
        stopped = {name for name, target in report.targets.items() if target.hold == "stopped"}
        yield from (
            [self._shown] if self._shown else [name for name in report.targets if name not in stopped]
        )

    def _restart(self, controls: Controls) -> None:
        for name in self._chosen(controls.report()):
            controls.restart(name)

    def _rebuild(self, controls: Controls) -> None:
        report = controls.report()
        chosen = [report.targets[name].image for name in self._chosen(report) if name in report.targets]
        for image in dict.fromkeys(chosen):
            controls.rebuild(image)

    def _filter(self, controls: Controls) -> None:
        names = ["", *controls.report().targets]
        at = names.index(self._shown) if self._shown in names else 0
        self._shown = names[(at + 1) % len(names)]
        self.say(f"shows the output of {self._shown or 'all targets'}")

    def _open(self, controls: Controls) -> None:
        report = controls.report()
        found = [
            url
            for name in self._chosen(report)
            if name in report.targets
            for url in addresses(report.targets[name])
        ]
        if not found:
            self.say("no target publishes a port that a browser understands")
            return
        self.say(f"opening {found[0]}")
        # In a process of its own: what a browser writes must not come between our lines.
        command = [sys.executable, "-m", "webbrowser", found[0]]
        subprocess.Popen(command, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True)

    def _explain(self, controls: Controls) -> None:
        last = controls.explain_last()
        self._say_all(last_lines(last) if last else ["nothing is known of the last changes"])

    def _say_all(self, lines: Collection[str]) -> None:
        for line in lines:
            self.say(line)
