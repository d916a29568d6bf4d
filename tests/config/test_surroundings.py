"""What a container is given beside its program: every key becomes a value, or is refused in words."""

import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest

from devrun.config.project import Project, TargetConfig, TargetName
from devrun.config.surroundings import (
    BARE,
    ExtraHost,
    Gpus,
    HostPath,
    NamedVolume,
    Surroundings,
    Tmpfs,
)

Read = Callable[..., Project]
Refused = Callable[..., list[str]]
Target = Callable[[str], TargetConfig]

HOME = Path(pwd.getpwuid(os.geteuid()).pw_dir).resolve()


def test_every_key_of_the_surroundings_becomes_a_value(root: Path, target: Target) -> None:
    """None of them is accepted and then forgotten."""
    (root / "conf").mkdir()
    found = target("""
volumes = ["data:/var/lib/data/", "./conf:/etc/conf:ro"]
networks = ["shared", "shared", "proxy_net"]
hostname = "shop.local"
extra-hosts = ["db:10.0.0.5", "six:[2001:db8::1]"]
tmpfs = ["/run", "/cache:size=64m,mode=1777"]
shm-size = "1g"
memory = "512m"
cpus = 1.5
gpus = "all"
platform = "linux/amd64"
""")
    assert found.surroundings == Surroundings(
        volumes=(
            NamedVolume("data", "/var/lib/data"),
            HostPath(root / "conf", "/etc/conf", read_only=True),
        ),
        networks=("shared", "proxy_net"),
        hostname="shop.local",
        extra_hosts=(ExtraHost("db", "10.0.0.5"), ExtraHost("six", "2001:db8::1")),
        tmpfs=(Tmpfs("/run"), Tmpfs("/cache", "size=64m,mode=1777")),
        shm_size=1024**3,
        memory=512 * 1024**2,
        cpus=1.5,
        gpus=Gpus(count=-1),
        platform="linux/amd64",
    )


def test_who_asks_for_nothing_has_bare_surroundings(target: Target) -> None:
    """So that the spec stays what it was."""
    assert target("").surroundings == BARE
    assert BARE.asked == {}


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ('volumes = "data:/data"', Surroundings(volumes=(NamedVolume("data", "/data"),))),
        ('volumes = ["data:/data:rw"]', Surroundings(volumes=(NamedVolume("data", "/data"),))),
        ('networks = "one"', Surroundings(networks=("one",))),
        ("extra-hosts = { db = '::1' }", Surroundings(extra_hosts=(ExtraHost("db", "::1"),))),
        ("extra-hosts = ['up:host-gateway']", Surroundings(extra_hosts=(ExtraHost("up", "host-gateway"),))),
        ('tmpfs = "/run"', Surroundings(tmpfs=(Tmpfs("/run"),))),
        ("memory = 8000000", Surroundings(memory=8_000_000)),
        ('memory = "1.5G"', Surroundings(memory=3 * 2**29)),
        ('memory = "64 MiB"', Surroundings(memory=64 * 2**20)),
        ('memory = "8000kb"', Surroundings(memory=8000 * 2**10)),
        ("cpus = 2", Surroundings(cpus=2.0)),
        ("gpus = 2", Surroundings(gpus=Gpus(count=2))),
        ('gpus = ["0", "GPU-1a"]', Surroundings(gpus=Gpus(ids=("0", "GPU-1a")))),
    ],
)
def test_short_forms_mean_the_same_as_long_ones(target: Target, keys: str, expected: Surroundings) -> None:
    """A text for a list of one, a table for a list, a number for a text."""
    assert target(keys).surroundings == expected


@pytest.mark.parametrize(
    ("source", "place"), [("./data", "data"), ("../other", "../other"), ("sub/deep", "sub/deep")]
)
def test_a_source_with_a_slash_is_a_path_of_the_host(
    root: Path, target: Target, source: str, place: str
) -> None:
    """Relative to the project; a name alone is a volume of the engine, whatever the project has."""
    (root / place).mkdir(parents=True)
    (root / "named").mkdir()
    found = target(f'volumes = ["{source}:/one", "named:/two"]').surroundings.volumes

    assert found == (HostPath((root / place).resolve(), "/one"), NamedVolume("named", "/two"))


