"""What the real engine does beyond the contract."""

import io
import logging
import os
import socket
import sys
import tarfile
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from devrun.config.project import Command, Depth, ImageCommand, Mount, Port, Script, TargetConfig, TargetName
from devrun.core.crash import explain_exit
from devrun.core.values import ContainerId, ImageId, Phase
from devrun.engine.connection import Connection, RefusedError, find_connection
from devrun.engine.docker import DockerEngine, connect
from devrun.engine.labels import project_labels
from devrun.engine.protocol import Touched
from devrun.errors import EngineError
from tests.engine.bench import (
    GOES_ON,
    LIMIT_S,
    Bench,
    Collected,
    await_line,
    make_target,
    running,
    texts,
    written,
)

pytestmark = pytest.mark.engine

SERVE = """
import http.server
server = http.server.HTTPServer(("0.0.0.0", 5000), http.server.SimpleHTTPRequestHandler)
print("ready", flush=True)
server.serve_forever()
"""


@pytest.fixture
def bench(real_bench: Bench) -> Bench:
    """Only the real one here."""
    return real_bench


@pytest.fixture
def target(bench: Bench) -> TargetConfig:
    """A target whose script goes on."""
    bench.write("app.py", GOES_ON)
    return make_target(bench.root)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def test_a_script_works_in_the_mounted_folder(bench: Bench, target: TargetConfig) -> None:
    """Its path is short, its folder is the image's WORKDIR, and its output comes at once."""
    body = "import os\nprint(sys.argv, os.getcwd(), os.environ['PYTHONUNBUFFERED'])\n"

    assert written(bench, replace(target, args=("--x",)), body) == ["['app.py', '--x'] /app 1"]


def test_a_virtual_environment_of_the_image_stays_visible(
    bench: Bench, target: TargetConfig, connection: Connection
) -> None:
    """It is seen below the mount; the volume behind it goes with the container."""
    bench.write("app.py", "import os\nprint(os.path.exists('/app/.venv/pyvenv.cfg'))\n")
    container = bench.start(target)
    mounts = connection.client.inspect_container(container.id)["Mounts"]
    (volume,) = [mount["Name"] for mount in mounts if mount["Type"] == "volume"]

    assert texts(bench.output(container)) == ["True"]
    bench.engine.remove([container.id])
    with pytest.raises(EngineError, match="no such volume"), connection.asking("inspect the volume"):
        connection.client.inspect_volume(volume)


def test_targets_find_each_other_and_the_host_by_name(bench: Bench, target: TargetConfig) -> None:
    """A target's name and host.docker.internal are addresses in every container."""
    bench.start(
        replace(target, name=TargetName("other"), program=Command(("-c", "import signal; signal.pause()")))
    )
    body = (
        "import socket\n"
        "for name in ('other', 'host.docker.internal'):\n    print(socket.gethostbyname(name).count('.'))\n"
    )

    assert written(bench, target, body) == ["3", "3"]


def test_a_port_is_published_on_both_loopback_addresses(bench: Bench, target: TargetConfig) -> None:
    """`localhost` works whichever address it stands for, and status shows one."""
    port = free_port()
    bench.write("app.py", SERVE)
    container = bench.start(replace(target, ports=(Port(5000, port),)))
    await_line(bench, container, "ready")

    assert container.ports == (f"127.0.0.1:{port}->5000/tcp",)
    assert ("0.0.0.0", 5000) in bench.engine.listeners(container.id)
    for host in ("127.0.0.1", "[::1]"):
        with urllib.request.urlopen(f"http://{host}:{port}/app.py", timeout=10) as reply:
            assert reply.status == 200


