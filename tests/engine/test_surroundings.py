"""The surroundings of a target in the engine's payload, and how they are told apart from its source."""

from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import cast

import pytest

from devrun.config.project import Mount, Project, TargetConfig
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
from devrun.core.values import ImageId
from devrun.engine.before import before_payload
from devrun.engine.inspected import Inspected, shown_by
from devrun.engine.mounts import Shown
from devrun.engine.oneoff import oneoff_payload
from devrun.engine.plan import ImageFacts, Payload, payload, plan
from tests.engine.bench import make_project, make_target

ROOT = Path("/home/me/shop")
IMAGE = ImageFacts(ImageId("sha256:1"), workdir="/app")
SOURCE = {"Type": "bind", "Source": "/home/me/shop", "Target": "/app"}
CONF = HostPath(Path("/home/me/conf"), "/etc/conf", read_only=True)


@pytest.fixture
def project() -> Project:
    return replace(make_project(ROOT), root=ROOT, slug="shop-1a2b")


def created(
    project: Project,
    given: Surroundings,
    *,
    mount: Mount | None = Mount(ROOT),  # noqa: B008 - a frozen value
    env: dict[str, str] | None = None,
    image: ImageFacts = IMAGE,
) -> Payload:
    """Return the payload of a target with these surroundings."""
    target: TargetConfig = replace(
        make_target(ROOT), mount=mount, surroundings=given, env=env or {}, user="1000:100"
    )
    return payload(project, target, image, plan(project, target, image), both_families=True)


def host(body: Payload) -> Payload:
    return cast("Payload", body["HostConfig"])


def test_who_asks_for_nothing_gets_the_engine_s_defaults(project: Project) -> None:
    """No key is sent that would set one."""
    body = created(project, BARE)

    assert "Hostname" not in body
    assert set(host(body)) == {
        "Init",
        "NetworkMode",
        "ExtraHosts",
        "RestartPolicy",
        "LogConfig",
        "Mounts",
        "PortBindings",
    }
    assert host(body)["ExtraHosts"] == ["host.docker.internal:host-gateway"]


def test_volumes_follow_the_source(project: Project) -> None:
    """Those of the host by their path, named ones by the project's name and with its labels."""
    body = created(project, Surroundings(volumes=(CONF, NamedVolume("data", "/var/lib/data"))))
    labels = {"dev.devrun.project": "shop-1a2b", "dev.devrun.root": project.key, "dev.devrun.volume": "data"}

    assert host(body)["Mounts"] == [
        SOURCE,
        {"Type": "bind", "Source": "/home/me/conf", "Target": "/etc/conf", "ReadOnly": True},
        {
            "Type": "volume",
            "Source": "shop-1a2b-data",
            "Target": "/var/lib/data",
            "ReadOnly": False,
            "VolumeOptions": {"Labels": labels},
        },
    ]


def test_a_volume_takes_the_place_of_what_the_image_has(project: Project) -> None:
    """A virtual environment that is kept in a volume is not hidden by another one."""
    facts = replace(IMAGE, env={"VIRTUAL_ENV": "/app/.venv"})
    given = Surroundings(volumes=(NamedVolume("venv", "/app/.venv"),))
    mounts = cast("list[Payload]", host(created(project, given, image=facts))["Mounts"])

    assert [mount["Target"] for mount in mounts] == ["/app", "/app/.venv"]
    assert mounts[1]["Source"] == "shop-1a2b-venv"