def test_a_single_file_can_be_shown(root: Path, target: Target) -> None:
    """A configuration of a program, for instance."""
    assert target('volumes = "./app.py:/etc/app.py"').surroundings.volumes == (
        HostPath(root / "app.py", "/etc/app.py"),
    )


def test_a_tilde_is_the_developer_s_home(target: Target, monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    """As in a shell, for what every project of a developer shares."""
    monkeypatch.setenv("HOME", str(root.parent))
    (root.parent / ".cache").mkdir()

    assert target('volumes = "~/.cache:/cache"').surroundings.volumes == (
        HostPath(root.parent / ".cache", "/cache"),
    )


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("/", "the whole file system"),
        ("/run", "devrun's own directory"),
        (f"{HOME}/.local", "devrun's own directory"),
        (f"{HOME}/.local/state/devrun/0123", "devrun's own directory"),
    ],
)
def test_what_is_never_mounted_is_no_volume_either(refused: Refused, source: str, reason: str) -> None:
    """Whatever was granted: grants are kept there."""
    (problem,) = refused(f"[targets.web]\nscript = 'app.py'\nvolumes = ['a:/a', '{source}:/x']")

    assert problem.startswith(f"3: targets.web.volumes.1: {reason}")


def test_a_volume_that_is_not_there_is_refused(refused: Refused, root: Path) -> None:
    """The engine would refuse it at the start; the nearest name is told."""
    (root / "config").mkdir()

    assert refused("[targets.web]\nscript = 'app.py'\nvolumes = [\n'a:/a',\n'./confg:/etc/conf:ro']") == [
        "5: targets.web.volumes.1: './confg:/etc/conf:ro': there is no such file or folder; "
        "did you mean 'config'?"
    ]


def test_a_volume_over_a_link_out_of_the_project_is_refused(
    refused: Refused, root: Path, tmp_path: Path
) -> None:
    """The file does not say that a folder elsewhere is meant."""
    (tmp_path / "other").mkdir()
    (root / "conf").symlink_to("../other")

    assert refused("[targets.web]\nscript = 'app.py'\nvolumes = './conf:/etc/conf'") == [
        "3: targets.web.volumes.0: './conf:/etc/conf' is a link out of the project"
    ]