def test_a_port_of_a_program_is_an_error_that_names_it(bench: Bench, target: TargetConfig) -> None:
    """The error names the port and the process; no container is left."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(EngineError, match=rf"port {port} is taken by .*process {os.getpid()}") as caught:
            bench.start(replace(target, ports=(Port(5000, port),)))

    assert "choose another" in caught.value.hint
    assert bench.engine.inspect_target(target.name) == ()


def test_a_port_of_a_container_is_an_error_that_names_it(bench: Bench, target: TargetConfig) -> None:
    """The container that holds the port is named; it goes on."""
    port = free_port()
    first = bench.start(replace(target, ports=(Port(5000, port),)))
    other = replace(target, name=TargetName("other"), ports=(Port(5001, port),))

    with pytest.raises(EngineError, match=f'port {port} is taken by container "{first.name}"'):
        bench.start(other)
    assert bench.engine.inspect_target(target.name) == (first,)


def test_a_port_of_a_debugger_is_changed_by_its_own_key(
    bench: Bench, target: TargetConfig, connection: Connection
) -> None:
    """The hint has the key that stands in the file."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        debugged = replace(target, debug_port=port)
        engine = DockerEngine(connection, replace(bench.project, targets={target.name: debugged}))
        with pytest.raises(EngineError, match=f"port {port} is taken") as caught:
            engine.recreate(debugged, bench.image, None)

    assert f"debug = {port + 1}" in caught.value.hint


def test_an_image_without_the_debugger_is_told(bench: Bench, target: TargetConfig) -> None:
    """The program ends by itself, and the remedy is known."""
    container = bench.start(replace(target, debug_port=free_port()))
    tail = texts(bench.output(container))
    ended = bench.engine.inspect_target(target.name)[0]

    assert explain_exit(ended, tail)[1] == (
        "add debugpy to the requirements, or take `debug` out of devrun.toml"
    )


def test_a_recreate_hands_over_the_port(bench: Bench, target: TargetConfig) -> None:
    """The old container gives up its port before the next one takes it."""
    served = replace(target, ports=(Port(5000, free_port()),))
    first = bench.start(served)

    second = bench.engine.recreate(served, bench.image, first.id)

    assert second.ports == first.ports


def test_a_program_that_ignores_the_signal_is_killed(
    bench: Bench, target: TargetConfig, caplog: pytest.LogCaptureFixture
) -> None:
    """After its grace it is ended all the same, and devrun says so."""
    bench.write("app.py", f"signal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('deaf')\n{GOES_ON}")
    container = bench.start(replace(target, stop_timeout_s=1))
    await_line(bench, container, "deaf")

    with caplog.at_level(logging.INFO, logger="devrun"):
        stopped = bench.engine.stop(target, container.id)

    assert (stopped.phase, stopped.exit_code) == (Phase.EXITED, 137)
    assert "ignored SIGTERM for 1 s: killed" in caplog.text


def test_the_stop_signal_of_the_target_is_used(bench: Bench, target: TargetConfig) -> None:
    """`stop-signal` reaches the program, which may end as it likes."""
    bench.write("app.py", f"signal.signal(signal.SIGINT, lambda *_: sys.exit(7))\nprint('up')\n{GOES_ON}")
    container = bench.start(replace(target, stop_signal="SIGINT"))
    await_line(bench, container, "up")

    assert bench.engine.stop(target, container.id).exit_code == 7


def test_a_paused_container_can_be_restarted(
    bench: Bench, target: TargetConfig, connection: Connection
) -> None:
    """Somebody's pause is seen, and ends with the next restart."""
    container = bench.start(target)
    connection.client.pause(container.id)

    (paused,) = bench.engine.inspect_target(target.name)
    restarted = bench.engine.restart(target, container.id, ())

    assert (paused.phase, restarted.phase) == (Phase.PAUSED, Phase.RUNNING)


def test_a_removed_network_comes_back_with_a_restart(
    bench: Bench, target: TargetConfig, connection: Connection
) -> None:
    """A container whose network somebody removed can be started again, and is found by name."""
    container = bench.start(target)
    bench.engine.stop(target, container.id)
    bench.engine.remove_network()

    assert bench.engine.restart(target, container.id, ()).phase is Phase.RUNNING
    asks = Command(("-c", "import socket; print(socket.gethostbyname('web').count('.'))"))
    other = bench.start(replace(target, name=TargetName("other"), program=asks))
    assert texts(bench.output(other)) == ["3"]


def test_a_missing_mount_source_is_an_error(bench: Bench, target: TargetConfig) -> None:
    """The folder is named and not made, and no container is left."""
    missing = bench.root / "missing"

    with pytest.raises(EngineError, match="bind source path does not exist") as caught:
        bench.start(replace(target, mount=Mount(missing)))

    assert str(missing) in caught.value.message
    assert caught.value.hint
    assert not missing.exists()
    assert bench.engine.inspect_target(target.name) == ()


