"""The spec of a target tells whether its container is still what the configuration asks for."""

from dataclasses import fields, replace
from pathlib import Path

import pytest

from devrun.config.project import (
    Command,
    Condition,
    Dependency,
    Depth,
    Healthcheck,
    ImageCommand,
    ImageName,
    Module,
    Mount,
    Port,
    RestartOn,
    Script,
    TargetConfig,
    TargetName,
    TcpCheck,
)
from devrun.config.surroundings import (
    BARE,
    Device,
    ExtraHost,
    Gpus,
    HostPath,
    NamedVolume,
    Surroundings,
    Tmpfs,
)

TARGET = TargetConfig(
    TargetName("web"),
    ImageName("default"),
    Script("app.py"),
    mount=Mount(Path("/project"), "/app", (".venv", "data")),
    ports=(Port(1, 2), Port(3, 4)),
    env={"A": "1", "B": "2"},
)
MOUNT = Mount(Path("/project"), "/app", (".venv", "data"))

DECIDING = [
    replace(TARGET, program=Script("other.py")),
    replace(TARGET, program=Module("app.py")),
    replace(TARGET, program=Command(("app.py",))),
    replace(TARGET, program=ImageCommand()),
    replace(TARGET, args=("a",)),
    replace(TARGET, mount=None),
    replace(TARGET, mount=replace(MOUNT, source=Path("/other"))),
    replace(TARGET, mount=replace(MOUNT, path=None)),
    replace(TARGET, mount=replace(MOUNT, keep=())),
    replace(TARGET, entrypoint=()),
    replace(TARGET, entrypoint=("python",)),
    replace(TARGET, ports=()),
    replace(TARGET, ports=(Port(1, 2), Port(3, 4, "udp"))),
    replace(TARGET, ports=(Port(1, 2), Port(3, 4, address="0.0.0.0"))),
    replace(TARGET, env={"A": "1"}),
    replace(TARGET, env={"A": "1", "B": "3"}),
    replace(TARGET, workdir="/srv"),
    replace(TARGET, user="1000"),
    replace(TARGET, stop_signal="SIGINT"),
    replace(TARGET, stop_timeout_s=0),
    replace(TARGET, init=True),
    replace(TARGET, init=False),
    replace(TARGET, tty=True),
    replace(TARGET, before_start=("migrate",)),
    replace(TARGET, surroundings=Surroundings(hostname="shop")),
    replace(TARGET, reload=Depth.PROCESS),
    replace(TARGET, reload=Depth.WARM),
    replace(TARGET, debug_port=5678),
    replace(TARGET, debug_port=5679),
    replace(TARGET, network_sandbox=False),
]
INDIFFERENT = [
    replace(TARGET, watch=("*.html",)),
    replace(TARGET, ignore=("*.log",)),
    replace(TARGET, restart_on=RestartOn.NONE),
    replace(TARGET, autostart=False),
    replace(TARGET, depends_on=(Dependency(TargetName("db"), Condition.STARTED),)),
    replace(TARGET, healthcheck=Healthcheck(TcpCheck(1))),
    replace(TARGET, image=ImageName("other")),
    replace(TARGET, env={"B": "2", "A": "1"}),
    replace(TARGET, ports=(Port(3, 4), Port(1, 2))),
    replace(TARGET, mount=replace(MOUNT, keep=("data", ".venv"))),
]
SURROUNDINGS = Surroundings(
    volumes=(NamedVolume("data", "/data"), HostPath(Path("/conf"), "/etc/conf")),
    networks=("one", "two"),
)
OTHER_SURROUNDINGS = [
    replace(SURROUNDINGS, volumes=(NamedVolume("data", "/data"),)),
    replace(SURROUNDINGS, volumes=(NamedVolume("data", "/data", read_only=True),)),
    replace(SURROUNDINGS, volumes=(HostPath(Path("/data"), "/data"),)),
    replace(SURROUNDINGS, networks=("one",)),
    replace(SURROUNDINGS, hostname="shop"),
    replace(SURROUNDINGS, extra_hosts=(ExtraHost("db", "10.0.0.5"),)),
    replace(SURROUNDINGS, tmpfs=(Tmpfs("/run"),)),
    replace(SURROUNDINGS, tmpfs=(Tmpfs("/run", "size=1m"),)),
    replace(SURROUNDINGS, shm_size=2**20),
    replace(SURROUNDINGS, memory=2**30),
    replace(SURROUNDINGS, cpus=1.5),
    replace(SURROUNDINGS, gpus=Gpus(count=-1)),
    replace(SURROUNDINGS, gpus=Gpus(ids=("0",))),
    replace(SURROUNDINGS, platform="linux/amd64"),
    replace(SURROUNDINGS, host_user="anna"),
    replace(SURROUNDINGS, host_network=True),
    replace(SURROUNDINGS, privileged=True),
    replace(SURROUNDINGS, devices=(Device("/dev/fuse", "/dev/fuse"),)),
    replace(SURROUNDINGS, cap_add=("NET_ADMIN",)),
]


def test_who_asks_for_nothing_new_keeps_the_containers_of_earlier_versions() -> None:
    """The spec of version 0.1 is the label of containers that run somewhere, in no sandbox."""
    assert replace(TARGET, network_sandbox=False).spec == "011545b1e89d8411"


def test_all_surroundings_change_the_spec() -> None:
    """And each to another one; the order in which they are written is no matter."""
    specs = [replace(TARGET, surroundings=one).spec for one in (BARE, SURROUNDINGS, *OTHER_SURROUNDINGS)]
    turned = replace(SURROUNDINGS, volumes=SURROUNDINGS.volumes[::-1], networks=("two", "one"))

    assert len(set(specs)) == len(specs)
    assert replace(TARGET, surroundings=turned).spec == replace(TARGET, surroundings=SURROUNDINGS).spec


def test_every_field_of_the_surroundings_is_known_to_decide() -> None:
    """A new one has to be put into the list."""
    seen = {
        field.name
        for field in fields(Surroundings)
        for other in OTHER_SURROUNDINGS
        if getattr(other, field.name) != getattr(SURROUNDINGS, field.name)
    }
    assert seen == {field.name for field in fields(Surroundings)}


def test_whatever_decides_a_container_changes_the_spec() -> None:
    """And each to another one."""
    specs = [target.spec for target in (TARGET, *DECIDING)]

    assert len(set(specs)) == len(specs)


@pytest.mark.parametrize("target", INDIFFERENT)
def test_what_decides_no_container_leaves_the_spec(target: TargetConfig) -> None:
    """Which image it is, is compared by content; the order of what has none does not count."""
    assert target.spec == TARGET.spec


def test_every_field_of_a_target_is_known_to_decide_or_not() -> None:
    """A new one has to be put into one of the two lists."""
    seen = {
        field.name
        for field in fields(TargetConfig)
        for target in (*DECIDING, *INDIFFERENT)
        if getattr(target, field.name) != getattr(TARGET, field.name)
    }
    assert seen == {field.name for field in fields(TargetConfig)} - {"name"}
