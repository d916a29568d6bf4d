"""The conversation with agents, with one that says what a test wants it to say."""

import contextlib
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from devrun.config.project import Depth, TargetName
from devrun.core.values import Container, ContainerId, Phase
from devrun.engine import agents, channel, labels
from devrun.engine.agents import Agents
from devrun.engine.channel import Channel, Run, SilentError, connect, read_run
from devrun.engine.inspected import Inspected, read_container
from devrun.engine.quarters import Quarters
from devrun.errors import EngineError
from tests.engine.bench import Collected

BOOT = 1577836801.5

RUN: dict[str, Any] = {
    "number": 1,
    "started": 1000.5,
    "pid": 17,
    "state": "running",
    "code": 0,
    "depth": "warm",
    "note": "",
}
RESTARTED = {**RUN, "number": 2, "started": 1001.5}
Answers = Callable[[dict[str, Any]], list[dict[str, Any]]]


def well(question: dict[str, Any]) -> list[dict[str, Any]]:
    """Answer as an agent does; a restart is told of on the way, too."""
    if question["do"] == "restart":
        return [{"run": {**RUN, "state": "ended"}}, {"id": question["id"], "run": RESTARTED}]
    return [{"id": question["id"], "run": RUN}]


class Agent:
    """Listens in a directory, and answers what it is told to."""

    def __init__(self, control: Path) -> None:
        self.answers: Answers = well
        self.hello: bytes = json.dumps({"agent": 1, "run": RUN}).encode() + b"\n"
        self.asked: Collected[dict[str, Any]] = Collected()
        self.links: Collected[socket.socket] = Collected()
        control.mkdir(parents=True, exist_ok=True)
        folder = os.open(control, os.O_RDONLY)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(f"/proc/self/fd/{folder}/agent.sock")
        os.close(folder)
        self._socket.listen()
        threading.Thread(target=self._serve, name="agent", daemon=True).start()

    def say(self, message: object) -> None:
        self.links.until(bool)[-1].sendall(json.dumps(message).encode() + b"\n")

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for link in self.links.items:
            link.close()

    def _serve(self) -> None:
        while True:
            try:
                link, _ = self._socket.accept()
            except OSError:
                return
            link.sendall(self.hello)
            self.links.add(link)
            threading.Thread(target=self._answer, args=(link,), name="agent", daemon=True).start()

    def _answer(self, link: socket.socket) -> None:
        # `close` may end it at any moment.
        with contextlib.suppress(OSError), link.makefile("rb") as lines:
            for line in lines:
                question = json.loads(line)
                self.asked.add(question)
                for said in self.answers(question):
                    link.sendall(json.dumps(said).encode() + b"\n")


@pytest.fixture
def control(tmp_path: Path) -> Path:
    """A directory whose path is too long for the name of a socket."""
    return tmp_path / ("x" * 120) / "control"


@pytest.fixture
def agent(control: Path) -> Iterator[Agent]:
    made = Agent(control)
    yield made
    made.close()


@pytest.fixture
def news() -> Collected[str]:
    """What was told unasked."""
    return Collected()


@pytest.fixture
def talk(agent: Agent, control: Path, news: Collected[str]) -> Iterator[Channel]:
    made = connect(control, "web", lambda: news.add("changed"), lambda: news.add("ended"))
    yield made
    made.close()


def test_an_agent_says_which_run_there_is(talk: Channel) -> None:
    """With its start to the digit, and how deep it went."""
    assert talk.run == talk.ask() == Run(1, 1000.5, is_over=False, code=0, depth=Depth.WARM)


def test_a_restart_names_the_byte_code_and_is_no_news(
    agent: Agent, talk: Channel, news: Collected[str]
) -> None:
    """What it brings about is its answer; a later end is told."""
    run = talk.restart(("/tmp/a.pyc",), timeout_s=5)
    agent.say({"run": RESTARTED})
    agent.say({"run": {**RESTARTED, "state": "ended", "code": 3}})

    assert news.until(bool) == ["changed"]
    assert (run.number, talk.run.is_over, talk.run.code) == (2, True, 3)
    assert [(said["do"], said.get("stale")) for said in agent.asked.items] == [
        ("status", None),
        ("restart", ["/tmp/a.pyc"]),
    ]


def test_an_agent_that_refuses_is_believed(agent: Agent, talk: Channel) -> None:
    """Its words are the reason of what is done instead."""
    agent.answers = lambda question: [{"id": question["id"], "error": "the container is being stopped"}]

    with pytest.raises(SilentError, match="the container is being stopped"):
        talk.restart((), timeout_s=5)


