"""What the agent does with its program: starts it, ends it, clears away what it left, and answers for it.

A restart is a turn: the old program is signalled and, after the grace, killed; then everything that descends
from it; then stale byte code is removed; then the new one starts. Whatever comes meanwhile (another restart,
the container's stop) joins the turn that is under way.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import time

from loop import Loop, receive_signals
from processes import (
    NOT_RUN,
    first_environment,
    forwarded,
    kill_descendants,
    kill_session,
    reap,
    send,
    spawn,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from arguments import Arguments
    from channel import Channel
    from loop import Timer
    from warmth import Warmth

    Answer = Callable[[dict[str, object]], None]

STOPPED = "the container is being stopped"
KILLED = 128 + signal.SIGKILL
SWEEP_S = 2.0
"""How long what was killed is waited for: a process that hangs in the kernel may never go."""
SWEEP_STEP_S = 0.02
FINISH_S = 0.5
FINISH_STEP_S = 0.001


class Run:
    """One start of the program."""

    __slots__ = ("code", "depth", "note", "number", "pid", "started")

    def __init__(self, number: int) -> None:
        self.number = number
        self.started = time.time()
        self.pid = 0
        self.code: int | None = None
        self.depth = "process"
        self.note = ""

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.pid > 0 and self.code is None

    def told(self) -> dict[str, object]:
        """Returns it as devrun is told of it."""
        state = "running" if self.alive else "ended"
        code = self.code or 0
        told: dict[str, object] = {"number": self.number, "started": self.started, "pid": self.pid}
        told.update(state=state, code=code, depth=self.depth, note=self.note)
        return told


class Supervisor:
    """The program of one container, from the container's start to its stop."""

    def __init__(self, arguments: Arguments, *, adopts: bool) -> None:
        self._arguments = arguments
        self._adopts = adopts
        self._environment = first_environment()
        self._loop = Loop()
        self._run = Run(0)
        self._channel: Channel | None = None
        self._warmth: Warmth | None = None
        self._why_not_warm = ""
        # What the turn that is under way is for.
        self._turning = False
        self._answers: list[Answer] = []
        self._stale: list[str] = []
        self._kill: Timer | None = None
        self._sweep_ends: float | None = None
        self._fresh_because = ""
        self._stop_signals = 0
        self._exit_code: int | None = None

    def run(self) -> int:
        """Runs the program until the container is stopped; returns the code to end with."""
        signals = forwarded()
        receive_signals(self._loop, [*signals, signal.SIGCHLD], self._receive)
        if self._arguments.warm:
            self._make_warmth()
        self._turn()
        while not self._run.number and self._exit_code is None:
            self._loop.turn()
        self._listen()
        while self._exit_code is None:
            self._loop.turn()
        return self._exit_code

    def greeting(self) -> dict[str, object]:
        """Returns what each connection is told first."""
        return {"agent": 1, "run": self._run.told()}

    def ask(self, question: dict[str, object], answer: Answer) -> None:
        """Answers now, or when what is asked for has been done."""
        wish = question.get("do")
        if wish == "status":
            answer({"run": self._run.told()})
        elif wish != "restart":
            answer({"error": f"not known: {wish!r}"[:200]})
        elif self._stop_signals:
            answer({"error": STOPPED})
        else:
            self._ask_restart(question.get("stale", []), answer)

    def _ask_restart(self, stale: object, answer: Answer) -> None:
        if not isinstance(stale, list) or not all(map(is_bytecode, stale)):
            answer({"error": "stale is no list of byte code files"})
            return
        self._stale += stale
        self._answers.append(answer)
        self._turn()

    def _make_warmth(self) -> None:
        from fitness import why_not  # Only who asked for it pays for it.
        from warmth import Warmth

        self._why_not_warm = why_not(self._arguments, self._environment, adopts=self._adopts)
        if not self._why_not_warm:
            made = (self._loop, self._arguments, self._environment)
            self._warmth = Warmth(*made, self._advance, self._add_note)

    def _add_note(self, note: str) -> None:
        self._run.note = note
        self._tell()

    def _listen(self) -> None:
        from channel import Channel  # The program starts meanwhile.

        try:
            self._channel = Channel(self._loop, self._arguments.socket, self)
        except OSError as error:
            say(f"restarts are not possible: {self._arguments.socket}: {error.strerror}")

    def _tell(self) -> None:
        if self._channel:
            self._channel.broadcast({"run": self._run.told()})

    # Signals

    def _receive(self, number: int) -> None:
        if number == signal.SIGCHLD:
            self._reap()
        elif number in {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, self._arguments.signal}:
            self._stop(number)
        elif self._run.alive:
            send(self._run.pid, number)

    def _reap(self) -> None:
        for pid, code in reap():
            if pid == self._run.pid:
                self._ended(code)
            elif self._warmth:
                self._warmth.reaped(pid)
        self._advance()

    def _ended(self, code: int) -> None:
        self._run.code = code
        self._sweep_ends = None
        self._tell()
        if not self._warmth:
            return
        lived = time.time() - self._run.started
        because = self._warmth.ended(self._run.depth, code, lived, asked=self._turning)
        if because and not self._turning:
            self._fresh_because = because
            self._turn()

    def _stop(self, number: int) -> None:
        self._stop_signals += 1
        if self._run.alive:
            send(self._run.pid, number if self._stop_signals == 1 else signal.SIGKILL)
        if self._stop_signals > 1:
            self._run.code = KILLED
            self._finish()
        else:
            answers, self._answers = self._answers, []
            for answer in answers:
                answer({"error": STOPPED})
            # The engine, not the agent, says for how long a stop is waited for.
            self._turning = True
            self._advance()

    # Turns

    def _turn(self) -> None:
        """Begins a turn, unless one is under way."""
        if self._turning:
            return
        self._turning = True
        self._sweep_ends = None
        if self._run.alive:
            pid = self._run.pid
            send(pid, self._arguments.signal)
            self._kill = self._loop.after(self._arguments.grace, lambda: send(pid, signal.SIGKILL))
        if self._warmth and not self._fresh_because:
            self._warmth.ask()
        self._advance()

    def _advance(self) -> None:
        """Goes on with the turn as far as it goes now; after a program's own end clears away what it left."""
        if self._run.alive or (self._warmth and self._warmth.waiting):
            return
        if not self._swept() or not self._turning:
            return
        self._turning = False
        if self._kill:
            self._kill.cancel()
        if self._stop_signals:
            self._finish()
        else:
            self._start()

    def _swept(self) -> bool:
        """Kills what is left of the last program; returns whether nothing is, or it has to be left."""
        clean = (
            kill_descendants(self._warmth.spared() if self._warmth else ())
            if self._adopts
            else self._run.pid <= 0 or kill_session(self._run.pid)
        )
        if clean:
            return True
        now = time.monotonic()
        if self._sweep_ends is None:
            self._sweep_ends = now + SWEEP_S
        if now > self._sweep_ends:
            return True
        # What ends wakes the loop by its signal; another's child does not.
        self._loop.after(SWEEP_STEP_S, self._advance)
        return False

    def _start(self) -> None:
        trouble = self._remove_stale()
        self._run = Run(self._run.number + 1)
        self._start_program()
        answers, self._answers = self._answers, []
        for answer in answers:
            answer({"error": trouble} if trouble else {"run": self._run.told()})
        self._tell()

    def _start_program(self) -> None:
        run = self._run
        run.note, self._fresh_because = self._fresh_because or self._why_not_warm, ""
        if self._warmth:
            started = self._warmth.start(fresh=bool(run.note))
            run.depth, run.pid = started.depth, started.pid
            run.note = run.note or started.note
            if run.pid:
                return
        try:
            run.pid = spawn(self._arguments.command, self._environment)
        except OSError as error:  # As many processes as are allowed.
            run.code = NOT_RUN
            say(f"cannot run {self._arguments.command[0]!r}: {error.strerror}")

    def _remove_stale(self) -> str:
        """Removes the byte code that would be wrongly believed; returns what stood against it."""
        stale, self._stale = self._stale, []
        trouble = ""
        for path in stale:
            try:
                os.unlink(path)
            except OSError as error:
                if error.errno not in {errno.ENOENT, errno.ENOTDIR} and not emptied(path):
                    trouble = f"stale byte code stays: {path}: {error.strerror}"
        return trouble

    def _finish(self) -> None:
        if self._warmth:
            self._warmth.close()
        ends = time.monotonic() + FINISH_S
        while not kill_descendants(()) and time.monotonic() < ends:
            time.sleep(FINISH_STEP_S)
            for _ in reap():
                pass
        self._exit_code = self._run.code or 0


def is_bytecode(path: object) -> bool:
    """Tells whether something is the absolute path of byte code: nothing else is ever removed."""
    return isinstance(path, str) and path.startswith("/") and path.endswith(".pyc") and "\0" not in path


def emptied(path: str) -> bool:
    """Makes a file an empty one, which is no byte code; returns whether that could be done."""
    try:
        os.truncate(path, 0)
    except OSError:
        return False
    return True


def say(words: str) -> None:
    """Says something in the program's own stderr, where a user looks."""
    sys.stderr.write(f"devrun agent: {words}\n")
    sys.stderr.flush()
