"""Builds on the real engine that need a session: secrets, ssh agents, another frontend."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from devrun.config.session import Secret, Session, SshAgent
from devrun.engine.buildx import SYSTEM_FOLDERS, find_buildx
from devrun.engine.connection import Connection
from devrun.engine.endpoints import Endpoint
from devrun.errors import BuildCancelledError, EngineUnreachableError
from tests.engine.builds import BASE, FROM, LIMIT_S, Workshop, open_workshop, serve_proxy

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("buildx")]

VALUE = "s3cret-value"
SHOW = "RUN --mount=type=secret,id=token cat /run/secrets/token"


@pytest.fixture
def workshop(tmp_path: Path, connection: Connection) -> Iterator[Workshop]:
    """A project folder on the real engine."""
    folder = tmp_path / "project"
    folder.mkdir()
    with open_workshop(folder, connection) as opened:
        yield opened


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """A session with a secret."""
    (tmp_path / "token.txt").write_text(f"{VALUE}\n")
    return Session((Secret("token", tmp_path / "token.txt"),))


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An ssh agent with a key, in the environment."""
    if not shutil.which("ssh-agent"):
        pytest.skip("there is no ssh-agent")
    path = tmp_path / "agent.sock"
    monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
    with subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.PIPE) as running:
        try:
            assert running.stdout
            # It tells of its socket once that is there.
            running.stdout.readline()
            key = tmp_path / "key"
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
            subprocess.run(["ssh-add", "-q", key], check=True)
            yield
        finally:
            running.terminate()


