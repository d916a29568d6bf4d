"""Sessions on the real engine: bytes to and from a program, signals, exit codes, and what is left behind."""

import signal
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest

from devrun.config.project import Project, TargetName
from devrun.core.values import ContainerId, ImageId
from devrun.engine import labels
from devrun.engine.connection import Connection, find_connection
from devrun.engine.docker import connect
from devrun.engine.session import Session, Size
from devrun.engine.sessions import Sessions
from devrun.errors import ProgramError, ProgramMissingError
from tests.engine.bench import LIMIT_S, make_project, make_target, running

pytestmark = pytest.mark.engine

WAITS = "import os, signal; os.write(1, b'ready\\n'); signal.pause()"
WINDOW = Size(33, 77)
SHOW_WINDOW = "import os; print(*os.get_terminal_size(), flush=True)"


class Start(Protocol):
    """Starts a Python program with arguments, or any command."""

    def __call__(self, *argv: str, terminal: Size | None = None) -> Session: ...


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project of one target; what it has on the engine goes with it."""
    (tmp_path / "app.py").write_text("import signal\nprint('the program', flush=True)\nsignal.pause()\n")
    made = make_project(tmp_path, web=make_target(tmp_path))
    yield made
    engine = connect(made)
    engine.remove_everything()
    engine.close()


@pytest.fixture
def sessions(project: Project, connection: Connection) -> Iterator[Sessions]:
    """What starts sessions, on a connection of its own."""
    with Sessions(find_connection(), project) as made:
        yield made


@pytest.fixture
def container(project: Project, test_image: ImageId) -> ContainerId:
    """The container in which the target runs."""
    engine = connect(project)
    made = engine.recreate(project.targets[TargetName("web")], test_image, None)
    engine.close()
    return made.id


@pytest.fixture
def alone(sessions: Sessions, project: Project, test_image: ImageId) -> Iterator[Start]:
    """Starts commands in containers of their own."""
    started: list[Session] = []

    def start(*argv: str, terminal: Size | None = None) -> Session:
        target = project.targets[TargetName("web")]
        started.append(sessions.run(target, test_image, argv, terminal))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture
def beside(sessions: Sessions, container: ContainerId) -> Iterator[Start]:
    """Starts commands in the container in which the target runs."""
    started: list[Session] = []

    def start(*argv: str, terminal: Size | None = None) -> Session:
        started.append(sessions.execute(container, argv, terminal))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture(params=["alone", "beside"])
def start(request: pytest.FixtureRequest) -> Start:
    """Each kind of session in turn."""
    found: Start = request.getfixturevalue(request.param)
    return found


def ended(session: Session) -> tuple[str, str, int]:
    """Return what a program wrote to each stream, and its exit code."""
    written = {"stdout": b"", "stderr": b""}
    for stream, chunk in session.output():
        written[stream] += chunk
    return written["stdout"].decode(), written["stderr"].decode(), session.wait()


def read_until(chunks: Iterator[tuple[str, bytes]], text: str) -> str:
    """Return what was written up to a text, which must come."""
    written = ""
    for _, chunk in chunks:
        written += chunk.decode()
        if text in written:
            return written
    raise AssertionError(f"the program ended: {written}")


def test_input_output_errors_and_the_exit_code_are_the_programs_own(start: Start) -> None:
    """Each stream by itself; what is typed has an end."""
    program = "import sys; print(sys.stdin.read()); print('no', file=sys.stderr); sys.exit(7)"
    session = start("python", "-c", program)
    session.write(b"one\n")
    session.write(b"two")
    session.end_input()

    assert ended(session) == ("one\ntwo\n", "no\n", 7)


def test_a_megabyte_goes_through_in_both_directions(start: Start) -> None:
    """While it is sent, it is read: neither end waits for the other."""
    session = start("cat")
    data = bytes(range(256)) * 4096

    def send() -> None:
        session.write(data)
        session.end_input()

    with running(send):
        received = b"".join(chunk for _, chunk in session.output())
    assert (received == data, session.wait()) == (True, 0)


def test_a_signal_goes_to_the_program(start: Start) -> None:
    """Which does with it what it likes."""
    on_signal = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(9));"
    session = start("python", "-c", f"{on_signal}{WAITS}")
    chunks = session.output()
    read_until(chunks, "ready")
    session.signal(signal.SIGTERM.name)

    assert ([*chunks], session.wait()) == ([], 9)


def test_a_terminal_is_as_large_as_the_persons(start: Start) -> None:
    """From the beginning or soon, and again whenever its window is given another size."""
    program = f"import signal, sys; signal.signal(signal.SIGWINCH, lambda *_: exec(sys.argv[1])); {WAITS}"
    session = start("python", "-c", f"{program}\nwhile True: signal.pause()", SHOW_WINDOW, terminal=WINDOW)
    chunks = session.output()
    read_until(chunks, "ready")
    session.resize(WINDOW)
    read_until(chunks, "77 33")
    session.resize(Size(20, 40))

    assert read_until(chunks, "40 20\r\n")


def test_no_key_means_anything_to_the_engine(start: Start) -> None:
    """Ctrl-P is the last command to many programs, and the first half of a detaching to the engine."""
    program = "import os, tty; tty.setraw(0); print('ready', flush=True); print(os.read(0, 1), flush=True)"
    session = start("python", "-c", program, terminal=WINDOW)
    chunks = session.output()
    read_until(chunks, "ready")
    session.write(b"\x10")

    assert "b'\\x10'" in read_until(chunks, "'")


def test_a_program_that_is_not_there_is_told_by_its_exit_code(alone: Start) -> None:
    """By the image's init, which was started instead."""
    assert ended(alone("no-such-program"))[2] == 127
    assert ended(alone("/etc"))[2] == 126


