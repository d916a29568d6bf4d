"""The agent's command line, read by hand: argparse would cost as much as all the rest of the start."""

from __future__ import annotations

import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Arguments:
    """What devrun asked for."""

    __slots__ = ("command", "grace", "program", "signal", "socket", "sources", "warm")

    def __init__(self, command: list[str]) -> None:
        self.command = command
        self.socket = ""
        self.warm = False
        self.signal = int(signal.SIGTERM)
        self.grace = 2.0
        self.sources: list[str] = []
        self.program: int | None = None


def read_arguments(words: Sequence[str]) -> Arguments:
    """Returns what the words say; ends the process where devrun and the agent do not fit together."""
    try:
        cut = words.index("--")
        return _read(words[:cut], list(words[cut + 1 :]))
    except (ValueError, IndexError, AttributeError) as error:
        raise SystemExit(f"devrun agent: arguments not understood: {error}") from None


def _read(options: Sequence[str], command: list[str]) -> Arguments:
    if not command:
        raise ValueError("no command")
    read = Arguments(command)
    for name, value in zip(options[::2], options[1::2]):
        if name == "--socket":
            read.socket = value
        elif name == "--depth":
            read.warm = value == "warm"
        elif name == "--signal":
            read.signal = signal_number(value)
        elif name == "--grace":
            read.grace = float(value)
        elif name == "--source":
            read.sources.append(value)
        elif name == "--program":
            read.program = int(value)
        else:
            raise ValueError(name)
    return read


def signal_number(name: str) -> int:
    """Returns the number of a signal, which is named as for Docker: `SIGTERM`, `TERM`, `RTMIN+3`, `15`."""
    if name.isdigit():
        return int(name)
    word, _, offset = name.upper().partition("+")
    word = word if word.startswith("SIG") else f"SIG{word}"
    return int(getattr(signal, word)) + int(offset or 0)