def test_a_secret_is_there_and_stays_hidden(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a file or a variable; no progress shows it, and the image does not have it."""
    (tmp_path / "a").write_text(f"{VALUE}-1\n")
    monkeypatch.setenv("SECOND", f"{VALUE}-2")
    secrets = (Secret("one", tmp_path / "a"), Secret("two", variable="SECOND"))
    mounts = "--mount=type=secret,id=one --mount=type=secret,id=two"
    workshop.build(
        f"{FROM}RUN {mounts} : {workshop.nonce}; sed 's/$/ /' /run/secrets/*\n"
        "RUN test ! -s /run/secrets/one\n",
        session=Session(secrets),
    )

    assert workshop.lines() == ["${one} ", "${two} "]


def test_an_ssh_agent_can_be_reached(workshop: Workshop, agent: None) -> None:
    """By the socket that the instruction finds in its environment."""
    workshop.build(
        f'{FROM}RUN --mount=type=ssh : {workshop.nonce}; test -S "$SSH_AUTH_SOCK" && echo agent\n',
        session=Session(agents=(SshAgent(),)),
    )

    assert workshop.lines() == ["agent"]


def test_an_image_is_the_same_as_through_the_api(workshop: Workshop, session: Session) -> None:
    """The same layers, labels and id, from one cache."""
    workshop.write("app.py", "print(1)")
    dockerfile = f"{FROM}ARG WHO\nRUN : {workshop.nonce}; echo $WHO > /who\nCOPY app.py /\n"
    one = workshop.build(dockerfile, "one", args={"WHO": "me"})
    two = workshop.build(dockerfile, "two", args={"WHO": "me"}, session=session)

    assert two.id == one.id
    assert {built.fingerprint for built in workshop.inspect()} == {"one", "two"}


def test_a_failing_instruction_is_named_with_its_output(workshop: Workshop, session: Session) -> None:
    """As it is through the API, and without the secret."""
    error = workshop.failure(f"{FROM}{SHOW} && echo broken && exit 7\n", session=session)

    assert error.message == f"{SHOW} && echo broken && exit 7: exit code 7"
    assert error.output == ("${token}", "broken")


def test_other_faults_are_told_as_through_the_api(workshop: Workshop, session: Session) -> None:
    """The client's own words around them are taken off."""
    faulty = workshop.failure(f"{FROM}HELLO\n", session=session)
    missing = workshop.failure(f"{FROM}COPY missing.txt /\n", session=session)

    assert faulty.message.startswith("Dockerfile:2: unknown instruction: HELLO")
    assert missing.message == 'COPY missing.txt /: "missing.txt" is not in the build context'


def test_a_secret_that_nobody_gives_is_told(workshop: Workshop) -> None:
    """A Dockerfile that mounts one needs no key of devrun.toml, unless it insists."""
    mount = "RUN --mount=type=secret,id=token"
    error = workshop.failure(f"{FROM}{mount},required true\n")

    assert error.message == f"{mount},required true: the build is given no secret token"
    assert workshop.build(f"{FROM}{mount} true\n").fingerprint == "f1"


def commands() -> str:
    """Return the command lines of all processes."""
    return subprocess.run(["ps", "axww"], capture_output=True, text=True, check=True).stdout


def test_a_cancelled_build_ends_at_once_and_leaves_nothing(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No image, and no client that goes on; its command line has shown no secret."""
    monkeypatch.setenv("TOKEN", f"{VALUE}-1")
    session = Session((Secret("token", variable="TOKEN"),))
    dockerfile = f"{FROM}ARG TOKEN\n{SHOW}; echo {workshop.nonce}; sleep 300\n"
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(workshop.build, dockerfile, args={"TOKEN": f"{VALUE}-2"}, session=session)
        assert workshop.on_progress.wait(LIMIT_S)
        shown = commands()
        workshop.cancel()
        with pytest.raises(BuildCancelledError):
            running.result(LIMIT_S)

    assert workshop.project.slug in shown
    assert VALUE not in shown
    assert workshop.project.slug not in commands()
    assert workshop.inspect() == ()
    assert workshop.build(FROM, session=session).fingerprint == "f1"


def test_an_engine_that_is_left_ends_its_builds(workshop: Workshop, session: Session) -> None:
    """A client does not outlive devrun."""
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(
            workshop.build, f"{FROM}{SHOW}; echo {workshop.nonce}; sleep 300\n", session=session
        )
        assert workshop.on_progress.wait(LIMIT_S)
        workshop.images.close()
        with pytest.raises(BuildCancelledError):
            running.result(LIMIT_S)


def test_a_frontend_of_ones_own_is_used(workshop: Workshop) -> None:
    """What stands in for one is a plain Python: it ends with an error that only it can give."""
    frontend = f"devrun-test/frontend:{workshop.nonce}"
    workshop.connection.client.tag(BASE, frontend)
    try:
        error = workshop.failure(f"# syntax={frontend}\nNOT A DOCKERFILE\n")
    finally:
        workshop.connection.client.remove_image(frontend)

    assert "unknown instruction" not in error.message
    assert "exit code" in error.message


def test_without_the_client_the_need_is_told(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is built; builds that need no session go on."""
    for name in ("PATH", "HOME", "DOCKER_CONFIG"):
        monkeypatch.setenv(name, str(tmp_path))
    if any((folder / "docker-buildx").exists() for folder in SYSTEM_FOLDERS):
        pytest.skip("it is installed for all of the machine")
    error = workshop.failure(f"{FROM}{SHOW}\n")

    assert error.message == (
        "Dockerfile:2: RUN --mount=type=secret needs a build session, and `docker buildx` is not installed"
    )
    assert workshop.told == []
    assert workshop.build(FROM).fingerprint == "f1"


def test_an_older_client_serves_too(
    workshop: Workshop, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It tells what it does in lines for people."""
    real = find_buildx(os.environ, Path.home())
    assert real
    old = tmp_path / "old" / "docker-buildx"
    old.parent.mkdir()
    old.write_text(
        '#!/bin/sh\nif [ "$1" = version ]; then echo github.com/docker/buildx v0.12.0; exit; fi\n'
        f'exec {" ".join(real.command)} "$@"\n'
    )
    old.chmod(0o755)
    # A docker that has no plugins comes first.
    (old.parent / "docker").symlink_to("/bin/false")
    monkeypatch.setenv("PATH", f"{old.parent}:/bin:/usr/bin")
    error = workshop.failure(f"{FROM}{SHOW} && echo {workshop.nonce} && exit 7\n", session=session)

    assert error.message.endswith("exit code 7")
    assert error.output == ("${token}", workshop.nonce)
    assert workshop.build(FROM, session=session).fingerprint == "f1"


@pytest.mark.skipif(sys.platform != "linux", reason="the proxy needs the engine's unix socket")
def test_an_engine_that_dies_in_a_build_is_unreachable(
    tmp_path: Path, connection: Connection, session: Session
) -> None:
    """That is no failure of the build: nobody knows how it would have ended."""
    engine = connection.endpoint.socket or pytest.skip("the engine has no unix socket")
    project = tmp_path / "project"
    project.mkdir()
    with serve_proxy(tmp_path / "engine.sock", engine) as proxy, ThreadPoolExecutor(1) as pool:
        through = Connection(Endpoint(f"unix://{tmp_path}/engine.sock"))
        with open_workshop(project, connection, through=through) as workshop:
            running = pool.submit(
                workshop.build, f"{FROM}{SHOW}; echo {workshop.nonce}; sleep 300\n", session=session
            )
            assert workshop.on_progress.wait(LIMIT_S)
            proxy.stop()
            with pytest.raises(EngineUnreachableError):
                running.result(LIMIT_S)
