"""The commands that people expect, each against a daemon in the background and the real engine."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

import devrun
from devrun.control.client import Client
from devrun.control.lock import read
from devrun.core.journal import LogLine
from tests.e2e.conftest import BASE, LIMIT_S, PAUSE_S, Sandbox

pytestmark = pytest.mark.engine

DOCKERFILE = f"FROM {BASE}\nWORKDIR /app\nCOPY requirement.txt .\nRUN echo building && cat requirement.txt\n"
COUNTER = """\
import itertools, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("begins", flush=True)
for number in itertools.count():
    sys.stdout.write(f"line {number}\\n")
    sys.stdout.flush()
    time.sleep(0.01)
"""
CONFIG = """\
[project]
name = "commands"
[targets]
web = "web.py"
job = "job.py"
idle = { script = "job.py", autostart = false }
"""


@pytest.fixture
def project(sandbox: Callable[[str], Sandbox]) -> Sandbox:
    """A server that writes all the time, a job that ends, and a target that nobody starts; at rest."""
    made = sandbox("01-script")
    for name, text in (
        ("Dockerfile", DOCKERFILE),
        ("requirement.txt", "nothing\n"),
        ("web.py", COUNTER),
        ("job.py", "print('done')\n"),
        ("devrun.toml", CONFIG),
    ):
        made.write(name, text)
    return made


@pytest.fixture
def running(project: Sandbox) -> Sandbox:
    """The same, with a daemon in the background."""
    begun = project.devrun("watch", "--detach")
    assert begun.returncode == 0, begun.stderr
    ended = project.devrun("wait")
    assert ended.returncode == 0, ended.stderr
    return project


def texts(lines: str) -> list[str]:
    """Return the texts of log lines in JSON."""
    return [json.loads(line)["text"] for line in lines.splitlines()]


def test_a_detached_watch_returns_when_its_socket_answers(project: Sandbox) -> None:
    """It lives on without its starter; a second one says who is there; `down` ends it."""
    begun = project.devrun("watch", "--detach")
    status = project.devrun("status", "--json")
    again = project.devrun("watch", "--detach")
    foreground = project.devrun("watch")
    holder = read(project.place)
    assert holder is not None

    assert (begun.returncode, begun.stdout) == (0, "")
    assert f"runs in the background, pid {holder.pid}" in begun.stderr
    assert json.loads(status.stdout)["pid"] == holder.pid
    for refused in (again, foreground):
        assert refused.returncode == 5
        assert f"already running for this project: pid {holder.pid}" in refused.stderr
    assert project.devrun("down").returncode == 0
    assert read(project.place) is None
    assert project.devrun("status").returncode == 3


def test_a_detached_watch_that_cannot_start_says_why(project: Sandbox) -> None:
    """With the words that it would have said in the foreground, and its exit code."""
    project.write("devrun.toml", "[targets]\nweb = 1\n")
    refused = project.devrun("watch", "--detach")
    assert refused.returncode == 2
    assert "devrun.toml:2: targets.web" in refused.stderr

    project.write("devrun.toml", CONFIG)
    project.place.make()
    project.place.socket.mkdir()
    failed = project.devrun("watch", "--detach")
    project.place.socket.rmdir()
    assert failed.returncode == 1
    assert "cannot be made: something else lies there" in failed.stderr


def test_sighup_has_a_detached_daemon_look_again(running: Sandbox) -> None:
    """And ends one in the foreground, whose terminal has gone."""
    holder = read(running.place)
    assert holder is not None
    subprocess.run(["kill", "-HUP", str(holder.pid)], check=True)
    assert running.devrun("wait").returncode == 0
    assert read(running.place) == holder

    running.devrun("down")
    running.watch().settled()
    running.kill(signal.SIGHUP)
    assert read(running.place) is None


def test_logs_say_what_targets_wrote(running: Sandbox) -> None:
    """All, some, the last ones, as JSON, of builds."""
    everything = running.devrun("logs", "--tail", "3").stdout.splitlines()
    assert "job  | done" in everything
    assert sum(line.startswith("web  | line ") for line in everything) == 3
    assert running.devrun("logs", "job").stdout == "done\n"
    (said,) = running.devrun("logs", "--json", "job").stdout.splitlines()
    assert {key: json.loads(said)[key] for key in ("name", "stream", "text")} == {
        "name": "job",
        "stream": "stdout",
        "text": "done",
    }
    assert "[3/4] COPY requirement.txt ." in running.devrun("logs", "--build").stdout
    assert running.devrun("logs", "--since", "2020-01-01", "job").stdout == "done\n"
    assert running.devrun("logs", "-t", "job").stdout.endswith(" done\n")
    unknown = running.devrun("logs", "wbe")
    assert (unknown.returncode, unknown.stderr) == (
        2,
        "error: no target is called wbe\n  hint: did you mean web?\n",
    )


def test_logs_go_on_over_restarts_without_loss(running: Sandbox) -> None:
    """Each run's lines come whole and once, over restarts and a new container."""
    lines: list[str] = []

    def follow() -> None:
        for line in Client.connect(running.place).logs(["web"], follow=True):
            assert isinstance(line, LogLine)
            lines.append(line.text)

    follower = threading.Thread(target=follow, daemon=True)
    follower.start()

    def begun(runs: int) -> None:
        """A program that is stopped before it has written anything is no run to count."""
        until(lambda: lines.count("begins") == runs, f"run {runs}", lambda: lines[-50:])

    begun(1)
    for number in range(5):
        running.write("web.py", f"{COUNTER}# {number}\n")
        begun(number + 2)
    running.edit("devrun.toml", 'web = "web.py"', 'web = { script = "web.py", env = { A = "1" } }')
    begun(7)

    runs = "\n".join(lines).split("begins\n")[1:]
    assert len(runs) == 7
    for run in runs:
        written = run.split("\n") if not run.endswith("\n") else run.splitlines()
        assert written == [f"line {number}" for number in range(len(written))]


