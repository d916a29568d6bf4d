"""What a session gives to a build: by files and variables, never by words that others can read."""

from pathlib import Path

import pytest

from devrun.config.session import Secret, Session, SshAgent
from devrun.engine.given import give
from devrun.errors import EngineError

VALUE = "s3cret-value"


def test_secrets_go_by_files_and_variables(tmp_path: Path) -> None:
    """A variable of our own carries a value: its name may be that of a build argument too."""
    file = tmp_path / 'a,"b'
    file.write_text(f"{VALUE}\n")
    session = Session((Secret("file", file), Secret("token", variable="TOKEN")))

    given = give(session, {"TOKEN": f"{VALUE}-2"})

    assert given.flags == (
        f'--secret=id=file,"src={tmp_path}/a,""b"',
        "--secret=id=token,env=devrun_secret_1",
    )
    assert given.variables == {"devrun_secret_1": f"{VALUE}-2"}
    assert given.values == {"file": VALUE, "token": f"{VALUE}-2"}
    assert VALUE not in repr(given)


def test_a_file_of_several_lines_is_shown(tmp_path: Path) -> None:
    """It is a configuration: hiding all of its lines would hide what a build tells."""
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = x\n")

    assert give(Session((Secret("pip", tmp_path / "pip.conf"),)), {}).values == {"pip": ""}


def test_agents_and_caches_are_named(tmp_path: Path) -> None:
    """The default agent is that of the environment."""
    (tmp_path / "agent").touch()
    (tmp_path / "key").touch()
    session = Session((), (SshAgent(), SshAgent("git", tmp_path / "key")), ("type=local,src=c", "a/b"))

    assert give(session, {"SSH_AUTH_SOCK": str(tmp_path / "agent")}).flags == (
        f"--ssh=default={tmp_path}/agent",
        f"--ssh=git={tmp_path}/key",
        "--cache-from=type=local,src=c",
        "--cache-from=a/b",
    )


@pytest.mark.parametrize(
    ("session", "message"),
    [
        (Session((Secret("a", Path("/gone/a")),)), "secret a: /gone/a: No such file or directory"),
        (Session((Secret("a", Path("/")),)), "secret a: /: Is a directory"),
        (Session((Secret("a", variable="GONE"),)), "secret a: the environment has no GONE"),
        (Session((), (SshAgent("a", Path("/gone/key")),)), "ssh agent a: there is no /gone/key"),
        (Session((), (SshAgent(),)), "ssh agent default: there is no /gone/agent (SSH_AUTH_SOCK)"),
    ],
)
def test_what_is_not_there_is_told_before_anything_is_built(session: Session, message: str) -> None:
    """With what to do."""
    with pytest.raises(EngineError) as caught:
        give(session, {"SSH_AUTH_SOCK": "/gone/agent"})

    assert caught.value.message == message
    assert caught.value.hint


def test_an_environment_without_an_agent_is_told() -> None:
    """The hint has the key to write instead."""
    with pytest.raises(EngineError, match="the environment has no SSH_AUTH_SOCK") as caught:
        give(Session((), (SshAgent("git"),)), {})

    assert 'ssh = ["git=' in caught.value.hint
