"""One interpreter that waits to be forked: how it is started, told and heard. `warm/` is what runs in it."""

from __future__ import annotations

import contextlib
import os
import signal

from processes import kill_tree, send, spawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from loop import Loop

HOOK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "warm")
COMMANDS, ANSWERS, GATE = 240, 241, 242
"""Its descriptors, out of the way of those that modules open as they are loaded."""


class Zygote:
    """A process, and the three pipes to it."""

    def __init__(
        self,
        loop: Loop,
        command: list[str],
        environment: Mapping[bytes, bytes],
        names: list[str],
        plan: str,
        hear: Callable[[Zygote, str], None],
    ) -> None:
        """Starts it; raises OSError where it cannot be."""
        self.names = names
        self._loop = loop
        self._hear = hear
        self._heard = b""
        commands, self._commands = os.pipe()
        self._answers, answers = os.pipe()
        gate, self._gate = os.pipe()
        given = {COMMANDS: commands, ANSWERS: answers, GATE: gate}
        try:
            self.pid = spawn(command, _hooked(environment, plan), given)
        finally:
            for fd in given.values():
                os.close(fd)
        os.set_blocking(self._answers, False)
        loop.watch(self._answers, self._read)

    def fork(self, notes: str) -> None:
        """Asks for a process that will be the program, and note its imports in a file."""
        with contextlib.suppress(OSError):  # It has ended: its end is told by the kernel.
            os.write(self._commands, os.fsencode(notes) + b"\n")

    def open_gate(self, child: int) -> None:
        """Lets the process go on to the program."""
        os.write(self._gate, b"%10d" % child)

    def pause(self) -> None:
        """Has it take no time from a program that is starting."""
        send(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Has it go on."""
        send(self.pid, signal.SIGCONT)

    def end(self) -> None:
        """Kills it and what it started, unless it has ended already."""
        if self.pid:
            kill_tree(self.pid)
        self.forget()

    def forget(self) -> None:
        """Closes what belonged to it."""
        if self._answers >= 0:
            self._loop.forget(self._answers)
            for fd in (self._answers, self._commands, self._gate):
                os.close(fd)
            self._answers = -1

    def drain(self) -> None:
        """Hears what it said before it ended."""
        if self._answers >= 0:
            self._read()

    def _read(self) -> None:
        received = b""
        with contextlib.suppress(BlockingIOError):
            received = os.read(self._answers, 1 << 16)
            if not received:
                self._loop.forget(self._answers)
        *lines, self._heard = (self._heard + received).split(b"\n")
        for line in lines:
            self._hear(self, line.decode(errors="replace"))


def _hooked(environment: Mapping[bytes, bytes], plan: str) -> dict[bytes, bytes]:
    """Returns the program's environment with the hook in it, which takes itself out again."""
    hooked = dict(environment)
    before = hooked.get(b"PYTHONPATH")
    hooked[b"PYTHONPATH"] = os.fsencode(HOOK) + (b":" + before if before else b"")
    said = f"{COMMANDS}:{ANSWERS}:{GATE}:{int(before is not None)}:{plan}"
    hooked[b"DEVRUN_AGENT"] = os.fsencode(said)
    return hooked
