"""How a container is created: configuration and facts in, payload and words out."""

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from devrun.config.project import Mount, Port, Project, Script, TargetConfig
from devrun.core.values import ImageId
from devrun.engine.plan import BYTECODE_PREFIX, ImageFacts, Payload, Python, payload, plan
from tests.engine.bench import make_project, make_target

ROOT = Path("/home/me/shop")
PYTHON = Python("python", "/usr/local/bin/python", "3.13.1", "cpython-313", 0, 0, can_write=True)
IMAGE = ImageFacts(ImageId("sha256:1"), entrypoint=("python",), workdir="/app", python=PYTHON)
TARGET = replace(make_target(ROOT), mount=Mount(ROOT))


@pytest.fixture
def project() -> Project:
    return replace(make_project(ROOT), root=ROOT, slug="shop-1a2b")


def created(project: Project, target: TargetConfig = TARGET, facts: ImageFacts = IMAGE) -> Payload:
    return payload(project, target, facts, plan(project, target, facts), both_families=True)


def host(body: Payload) -> dict[str, object]:
    return cast("dict[str, object]", body["HostConfig"])


def test_the_plan_says_what_it_chose_and_why(project: Project) -> None:
    """`check` prints these lines."""
    target = replace(TARGET, mount=Mount(ROOT, keep=("build",)))
    facts = replace(IMAGE, env={"VIRTUAL_ENV": "/app/.venv", "PATH": "/app/.venv/bin:/usr/bin"})

    assert plan(project, target, facts).explain == (
        "starts python app.py (ENTRYPOINT python gets it)",
        "/home/me/shop is shown at /app (the image's WORKDIR), "
        "but /app/.venv, /app/build of the image stays visible",
        "byte code goes to /tmp/.devrun-bytecode, out of the mounted folder",
    )


@pytest.mark.parametrize(
    ("mount", "workdir", "script", "expected"),
    [
        (Mount(ROOT), "/app", "app.py", "app.py at /app"),
        (Mount(ROOT), "/app/", "jobs/one.py", "jobs/one.py at /app"),
        (Mount(ROOT, "/src"), "/app", "app.py", "/src/app.py at /src"),
        (Mount(ROOT, "/app/src"), "/app", "app.py", "src/app.py at /app/src"),
        (Mount(ROOT, "/src"), "", "app.py", "app.py at /src"),
        (Mount(ROOT / "src"), "/app", "src/app.py", "app.py at /app"),
        (Mount(ROOT / "src"), "/app", "app.py", "app.py at /app"),
        (Mount(ROOT), "", "app.py", "app.py unmounted"),
        (Mount(ROOT), "/", "app.py", "app.py unmounted"),
        (None, "/app", "app.py", "app.py unmounted"),
    ],
)
def test_the_mount_decides_the_script_s_path(
    project: Project, mount: Mount | None, workdir: str, script: str, expected: str
) -> None:
    """It is relative to the working directory where it is below that, else absolute."""
    target = replace(TARGET, program=Script(script), mount=mount)
    chosen = plan(project, target, replace(IMAGE, workdir=workdir))
    place = f"at {chosen.shown.path}" if chosen.shown else "unmounted"

    assert f"{' '.join(chosen.start.command or ())} {place}" == expected


@pytest.mark.parametrize(
    ("keep", "env", "venvs", "expected"),
    [
        ((), {}, (), []),
        (("data", "data/deep"), {}, (), ["/app/data"]),
        ((), {"VIRTUAL_ENV": "/venv", "PATH": "/venv/bin:/usr/bin"}, (), []),
        ((), {"VIRTUAL_ENV": "/app/env"}, (), ["/app/env"]),
        ((), {"PATH": "/app/.venv/bin:/app/bin:/usr/bin"}, (), ["/app/.venv"]),
        ((".venv",), {"PATH": "/app/.venv/bin"}, ("/app/.venv", "/app/v2"), ["/app/.venv", "/app/v2"]),
    ],
)
def test_what_the_image_has_below_the_mount_stays_visible(
    project: Project, keep: tuple[str, ...], env: dict[str, str], venvs: tuple[str, ...], expected: list[str]
) -> None:
    """Its virtual environments, and what `keep` names, become anonymous volumes."""
    facts = replace(IMAGE, env=env, python=replace(PYTHON, venvs=venvs))
    mounts = cast(
        "list[Payload]",
        host(created(project, replace(TARGET, mount=Mount(ROOT, keep=keep)), facts))["Mounts"],
    )

    assert mounts[0] == {"Type": "bind", "Source": "/home/me/shop", "Target": "/app"}
    assert [mount["Target"] for mount in mounts[1:]] == expected
    assert {mount["Type"] for mount in mounts[1:]} <= {"volume"}