def test_a_taken_name_is_refused_in_words(bench: Bench, target: TargetConfig, connection: Connection) -> None:
    """The foreign container stays as it is, and the hint says what to do about it."""
    name = f"{bench.project.slug}-web"
    bench.take_name(name)
    before = connection.client.inspect_container(name)

    with pytest.raises(EngineError) as caught:
        bench.start(target)

    assert f"docker rm {name}" in caught.value.hint
    assert connection.client.inspect_container(name) == before


def test_another_project_s_containers_are_not_ours(bench: Bench, target: TargetConfig) -> None:
    """The same project in another folder neither sees nor touches them."""
    container = bench.start(target)
    other = connect(replace(bench.project, key="0" * 12, slug="bench-0000"))

    assert other.known_targets() == ()
    assert other.remove_everything() == ()
    with pytest.raises(EngineError, match="not devrun's"):
        other.stop(None, container.id)
    other.close()
    assert bench.engine.inspect_target(target.name) == (container,)


def test_a_user_s_container_of_our_image_is_not_ours(
    bench: Bench, connection: Connection, test_image: ImageId
) -> None:
    """It has the image's labels, project and root among them, but devrun did not make it."""
    made = connection.create({"Image": test_image, "Labels": project_labels(bench.project)})
    try:
        assert bench.engine.remove_everything() == ()
        with pytest.raises(EngineError, match="not devrun's"):
            bench.engine.stop(None, ContainerId(made))
    finally:
        connection.client.remove_container(made, force=True)


def test_an_image_s_own_command_is_started_as_it_is(bench: Bench, target: TargetConfig) -> None:
    """Arguments of the target stand in the place of CMD."""
    own = replace(target, program=ImageCommand(), args=("-c", "print('own')"), mount=None)

    assert texts(bench.output(bench.start(own))) == ["own"]


def test_a_command_does_without_an_interpreter_before_it(bench: Bench, target: TargetConfig) -> None:
    """An ENTRYPOINT of `python` would take the program for a script."""
    command = replace(target, program=Command(("echo", "hello")))

    assert texts(bench.output(bench.start(command))) == ["hello"]


def test_events_tell_of_images(bench: Bench, connection: Connection, test_image: ImageId) -> None:
    """A tag of ours that comes is told of by the image's name, a foreign one is not."""
    connected = threading.Event()
    touched: Collected[Touched] = Collected()
    repository = f"devrun/{bench.project.slug}-default"

    with running(lambda: bench.engine.watch_events(connected.set, touched.add)):
        assert connected.wait(20)
        connection.client.tag(test_image, "devrun-test/foreign", "f1")
        connection.client.tag(test_image, repository, "f1")
        connection.client.remove_image("devrun-test/foreign:f1")
        connection.client.remove_image(f"{repository}:f1")
        touched.until(lambda items: bool(items))
        bench.engine.close()

    assert set(touched.items) == {Touched(image=next(iter(bench.project.images)))}


def test_a_crash_between_the_steps_of_a_swap_is_mended_by_the_next(
    bench: Bench, target: TargetConfig, connection: Connection
) -> None:
    """Old and next are both there after it; the next swap leaves one, under the usual name."""
    old = bench.start(target)
    connection.client.rename(old.id, f"{old.name}.next")
    left = bench.start(target)
    assert len(bench.engine.inspect_target(target.name)) == 2

    kept = bench.engine.recreate(target, bench.image, left.id)

    assert bench.engine.inspect_target(target.name) == (kept,)
    assert kept.name == old.name


def test_a_restart_of_a_container_that_somebody_removed_is_refused(
    bench: Bench, target: TargetConfig
) -> None:
    """The error says that it is gone."""
    container = bench.start(target)
    bench.engine.remove([container.id])

    with pytest.raises(EngineError, match="gone"):
        bench.engine.stop(target, container.id)


def test_a_refusal_keeps_the_engine_s_status(connection: Connection) -> None:
    """Callers tell a missing thing from a conflict by it."""
    with pytest.raises(RefusedError) as caught, connection.asking("inspect container x"):
        connection.client.inspect_container(ContainerId("0" * 64))

    assert caught.value.status == 404
    assert caught.value.message.startswith("inspect container x: no such container")


