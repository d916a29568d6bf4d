"""The command before a start: what it sees, what it leaves, and that all waits for it."""

import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from devrun.config.project import Port, TargetConfig, TargetName
from devrun.core.values import ImageId, Phase
from devrun.engine import labels
from devrun.engine.before import before_payload
from devrun.engine.connection import Connection
from devrun.engine.docker import connect
from devrun.engine.plan import ImageFacts
from devrun.errors import EngineError, EngineUnreachableError
from tests.engine.bench import GOES_ON, LIMIT_S, Bench, make_project, make_target, running

PAUSE_S = 0.02
WEB = TargetName("web")


@pytest.fixture
def target(real_bench: Bench) -> TargetConfig:
    """A target that goes on, and whose command before the start is a script."""
    real_bench.write("app.py", GOES_ON)
    return replace(make_target(real_bench.root), before_start=("python", "before.py"))


def one_off(bench: Bench) -> str:
    """Return the name of the container in which the command runs."""
    return labels.container_name(bench.project, WEB) + labels.BEFORE


def await_one_off(bench: Bench, connection: Connection) -> None:
    """Wait until that container runs."""
    for _ in range(int(LIMIT_S / PAUSE_S)):
        if connection.client.containers(filters={"name": one_off(bench)}):
            return
        threading.Event().wait(PAUSE_S)
    raise AssertionError("it was not started")


@pytest.mark.engine
def test_it_sees_what_the_target_sees(real_bench: Bench, target: TargetConfig) -> None:
    """Mount, working directory, environment and user; what it writes is there when the target starts."""
    real_bench.root.chmod(0o755)
    (real_bench.root / "out").mkdir()
    (real_bench.root / "out").chmod(0o777)
    real_bench.write(
        "before.py",
        "import json, os\njson.dump([os.getcwd(), os.environ['A'], os.getuid()], open('out/x', 'w'))\n",
    )
    real_bench.write("app.py", f"print(open('out/x').read())\n{GOES_ON}")

    container = real_bench.start(replace(target, env={"A": "1"}, user="4321"))

    assert json.loads((real_bench.root / "out" / "x").read_text()) == ["/app", "1", 4321]
    assert real_bench.engine.inspect_target(WEB) == (container,)


@pytest.mark.engine
def test_its_last_lines_say_why_it_failed(real_bench: Bench, target: TargetConfig) -> None:
    """Both streams, whose order the engine does not keep, and the exit code; its container is gone."""
    real_bench.write("before.py", "print('out', flush=True)\nraise SystemExit('no table')\n")
    with pytest.raises(EngineError) as caught:
        real_bench.start(target)

    assert caught.value.message == 'before-start "python before.py" exits with 1'
    assert sorted(caught.value.output) == ["no table", "out"]
    assert real_bench.engine.remove_everything() == ()


@pytest.mark.engine
def test_the_container_before_goes_on_until_it_has_ended(
    real_bench: Bench, target: TargetConfig, connection: Connection
) -> None:
    """And is not stopped for a moment where it fails; a leftover of an earlier one gives way."""
    first = real_bench.start(replace(target, before_start=()))
    left = connection.create(
        {
            "Image": real_bench.image,
            "Cmd": ["-V"],
            "Labels": {**labels.project_labels(real_bench.project), labels.ROLE: labels.ROLE_ONEOFF},
        },
        one_off(real_bench),
    )
    real_bench.write("before.py", "import os, time\nwhile not os.path.exists('go'): time.sleep(0.01)\n")
    restarted = []
    with running(lambda: restarted.append(real_bench.engine.restart(target, first.id, ()))):
        await_one_off(real_bench, connection)
        assert real_bench.engine.inspect_target(WEB) == (first,)
        (real_bench.root / "go").touch()

    assert restarted[0].started > first.started
    assert not connection.client.containers(all=True, filters={"id": left})