@pytest.mark.parametrize(
    ("image_env", "target_env", "python", "expected"),
    [
        ({}, {}, PYTHON, {"PYTHONUNBUFFERED": "1", "PYTHONPYCACHEPREFIX": BYTECODE_PREFIX}),
        ({"PYTHONUNBUFFERED": ""}, {}, PYTHON, {"PYTHONPYCACHEPREFIX": BYTECODE_PREFIX}),
        ({"PYTHONDONTWRITEBYTECODE": "1"}, {}, PYTHON, {"PYTHONUNBUFFERED": "1"}),
        ({"PYTHONPYCACHEPREFIX": "/cache"}, {}, PYTHON, {"PYTHONUNBUFFERED": "1"}),
        (
            {},
            {"PYTHONDONTWRITEBYTECODE": "1"},
            PYTHON,
            {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        ),
        ({}, {}, replace(PYTHON, can_write=False), {"PYTHONUNBUFFERED": "1"}),
        ({}, {}, None, {"PYTHONUNBUFFERED": "1"}),
        ({}, {"A": "1"}, None, {"PYTHONUNBUFFERED": "1", "A": "1"}),
    ],
)
def test_the_environment_is_added_to_the_image_s(
    project: Project,
    image_env: dict[str, str],
    target_env: dict[str, str],
    python: Python | None,
    expected: dict[str, str],
) -> None:
    """What image or target settle about byte code and buffering stands."""
    facts = replace(IMAGE, env=image_env, python=python)
    body = created(project, replace(TARGET, env=target_env), facts)

    assert body["Env"] == [f"{name}={value}" for name, value in expected.items()]


def test_ports_are_published_on_loopback_unless_told_otherwise(project: Project) -> None:
    """Both families, but one where the engine chooses the port; an address that is written is taken."""
    ports = (Port(5000, 8080), Port(53, 5353, "udp", "0.0.0.0"), Port(9000, 0))
    body = created(project, replace(TARGET, ports=ports))

    assert body["ExposedPorts"] == {"5000/tcp": {}, "53/udp": {}, "9000/tcp": {}}
    assert host(body)["PortBindings"] == {
        "5000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}, {"HostIp": "::1", "HostPort": "8080"}],
        "53/udp": [{"HostIp": "0.0.0.0", "HostPort": "5353"}],
        "9000/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}],
    }


def test_an_engine_without_ipv6_loopback_publishes_on_ipv4(project: Project) -> None:
    """The engine would refuse ::1 there."""
    target = replace(TARGET, ports=(Port(5000, 8080),))
    body = payload(project, target, IMAGE, plan(project, target, IMAGE), both_families=False)

    assert host(body)["PortBindings"] == {"5000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]}


def test_a_container_ends_quickly_and_never_comes_back_by_itself(project: Project) -> None:
    """Stop time-out, init, restart policy and capped logs are set, whatever the machine's defaults are."""
    body = created(project)

    assert body["StopTimeout"] == 2
    assert "StopSignal" not in body
    assert host(body)["Init"] is True
    assert host(body)["RestartPolicy"] == {"Name": "no"}
    assert host(body)["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}


def test_what_the_target_says_stands(project: Project) -> None:
    """Signal, time-out, user, folder, init and terminal of the file go into the payload."""
    target = replace(
        TARGET, stop_signal="SIGINT", stop_timeout_s=0, user="1000", workdir="/app/sub", init=False, tty=True
    )
    body = created(project, target)

    assert (body["StopSignal"], body["StopTimeout"], body["User"]) == ("SIGINT", 0, "1000")
    assert (body["WorkingDir"], body["Tty"], host(body)["Init"]) == ("/app/sub", True, False)
    assert body["Cmd"] == ("/app/app.py",)


def test_no_init_is_put_over_the_image_s_own(project: Project) -> None:
    """tini complains when it is not the first process."""
    assert host(created(project, facts=replace(IMAGE, entrypoint=("tini", "--"))))["Init"] is False


def test_labels_and_network_make_it_ours(project: Project) -> None:
    """Project, root, target, spec and role; the target's name is its address in the project's network."""
    body = created(project)
    network = "devrun-shop-1a2b"

    assert body["Labels"] == {
        "dev.devrun.project": "shop-1a2b",
        "dev.devrun.root": project.key,
        "dev.devrun.target": "web",
        "dev.devrun.spec": TARGET.spec,
        "dev.devrun.role": "target",
        "dev.devrun.python": "/usr/local/bin/python cpython-313 0:0",
        "dev.devrun.mount": "/app",
    }
    assert host(body)["NetworkMode"] == network
    assert body["NetworkingConfig"] == {"EndpointsConfig": {network: {"Aliases": ["web"]}}}


def test_secrets_stay_out_of_labels_and_repr(project: Project) -> None:
    """Values of `env` are seen in the environment only."""
    target = replace(TARGET, env={"TOKEN": "s3cret"})
    body = created(project, target)

    assert "s3cret" not in repr((body["Labels"], plan(project, target, IMAGE)))


def test_a_debugger_is_published_and_does_not_warn(project: Project) -> None:
    """Its port is the same inside and outside; what the target says of its environment counts more."""
    target = replace(TARGET, debug_port=5678, ports=(Port(80, 8080),))
    body = created(project, target)
    words = plan(project, target, IMAGE).explain

    assert body["Cmd"] == ("-m", "debugpy", "--listen", "0.0.0.0:5678", "app.py")
    assert "5678/tcp" in cast("dict[str, object]", body["ExposedPorts"])
    assert host(body)["PortBindings"] == {
        "80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}, {"HostIp": "::1", "HostPort": "8080"}],
        "5678/tcp": [{"HostIp": "127.0.0.1", "HostPort": "5678"}, {"HostIp": "::1", "HostPort": "5678"}],
    }
    assert "PYDEVD_DISABLE_FILE_VALIDATION=1" in cast("list[str]", body["Env"])
    assert "a debugger listens on port 5678: debugpy, which the image has to have" in words
    own = created(project, replace(target, env={"PYDEVD_DISABLE_FILE_VALIDATION": "0"}))
    assert "PYDEVD_DISABLE_FILE_VALIDATION=1" not in cast("list[str]", own["Env"])