def test_an_agent_that_hangs_is_not_waited_for(agent: Agent, control: Path) -> None:
    """A restart that may take long asks first whether anybody is there."""
    agent.answers = lambda _: []
    talk = connect(control, "web", lambda: None, lambda: None, patience_s=0.05)

    with pytest.raises(SilentError, match="does not answer within"):
        talk.restart((), timeout_s=1000)
    talk.close()


@pytest.mark.parametrize(
    "nonsense",
    [
        b"hello\n",
        b"[]\n",
        b'{"run": 7}\n',
        b'{"run": {"number": "one"}}\n',
        b"x" * (channel.LINE_LIMIT_BYTES + 9),
    ],
)
def test_what_is_no_agent_is_left(agent: Agent, talk: Channel, news: Collected[str], nonsense: bytes) -> None:
    """A program in the container may say anything there."""
    agent.links.until(bool)[0].sendall(nonsense)

    assert news.until(bool) == ["ended"]
    with pytest.raises(SilentError):
        talk.ask()


def test_whoever_waits_hears_of_the_end(agent: Agent, talk: Channel) -> None:
    """An agent goes with its container."""

    def hang_up(_: dict[str, Any]) -> list[dict[str, Any]]:
        agent.links.items[0].shutdown(socket.SHUT_RDWR)
        return []

    agent.answers = hang_up

    with pytest.raises(SilentError, match="its connection ended"):
        talk.restart((), timeout_s=1000)


def test_a_program_that_was_not_started_yet_is_awaited(agent: Agent, control: Path) -> None:
    """A warm interpreter is made ready first."""
    agent.hello = json.dumps({"agent": 1, "run": {**RUN, "number": 0, "state": "ended"}}).encode() + b"\n"
    talk = connect(control, "web", lambda: None, lambda: None)
    agent.say({"run": RUN})

    assert talk.run.number == 1
    talk.close()


def test_nobody_listens(tmp_path: Path) -> None:
    """It is said in words what is missing."""
    with pytest.raises(SilentError, match="its socket is not there"):
        connect(tmp_path, "web", lambda: None, lambda: None)


def test_a_run_is_checked() -> None:
    """Whatever it may be."""
    wrong: list[object] = [None, [], {}, {"number": 1, "started": "now"}]
    for said in (*wrong, {"number": 1, "started": 1, "code": "x"}):
        with pytest.raises(ValueError, match="run"):
            read_run(said)


class House:
    """A container with an agent, as the engine shows it."""

    def __init__(self, home: Path) -> None:
        code = home.parent / "code"
        code.mkdir()
        (code / "__main__.py").write_text("pass")
        self.home = home
        self.state = {"Running": True, "Status": "running", "StartedAt": "2020-01-01T00:00:01.5Z"}
        self.agents = Agents(home, lambda _: self.inspected, code=code, patience_s=0.2)
        self.body = self.agents.lodge(
            {"Labels": {labels.TARGET: "web", labels.SPEC: "s"}, "HostConfig": {"Mounts": []}}, Depth.WARM, ""
        )
        self.labels: dict[str, str] = dict(self.body["Labels"])  # type: ignore[call-overload]
        self.control = home / self.labels[labels.CONTROL]
        self.told: Collected[TargetName] = Collected()
        self.agents.told = self.told.add

    @property
    def inspected(self) -> Inspected:
        config = {"Labels": self.labels, "StopTimeout": 2}
        return {"Id": "c1", "Name": "/web", "Image": "i", "State": dict(self.state), "Config": config}

    def seen(self) -> Container:
        return self.agents.seen(read_container(self.inspected), self.inspected)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path / "agents")
    yield made
    made.agents.close()


@pytest.fixture
def lodger(house: House) -> Iterator[Agent]:
    """Its agent."""
    made = Agent(house.control)
    yield made
    made.close()


def test_an_agent_gets_its_code_and_a_directory_of_its_own(house: House) -> None:
    """Any user of the container may write to the directory, and none but ours of the host reaches it."""
    host = house.body["HostConfig"]
    assert isinstance(host, dict)
    code, control = host["Mounts"]

    assert (code["Target"], code["ReadOnly"]) == ("/run/devrun/agent", True)
    assert (Path(code["Source"]) / "__main__.py").read_text() == "pass"
    assert control == {"Type": "bind", "Source": str(house.control), "Target": "/run/devrun/control"}
    assert (house.control.stat().st_mode & 0o777, house.home.stat().st_mode & 0o777) == (0o777, 0o700)


def test_what_the_program_does_is_what_counts(house: House, lodger: Agent) -> None:
    """Its start, and, once it has ended, its exit code; its container goes on."""
    first = house.seen()
    lodger.answers = lambda question: [{"id": question["id"], "run": {**RUN, "state": "ended", "code": 3}}]
    ended = house.seen()

    assert (first.started, first.booted, first.phase, first.depth) == (
        1000.5,
        BOOT,
        Phase.RUNNING,
        Depth.WARM,
    )
    assert (ended.phase, ended.exit_code, ended.idle, ended.run_id) == (Phase.EXITED, 3, True, first.run_id)


