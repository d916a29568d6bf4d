"""What the real engine makes of network sandboxes: kept, shared, lost, and found again after a crash."""

import logging
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from devrun.config.project import Command, Port, Project, TargetConfig, TargetName
from devrun.config.surroundings import ExtraHost, Surroundings
from devrun.core.values import Container, Phase
from devrun.engine import labels, pause
from devrun.engine.connection import Connection, find_connection
from devrun.engine.docker import DockerEngine
from devrun.engine.protocol import Touched
from devrun.engine.sandbox import GONE, split, why_none
from devrun.errors import EngineError
from tests.engine.bench import (
    GOES_ON,
    Bench,
    Collected,
    await_line,
    make_project,
    make_target,
    running,
    without_init,
)

pytestmark = pytest.mark.engine
WEB = TargetName("web")
NO_PROGRAM = Command(("/no/such/program",))
SERVE = (
    "from http.server import *\n"
    "server = HTTPServer(('', 5000), SimpleHTTPRequestHandler)\nprint('ready')\nserver.serve_forever()\n"
)


@pytest.fixture
def bench(real_bench: Bench) -> Bench:
    """Only the real one here."""
    real_bench.write("app.py", GOES_ON)
    return real_bench


@pytest.fixture
def target(bench: Bench) -> TargetConfig:
    """A target that publishes a port, and goes on."""
    return replace(make_target(bench.root), ports=(Port(5000, free_port()),))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def sandboxes(bench: Bench, connection: Connection) -> list[dict[str, Any]]:
    """Return the sandboxes of a bench, as the engine inspects them."""
    asked = labels.label_list(bench.project, role=labels.ROLE_SANDBOX)
    found = connection.client.containers(all=True, filters={"label": asked})
    return [connection.client.inspect_container(one["Id"]) for one in found]


def only(bench: Bench, connection: Connection) -> dict[str, Any]:
    """Return the only sandbox of a bench."""
    (one,) = sandboxes(bench, connection)
    return one


def run_of(sandbox: dict[str, Any]) -> tuple[str, str]:
    return sandbox["Id"], sandbox["State"]["StartedAt"]


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def test_a_restart_keeps_the_network(bench: Bench, target: TargetConfig, connection: Connection) -> None:
    """The sandbox goes on; the port is published, and the program reached, before and after."""
    bench.write("app.py", SERVE)
    first = bench.start(target)
    began = await_line(bench, first, "ready")
    sandbox = only(bench, connection)

    second = bench.engine.restart(target, first.id, ())

    await_line(bench, second, "ready", began.at_ns)
    port = target.ports[0].host_port
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/app.py", timeout=10) as page:
        assert page.status == 200
    assert second.ports == first.ports == (f"127.0.0.1:{port}->5000/tcp",)
    assert run_of(only(bench, connection)) == run_of(sandbox)


def test_a_recreate_keeps_the_network_unless_it_changed(
    bench: Bench, target: TargetConfig, connection: Connection
) -> None:
    """Another variable is none of the network's business; another port is, and a target without a sandbox."""
    first = bench.start(target)
    sandbox = only(bench, connection)
    changed = replace(target, env={"DEBUG": "1"})

    second = bench.engine.recreate(changed, bench.image, first.id)
    assert run_of(only(bench, connection)) == run_of(sandbox)

    moved = replace(changed, ports=(Port(5000, free_port()),))
    third = bench.engine.recreate(moved, bench.image, second.id)
    assert only(bench, connection)["Id"] != sandbox["Id"]
    assert third.ports == (f"127.0.0.1:{moved.ports[0].host_port}->5000/tcp",)

    without = replace(moved, network_sandbox=False)
    fourth = bench.engine.recreate(without, bench.image, third.id)
    assert (fourth.ports, sandboxes(bench, connection)) == (third.ports, [])
    assert bench.engine.recreate(moved, bench.image, fourth.id).ports == third.ports
    assert only(bench, connection)["State"]["Running"]


def test_what_is_asked_of_the_network_is_the_sandbox_s(
    bench: Bench, target: TargetConfig, connection: Connection
) -> None:
    """Its name for others, its hostname, names of hosts; the address too, which this machine reaches."""
    given = Surroundings(hostname="shop", extra_hosts=(ExtraHost("db", "10.1.2.3"),))
    body = "import socket\nprint(socket.gethostname(), socket.gethostbyname('db'))\n"
    bench.write("app.py", body + SERVE)
    container = bench.start(replace(target, surroundings=given))
    await_line(bench, container, "shop 10.1.2.3")
    await_line(bench, container, "ready")
    ours = only(bench, connection)["NetworkSettings"]["Networks"][labels.network_name(bench.project)]

    assert bench.engine.address(container.id) == ours["IPAddress"]
    assert "web" in ours["Aliases"]
    assert ("0.0.0.0", 5000) in bench.engine.listeners(container.id)