@pytest.mark.parametrize(
    ("given", "key", "expected"),
    [
        (Surroundings(shm_size=2**20), "ShmSize", 2**20),
        (Surroundings(memory=2**30), "Memory", 2**30),
        (Surroundings(cpus=1.5), "NanoCpus", 1_500_000_000),
        (Surroundings(cpus=0.29), "NanoCpus", 290_000_000),
        (
            Surroundings(tmpfs=(Tmpfs("/run"), Tmpfs("/c", "size=1m"))),
            "Tmpfs",
            {"/run": "", "/c": "size=1m"},
        ),
        (
            Surroundings(extra_hosts=(ExtraHost("db", "10.0.0.5"), ExtraHost("six", "2001:db8::1"))),
            "ExtraHosts",
            ["host.docker.internal:host-gateway", "db:10.0.0.5", "six:2001:db8::1"],
        ),
        (
            Surroundings(extra_hosts=(ExtraHost("host.docker.internal", "10.0.0.1"),)),
            "ExtraHosts",
            ["host.docker.internal:10.0.0.1"],
        ),
        (
            Surroundings(gpus=Gpus(count=-1)),
            "DeviceRequests",
            [{"Driver": "", "Count": -1, "Capabilities": [["gpu"]]}],
        ),
        (
            Surroundings(gpus=Gpus(ids=("0", "GPU-1"))),
            "DeviceRequests",
            [{"Driver": "", "DeviceIDs": ["0", "GPU-1"], "Capabilities": [["gpu"]]}],
        ),
        (Surroundings(privileged=True), "Privileged", True),
        (Surroundings(cap_add=("NET_ADMIN",)), "CapAdd", ["NET_ADMIN"]),
        (Surroundings(host_network=True), "NetworkMode", "host"),
        (
            Surroundings(devices=(Device("/dev/a", "/dev/b", "rw"),)),
            "Devices",
            [{"PathOnHost": "/dev/a", "PathInContainer": "/dev/b", "CgroupPermissions": "rw"}],
        ),
    ],
)
def test_each_key_is_one_of_the_engine(
    project: Project, given: Surroundings, key: str, expected: object
) -> None:
    """In its own units."""
    assert host(created(project, given))[key] == expected


def test_the_host_name_is_the_container_s(project: Project) -> None:
    """It is no key of the host's part."""
    assert created(project, Surroundings(hostname="shop"))["Hostname"] == "shop"


@pytest.mark.parametrize(
    ("image_env", "target_env", "expected", "has_home"),
    [
        ({}, {}, ["HOME=/tmp/.devrun-home", "USER=anna"], True),
        ({"HOME": "/root", "USER": "app"}, {}, ["HOME=/tmp/.devrun-home"], True),
        ({}, {"HOME": "/app"}, ["USER=anna", "HOME=/app"], False),
        ({}, {"HOME": "/app", "USER": "me"}, ["HOME=/app", "USER=me"], False),
    ],
)
def test_a_developer_has_a_home_that_can_be_written(
    project: Project,
    image_env: dict[str, str],
    target_env: dict[str, str],
    expected: list[str],
    *,
    has_home: bool,
) -> None:
    """In memory and theirs alone, unless the target names another one; the image's is somebody else's."""
    facts = replace(IMAGE, env=image_env)
    body = created(project, Surroundings(host_user="anna"), env=target_env, image=facts)

    assert body["User"] == "1000:100"
    assert [one for one in cast("list[str]", body["Env"]) if one != "PYTHONUNBUFFERED=1"] == expected
    home = {"/tmp/.devrun-home": "exec,mode=700,uid=1000,gid=100"}
    assert host(body).get("Tmpfs") == (home if has_home else None)


def test_a_home_that_the_target_puts_there_itself_stands(project: Project) -> None:
    """A volume, for instance, that keeps what is cached there."""
    given = Surroundings(host_user="anna", volumes=(NamedVolume("home", "/tmp/.devrun-home"),))

    assert "Tmpfs" not in host(created(project, given))


@pytest.mark.parametrize(
    ("mount", "expected"), [(Mount(ROOT), Shown(ROOT, PurePosixPath("/app"))), (None, None)]
)
def test_the_source_is_told_from_other_folders_of_the_host(
    project: Project, mount: Mount | None, expected: Shown | None
) -> None:
    """By a label: a target may have volumes and no source."""
    body = created(project, Surroundings(volumes=(CONF,)), mount=mount)

    assert shown_by({"Config": {"Labels": body["Labels"]}, "HostConfig": body["HostConfig"]}) == expected


def test_a_container_of_an_earlier_version_shows_its_only_folder() -> None:
    """It has no such label, and is not recreated for it."""
    inspected: Inspected = {"Config": {"Labels": {}}, "HostConfig": {"Mounts": [SOURCE]}}

    found = shown_by(inspected)

    assert found is not None
    assert found.source == ROOT


def test_who_has_the_host_s_network_is_in_no_other(project: Project) -> None:
    """The engine refuses both at once; it is so for commands beside the program, too."""
    given = Surroundings(host_network=True)
    target = replace(make_target(ROOT), surroundings=given, before_start=("true",))

    assert "NetworkingConfig" not in created(project, given)
    assert "NetworkingConfig" not in oneoff_payload(project, target, IMAGE, ("ls",), None)
    assert "NetworkingConfig" not in before_payload(project, target, IMAGE)