def test_a_restart_by_the_agent_asks_the_engine_nothing(house: House, lodger: Agent) -> None:
    """What is known of the container stays so."""
    assert house.agents.inspected(ContainerId("c1")) is None
    house.seen()
    known = house.agents.inspected(ContainerId("c1"))

    assert known == house.inspected
    restarted = house.agents.restart(known, ("/tmp/a.pyc",))
    assert isinstance(restarted, Container)
    assert (restarted.number, restarted.started, restarted.booted) == (2, 1001.5, BOOT)


def test_a_silent_agent_is_asked_no_more_until_its_container_was_started_again(
    house: House, lodger: Agent
) -> None:
    """Till then the container counts by itself; the run stays the one that was known."""
    first = house.seen()
    lodger.answers = lambda _: []
    silent = house.seen()
    count = len(lodger.asked.items)

    assert house.agents.restart(house.inspected, ()) == "it does not answer within 0.2 s"
    assert (silent.phase, silent.depth, silent.run_id) == (Phase.RUNNING, Depth.CONTAINER, first.run_id)
    assert silent.note == "its agent is silent: it does not answer within 0.2 s"
    assert len(lodger.asked.items) == count

    lodger.answers = well
    house.state["StartedAt"] = "2020-01-01T00:00:09Z"
    house.seen()
    again = house.agents.excuse(ContainerId("c1"), "it did not answer")
    assert again is not None
    assert (again.depth, again.booted, again.fallback) == (Depth.WARM, BOOT + 7.5, "it did not answer")
    assert house.agents.excuse(ContainerId("c2"), "it did not answer") is None


def test_an_agent_that_hangs_up_at_once_is_silent(house: House, lodger: Agent) -> None:
    """It would do so again."""
    house.seen()
    lodger.links.items[0].shutdown(socket.SHUT_RDWR)

    house.told.until(bool)
    assert house.seen().note == "its agent is silent: its connection ends at once"


def test_an_agent_that_is_not_there_leaves_the_container_by_itself(house: House) -> None:
    """Somebody may have removed its socket."""
    seen = house.seen()

    assert (seen.phase, seen.booted, seen.run_id) == (Phase.RUNNING, BOOT, ("c1", BOOT))
    assert seen.note == "its agent is silent: its socket is not there"


def test_a_container_that_has_ended_is_not_asked(house: House, lodger: Agent) -> None:
    """The run that it had stays the one that was known."""
    first = house.seen()
    house.state |= {"Running": False, "Status": "exited"}

    assert (house.seen().phase, house.seen().run_id, house.seen().is_up) == (
        Phase.EXITED,
        first.run_id,
        False,
    )
    assert house.agents.restart(house.inspected, ()) == ""
    assert len(lodger.asked.items) == 1


def test_a_container_of_another_version_is_not_what_is_wanted(house: House, lodger: Agent) -> None:
    """Its agent may speak otherwise."""
    assert house.seen().spec == "s"
    house.labels[labels.AGENT] = "000000000000"

    assert house.seen().spec == ""


def test_directories_go_with_their_containers(house: House) -> None:
    """What nobody uses any more is swept away; what was just made is not."""
    stale = [house.home / name for name in ("0123456789abcdef", "code-older")]
    for folder in stale:
        folder.mkdir()
    house.agents.sweep([])
    assert house.control.is_dir()
    assert not any(folder.exists() for folder in stale)

    house.agents.evict(house.labels, ContainerId("c1"))
    assert not house.control.exists()
    house.agents.clear()
    assert not house.home.exists()


def test_directories_of_containers_that_others_made_are_kept(house: House) -> None:
    """An earlier daemon has made them, with an agent that was another one."""
    used = house.home / "0123456789abcdef"
    used.mkdir()
    (house.home / "code-older").mkdir()

    house.agents.sweep([{labels.CONTROL: used.name, labels.AGENT: "older"}])

    assert used.is_dir()
    assert (house.home / "code-older").is_dir()


def test_a_directory_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    """The target says so, and is not started otherwise than it was asked for."""
    (tmp_path / "file").write_text("")

    with pytest.raises(EngineError, match="make a directory for an agent"):
        Quarters(tmp_path / "file").make()


def test_without_a_directory_there_are_no_agents(tmp_path: Path) -> None:
    """It is said why."""
    without = Agents(None, lambda _: None)
    without.sweep([])
    without.clear()
    without.evict({})
    given = Agents(tmp_path, lambda _: None)
    given.give_up("it does not answer")

    assert without.hindrance == agents.NO_HOME
    assert given.hindrance == "it does not answer"
