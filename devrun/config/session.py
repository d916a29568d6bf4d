"""What the builder may ask for while it builds: secrets, ssh agents, caches, and how the file writes them.

None of it decides what an image is made from. The values of secrets are not here: they are read when a build
begins, and go to the builder alone.
"""

import re
from dataclasses import dataclass
from pathlib import Path

DEFAULT_AGENT = "default"
"""What `RUN --mount=type=ssh` asks for where it names nothing."""

# Docker's own client takes these words apart at commas and equal signs.
_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret that instructions may read: the content of a file, or the value of a variable."""

    id: str
    file: Path | None = None
    variable: str = ""
    """Of the environment that devrun runs in."""


@dataclass(frozen=True, slots=True)
class SshAgent:
    """An ssh agent that instructions may use."""

    id: str = DEFAULT_AGENT
    path: Path | None = None
    """Its socket, or a key; None: the agent of the environment that devrun runs in."""


@dataclass(frozen=True, slots=True)
class Session:
    """What is given to one image's builds."""

    secrets: tuple[Secret, ...] = ()
    agents: tuple[SshAgent, ...] = ()
    caches: tuple[str, ...] = ()
    """Where layers may come from, as `--cache-from` takes it."""

    @property
    def needed_by(self) -> str:
        """The key of devrun.toml that asks for a session, empty where none does."""
        said = {"secrets": self.secrets, "ssh": self.agents, "cache-from": self.caches}
        return next((key for key, value in said.items() if value), "")


def checked_id(value: str) -> str:
    """Refuse what a Dockerfile could not ask for."""
    if not _ID.fullmatch(value):
        raise ValueError("the name of a secret or of an agent has letters, digits and _ . - only")
    return value


def agent_lines(value: object) -> object:
    """Let `true` stand for the agent of the environment, and one text for a list of one."""
    match value:
        case bool():
            return [DEFAULT_AGENT] if value else []
        case str():
            return [value]
        case list():
            return value
        case _:
            raise ValueError("must be true, or a list of agents")


def checked_agent(value: str) -> str:
    """Refuse what is neither the name of an agent nor a name with a path."""
    name, is_with_path, path = value.partition("=")
    checked_id(name)
    if is_with_path and (not path or "," in path):
        raise ValueError('an agent is written "default", or "default=path" with its socket or a key')
    return value
