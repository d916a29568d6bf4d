"""Warm starts: which zygote there is, what it has loaded, and whether what comes of it can be trusted.

What a program imports from outside the project is learnt by looking at each run. Once its imports have been
quiet for a while, an interpreter that has them loaded is made ready beside the program. Modules that do not
keep still are left out, one round after the other. Whatever is in doubt is started from a fresh interpreter,
and the run's note says why.
"""

from __future__ import annotations

import contextlib
import os
import signal

from fitness import UNFIT, place_of, with_real
from learning import Lesson
from processes import send
from zygote import Zygote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from arguments import Arguments
    from loop import Loop, Timer

SOON_S = 5.0
"""A program that ends with an error within this time did not come up."""
ROUNDS = 12
"""Each names at least one module that has to be left out."""
FORK_S = 10.0
PREPARE_S = 60.0
NAMED = 4
PREPARED = "an interpreter is still being prepared"


class Started:
    """What a start came to; a pid of 0 asks for a fresh interpreter."""

    __slots__ = ("depth", "note", "pid")

    def __init__(self, pid: int, depth: str, note: str) -> None:
        self.pid = pid
        self.depth = depth
        self.note = note


class Warmth:
    """The zygotes of one program: the one in use, and the one that is being prepared."""

    def __init__(
        self,
        loop: Loop,
        arguments: Arguments,
        environment: Mapping[bytes, bytes],
        advance: Callable[[], None],
        tell: Callable[[str], None],
    ) -> None:
        self._loop = loop
        self._arguments = arguments
        self._environment = environment
        self._folder = os.path.dirname(arguments.socket)
        self._sources = with_real(arguments.sources)
        self._advance = advance
        self._tell = tell
        self._off = ""
        self._because = ""
        self._zygote: Zygote | None = None
        self._preparing: Zygote | None = None
        self._prepared: Zygote | None = None
        self._patience: Timer | None = None
        # What has been learnt: names in their order, and those that must not be preloaded, with the reason.
        self._lesson: Lesson | None = None
        self._names: dict[str, None] = {}
        self._left_out: dict[str, str] = {}
        self._learnt = False
        self._rounds = 0
        self._files = 0
        self._plan = ""
        # The fork that was asked for.
        self.waiting = False
        self._child = 0
        self._halves = 0
        self._fork_patience: Timer | None = None
        # Whether a warm start has come up, with what code one ended that did not, and a cold one lately.
        self._trusted = False
        self._failed_cold = 0
        self._suspect: int | None = None
        self._judging: Timer | None = None

    # For the supervisor

    def ask(self) -> None:
        """Has a process forked, while the old program is still ending."""
        if self._judging:
            self._judging.cancel()
            self._suspect = None
        self._because = self._off
        if self._off or self._child or self.waiting:
            return
        if self._zygote or self._learnt:
            if self._preparing:
                self._preparing.pause()
                self._forget_patience()
        elif not self._preparing:
            self._prepare()
        if not self._zygote and self._learnt:
            self._because = self._because or PREPARED
            return
        self._learn()
        self._end_lesson()
        self._lesson = Lesson(self._loop, self._file("imports"), self._sources, self._quiet)
        self.waiting = True
        if self._zygote:
            self._fork()

    def start(self, *, fresh: bool) -> Started:
        """Lets the forked process go, where there is one that may be used; begins to learn from the run."""
        child, self._child = self._child, 0
        zygote = self._zygote
        if fresh or not child or not zygote:
            if child:
                send(child, signal.SIGKILL)
            self._begin_fresh()
            return Started(0, "process", self._because)
        if self._lesson:
            self._lesson.begin()
        warm = bool(zygote.names) or (self._learnt and not self._wanted())
        started = Started(child, "warm" if warm else "process", self._note(zygote))
        zygote.open_gate(child)
        self._swap()
        return started

    def ended(self, depth: str, code: int, lived: float, *, asked: bool) -> str:
        """Takes note of a program's end; returns why it should be run once more, with a fresh interpreter."""
        self._learn()
        if self._judging:
            self._judging.cancel()
            self._judging = None
        suspect, self._suspect = self._suspect, None
        failed = code != 0 and lived < SOON_S and not asked
        if depth != "warm":
            self._failed_cold = code if failed else 0
            if suspect is not None and not asked and code != suspect:
                self._convict(suspect)
        elif not self._trusted and failed:
            known, self._failed_cold = self._failed_cold, 0
            if code != known:
                self._suspect = code
                return f"ended with {code} soon after a warm start: started again, with a fresh interpreter"
        elif not asked or lived >= SOON_S:
            self._trusted = True
        if not asked:
            self._quiet()
        return ""

    def reaped(self, pid: int) -> None:
        """Takes note of the end of a process that is not the program."""
        if pid == self._child:
            self._child = 0
        elif self._preparing and pid == self._preparing.pid:
            zygote = self._preparing
            zygote.drain()
            if zygote is self._preparing:
                zygote.pid = 0
                self._give_up("an interpreter ended while it was being prepared")
        elif self._prepared and pid == self._prepared.pid:
            self._prepared.forget()
            self._prepared = None
        elif self._zygote and pid == self._zygote.pid:
            self._zygote.pid = 0
            self._lose("the prepared interpreter ended")

    def spared(self) -> set[int]:
        """Returns the processes that are not the program's."""
        zygotes = (self._zygote, self._preparing, self._prepared)
        return {self._child, *(zygote.pid for zygote in zygotes if zygote)} - {0}

    def close(self) -> None:
        """Ends all that belongs to it."""
        for zygote in (self._zygote, self._preparing, self._prepared):
            if zygote:
                zygote.end()
        self._zygote = self._preparing = self._prepared = None
        if self._child:
            send(self._child, signal.SIGKILL)
        self._end_lesson()

    # Forking

    def _fork(self) -> None:
        if self._zygote and self._lesson:
            self._halves = 0
            self._fork_patience = self._loop.after(
                FORK_S, lambda: self._lose("the prepared interpreter hangs")
            )
            self._zygote.fork(self._lesson.path)

    def _forked(self, pid: int) -> None:
        """Takes note of one half: the process says its number, and the zygote that its parent has ended."""
        self._child = self._child or pid
        self._halves += 1
        if self._halves == 2:
            self._answered()

    def _lose(self, because: str) -> None:
        """Does without the zygote in use; another is prepared when the program has started."""
        self._because = because
        if self._zygote:
            self._zygote.end()
            self._zygote = None
        self._answered()

    def _answered(self) -> None:
        if self._fork_patience:
            self._fork_patience.cancel()
        if self.waiting:
            self.waiting = False
            self._advance()

    # Learning and preparing

    def _begin_fresh(self) -> None:
        self._end_lesson()
        self._swap()
        if self._suspect is not None:
            suspect = self._suspect
            self._judging = self._loop.after(SOON_S, lambda: self._convict(suspect))
        if not self._off:
            self._loop.after(1.0, self._quiet)

    def _learn(self) -> None:
        if self._lesson:
            self._names.update(dict.fromkeys(self._lesson.names()))
            self._learnt = self._learnt or bool(self._names)

    def _await(self, preparing: Zygote) -> None:
        """Gives the zygote that is being prepared its time; what it is paused for does not count."""
        self._forget_patience()
        slow = "preloading takes too long"
        seconds = PREPARE_S if preparing.names else FORK_S
        self._patience = self._loop.after(seconds, lambda: self._give_up(slow))

    def _forget_patience(self) -> None:
        if self._patience:
            self._patience.cancel()

    def _planned(self) -> None:
        """Takes note that the zygote which was being prepared needs nothing more, ready or not."""
        self._forget_patience()
        if self._plan:
            with contextlib.suppress(OSError):
                os.unlink(self._plan)

    def _end_lesson(self) -> None:
        if self._lesson:
            self._lesson.end()
            self._lesson = None

    def _wanted(self) -> list[str]:
        return [name for name in self._names if name not in self._left_out]

    def _quiet(self) -> None:
        """Prepares a zygote if there is none with what the program needs: the program is up."""
        self._learn()
        self._learnt = True
        unfit = next((name for name in self._names if name in UNFIT), "")
        if unfit and not self._off:
            self._turn_off(f"{unfit} {UNFIT[unfit]}")
        if self._off:
            return
        newest = self._preparing or self._prepared or self._zygote
        if self._preparing:
            self._preparing.resume()
            self._await(self._preparing)
        if newest is None or newest.names != self._wanted():
            self._prepare()
        elif newest is not self._preparing:
            self._announce(newest)

    def _prepare(self) -> None:
        for zygote in (self._preparing, self._prepared):
            if zygote:
                zygote.end()
        self._planned()
        self._prepared = None
        names = self._wanted()
        command, environment = self._arguments.command, self._environment
        try:
            self._plan = plan = self._write_plan(names) if names else ""
            self._preparing = Zygote(self._loop, command, environment, names, plan, self._hear)
        except OSError as error:
            self._give_up(f"an interpreter cannot be prepared: {error.strerror}")
            return
        self._await(self._preparing)

    def _write_plan(self, names: list[str]) -> str:
        module = ""
        if self._arguments.program is not None and self._arguments.command[self._arguments.program] == "-m":
            module = self._arguments.command[self._arguments.program + 1]
        is_package = any(name.startswith(f"{module}.") for name in names)
        # A module that is run must not have been loaded before.
        blocked = [*self._left_out, *([module] if module and not is_package else [])]
        lines = [
            *(f"source {source}" for source in self._sources),
            f"place {place_of(self._arguments)}",
            *(f"blocked {name}" for name in blocked),
            *(f"name {name}" for name in names if name not in blocked),
        ]
        plan = self._file("preload")
        with open(plan, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write("\n".join(lines))
        return plan

    def _hear(self, zygote: Zygote, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word in ("pid", "inherited") and zygote is self._zygote:
            self._forked(int(rest or 0))
        elif word == "stale" and zygote is self._zygote:
            self._lose(rest)
        elif word == "bad":
            name, _, reason = rest.partition("\t")
            self._left_out[name] = reason
        elif word == "tainted" and zygote is self._preparing:
            self._next_round()
        elif word == "ready" and zygote is self._preparing:
            self._ready(zygote)

    def _next_round(self) -> None:
        self._rounds += 1
        self._planned()
        if self._rounds > ROUNDS:
            self._give_up("too many modules do not keep still when they are preloaded")
        else:
            self._prepare()

    def _ready(self, zygote: Zygote) -> None:
        self._planned()
        self._rounds = 0
        self._preparing, self._prepared = None, zygote
        if not self.waiting and not self._child:
            self._swap()
        elif not self._zygote:
            self._swap()
            self._fork()
        self._announce(zygote)

    def _announce(self, zygote: Zygote) -> None:
        if self._learnt and not self.waiting and not self._child:
            self._tell(f"{self._loaded(zygote)} for the next start")

    def _swap(self) -> None:
        """Takes the newest zygote in use."""
        if self._prepared:
            if self._zygote:
                self._zygote.end()
            self._zygote, self._prepared = self._prepared, None
            self._trusted = False

    # Doubt

    def _give_up(self, because: str) -> None:
        self._turn_off(because)
        self._because = because
        self._answered()

    def _convict(self, code: int) -> None:
        note = f"warm starts are off: it ended with {code} after one, and came up with a fresh interpreter"
        self._suspect = None
        self._turn_off(note)
        self._tell(note)

    def _turn_off(self, because: str) -> None:
        self._off = because
        self._forget_patience()
        for zygote in (self._zygote, self._preparing, self._prepared):
            if zygote:
                zygote.end()
        self._zygote = self._preparing = self._prepared = None

    def _file(self, name: str) -> str:
        self._files += 1
        return os.path.join(self._folder, f"{name}-{self._files}")

    def _note(self, zygote: Zygote) -> str:
        if not self._learnt:
            return "learning what it imports"
        return PREPARED if not zygote.names and self._wanted() else self._loaded(zygote)

    def _loaded(self, zygote: Zygote) -> str:
        left = [f"{name} {why}" for name, why in self._left_out.items() if not why.startswith("needs ")]
        out = f"; left out: {', '.join(left[:NAMED])}{', ...' if len(left) > NAMED else ''}" if left else ""
        return f"{len(zygote.names)} modules preloaded{out}"
