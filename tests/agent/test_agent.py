"""The agent's contract: what it does with a program, and what it answers."""

import json
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pexpect
import pytest

from tests.agent.bench import AGENT, Agent, Program, launch, processes, until
from tests.agent.conftest import Begin

READY = "import signal\nprint('ready', flush=True)\nwhile True:\n    signal.pause()\n"
STUBBORN = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + READY
HEARING = "import signal\nsignal.signal(signal.SIGTERM, lambda *_: print('heard', flush=True))\n" + READY
SHORT = "import sys\nprint('ran')\nsys.exit(3)\n"


def lines(peer: socket.socket, count: int) -> list[dict[str, object]]:
    """Returns the next messages of a connection."""
    received = b""
    while received.count(b"\n") < count:
        more = peer.recv(1 << 16)
        assert more, received[-1000:]
        received += more
    return [json.loads(line) for line in received.splitlines()[:count]]


def connected(agent: Agent) -> socket.socket:
    """Returns one more connection, greeted."""
    peer = agent.connect()
    assert peer
    assert lines(peer, 1)[0]["agent"] == 1
    return peer


def is_cut(peer: socket.socket, data: bytes) -> bool:
    """Sends until the connection is closed from the other side."""
    for _ in range(10_000):
        try:
            peer.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return True
    return False


def test_a_restart_runs_the_program_of_now(begin: Begin, project: Path) -> None:
    """The old program has ended by then, and the number has risen by one."""
    agent = begin(READY)
    agent.running.wait_for("ready")
    before = agent.run
    (project / "app.py").write_text(READY.replace("ready", "newer"))
    after = agent.restart()
    agent.running.wait_for("newer")
    assert (before["number"], after["number"]) == (1, 2)
    assert float(str(after["started"])) > float(str(before["started"]))
    assert not Path(f"/proc/{before['pid']}").exists()
    assert agent.ask("status")["run"] == after


@pytest.mark.parametrize("depth", ["process", "warm"])
def test_stale_byte_code_is_never_run(begin: Begin, project: Path, depth: str) -> None:
    """Files of one size, saved within one second: named as stale, they are compiled anew."""
    (project / "part.py").write_text("VALUE = 100\n")
    agent = begin(
        "import part, json, sys\nprint('value', part.VALUE, sys.implementation.cache_tag)\n", depth=depth
    )
    agent.running.wait_for("value 100")
    if depth == "warm":
        agent.warm_up()
    tag = agent.running.read()[0].split()[2]
    agent.wait(lambda run: run["state"] == "ended")
    for value in range(101, 111):
        (project / "part.py").write_text(f"VALUE = {value}\n")
        os.utime(project / "part.py", (1_700_000_000, 1_700_000_000))
        assert agent.restart(str(project / "__pycache__" / f"part.{tag}.pyc"))["depth"] == depth
        agent.running.wait_for(f"value {value}")
        agent.wait(lambda run: run["state"] == "ended")


def test_a_program_that_does_not_heed_its_signal_is_killed_after_the_grace(begin: Begin) -> None:
    """As the engine would do it."""
    agent = begin(STUBBORN, "--grace", "0.1")
    agent.running.wait_for("ready")
    old = agent.run["pid"]
    agent.ask("restart")
    assert agent.run["number"] == 2
    assert not Path(f"/proc/{old}").exists()


def test_a_restart_ends_all_that_the_program_started(begin: Begin, project: Path) -> None:
    """Its group, and what has left its group, its session and its parent."""
    fork = (
        "import os, time\nif not os.fork():\n    os.setsid()\n    os.fork()\n    time.sleep(1000)\n" + READY
    )
    agent = begin(fork)
    agent.running.wait_for("ready")
    old = processes(project) - {agent.running.process.pid}
    until(lambda: len(processes(project)) == 4, lambda: f"{processes(project)}")
    agent.restart()
    assert not old & processes(project)


def test_an_ended_program_leaves_the_container_running(begin: Begin) -> None:
    """A restart starts it again; the container ends with the code of its last program."""
    agent = begin(SHORT)
    assert agent.wait(lambda run: run["state"] == "ended")["code"] == 3
    agent.restart()
    assert agent.wait(lambda run: run["state"] == "ended")["number"] == 2
    assert agent.running.read() == ("ran\nran\n", "")
    assert agent.close() == 3


def test_two_wishes_at_once_are_one_restart(begin: Begin) -> None:
    """Both are answered with the same run."""
    agent = begin(STUBBORN, "--grace", "0.1")
    agent.running.wait_for("ready")
    agent.peer.sendall(b'{"id": 1, "do": "restart"}\n{"id": "b", "do": "restart", "stale": []}\n')
    answers = [message for message in (agent.read() for _ in range(3)) if "id" in message]
    assert [answer["id"] for answer in answers] == [1, "b"]
    assert answers[0]["run"] == answers[1]["run"]


def test_a_second_stop_ends_everything(begin: Begin, project: Path) -> None:
    """The first one is the program's to heed."""
    agent = begin(HEARING)
    agent.running.wait_for("ready")
    agent.running.send(signal.SIGTERM)
    agent.running.wait_for("heard")
    assert agent.ask("restart")["error"] == "the container is being stopped"
    agent.running.send(signal.SIGTERM)
    assert agent.running.process.wait(20) == 137
    assert not processes(project)


