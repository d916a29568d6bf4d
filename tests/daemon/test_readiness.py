"""A run is ready when somebody serves its port, or when it has not ended soon: on real sockets.

Where it has a healthcheck, that decides: by the threads that ask, and in the end by the fake engine.
"""

import os
import queue
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

import pytest

from devrun.config.project import Check, CommandCheck, Healthcheck, HttpCheck, TargetName, TcpCheck
from devrun.core.actions import InspectTarget, RestartContainer
from devrun.core.events import ContainerTouched, ShutdownRequested, TargetReady, TargetUnready
from devrun.core.values import BuildContext, Fingerprint, ImageId, Phase, RunId
from devrun.daemon.readiness import HOLD_S, RUN_S, Readiness
from devrun.engine.protocol import Engine
from tests.core.story import Story
from tests.fake_engine import FakeEngine

GOES_ON = "signal.pause()"
LIMIT_S = 20.0
LONG_S = 10 * LIMIT_S
"""No connection is open for so long: only a byte counts, however slow the machine is."""
WEB, TOOL = TargetName("web"), TargetName("tool")
RESET = struct.pack("ii", 1, 0)
"""A connection that is closed with it ends by a reset."""


class Server:
    """A published port: what is behind it is up to the test."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.socket(family)
        self.listener.settimeout(LIMIT_S)
        self.listener.bind((host, 0))
        self.port: int = self.listener.getsockname()[1]
        self.published = f"[{host}]" if ":" in host else host

    def listen(self) -> "Server":
        """Accept, without saying anything: the kernel does it."""
        self.listener.listen(64)
        return self

    def accept(self) -> socket.socket:
        """Return the next connection."""
        connection, _ = self.listener.accept()
        connection.settimeout(LIMIT_S)
        return connection

    def close(self) -> None:
        """Be no longer there."""
        self.listener.close()


@dataclass
class Scene:
    """Two targets that run, and those who find out when they are ready."""

    story: Story
    hold_s: float = LONG_S
    readies: "queue.SimpleQueue[TargetReady]" = field(default_factory=queue.SimpleQueue)
    unready: "queue.SimpleQueue[TargetUnready]" = field(default_factory=queue.SimpleQueue)
    deaths: "queue.SimpleQueue[BaseException]" = field(default_factory=queue.SimpleQueue)

    def __post_init__(self) -> None:
        self.engine = FakeEngine(self.story.project, source=lambda _: GOES_ON)
        self.present: Engine | None = self.engine
        self.readiness = Readiness(
            self.post, lambda _, error: self.deaths.put(error), lambda: self.present, hold_s=self.hold_s
        )

    def post(self, event: TargetReady | TargetUnready) -> None:
        """Take what was found."""
        if isinstance(event, TargetReady):
            self.readies.put(event)
        else:
            self.unready.put(event)

    def reason(self) -> str:
        """Wait for the next reason why something is not ready; the state knows it from then on."""
        event = self.unready.get(timeout=LIMIT_S)
        self.story.tell(event)
        self.update()
        return event.reason

    def check(self, check: Check, *, interval_s: float = 0.05, timeout_s: float = LIMIT_S) -> None:
        """Give `web` a healthcheck."""
        healthcheck = Healthcheck(check, interval_s, timeout_s)
        self.story.reloaded(replace(self.story.config(), healthcheck=healthcheck))

    def run(self) -> RunId:
        """Let `web` run on the fake engine, with no port published."""
        image = next(iter(self.story.project.images.values()))
        built = self.engine.build_image(image, Fingerprint("f"), BuildContext("", (), ()), lambda _: None)
        made = self.engine.recreate(self.story.config(), built.id, None)
        before = self.story.container("web")
        container = replace(made, image=ImageId(before.image), spec=before.spec)
        self.story.world.containers[WEB] = [container]
        self.look(WEB)
        return container.run_id

    def publish(self, server: Server | None, name: TargetName = WEB, *, later: float = 0.0) -> RunId:
        """Let a target's container run, started `later`, with the server's port or with none."""
        ports = (f"{server.published}:{server.port}->5000/tcp",) if server else ()
        before = self.story.container(name)
        container = replace(before, started=before.started + later, ports=ports, phase=Phase.RUNNING)
        self.story.world.containers[name] = [container]
        self.look(name)
        return container.run_id

    def end(self, name: TargetName) -> None:
        """Let a target's program end."""
        self.story.crash(name)
        self.look(name)

    def look(self, name: TargetName) -> None:
        """Look at a target, and tell of it."""
        self.story.tell(ContainerTouched(self.story.now, name))
        self.story.finish(self.story.begin(InspectTarget))
        self.update()

    def update(self) -> None:
        """Tell of the present state."""
        self.readiness.update(self.story.state)

    def ready(self) -> TargetReady:
        """Wait until one is ready; the state knows it from then on."""
        event = self.readies.get(timeout=LIMIT_S)
        self.story.tell(event)
        self.update()
        return event