def test_a_sandbox_may_do_nothing(bench: Bench, target: TargetConfig, connection: Connection) -> None:
    """It is nobody, without privileges, of an image that devrun made, and ends when it is told to."""
    bench.start(target)
    sandbox = only(bench, connection)
    image = connection.client.inspect_image(sandbox["Image"])  # type: ignore[no-untyped-call]

    assert sandbox["Config"]["User"] == pause.NOBODY
    assert sandbox["Config"]["StopSignal"] == "SIGKILL"
    assert sandbox["HostConfig"]["CapDrop"] == ["ALL"]
    assert image["RepoTags"] == [pause.reference(connection.architecture)]
    assert image["Config"]["Labels"] == {pause.LABEL: "network sandbox"}


def test_a_stopped_target_has_no_port(bench: Bench, target: TargetConfig) -> None:
    """It is free for others, and the target's again with the next start."""
    port = target.ports[0].host_port
    first = bench.start(target)
    assert not is_free(port)

    stopped = bench.engine.stop(target, first.id)
    assert (stopped.ports, stopped.keeps_network, is_free(port)) == ((), False, True)

    again = bench.engine.restart(target, first.id, ())
    assert (again.id, again.ports) == (first.id, first.ports)


def test_networks_can_be_set_up_before_their_targets_start(
    bench: Bench, target: TargetConfig, connection: Connection
) -> None:
    """Those of stopped targets that are named; what runs, or has none, is left alone."""
    first = bench.start(target)
    before = run_of(only(bench, connection))
    bench.engine.wake([WEB])
    assert run_of(only(bench, connection)) == before

    bench.engine.stop(target, first.id)
    bench.engine.wake([TargetName("other")])
    assert is_free(target.ports[0].host_port)
    bench.engine.wake([WEB])
    woken = run_of(only(bench, connection))
    assert woken != before
    assert bench.engine.restart(target, first.id, ()).phase is Phase.RUNNING
    assert run_of(only(bench, connection)) == woken


def test_a_network_that_cannot_be_set_up_early_is_told_by_the_start(
    bench: Bench, target: TargetConfig, caplog: pytest.LogCaptureFixture
) -> None:
    """Until then nobody is kept from anything."""
    caplog.set_level(logging.INFO)
    first = bench.start(target)
    bench.engine.stop(target, first.id)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", target.ports[0].host_port))
        taken.listen()
        bench.engine.wake([WEB])

    assert "the network of web is not set up: " in caplog.text
    assert bench.engine.restart(target, first.id, ()).phase is Phase.RUNNING


def test_a_taken_port_stops_a_start_and_nothing_else(bench: Bench, target: TargetConfig) -> None:
    """The error has the target's name; whoever frees the port may start it again."""
    first = bench.start(target)
    bench.engine.stop(target, first.id)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", target.ports[0].host_port))
        taken.listen()
        with pytest.raises(EngineError) as caught:
            bench.engine.restart(target, first.id, ())

    assert caught.value.message.startswith(f'start container "{first.name}": port ')
    assert bench.engine.restart(target, first.id, ()).phase is Phase.RUNNING


def test_an_end_of_a_sandbox_is_told_as_one_of_its_target(
    bench: Bench, target: TargetConfig, connection: Connection
) -> None:
    """So devrun looks at the target again, and finds what became of its network."""
    bench.start(target)
    connected = threading.Event()
    touched: Collected[Touched] = Collected()

    with running(lambda: bench.engine.watch_events(connected.set, touched.add)):
        assert connected.wait(20)
        connection.client.kill(only(bench, connection)["Id"])
        touched.until(lambda items: Touched(target=WEB) in items)
        bench.engine.close()


