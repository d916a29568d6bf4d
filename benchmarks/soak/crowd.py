"""Clients as they should not be: some follow and never read, some are killed while they wait."""

import socket
import subprocess
from dataclasses import dataclass, field
from random import Random

from benchmarks.machine import environment_of_children
from benchmarks.soak.stage import DEVRUN, Stage

FOLLOWED = ("/v1/events?follow=true&snapshot=true", "/v1/logs?follow=true&tail=10000")
COMMANDS = (["events", "--follow"], ["logs", "--follow"], ["status", "--follow"], ["wait"])
MOST = 8
"""Of each kind at a time: enough that a leak shows, few enough that the machine has other work to do."""


@dataclass(slots=True)
class Crowd:
    """Those that are there now."""

    stage: Stage
    mute: list[socket.socket] = field(default_factory=list)
    commands: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def follow(self, dice: Random) -> None:
        """One more follows, and never reads what comes; the oldest goes where there are too many."""
        peer = socket.socket(socket.AF_UNIX)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.connect(str(self.stage.client().holder.socket))
        peer.sendall(f"GET {dice.choice(FOLLOWED)} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        self.mute.append(peer)
        if len(self.mute) > MOST:
            self.mute.pop(0).close()

    def command(self, dice: Random) -> None:
        """One more command is typed, and the oldest is killed where there are too many."""
        words = [*DEVRUN, "-C", str(self.stage.place.folder), *dice.choice(COMMANDS)]
        silent = subprocess.DEVNULL
        environment = environment_of_children()
        self.commands.append(
            subprocess.Popen(words, env=environment, stdin=silent, stdout=silent, stderr=silent)
        )
        if len(self.commands) > MOST // 2:
            self._kill(self.commands.pop(0))

    def leave(self) -> None:
        """All go, none of them in good manners."""
        for peer in self.mute:
            peer.close()
        for command in self.commands:
            self._kill(command)
        self.mute, self.commands = [], []

    def _kill(self, command: "subprocess.Popen[bytes]") -> None:
        command.kill()
        command.wait()