@pytest.mark.engine
@pytest.mark.parametrize("end", ["cancel_before", "close"])
def test_it_may_take_long_and_ends_with_devrun(
    real_bench: Bench, target: TargetConfig, connection: Connection, end: str
) -> None:
    """The start that waits for it is refused, and its container does not stay."""
    engine = connect(real_bench.project)
    wanted = EngineError if end == "cancel_before" else EngineUnreachableError

    def start() -> None:
        with pytest.raises(wanted):
            engine.recreate(replace(target, before_start=("sleep", "600")), real_bench.image, None)

    with running(start):
        await_one_off(real_bench, connection)
        getattr(engine, end)()

    engine.close()
    assert real_bench.engine.remove_everything() == ()


@pytest.mark.engine
def test_it_runs_no_old_byte_code(real_bench: Bench, target: TargetConfig) -> None:
    """What was compiled of two saves of one size within a second is made unusable first."""
    real_bench.write("mod.py", "TEXT = 'one'\n")
    plain = replace(target, env={"PYTHONPYCACHEPREFIX": ""}, before_start=("python", "-c", "import mod"))
    first = real_bench.start(plain)
    (compiled,) = (real_bench.root / "__pycache__").iterdir()
    check = "import mod, sys; sys.exit(mod.TEXT != 'two')"
    source = real_bench.root / "mod.py"
    times = source.stat()
    real_bench.write("mod.py", "TEXT = 'two'\n")
    os.utime(source, ns=(times.st_atime_ns, times.st_mtime_ns))
    second = replace(plain, before_start=("python", "-c", check))
    with pytest.raises(EngineError, match="exits with 1"):
        real_bench.engine.restart(second, first.id, ())

    restarted = real_bench.engine.restart(second, first.id, ("mod.py",))
    assert restarted.phase is Phase.RUNNING
    assert compiled.exists()


def body_of(tmp_path: Path, target: TargetConfig, *entrypoint: str) -> dict[str, object]:
    """Return how the container of the command would be created."""
    project = make_project(tmp_path)
    return before_payload(project, target, ImageFacts(ImageId("i"), entrypoint, workdir="/app"))


@pytest.mark.parametrize(
    ("entrypoint", "own", "started"),
    [
        ((), None, ["migrate", "--all"]),
        (("python",), None, ["migrate", "--all"]),
        (("gunicorn", "app"), None, ["migrate", "--all"]),
        (("tini", "--", "python"), None, ["tini", "--", "migrate", "--all"]),
        (("docker-entrypoint.sh",), None, ["docker-entrypoint.sh", "migrate", "--all"]),
        (("tini", "--"), ("uv", "run", "python"), ["uv", "run", "migrate", "--all"]),
        (("tini", "--"), ("python", "-m", "debugpy"), ["migrate", "--all"]),
    ],
)
def test_of_an_entrypoint_only_wrappers_stay(
    tmp_path: Path, entrypoint: tuple[str, ...], own: tuple[str, ...] | None, started: list[str]
) -> None:
    """The program that the image starts is not what is to be run."""
    target = replace(make_target(tmp_path), entrypoint=own, before_start=("migrate", "--all"), args=("x",))
    body = body_of(tmp_path, target, *entrypoint)
    words = [body["Entrypoint"], body["Cmd"]]

    assert [word for part in words if isinstance(part, tuple) for word in part] == started


def test_it_takes_no_port_and_no_call_from_its_target(tmp_path: Path) -> None:
    """It is no target's container to the engine, and gets no terminal."""
    target = replace(make_target(tmp_path), ports=(Port(80, 8000),), tty=True, before_start=("migrate",))
    body = body_of(tmp_path, target)
    project = make_project(tmp_path)

    assert body["ExposedPorts"] == {}
    assert isinstance(body["HostConfig"], dict)
    assert body["HostConfig"]["PortBindings"] == {}
    assert body["NetworkingConfig"] == {"EndpointsConfig": {labels.network_name(project): {}}}
    assert body["Labels"] == {
        **labels.project_labels(project),
        labels.ROLE: labels.ROLE_ONEOFF,
        labels.PYTHON: "",
        labels.MOUNT: "/app",
    }
    assert body["Tty"] is False