def test_the_rules_that_were_applied_are_said(bench: Bench, target: TargetConfig) -> None:
    """Command, mount, and what stays visible, with what the probe of the image found."""
    assert bench.engine.explain(target, bench.image) == (
        "starts python app.py (ENTRYPOINT python gets it)",
        f"{bench.root} is shown at /app (the image's WORKDIR), but /app/.venv of the image stays visible",
        "byte code goes to /tmp/.devrun-bytecode, out of the mounted folder",
    )


def test_an_image_without_python_is_no_hindrance(
    bench: Bench, target: TargetConfig, connection: Connection
) -> None:
    """Nothing is known of its Python then; what looked for it is gone."""
    tag = f"devrun-test/empty:{bench.project.key}"
    empty = io.BytesIO()
    with tarfile.open(fileobj=empty, mode="w"):
        pass
    connection.client.import_image_from_data(empty.getvalue(), *tag.split(":"))
    try:
        image = ImageId(connection.client.images(name=tag)[0]["Id"])
        words = bench.engine.explain(target, image)
        left = connection.client.containers(all=True, filters={"ancestor": tag})
    finally:
        connection.client.remove_image(tag)

    assert words[0] == "starts python app.py (the image has no ENTRYPOINT)"
    assert words[1].startswith("nothing is mounted: the image has no WORKDIR")
    assert left == []


def test_a_script_of_a_subfolder_keeps_its_path(bench: Bench, target: TargetConfig) -> None:
    """It is named relative to the working directory."""
    (bench.root / "jobs").mkdir()
    (bench.root / "jobs" / "one.py").write_text("import sys\nprint(sys.argv[0])\n")

    assert texts(bench.output(bench.start(replace(target, program=Script("jobs/one.py"))))) == ["jobs/one.py"]


def test_a_port_that_is_not_published_is_reached_at_the_container_s_address(
    bench: Bench, target: TargetConfig
) -> None:
    """By this machine."""
    bench.write("app.py", SERVE)
    container = bench.start(target)
    await_line(bench, container, "ready")

    with urllib.request.urlopen(f"http://{bench.engine.address(container.id)}:5000/") as page:
        assert page.status == 200


def test_a_command_that_never_stops_writing_is_not_listened_to_for_ever(
    bench: Bench, target: TargetConfig
) -> None:
    """Its time is up as that of any other one."""
    container = bench.start(target)
    began = time.monotonic()

    assert bench.engine.probe(container.id, ("yes",), 0.5) is None
    assert time.monotonic() - began < 5


def test_an_agent_that_nobody_reaches_is_done_without(bench: Bench, tmp_path: Path) -> None:
    """As where containers run in a virtual machine; otherwise nobody would hear of the program's end."""
    bench.write("app.py", GOES_ON)
    target = replace(make_target(bench.root), reload=Depth.PROCESS)
    code = tmp_path / "code"
    code.mkdir()
    (code / "__main__.py").write_text("import signal\nsignal.pause()\n")
    home = tmp_path.with_name(f"{tmp_path.name}-deaf")
    engine = DockerEngine(find_connection(), bench.project, home, code=code, boot_patience_s=0.5)

    container = engine.recreate(target, bench.image, None)
    said = engine.explain(target, bench.image)
    engine.remove_everything()
    engine.close()

    assert (container.depth, container.phase) == (Depth.CONTAINER, Phase.RUNNING)
    assert container.note == "its agent is silent: its socket is not there"
    assert said[-1].startswith("restarts of the whole container")


@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are listed by /proc")
def test_calls_at_the_same_time_leave_no_connections_behind() -> None:
    """All but one are closed when they are answered, however many there were."""
    connection = find_connection()
    client = connection.client
    client.images()
    before = sockets()
    together = threading.Barrier(8)

    def ask(_number: int) -> None:
        together.wait(LIMIT_S)
        client.images()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(8)))

    assert sockets() <= before
    connection.close()


def sockets() -> int:
    """Return how many sockets this process has."""
    links = (os.path.realpath(entry) for entry in Path("/proc/self/fd").iterdir())
    return sum("socket:" in link for link in links)