@pytest.fixture
def hold_s() -> float:
    return LONG_S


@pytest.fixture
def scene(hold_s: float) -> Iterator[Scene]:
    """Both targets have ended, nothing is probed yet."""
    story = Story({"web": ["app.py"], "tool": ["tool.py"]}).connected()
    story.settle()
    made = Scene(story, hold_s)
    for name in (WEB, TOOL):
        story.crashed(name)
    story.settle()
    made.readiness.start()
    yield made
    made.readiness.close()
    assert made.deaths.empty(), made.deaths.get()
    assert "readiness" not in {thread.name for thread in threading.enumerate()}


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Make servers, gone at the end."""
    with ExitStack() as stack:

        def make(host: str = "127.0.0.1") -> Server:
            server = Server(host)
            stack.callback(server.close)
            return server

        yield make


@pytest.mark.parametrize("hold_s", [HOLD_S])
def test_a_connection_that_stays_open_is_served(scene: Scene, serve: Callable[..., Server]) -> None:
    """Most servers say nothing before they are asked."""
    run = scene.publish(serve().listen())

    event = scene.ready()
    assert (event.target, event.run_id) == (WEB, run)
    assert scene.story.target().is_ready


def test_a_byte_is_enough(scene: Scene, serve: Callable[..., Server]) -> None:
    """Whoever speaks first is there, and may close then."""
    server = serve().listen()
    run = scene.publish(server)
    with server.accept() as connection:
        connection.sendall(b"220 ready\r\n")

    assert scene.ready().run_id == run


@pytest.mark.parametrize("is_reset", [False, True])
def test_a_proxy_with_nobody_behind_it_is_not_taken_for_a_server(
    scene: Scene, serve: Callable[..., Server], *, is_reset: bool
) -> None:
    """It accepts and closes at once; a program that listens later is found."""
    server = serve().listen()
    scene.publish(server)
    for _ in range(5):
        with server.accept() as connection:
            if is_reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        assert scene.readies.empty()
    with server.accept() as connection:
        connection.sendall(b"x")
        assert scene.ready().target == WEB


@pytest.mark.parametrize("hold_s", [HOLD_S])
def test_a_port_that_refuses_is_tried_again(scene: Scene, serve: Callable[..., Server]) -> None:
    """Until somebody listens."""
    server = serve()
    scene.publish(server)
    scene.publish(None, TOOL)
    assert scene.ready().target == TOOL  # many attempts later
    assert scene.readies.empty()
    server.listen()

    assert scene.ready().target == WEB


@pytest.mark.parametrize("hold_s", [HOLD_S])
def test_a_port_of_the_other_family_is_asked_there(scene: Scene, serve: Callable[..., Server]) -> None:
    """An address in brackets is one of IPv6."""
    try:
        server = serve("::1").listen()
    except OSError:
        pytest.skip("no IPv6 here")
    run = scene.publish(server)

    assert scene.ready().run_id == run


def test_a_program_without_a_port_is_ready_when_it_has_run_a_while(scene: Scene) -> None:
    """It has its imports behind it."""
    began = time.time()
    run = scene.publish(None)
    event = scene.ready()

    assert event.run_id == run
    assert event.at - began >= RUN_S


def test_a_run_that_ends_is_probed_no_more(scene: Scene, serve: Callable[..., Server]) -> None:
    """Its connection is closed, and nothing is said of it."""
    server = serve().listen()
    scene.publish(server)
    with server.accept() as connection:
        scene.end(WEB)
        assert connection.recv(1) == b""
    scene.publish(None, TOOL)

    assert scene.ready().target == TOOL
    assert scene.readies.empty()


def test_a_run_is_probed_no_more_once_its_restart_has_begun(
    scene: Scene, serve: Callable[..., Server]
) -> None:
    """A connection into a network that is being taken down makes the next one late."""
    server = serve().listen()
    scene.publish(server)
    with server.accept() as connection:
        scene.story.changed("app.py")
        scene.story.begin(RestartContainer)
        scene.update()

        assert connection.recv(1) == b""


def test_a_run_that_is_being_looked_at_is_probed_on(scene: Scene, serve: Callable[..., Server]) -> None:
    """The connection stays as it is, and is not made anew."""
    server = serve().listen()
    run = scene.publish(server)
    with server.accept() as connection:
        scene.story.tell(ContainerTouched(scene.story.now, WEB))
        scene.update()
        connection.sendall(b"x")
        assert scene.readies.get(timeout=LIMIT_S).run_id == run


@pytest.mark.parametrize("hold_s", [HOLD_S])
def test_the_next_run_is_probed_anew(scene: Scene, serve: Callable[..., Server]) -> None:
    """What was found of the one before says nothing of it."""
    server = serve().listen()
    scene.publish(server)
    scene.ready()
    run = scene.publish(server, later=1.0)
    assert not scene.story.target().is_ready

    assert scene.ready().run_id == run
    assert scene.story.target().is_ready


@pytest.mark.parametrize("hold_s", [HOLD_S])
def test_what_is_ready_is_probed_no_more(scene: Scene, serve: Callable[..., Server]) -> None:
    """Also before the loop has taken note of it."""
    scene.publish(serve().listen())
    first = scene.readies.get(timeout=LIMIT_S)
    scene.update()
    scene.publish(None, TOOL)

    assert first.target == WEB
    assert scene.ready().target == TOOL
    assert scene.readies.empty()


def test_nothing_is_probed_while_devrun_ends(scene: Scene, serve: Callable[..., Server]) -> None:
    """Containers are being stopped."""
    server = serve().listen()
    scene.publish(server)
    with server.accept() as connection:
        scene.story.tell(ShutdownRequested(scene.story.now))
        scene.update()

        assert connection.recv(1) == b""


def test_two_thousand_restarts_leave_nothing_open(scene: Scene, serve: Callable[..., Server]) -> None:
    """However fast they come."""
    server = serve().listen()
    files = len(os.listdir("/dev/fd"))  # noqa: PTH208 - a directory of the kernel's
    threads = threading.active_count()
    for _ in range(2000):
        scene.publish(server, later=1.0)
    scene.end(WEB)
    scene.publish(None, TOOL)
    while scene.ready().target != TOOL:
        pass

    assert len(os.listdir("/dev/fd")) == files  # noqa: PTH208
    assert threading.active_count() == threads


def test_a_death_is_told(serve: Callable[..., Server]) -> None:
    """Without it, nothing would ever be ready again."""

    def post(_: TargetReady | TargetUnready) -> None:
        raise ZeroDivisionError

    scene = Scene(Story().connected())
    scene.story.settle()
    scene.readiness = Readiness(post, lambda _, error: scene.deaths.put(error), lambda: None)
    scene.readiness.start()
    scene.publish(serve().listen())

    assert isinstance(scene.deaths.get(timeout=LIMIT_S), ZeroDivisionError)
    scene.readiness.close()


def test_one_that_never_began_may_be_closed() -> None:
    """Where the daemon ends before it."""
    scene = Scene(Story().connected())
    scene.update()
    scene.readiness.close()

    assert scene.readies.empty()


def test_an_end_that_was_not_heard_yet_is_no_open_connection() -> None:
    """A thread that was kept from listening asks the connection itself."""
    here, there = socket.socketpair()
    with here, there:
        here.settimeout(0)
        assert Readiness._is_open(here)
        there.close()
        assert not Readiness._is_open(here)


ANSWER = b"HTTP/1.1 %d Said\r\nContent-Length: 0\r\n\r\n"


def answer(server: Server, status: int) -> bytes:
    """Answer the next request, and return it."""
    with server.accept() as connection:
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            request += connection.recv(1024)
        connection.sendall(ANSWER % status)
        return request


def test_a_healthcheck_decides_where_there_is_one(scene: Scene, serve: Callable[..., Server]) -> None:
    """An open port is not enough; each reason is told once, and nothing is asked after the good answer."""
    server = serve().listen()
    scene.check(HttpCheck("/health?a=1", 5000))
    run = scene.publish(server)
    for status in (503, 503, 404):
        request = answer(server, status)
        assert request.startswith(b"GET /health?a=1 HTTP/1.1\r\n")
        assert b"\r\nHost: localhost:5000\r\n" in request
    assert (scene.reason(), scene.reason()) == ("GET /health?a=1 answers 503", "GET /health?a=1 answers 404")
    assert scene.story.target().why_unready == "GET /health?a=1 answers 404"
    answer(server, 302)
    event = scene.ready()
    assert (event.target, event.run_id) == (WEB, run)
    scene.publish(None, TOOL)

    assert scene.ready().target == TOOL
    server.listener.settimeout(0)
    with pytest.raises(BlockingIOError):
        server.accept()


def test_a_command_is_tried_until_it_ends_well(scene: Scene) -> None:
    """In the container."""
    scene.engine.answers["pg_isready"] = 2
    scene.check(CommandCheck(("pg_isready", "-q")))
    run = scene.run()
    assert scene.reason() == "pg_isready -q exits with 2"
    scene.engine.answers["pg_isready"] = 0

    assert scene.ready().run_id == run


def test_a_try_that_takes_long_keeps_nobody_waiting(scene: Scene) -> None:
    """Another target is found ready meanwhile; the try of a run that is over says nothing any more."""
    scene.engine.answers["ready"] = 0
    scene.check(CommandCheck(("ready",)))
    with scene.engine.hold("probe") as hold:
        scene.run()
        assert hold.reached.wait(LIMIT_S)
        scene.publish(None, TOOL)
        assert scene.ready().target == TOOL
        scene.end(WEB)
        scene.publish(None, TOOL, later=1.0)
        assert scene.ready().target == TOOL
    run = scene.run()

    assert scene.ready().run_id == run
    assert scene.readies.empty()


def test_a_command_that_hangs_is_not_begun_again_soon(scene: Scene) -> None:
    """It still runs in the container, and more of them would fill it."""
    scene.check(CommandCheck(("sleep",)), timeout_s=2)
    scene.run()
    assert scene.reason() == "sleep does not end within 2 s"
    scene.publish(None, TOOL)

    assert scene.ready().target == TOOL
    assert scene.engine.calls.count("probe sleep") == 1


def test_without_an_engine_nobody_is_asked(scene: Scene) -> None:
    """The next try finds it."""
    scene.present = None
    scene.check(TcpCheck(5000))
    scene.publish(None)
    assert scene.reason() == "no engine"
    scene.present = scene.engine

    assert "is gone" in scene.reason()


def test_a_healthcheck_that_dies_is_told(scene: Scene) -> None:
    """It would not be tried again."""
    scene.engine.answers["odd"] = 0
    scene.check(CommandCheck(("odd",)))
    scene.engine.answers = None  # type: ignore[assignment]
    scene.run()

    assert isinstance(scene.deaths.get(timeout=LIMIT_S), TypeError)