def test_a_command_that_is_not_there_is_an_error(beside: Start) -> None:
    """The engine's words for it are not taken for the command's output."""
    session = beside("no-such-program")
    assert [*session.output()] == []
    with pytest.raises(ProgramMissingError, match=r'^the program "no-such-program" is not in the container$'):
        session.wait()

    session = beside("/etc")
    assert [*session.output()] == []
    with pytest.raises(ProgramError, match=r'^the program "/etc" is not executable$'):
        session.wait()


def test_what_looks_like_the_engines_words_is_output_where_the_command_ran(beside: Start) -> None:
    """Only those of a command that could not be started are the engine's."""
    assert ended(beside("echo", "OCI runtime exec failed: no")) == ("OCI runtime exec failed: no\n", "", 0)


def test_a_program_that_the_engine_itself_cannot_start_is_an_error(
    sessions: Sessions, project: Project, test_image: ImageId
) -> None:
    """Without an init there is nobody else to tell; the container is gone all the same."""
    target = replace(make_target(project.root), init=False)
    for argv, kind in ((("no-such-program",), ProgramMissingError), (("/etc",), ProgramError)):
        with pytest.raises(kind):
            sessions.run(target, test_image, argv, None)
    assert oneoffs(project) == []


def test_an_entrypoint_that_is_python_is_no_hindrance(alone: Start) -> None:
    """A command is what it says; options are for the Python of the image."""
    assert ended(alone("echo", "hello"))[0] == "hello\n"
    assert ended(alone("python", "-c", "print(1)"))[0] == "1\n"
    assert ended(alone("-c", "print(2)"))[0] == "2\n"


def test_without_a_command_the_targets_own_program_runs(alone: Start) -> None:
    """With its mount, in its working directory."""
    assert read_until(alone().output(), "\n") == "the program\n"


def test_a_container_of_its_own_is_gone_when_its_program_has_ended(alone: Start, project: Project) -> None:
    """It is nobody's, and has no name by which others would find it."""
    session = alone("python", "-c", WAITS)
    chunks = session.output()
    read_until(chunks, "ready")
    (seen,) = oneoffs(project)
    session.signal("SIGKILL")

    assert ([*chunks], session.wait()) == ([], 137)
    assert oneoffs(project) == []
    assert labels.TARGET not in seen


def test_a_session_that_is_left_ends_its_program(alone: Start, project: Project) -> None:
    """Its container is removed while it runs."""
    session = alone("python", "-c", WAITS)
    read_until(session.output(), "ready")
    session.close()

    assert oneoffs(project) == []


def test_a_command_that_is_left_hangs_up_with_all_that_it_started(
    beside: Start, sessions: Sessions, container: ContainerId
) -> None:
    """As where a terminal is closed: nothing goes on in the container that nobody can see."""
    session = beside("sh", "-c", 'sleep 1234 & echo "$! ready"; wait')
    child = read_until(session.output(), "ready").split()[0]
    session.close()
    watching = "while [ -e /proc/$1/cmdline ] && grep -q sleep /proc/$1/cmdline; do sleep 0.05; done"
    waits = sessions.execute(container, ("timeout", str(LIMIT_S), "sh", "-c", watching, "sh", child), None)

    assert ended(waits)[2] == 0
    assert sessions.container(TargetName("web")) == container


def test_only_a_target_that_runs_has_a_container_for_commands(
    sessions: Sessions, project: Project, container: ContainerId
) -> None:
    """One that was stopped has none."""
    assert sessions.container(TargetName("web")) == container
    engine = connect(project)
    engine.stop(None, container)
    engine.close()
    assert sessions.container(TargetName("web")) is None


def oneoffs(project: Project) -> list[dict[str, str]]:
    """Return the labels of all containers that belong to commands."""
    with closing(find_connection()) as connection:
        wanted = labels.label_list(project, role=labels.ROLE_ONEOFF)
        found = connection.client.containers(all=True, filters={"label": wanted})
    return [container["Labels"] for container in found]