VOLUME = 'a volume is written "SOURCE:PATH", or "SOURCE:PATH:ro"'
INSIDE = "the path in the container is absolute, without .."
HOST = 'an extra host is written "NAME:ADDRESS", as in "db:10.0.0.5"'
ADDRESS = 'after the name stands an IP address, or "host-gateway"'
SIZE = 'a size is written "512m" or "2g", or in bytes'
GPUS = 'must be "all", a number, or a list of device ids'
TWICE = "something else of this target is mounted at the same place"


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("volumes = ['/data']", f"volumes.0: {VOLUME}"),
        ("volumes = [5]", f"volumes.0: {VOLUME}"),
        ("volumes = [':/data']", f"volumes.0: {VOLUME}"),
        ("volumes = ['data:/data:z']", f"volumes.0: {VOLUME}"),
        ("volumes = { a = '/b' }", "volumes: must be a list"),
        ("volumes = ['data:data']", f"volumes.0: {INSIDE}"),
        ("volumes = ['data:/a/../b']", f"volumes.0: {INSIDE}"),
        ("volumes = ['data:/']", "volumes.0: nothing can be mounted over the root of the container"),
        (
            "volumes = ['da ta:/data']",
            "volumes.0: the name of a volume has letters, digits and . _ - only; a path begins with ./",
        ),
        ("volumes = ['a:/data', 'b:/data/']", f"volumes.1: {TWICE}"),
        ("volumes = ['a:/data']\ntmpfs = ['/data']", f"tmpfs.0: {TWICE}"),
        ("volumes = ['a:/app']\nmount.path = '/app/'", f"volumes.0: {TWICE}"),
        (
            "networks = ['host']",
            "networks.0: host and none cannot be joined beside the project's own network",
        ),
        ("networks = ['a b']", "networks.0: the name of a network has letters, digits and . _ - only"),
        ("networks = [1]", "networks.0: must be a text in quotes"),
        ("hostname = 'a_b'", "hostname: a host name has letters, digits, - and . only, 63 at most"),
        ("hostname = '-a'", "hostname: a host name has letters, digits, - and . only, 63 at most"),
        (
            f"hostname = '{'a.' * 32}a'",
            "hostname: a host name has letters, digits, - and . only, 63 at most",
        ),
        ("extra-hosts = ['db']", f"extra-hosts.0: {ADDRESS}"),
        ("extra-hosts = [1]", f"extra-hosts.0: {HOST}"),
        ("extra-hosts = ['a b:1.2.3.4']", f"extra-hosts.0: {HOST}"),
        ("extra-hosts = { db = '1.2.3' }", f"extra-hosts.0: {ADDRESS}"),
        ("tmpfs = ['run']", f"tmpfs.0: {INSIDE}"),
        ("tmpfs = [1]", 'tmpfs.0: a tmpfs is written "PATH", or "PATH:size=64m,mode=1777"'),
        ("shm-size = '0'", f"shm-size: {SIZE}"),
        ("shm-size = true", f"shm-size: {SIZE}"),
        ("memory = '2x'", f"memory: {SIZE}"),
        ("memory = -1", f"memory: {SIZE}"),
        ("memory = 1.5", f"memory: {SIZE}"),
        ("memory = '1m'", "memory: the memory of a container is 6m or more"),
        ("cpus = 0", "cpus: must be a number of processors, 0.01 or more"),
        ("cpus = '2'", "cpus: must be a number of processors, 0.01 or more"),
        ("cpus = true", "cpus: must be a number of processors, 0.01 or more"),
        ("cpus = nan", "cpus: must be a number of processors, 0.01 or more"),
        ("cpus = inf", "cpus: must be a number of processors, 0.01 or more"),
        ("gpus = 0", f"gpus: {GPUS}"),
        ("gpus = true", f"gpus: {GPUS}"),
        ("gpus = []", f"gpus: {GPUS}"),
        ("gpus = 'some'", f"gpus: {GPUS}"),
        ("platform = 'amd64'", 'platform: a platform is written "linux/amd64", or "linux/arm/v7"'),
    ],
)
def test_a_wrong_value_is_refused_in_words(refused: Refused, keys: str, problem: str) -> None:
    """A person reads how it is written."""
    (found,) = refused(f"[targets.web]\nscript = 'app.py'\n{keys}")

    assert found.partition(": ")[2] == f"targets.web.{problem}"


def test_the_place_of_the_project_s_mount_is_taken_too(refused: Refused) -> None:
    """A target that has none of its own has that one."""
    text = "[mount]\npath = '/app'\n[targets.web]\nscript = 'app.py'\nvolumes = 'a:/app'\n"

    assert refused(text) == [f"5: targets.web.volumes.0: {TWICE}"]
    assert refused(text + "mount = false\ntmpfs = '/app'") == [f"7: targets.web.tmpfs.0: {TWICE}"]


def test_an_unknown_option_of_a_tmpfs_is_refused(refused: Refused) -> None:
    """The engine would say so only at the start of the container."""
    (problem,) = refused("[targets.web]\nscript = 'app.py'\ntmpfs = '/run:sze=1m'")

    assert problem.startswith("3: targets.web.tmpfs.0: an option of a tmpfs is one of async, dev, exec")


def test_what_the_environment_fills_in_is_not_quoted(refused: Refused) -> None:
    """A path may be a secret too."""
    (problem,) = refused(
        "[targets.web]\nscript = 'app.py'\nvolumes = '${PLACE}:/etc'", {"PLACE": "/no/hunter2"}
    )
    assert problem == "3: targets.web.volumes.0: '${PLACE}:/etc': there is no such file or folder"


def test_the_user_host_is_who_runs_devrun(target: Target) -> None:
    """By number, since the image knows no such name; the name is for the environment."""
    found = target('user = "host"')

    assert found.user == f"{os.geteuid()}:{os.getegid()}"
    assert found.surroundings.host_user == pwd.getpwuid(os.geteuid()).pw_name
    assert target('user = "1000"').surroundings.host_user == ""


def test_volumes_are_no_part_of_the_mount(root: Path, read: Read) -> None:
    """What is shown beside it is no source, and nothing of it is watched."""
    (root.parent / "other").mkdir()
    text = '[targets.web]\nscript = "app.py"\nvolumes = "../other:/other"\n'
    found = read(text).targets[TargetName("web")]

    assert found.mount is not None
    assert found.mount.source == root
