"""What a build session gives to a build: secrets and ssh agents, looked at when the build begins.

No value is ever a word of a command line, which everybody on the machine can read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from devrun.config.session import Secret, Session, SshAgent
from devrun.errors import EngineError

AGENT_VARIABLE = "SSH_AUTH_SOCK"

_MINE = "devrun_secret_{}"
"""The variable that takes a secret to docker's client: its own name may be that of a build argument too."""


@dataclass(frozen=True, slots=True)
class Given:
    """What docker's client is told."""

    flags: tuple[str, ...]
    variables: Mapping[str, str] = field(repr=False)
    values: Mapping[str, str] = field(repr=False)
    """By the secrets' names what must not be shown."""


def give(session: Session, environ: Mapping[str, str]) -> Given:
    """Return what a session gives; raises EngineError for what is not there."""
    flags = list[str]()
    variables, values = dict[str, str](), dict[str, str]()
    for number, secret in enumerate(session.secrets):
        values[secret.id] = _value(secret, environ)
        if secret.file:
            flags.append(f"--secret=id={secret.id},{_field(f'src={secret.file}')}")
        else:
            variable = _MINE.format(number)
            variables[variable] = environ[secret.variable]
            flags.append(f"--secret=id={secret.id},env={variable}")
    flags += [f"--ssh={_agent(agent, environ)}" for agent in session.agents]
    flags += [f"--cache-from={cache}" for cache in session.caches]
    return Given(tuple(flags), variables, values)


def _value(secret: Secret, environ: Mapping[str, str]) -> str:
    """Return what an instruction may write out as it is; empty for a file of several lines.

    Such a file is a configuration, most of which is no secret.
    """
    if secret.file is None:
        if secret.variable not in environ:
            raise EngineError(
                f"secret {secret.id}: the environment has no {secret.variable}",
                hint="set it, and start devrun again",
            )
        return environ[secret.variable]
    try:
        text = secret.file.read_text(errors="replace").strip()
    except OSError as error:
        raise EngineError(
            f"secret {secret.id}: {secret.file}: {error.strerror or error}",
            hint="write the file, or correct `secrets` in devrun.toml",
        ) from error
    return "" if "\n" in text else text


def _agent(agent: SshAgent, environ: Mapping[str, str]) -> str:
    path = str(agent.path) if agent.path else environ.get(AGENT_VARIABLE, "")
    if not path:
        raise EngineError(
            f"ssh agent {agent.id}: the environment has no {AGENT_VARIABLE}",
            hint="start an agent and then devrun in it: `ssh-agent devrun watch`; or name a key: "
            f'ssh = ["{agent.id}=~/.ssh/id_ed25519"]',
        )
    if not Path(path).exists():
        origin = "" if agent.path else f" ({AGENT_VARIABLE})"
        raise EngineError(
            f"ssh agent {agent.id}: there is no {path}{origin}",
            hint="correct `ssh` in devrun.toml" if agent.path else "start the agent, and devrun again",
        )
    return f"{agent.id}={path}"


def _field(text: str) -> str:
    """Return a field as docker's client reads it, which is CSV."""
    return '"{}"'.format(text.replace('"', '""')) if set(text) & set(',"\n') else text
