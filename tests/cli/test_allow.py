"""`devrun allow`: what reaches beyond the containers is shown, asked about, and had only then."""

import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devrun.config.find import root_key
from devrun.control.place import Place
from devrun.errors import ExitCode
from tests.cli.conftest import LIMIT_S, Devrun

ASKS = '[targets.web]\nscript = "app.py"\nprivileged = true\n'
ROOT = "all rights of root on this machine are given to web"
ADMIN = "capability NET_ADMIN is given to web"
REFUSAL = "3: targets.web.privileged: all rights on this machine are asked for, which was not granted"


@pytest.fixture
def place(project: Path) -> Iterator[Place]:
    """The place of a project that asks for rights, without anything that was granted."""
    (project / "devrun.toml").write_text(ASKS)
    found = Place.of(root_key(project))
    yield found
    shutil.rmtree(found.state, ignore_errors=True)


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("watch",), ExitCode.USAGE),
        (("watch", "--detach"), ExitCode.USAGE),
        (("run", "web"), ExitCode.OWN_ERROR),
    ],
)
def test_whoever_makes_containers_refuses_what_was_not_granted(
    devrun: Devrun, project: Path, words: tuple[str, ...], code: int
) -> None:
    """With the place, the remedy, and the exit code of a wrong configuration."""
    said = devrun(*words)

    assert said.returncode == code
    assert said.stderr.splitlines() == [
        f"error: {project}/devrun.toml:{REFUSAL}",
        "  hint: `devrun allow` shows what is asked for, and grants it; --allow grants it for one run",
    ]


@pytest.mark.usefixtures("place")
def test_a_run_may_be_allowed_without_a_grant(devrun: Devrun) -> None:
    """It goes on to the engine, which is not there; the next run is refused again."""
    assert devrun("run", "--allow", "web").stderr.startswith("error: connect to the engine")
    assert "not granted" in devrun("run", "web").stderr


def test_what_was_granted_once_is_asked_for_no_more(devrun: Devrun, project: Path, place: Place) -> None:
    """What comes later is, as a difference; the grant is outside the project."""
    first = devrun("allow", "--yes")
    assert first.stdout.splitlines() == [
        f"{project}/devrun.toml asks for this beyond its containers:",
        f"  {ROOT}",
    ]
    assert first.returncode == ExitCode.OK
    assert devrun("run", "web").stderr.startswith("error: connect to the engine")
    assert "is all granted" in devrun("allow").stderr

    (project / "devrun.toml").write_text(ASKS.replace("privileged = true", 'cap-add = "NET_ADMIN"'))
    assert "NET_ADMIN is asked for, which was not granted" in devrun("run", "web").stderr
    assert "not granted yet" in devrun("check").stdout
    assert devrun("allow", "-y").stdout.splitlines()[1:] == [f"+ {ADMIN}", f"- {ROOT}"]
    assert "granted by `devrun allow`" in devrun("check").stdout
    assert not place.grants.is_relative_to(project)

    (project / "devrun.toml").write_text(ASKS)
    assert "not granted" in devrun("run", "web").stderr


@pytest.mark.usefixtures("place")
def test_without_a_terminal_nobody_is_asked(devrun: Devrun) -> None:
    """And so nothing is granted."""
    said = devrun("allow")

    assert said.returncode == ExitCode.USAGE
    assert said.stderr.splitlines()[-1] == "  hint: `devrun allow --yes` grants it"
    assert "not granted" in devrun("run", "web").stderr


@pytest.mark.parametrize(("answer", "code"), [(b"y\n", ExitCode.OK), (b"\n", ExitCode.ERROR)])
def test_on_a_terminal_the_user_is_asked(project: Path, place: Place, answer: bytes, code: int) -> None:
    """Whoever only presses return grants nothing."""
    ours, theirs = pty.openpty()
    os.write(ours, answer)
    said = subprocess.run(
        [sys.executable, "-m", "devrun", "allow"],
        cwd=project,
        stdin=theirs,
        stderr=theirs,
        stdout=subprocess.PIPE,
        timeout=LIMIT_S,
        check=False,
    )
    os.close(theirs)
    os.close(ours)

    assert said.returncode == code
    assert place.grants.exists() == (code == ExitCode.OK)


def test_who_asks_for_nothing_needs_nothing(devrun: Devrun) -> None:
    """An ordinary devrun.toml runs without a question."""
    said = devrun("allow")

    assert said.returncode == ExitCode.OK
    assert said.stderr == "devrun: what devrun.toml asks for beyond its containers is nothing\n"


def test_warnings_are_a_line_each(devrun: Devrun, project: Path) -> None:
    """Of open ports, and of build arguments that look like secrets."""
    (project / "devrun.toml").write_text(
        '[image]\nargs = { NPM_TOKEN = "hunter2" }\n'
        '[targets.web]\nscript = "app.py"\nports = ["0.0.0.0:8080:80"]\n'
    )
    said = devrun("check")

    assert [line[:36] for line in said.stdout.splitlines() if line.startswith("warning")] == [
        "warning: web: port 8080 is published",
        "warning: image default: the build ar",
    ]
    assert "hunter2" not in said.stdout + said.stderr
