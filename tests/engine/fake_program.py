"""The containers of the fake engine, and their programs: Python scripts of a few statements.

`print("text")`, to stderr too, `raise SystemExit(3)`, and `signal.pause()`, which goes on; a script without
it ends with 0, one that does not parse with 1. Everything else in a script is passed over.
"""

import re
from dataclasses import dataclass, field

from devrun.config.project import Depth, Module, Script, TargetConfig
from devrun.core.values import Container, Phase
from devrun.engine.protocol import OutputLine

_STATEMENT = re.compile(
    r'print\("(?P<text>.*?)"(?P<err>, file=sys\.stderr)?\)'
    r"|raise SystemExit\((?P<code>\d+)\)|(?P<wait>signal\.pause\(\))"
)


@dataclass
class Box:
    """A container, and what its program did."""

    target: TargetConfig
    seen: Container
    content: str = ""
    """The source that the present run loaded."""
    output: list[OutputLine] = field(default_factory=list)
    is_silent: bool = False
    """Whether its agent answers no more."""

    @property
    def runs(self) -> bool:
        """Tell whether its program is there, running or paused."""
        return self.seen.phase in (Phase.RUNNING, Phase.PAUSED)

    @property
    def depth(self) -> Depth | None:
        """How deep a restart can go; None: nothing but the container's was asked for."""
        asked = self.target.reload
        if asked is Depth.CONTAINER:
            return None
        if self.target.tty:
            return Depth.CONTAINER
        is_python = isinstance(self.target.program, Script | Module)
        return asked if is_python else Depth.PROCESS

    @property
    def has_agent(self) -> bool:
        """Tell whether an agent starts its program, and answers."""
        return self.depth in (Depth.PROCESS, Depth.WARM) and not self.is_silent


@dataclass(frozen=True)
class Run:
    """What a program does at once: its lines with their streams, and its exit code; None: it goes on."""

    lines: tuple[tuple[str, str], ...]
    exit_code: int | None


def run(source: str) -> Run:
    """Return what a script does."""
    error = syntax_error(source)
    if error:
        return Run((("stderr", f"SyntaxError: {error}"),), 1)
    lines: list[tuple[str, str]] = []
    for statement in _STATEMENT.finditer(source):
        if statement["wait"]:
            return Run(tuple(lines), None)
        if statement["code"]:
            return Run(tuple(lines), int(statement["code"]))
        lines.append(("stderr" if statement["err"] else "stdout", statement["text"]))
    return Run(tuple(lines), 0)


def syntax_error(source: str) -> SyntaxError | None:
    """Return why a script does not parse, None where it does."""
    try:
        compile(source, "<source>", "exec")
    except SyntaxError as error:
        return error
    return None


def ports_of(target: TargetConfig) -> tuple[str, ...]:
    """Return the published ports, as the engine's container shows them."""
    return tuple(
        f"{port.address or '127.0.0.1'}:{port.host_port}->{port.container_port}/{port.protocol}"
        for port in target.published
    )