@pytest.mark.parametrize("moves", [False, True], ids=["same-port", "other-port"])
def test_a_failed_swap_brings_the_old_network_back(
    bench: Bench, target: TargetConfig, connection: Connection, *, moves: bool
) -> None:
    """The old container runs in its old sandbox, and nothing is left of the next one's."""
    first = bench.start(target)
    sandbox = only(bench, connection)["Id"]
    ports = (Port(5000, free_port()),) if moves else target.ports

    with pytest.raises(EngineError, match="/no/such/program"):
        bench.engine.recreate(without_init(replace(target, ports=ports), NO_PROGRAM), bench.image, first.id)

    assert only(bench, connection)["Id"] == sandbox
    (left,) = bench.engine.inspect_target(WEB)
    assert (left.id, left.ports, left.cut_off) == (first.id, first.ports, "")


def test_a_lost_network_is_told_and_given_back(
    bench: Bench, target: TargetConfig, connection: Connection
) -> None:
    """Whatever somebody did to the sandbox; the next container has one that works."""
    client = connection.client
    losses: dict[str, Callable[[str], object]] = {
        "its network sandbox ended": client.kill,
        "its network sandbox was started again": lambda it: client.restart(it, timeout=0),
        GONE: lambda it: client.remove_container(it, force=True),
    }
    container = bench.start(target)
    for words, lose in losses.items():
        lose(only(bench, connection)["Id"])
        (seen,) = bench.engine.inspect_target(WEB)
        assert (seen.phase, seen.cut_off) == (Phase.RUNNING, words)

        container = bench.engine.recreate(target, bench.image, container.id)
        assert (container.cut_off, bool(container.ports)) == ("", True)
    assert bench.engine.inspect_target(WEB) == (container,)


def test_a_restart_in_a_sandbox_that_just_ended_starts_it(
    bench: Bench, target: TargetConfig, connection: Connection
) -> None:
    """Nothing is asked beforehand; one that is gone is an error that says so."""
    container = bench.start(target)
    connection.client.kill(only(bench, connection)["Id"])
    restarted = bench.engine.restart(target, container.id, ())
    assert (restarted.cut_off, restarted.ports) == ("", container.ports)

    connection.client.remove_container(only(bench, connection)["Id"], force=True)
    with pytest.raises(EngineError, match=GONE):
        bench.engine.restart(target, container.id, ())


def test_sandboxes_go_with_their_targets(bench: Bench, target: TargetConfig, connection: Connection) -> None:
    """With the container, with everything, and where a crash left one without its target."""
    other = replace(make_target(bench.root, name="other"))
    first = bench.start(target)
    bench.start(other)
    bench.engine.remove([first.id])
    assert [one["Config"]["Labels"][labels.TARGET] for one in sandboxes(bench, connection)] == ["other"]
    assert bench.engine.remove_everything() == (f"{bench.project.slug}-other",)
    assert sandboxes(bench, connection) == []

    left = bench.start(target)
    connection.client.remove_container(left.id, force=True)
    assert bench.engine.known_targets() == ()
    bench.engine.tidy()
    assert sandboxes(bench, connection) == []


def test_a_target_s_left_over_container_does_not_take_the_network_along(
    bench: Bench, target: TargetConfig, connection: Connection
) -> None:
    """The other one has the same sandbox."""
    first = bench.start(target)
    connection.client.rename(first.id, f"{first.name}.next")
    second = bench.start(target)

    bench.engine.remove([first.id])

    assert bench.engine.inspect_target(WEB) == (second,)
    assert second.ports == first.ports

    connection.client.rename(second.id, f"{second.name}.next")
    third = bench.start(target)
    bench.engine.remove([second.id, third.id])
    assert sandboxes(bench, connection) == []


def test_engines_without_sandboxes_do_as_before(bench: Bench, target: TargetConfig) -> None:
    """One that is not Docker, or whose machine devrun has no program for."""
    with other_connection() as connection:
        assert why_none(connection) == ""
        connection.architecture = "riscv64"
        assert "riscv64" in why_none(connection)
        engine = DockerEngine(connection, bench.project)
        made = engine.recreate(target, bench.image, None)
        assert made.ports == (f"127.0.0.1:{target.ports[0].host_port}->5000/tcp",)
        assert sandboxes(bench, connection) == []
        connection.is_docker = False
        assert "is not Docker" in why_none(connection)


def test_an_image_that_the_engine_does_not_take_is_no_hindrance(bench: Bench, target: TargetConfig) -> None:
    """The restarts make their network anew then."""
    with other_connection() as connection:
        connection.calls = Dying(connection.calls, images=[])  # type: ignore[assignment]
        connection.open = refuse  # type: ignore[method-assign]
        made = DockerEngine(connection, bench.project).recreate(target, bench.image, None)

    assert made.ports
    assert bench.engine.inspect_target(WEB)[0].keeps_network is False