def test_a_reader_of_logs_may_leave(running: Sandbox) -> None:
    """`devrun logs -f | head -1` ends quietly."""
    command = [sys.executable, "-m", "devrun", "-C", str(running.folder), "logs", "-f"]
    with subprocess.Popen(
        command, env=running.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as logs:
        assert logs.stdout is not None
        assert logs.stderr is not None
        assert logs.stdout.readline()
        logs.stdout.close()
        assert (logs.wait(LIMIT_S), logs.stderr.read()) == (0, "")


def test_logs_are_there_without_a_daemon(running: Sandbox) -> None:
    """The containers that were stopped are kept, and what they wrote."""
    holder = read(running.place)
    assert holder is not None
    subprocess.run(["kill", "-INT", str(holder.pid)], check=True)
    until(lambda: read(running.place) is None, "the end")

    assert running.devrun("logs", "job").stdout == "done\n"
    assert running.devrun("logs", "--tail", "1").stdout.count("web  | line") == 1
    assert running.devrun("logs", "-f").returncode == 3


def test_logs_know_what_was_written_before_their_daemon(running: Sandbox) -> None:
    """Over the end of one, and its restart of the same containers."""
    holder = read(running.place)
    assert holder is not None
    subprocess.run(["kill", "-INT", str(holder.pid)], check=True)
    until(lambda: read(running.place) is None, "the end")
    assert running.devrun("watch", "-d").returncode == 0
    assert running.devrun("wait").returncode == 0

    assert running.devrun("logs", "job").stdout == "done\ndone\n"


def test_a_target_is_stopped_until_it_is_started(running: Sandbox) -> None:
    """No edit starts it, nor does the next daemon."""
    stopped = running.devrun("stop", "web")
    assert stopped.returncode == 0
    assert "devrun: web: stopped in " in stopped.stderr
    assert running.target("web").state == "exited"
    running.write("web.py", f"{COUNTER}# edited\n")
    assert running.devrun("wait", "job").returncode == 0
    assert running.target("web").hold == "stopped"

    holder = read(running.place)
    assert holder is not None
    subprocess.run(["kill", "-TERM", str(holder.pid)], check=True)
    until(lambda: read(running.place) is None, "the end")
    assert running.devrun("watch", "-d").returncode == 0
    assert running.devrun("wait").returncode == 0
    assert running.target("web").hold == "stopped"

    started = running.devrun("start", "web")
    assert started.returncode == 0, started.stderr
    assert running.target("web").state == "running"


def test_a_restart_is_one_start_of_the_same_container(running: Sandbox) -> None:
    """Of the named targets, or of all that run."""
    before = running.start_of("web")
    job = running.start_of("job")
    restarted = running.devrun("restart", "web")
    after = running.start_of("web")

    assert restarted.returncode == 0
    assert "devrun: web: restarting (asked to restart)\ndevrun: web: restarted in " in restarted.stderr
    assert (after.container, after.started > before.started) == (before.container, True)
    assert running.start_of("job") == job
    assert running.devrun("restart").returncode == 0
    assert running.start_of("job").started > job.started
    assert running.target("idle").state == "missing"


def test_a_start_leaves_alone_what_runs(running: Sandbox) -> None:
    """And starts what was never started by itself."""
    before = running.start_of("web")
    assert running.devrun("start", "idle", "web").returncode == 0

    assert running.start_of("web") == before
    assert running.target("idle").exit_code == 0


def test_a_restart_of_what_crashes_says_so(running: Sandbox) -> None:
    """With the exception, where it came from, and the exit code for it."""
    running.write("web.py", "raise ValueError('no')\n")
    ended = running.devrun("restart", "web")

    assert ended.returncode == 6
    assert "error: web: /app/web.py:1: ValueError: no" in ended.stderr


def test_a_rebuild_builds_whatever_the_inputs_say(running: Sandbox) -> None:
    """Without the builder's cache each instruction is run again, and the containers are swapped."""
    before = running.start_of("web")
    same = running.devrun("rebuild")
    assert same.returncode == 0, same.stderr
    assert "devrun: image default: building (asked to rebuild)" in same.stderr
    assert running.start_of("web") == before  # the layers came out the same
    fresh = running.devrun("rebuild", "--no-cache", "default")

    assert fresh.returncode == 0
    assert "(cached)" not in fresh.stderr.partition("COPY")[2]
    assert running.image().builds == 3
    labels = [f"dev.devrun.root={running.key}"]
    assert len(running.engine.images(filters={"label": labels})) == 1  # the old one is gone
    assert running.devrun("rebuild", "nope").returncode == 2


def test_events_tell_what_happened_over_daemons(running: Sandbox) -> None:
    """Each decision with its cause, each action with its seconds."""
    running.write("web.py", f"{COUNTER}# edited\n")
    assert running.devrun("wait").returncode == 0
    running.devrun("down")
    said = [json.loads(line) for line in running.devrun("events", "--json").stdout.splitlines()]
    shown = running.devrun("events").stdout

    restart = next(one for one in said if one["action"] == "RestartContainer" and one["kind"] == "done")
    assert (restart["subject"], restart["text"], restart["seconds"] > 0) == (
        "target web",
        "web.py changed",
        True,
    )
    numbers = [one["number"] for one in said]
    assert numbers == sorted(set(numbers))
    assert (said[0]["kind"], said[-1]["kind"]) == ("started", "ended")
    assert "  web: restarting (web.py changed)\n" in shown
    assert "  job: exited 0\n" in shown
    assert len(running.devrun("events", "--tail", "2").stdout.splitlines()) == 2
    assert running.devrun("events", "--since", "2100-01-01").stdout == ""
    assert running.devrun("events", "-f").returncode == 3


def test_ps_lists_all_daemons_and_cleans_up(running: Sandbox) -> None:
    """Wherever one stands; what a killed daemon of a removed project left goes."""
    said = json.loads(running.devrun("ps", "--json").stdout)
    ours = [one for one in said if one["root"] == str(running.folder)]
    assert [(one["project"], one["state"]) for one in ours] == [
        ("commands", "1 running, 1 exited, 1 stopped")
    ]
    table = running.devrun("ps").stdout
    assert table.startswith("PROJECT")
    assert str(running.folder) in table

    holder = read(running.place)
    assert holder is not None
    subprocess.run(["kill", "-KILL", str(holder.pid)], check=True)
    until(lambda: read(running.place) is None, "the end")
    assert running.place.socket.exists()
    assert str(running.folder) not in running.devrun("ps", "--json").stdout
    assert not running.place.socket.exists()
    assert running.place.state.exists()


def test_status_follows_and_waits(running: Sandbox) -> None:
    """Each change is shown; a wait comes first where it is asked for."""
    command = [sys.executable, "-m", "devrun", "-C", str(running.folder), "status", "--follow", "--json"]
    with subprocess.Popen(command, env=running.environment, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        before = json.loads(following.stdout.readline())["targets"]["web"]["restarts"]
        running.write("web.py", f"{COUNTER}# edited\n")
        assert running.devrun("status", "--wait").returncode == 0
        while json.loads(following.stdout.readline())["targets"]["web"]["restarts"] == before:
            pass
        running.devrun("down")
        assert following.wait(LIMIT_S) == 0

    assert running.devrun("status").returncode == 3


def test_the_status_is_complete(running: Sandbox) -> None:
    """Header, images and targets, with all that a person asks."""
    report = running.status()
    image = running.image()

    assert report.watched.files >= 5
    assert report.watched.directories >= 1
    assert image.tag.startswith("devrun/commands-")
    assert image.inputs == 2
    assert image.tagged > 0
    assert image.last is not None
    assert image.last.seconds > 0


def test_programs_have_a_client(running: Sandbox) -> None:
    """`devrun.Client`: find the daemon, wish, wait, ask."""
    client = devrun.Client.find(running.folder)
    client.restart("web")
    outcome = client.wait(["web"], timeout_s=LIMIT_S)
    entries = list(client.events(tail=50))

    assert outcome.outcome == "ready"
    assert client.status().targets["web"].restarts == 1
    assert "asked to restart" in [getattr(entry, "text", "") for entry in entries]


def test_an_attached_watch_shows_what_the_daemon_does(running: Sandbox) -> None:
    """And leaves it running."""
    command = [sys.executable, "-m", "devrun", "-C", str(running.folder), "watch", "--attach"]
    with subprocess.Popen(
        command, env=running.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as attached:
        assert attached.stderr is not None
        assert attached.stdout is not None
        assert "attached to pid" in attached.stderr.readline()
        assert attached.stdout.readline().startswith("web  | line ")
        running.write("job.py", "print('once more')\n")
        assert "job: restarting (job.py changed)" in attached.stderr.readline()
        attached.send_signal(signal.SIGINT)
        _, rest = attached.communicate(timeout=LIMIT_S)

    assert "left; devrun goes on" in rest
    assert running.devrun("status").returncode == 0


def until(holds: Callable[[], bool], what: str, said: Callable[[], object] = str) -> None:
    """Wait until something is so; on time-out, say what is known."""
    limit = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < limit, (what, said())
        threading.Event().wait(PAUSE_S)
