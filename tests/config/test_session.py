"""What a build may ask for, as devrun.toml writes it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from devrun.config.project import Project
from devrun.config.session import Session, SshAgent

Read = Callable[..., Project]
Refused = Callable[..., list[str]]


def session(read: Read, keys: str) -> Session:
    """Return what the keys of [image] give to its builds."""
    (image,) = read(f"[image]\n{keys}").built_images
    return image.session


@pytest.mark.parametrize(
    ("said", "agents"),
    [
        ("true", (SshAgent(),)),
        ("false", ()),
        ("'default'", (SshAgent(),)),
        ("['default', 'a=/k']", (SshAgent(), SshAgent("a", Path("/k")))),
    ],
)
def test_an_agent_is_the_one_of_the_environment_or_is_named(
    read: Read, said: str, agents: tuple[SshAgent, ...]
) -> None:
    """`true` is enough for most."""
    assert session(read, f"ssh = {said}").agents == agents


def test_a_file_may_lie_in_the_home(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most secrets and keys do."""
    monkeypatch.setenv("HOME", "/home/me")
    found = session(read, "secrets = { netrc = '~/.netrc' }\nssh = 'git=~/.ssh/git'")

    assert [secret.file for secret in found.secrets] == [Path("/home/me/.netrc")]
    assert [agent.path for agent in found.agents] == [Path("/home/me/.ssh/git")]


@pytest.mark.parametrize(
    ("keys", "needed_by"),
    [("", ""), ("secrets = { a = 'a' }\nssh = true", "secrets"), ("cache-from = ['a/b']", "cache-from")],
)
def test_a_session_knows_which_key_asks_for_it(read: Read, keys: str, needed_by: str) -> None:
    """An error can name it."""
    assert session(read, keys).needed_by == needed_by


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("ssh = 3", "ssh: must be true, or a list of agents"),
        ("ssh = [3]", "ssh.0: must be a text in quotes"),
        ("ssh = 'a='", 'ssh.0: an agent is written "default", or "default=path" with its socket or a key'),
        ("ssh = 'a=b,c'", 'ssh.0: an agent is written "default", or "default=path" with its socket or a key'),
        (
            "ssh = 'a b'",
            "ssh.0: the name of a secret or of an agent has letters, digits and _ . - only",
        ),
        ("platform = 'ARM'", 'platform: a platform is written "linux/amd64", or "linux/arm/v7"'),
        ("platform = ''", 'platform: a platform is written "linux/amd64", or "linux/arm/v7"'),
        ("cache-from = ['']", "cache-from.0: must not be empty"),
        ("secrets = 'a'", "secrets: must be a table"),
        ("secrets = { a = 3 }", "secrets.a: a secret is the path of a file, or a table"),
        ("secrets = { a = '' }", "secrets.a.file: must not be empty"),
        ("secrets = { a = {} }", "secrets.a: a secret has one of file and env"),
        ("secrets = { a = { file = 'a', env = 'A' } }", "secrets.a: a secret has one of file and env"),
        ("secrets = { a = { fil = 'a' } }", "secrets.a.fil: unknown key; did you mean file?"),
        (
            "secrets = { 'a,b' = 'a' }",
            'secrets."a,b": the name of a secret or of an agent has letters, digits and _ . - only',
        ),
    ],
)
def test_what_no_build_could_take_is_refused(refused: Refused, keys: str, problem: str) -> None:
    """With the line and the key."""
    assert refused(f"[image]\n{keys}") == [f"2: image.{problem}"]