class Killed(BaseException):
    """The end of devrun, before an engine's call."""


class Dying:
    """What asks the engine, until so many changing calls were made."""

    CHANGES = ("create_container", "kill", "start", "remove_container", "rename")

    def __init__(self, client: Any, calls: int = 1000, **answers: object) -> None:
        self._client = client
        self._left = calls
        self._answers = answers

    def __getattr__(self, name: str) -> Any:
        if name in self._answers:
            return lambda *_, **__: self._answers[name]
        if name in self.CHANGES:
            if not self._left:
                raise Killed(name)
            self._left -= 1
        return getattr(self._client, name)


def refuse(*_: object, **__: object) -> Any:
    """Refuse whatever is asked."""
    from devrun.engine.connection import RefusedError

    raise RefusedError("load the image: no", 403)


@contextmanager
def other_connection() -> Iterator[Connection]:
    """Open a connection that a test may spoil."""
    connection = find_connection()
    yield connection
    connection.close()


def converge(bench: Bench, target: TargetConfig) -> Container:
    """Do what devrun decides at its start: leftovers go, the newest that runs stays, or a new one comes."""
    found = sorted(
        bench.engine.inspect_target(WEB),
        key=lambda one: (one.phase is Phase.RUNNING, one.spec == target.spec, one.started),
        reverse=True,
    )
    bench.engine.remove([one.id for one in found[1:]])
    if found and found[0].spec == target.spec and not found[0].cut_off:
        restarts = found[0].phase is not Phase.RUNNING
        return bench.engine.restart(target, found[0].id, ()) if restarts else found[0]
    return bench.engine.recreate(target, bench.image, found[0].id if found else None)


def test_a_crash_at_any_call_of_a_swap_is_mended_by_the_next_start(
    bench: Bench, target: TargetConfig, connection: Connection
) -> None:
    """One container is left, in the one sandbox that is left, with the ports that were asked for."""
    # Without a look at the image's Python there are as few calls as can be.
    wanted = replace(target, mount=None, program=Command(("-c", "import signal; signal.pause()")))
    other = replace(wanted, ports=(Port(5000, free_port()),))
    container = bench.start(wanted)
    for calls in range(20):
        wanted, other = other, wanted
        with other_connection() as mortal:
            mortal.calls = Dying(mortal.calls, calls)  # type: ignore[assignment]
            try:
                DockerEngine(mortal, bench.project).recreate(wanted, bench.image, container.id)
            except Killed:
                is_over = False
            else:
                is_over = True
        container = converge(bench, wanted)

        assert bench.engine.inspect_target(WEB) == (container,), calls
        assert container.ports == (f"127.0.0.1:{wanted.ports[0].host_port}->5000/tcp",), calls
        assert only(bench, connection)["State"]["Running"], calls
        if is_over:
            break
    else:
        pytest.fail("the swap takes more calls than that")
    # Without the `rename`, where the crash before left the old container under the next one's name.
    assert calls >= len(("create", "create", "kill", "kill", "start", "start", "remove", "remove"))


def test_a_sandbox_is_another_one_where_what_it_holds_is_other(bench: Bench) -> None:
    """Ports, networks, names: each of them counts; nothing else does."""
    project: Project = make_project(bench.root)
    host = {"NetworkMode": "devrun-x", "PortBindings": {}, "ExtraHosts": ["a:1"], "Init": True}
    payload: dict[str, object] = {"Image": "i", "Hostname": "h", "ExposedPorts": {}, "HostConfig": host}
    target = make_target(bench.root)

    def spec(body: dict[str, object], of: TargetConfig = target) -> str:
        own, sandbox = split(project, of, body, "pause:1")
        assert set(own) == {"Image", "HostConfig"}
        given = sandbox["Labels"]
        assert isinstance(given, dict)
        return str(given[labels.SPEC])

    joined = replace(target, surroundings=Surroundings(networks=("shared",)))
    others = (
        spec({**payload, "Hostname": "other"}),
        spec({**payload, "HostConfig": {**host, "ExtraHosts": ["a:2"]}}),
        spec({**payload, "HostConfig": {**host, "PortBindings": {"80/tcp": []}}}),
        spec(payload, joined),
    )
    assert len({spec(payload), *others}) == 5
    assert spec(payload) == spec({**payload, "Image": "j", "HostConfig": {**host, "Init": False}})
