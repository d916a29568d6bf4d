"""How deep the restarts of a target go: what was asked for, as far as its command and the engine allow it.

Pure. Where it is deeper than the container's restart, an agent stands before the command: it is the
container's main process, after the wrappers that the image or the target has, and starts the program.
"""

import signal
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from devrun.config.project import Depth, Module, Script, TargetConfig
from devrun.config.words import INITS, leading_python, read_entrypoint

CODE_PLACE = "/run/devrun/agent"
CONTROL_PLACE = "/run/devrun/control"
SOCKET = "agent.sock"
_ISOLATED = ("-I", "-S", "-B")
"""Nothing of the image's own is imported, and nothing is written."""

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A depth, and why it is no deeper."""

    depth: Depth
    why: str = ""
    program: int = 0
    """Of a warm one: at which word of the command the program begins, after the interpreter."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How the agent is to end the program."""

    signal: str
    grace_s: float


def choose_depth(
    target: TargetConfig, command: Words, *, has_python: bool, minor: int = 0, hindrance: str = ""
) -> Chosen:
    """Return the depth that a target gets.

    `command` is what is started, without wrappers. `minor` is that of the container's Python 3.
    `hindrance` is why agents cannot be spoken to.
    """
    if target.reload is Depth.CONTAINER:
        return Chosen(Depth.CONTAINER)
    if why := _why_no_agent(target, command, has_python=has_python, minor=minor) or hindrance:
        return Chosen(Depth.CONTAINER, why)
    if target.reload is Depth.PROCESS:
        return Chosen(Depth.PROCESS)
    if target.debug_port:
        return Chosen(Depth.PROCESS, "debugpy starts threads, and such a process cannot be copied")
    at = _program_at(target, command)
    if at is None:
        return Chosen(Depth.PROCESS, "only a script or a module can be started in a warm interpreter")
    return Chosen(Depth.WARM, program=at)


OLDEST_MINOR = 8
"""The agent runs on Python 3.8, and on what came after it."""


def _why_no_agent(target: TargetConfig, command: Words, *, has_python: bool, minor: int) -> str:
    if target.tty:
        return "it runs in a terminal (`tty`), which belongs to the main process"
    if not command:
        return "the image names no command"
    if not has_python:
        return "its image has no Python that could run devrun's agent"
    return f"its Python 3.{minor} is older than 3.{OLDEST_MINOR}" if minor < OLDEST_MINOR else ""


def _program_at(target: TargetConfig, command: Words) -> int | None:
    """Return at which word a script or module begins, None where the command starts something else."""
    python = leading_python(command)
    if not python or PurePosixPath(python[0]).name == "env":
        return None
    rest = command[len(python) :]
    is_named = isinstance(target.program, Script | Module)
    is_script = bool(rest) and not rest[0].startswith("-") and (is_named or rest[0].endswith(".py"))
    return len(python) if is_script or rest[:1] == ("-m",) else None


def split_wrappers(words: Words, *, are_plain: bool) -> tuple[Words, Words]:
    """Return the wrappers before a command, which stay before the agent, and the command.

    Scripts are among them only where they are known to go on with any command: `are_plain`. A runner with
    options (`uv run --with x`) is left to the command, since where its options end is its own secret.
    """
    length = 0
    while length < len(words) and (more := _kept(words[length:], are_plain=are_plain)):
        length += more
    return (words[:length], words[length:]) if length < len(words) else ((), words)


def _kept(words: Words, *, are_plain: bool) -> int:
    """Return how many words at the beginning stay before the agent."""
    if PurePosixPath(words[0]).name in INITS:
        return next((at for at, word in enumerate(words) if at and not word.startswith("-")), len(words))
    wrappers = read_entrypoint(words).wrappers
    if words[1:2] == ("run",) and wrappers[:2] == words[:2]:
        has_options = any(word.startswith("-") for word in words[2:3])
        return 0 if has_options else 2
    return 1 if are_plain and wrappers[:1] == words[:1] else 0


def agent_command(
    chosen: Chosen, python: str, ending: Ending, sources: Iterable[str], command: Words
) -> Words:
    """Return the command that starts the agent, which starts the command."""
    options = ["--socket", f"{CONTROL_PLACE}/{SOCKET}", "--depth", chosen.depth.value]
    options += ["--signal", ending.signal, "--grace", f"{float(ending.grace_s)}"]
    for source in sources:
        options += ["--source", source]
    if chosen.depth is Depth.WARM:
        options += ["--program", str(chosen.program)]
    return (python, *_ISOLATED, CODE_PLACE, *options, "--", *command)


def signal_name(said: str) -> str:
    """Return a stop signal's name, however an image writes it; SIGTERM where it is not known here."""
    if said.isdigit():
        known = {number.value: number.name for number in signal.Signals}
        return known.get(int(said), "SIGTERM")
    name = said.upper() if said.upper().startswith("SIG") else f"SIG{said.upper()}"
    is_known = name in signal.Signals.__members__ or name.startswith(("SIGRTMIN", "SIGRTMAX"))
    return name if is_known else "SIGTERM"