def test_every_connection_is_told_of_every_run(begin: Begin) -> None:
    """None of them is needed: one that has gone is not missed."""
    agent = begin(READY)
    agent.running.wait_for("ready")
    other, gone = connected(agent), connected(agent)
    gone.close()
    run = agent.restart()
    assert [message["run"] for message in lines(other, 2)][-1] == run
    other.close()
    again = connected(agent)
    again.close()


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"nonsense", "not an object of JSON"),
        (b"[1]", "not an object of JSON"),
        (b"\xff\xfe", "not an object of JSON"),
        (b"[" * 100_000, "not an object of JSON"),
        (b'{"id": 1}', "not known: None"),
        (b'{"id": 1, "do": "rm"}', "not known: 'rm'"),
        (b'{"id": 1, "do": "restart", "stale": "/x.pyc"}', "stale is no list of byte code files"),
        (b'{"id": 1, "do": "restart", "stale": ["/etc/passwd"]}', "stale is no list of byte code files"),
    ],
)
def test_nonsense_is_answered_and_changes_nothing(begin: Begin, line: bytes, error: str) -> None:
    """The connection goes on."""
    agent = begin(READY)
    with connected(agent) as peer:
        peer.sendall(line + b"\n")
        assert lines(peer, 1)[0]["error"] == error
        peer.sendall(b'{"id": 2, "do": "status"}\n')
        assert lines(peer, 1)[0] == {"id": 2, "run": agent.run}


def test_a_line_without_end_costs_its_sender_the_connection(begin: Begin) -> None:
    """The others are not concerned."""
    agent = begin(READY)
    with connected(agent) as peer:
        assert is_cut(peer, b"x" * 65536)
    assert "run" in agent.ask("status")


def test_a_peer_that_never_reads_blocks_nobody(begin: Begin) -> None:
    """It is dropped when it has left too much unread."""
    agent = begin(READY)
    with connected(agent) as peer:
        assert is_cut(peer, b'{"id": 1, "do": "status"}\n' * 1000)
    assert agent.restart()["number"] == 2


def test_without_a_socket_the_program_runs_all_the_same(project: Path, oldest: str) -> None:
    """One line says that it cannot be restarted."""
    (project / "app.py").write_text(READY)
    place = project / "missing" / "agent.sock"
    command = [oldest, "-I", "-S", "-B", str(AGENT), "--socket", str(place), "--", oldest, "app.py"]
    running = launch(command, project, Program((), {}), "alone")
    running.wait_for("ready")
    running.wait_for(f"devrun agent: restarts are not possible: {place}: No such file or directory\n")
    running.send(signal.SIGTERM)
    assert running.process.wait(20) == 143


def test_a_command_that_cannot_be_run_is_said_and_waited_for(project: Path, oldest: str) -> None:
    """The code is that of a container whose command is not found."""
    agent = Agent(project, oldest, Program((), {}), "process", "--", "./nothing", agent=AGENT)
    assert agent.wait(lambda run: run["state"] == "ended")["code"] == 127
    assert agent.running.read()[1] == "devrun agent: cannot run './nothing': No such file or directory\n"
    assert agent.close() == 127


def test_arguments_of_another_devrun_are_refused(oldest: str) -> None:
    """It ends at once, and says which."""
    command = [oldest, "-I", "-S", "-B", str(AGENT), "--sock", "x", "--", "true"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (1, "devrun agent: arguments not understood: --sock\n")


def name_of(pid: int) -> str:
    """Returns what a process is called, nothing where it has ended."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def test_as_process_one_it_leaves_alone_what_was_not_the_programs(project: Path, oldest: str) -> None:
    """What `docker exec` starts, and leaves to process 1, outlives a restart."""
    if os.geteuid() or not shutil.which("unshare") or not shutil.which("nsenter"):
        pytest.skip("needs root, unshare and nsenter")
    (project / "app.py").write_text(READY)
    control = project.parent / "control"
    control.mkdir()
    place = control / "agent.sock"
    options = ["--socket", str(place), "--depth", "process", "--", oldest, "app.py"]
    inside = ["unshare", "--pid", "--fork", "--mount-proc", oldest, "-I", "-S", "-B", str(AGENT), *options]
    running = launch(inside, project, Program((), {}), "one")
    try:
        running.wait_for("ready")
        children = Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children").read_text()
        enter = ["nsenter", "--target", children.split()[0], "--pid"]
        subprocess.run([*enter, "sh", "-c", "sleep 1000 >/dev/null 2>&1 &"], cwd=project, check=True)
        [sleeping] = [pid for pid in processes(project) if name_of(pid) == "sleep"]
        until(place.exists, lambda: "no socket")
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(str(place))
            peer.sendall(b'{"id": 1, "do": "restart"}\n')
            until(lambda: any("id" in line for line in lines(peer, 1)), lambda: "no answer")
        assert name_of(sleeping) == "sleep"
        os.kill(int(children.split()[0]), signal.SIGTERM)
        assert running.process.wait(20) == 143
    finally:
        running.process.kill()
        for pid in processes(project):
            os.kill(pid, signal.SIGKILL)


def test_a_program_has_its_terminal_at_every_start(project: Path, oldest: str) -> None:
    """It is the terminal's foreground job, which may read from it."""
    (project / "app.py").write_text("while True:\n    print('got', input('say '))\n")
    place = project.parent / "agent.sock"
    words = [
        "-I",
        "-S",
        "-B",
        str(AGENT),
        "--socket",
        str(place),
        "--depth",
        "process",
        "--",
        oldest,
        "app.py",
    ]
    terminal = pexpect.spawn(oldest, words, cwd=str(project), timeout=20, encoding="utf-8")
    try:
        terminal.expect("say ")
        with socket.socket(socket.AF_UNIX) as peer:
            until(lambda: not peer.connect_ex(str(place)), lambda: "no socket")
            peer.sendall(b'{"id": 1, "do": "restart"}\n')
            terminal.expect("say ")
            terminal.sendline("words")
            terminal.expect("got words")
    finally:
        terminal.close(force=True)
