"""What reaches beyond the containers is asked for in words, and counts only once it was granted."""

import json
import os
import pwd
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from devrun.config.cautions import cautions
from devrun.config.grants import Grants, grant_for_run, refuse_beyond
from devrun.config.load import load
from devrun.config.project import Project, TargetName
from devrun.config.surroundings import Device, Tmpfs
from devrun.errors import ConfigError

Read = Callable[..., Project]
Refused = Callable[..., list[str]]

HOME = Path(pwd.getpwuid(os.geteuid()).pw_dir).resolve()
WEB = "[targets.web]\nscript = 'app.py'\n"


def asked(project: Project) -> list[str]:
    """Return what a project asks for."""
    return [demand.text for demand in project.demands]


@pytest.mark.parametrize(
    "keys",
    [
        "ports = ['0.0.0.0:80:80']\nuser = 'host'\nnetworks = ['shared']",
        "volumes = ['data:/data', './conf:/etc/conf', 'conf/one:/one']\ntmpfs = '/run'\ngpus = 'all'",
        "privileged = false\ndevices = []\ncap-add = []",
    ],
)
def test_an_ordinary_configuration_asks_for_nothing(root: Path, read: Read, keys: str) -> None:
    """Folders of the project, volumes of the engine, ports: all that most projects are made of."""
    (root / "conf").mkdir()
    (root / "conf/one").touch()

    assert read(WEB + keys).demands == ()


@pytest.mark.parametrize(
    ("keys", "text", "refusal"),
    [
        (
            "volumes = '/usr/bin:/b:ro'",
            "/usr/bin is shown to web at /b read-only",
            "volumes.0: what is outside",
        ),
        ("volumes = '{home}:/h'", "{home} is shown to web at /h", "volumes.0: the home directory is mounted"),
        ("mount.source = '/usr'", "/usr is shown to web at the WORKDIR", "mount.source: what is outside"),
        (
            "network = 'host'",
            "the network of this machine is that of web",
            "network: the network of this machine",
        ),
        (
            "privileged = true",
            "all rights of root on this machine are given to web",
            "privileged: all rights",
        ),
        ("devices = '/dev/fuse:/f:r'", "device /dev/fuse is given to web at /f (r)", "devices.0: a device"),
        ("cap-add = 'net_admin'", "capability NET_ADMIN is given to web", "cap-add: capability NET_ADMIN"),
    ],
)
def test_what_reaches_beyond_is_asked_for_with_its_place(
    read: Read, root: Path, keys: str, text: str, refusal: str
) -> None:
    """Each in words that stay the same, and with file, line and key where it was not granted."""
    project = read(WEB + keys.replace("{home}", str(HOME)))
    (demand,) = project.demands

    assert demand.text.startswith(text.replace("{home}", str(HOME)))
    assert demand.refusal.startswith(f"{root}/devrun.toml:3: targets.web.{refusal}")
    assert demand.refusal.endswith("which was not granted")


def test_the_mount_of_all_targets_is_asked_for_once(read: Read, root: Path) -> None:
    """At its own key."""
    (root / "job.py").touch()
    (demand,) = read("[mount]\nsource = '/usr'\n[targets]\nweb = 'app.py'\njob = 'job.py'\n").demands

    assert demand.text == "/usr is shown to [mount] at the WORKDIR of images"
    assert demand.refusal.startswith(f"{root}/devrun.toml:2: mount.source: ")


def test_an_engine_s_socket_is_known_over_links(
    read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has it has the whole machine, whatever it is called."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/engine/docker.sock")
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine/docker.sock").touch()
    (tmp_path / "harmless").symlink_to(tmp_path / "engine/docker.sock")
    (demand,) = read(f"{WEB}volumes = '../harmless:/tmp/x'").demands

    assert demand.text == f"{tmp_path}/engine/docker.sock is shown to web at /tmp/x"
    assert "the engine's socket is mounted" in demand.refusal


def test_where_home_is_shown_devrun_s_own_directory_is_covered(read: Read) -> None:
    """What runs there could grant itself the rest otherwise."""
    target = read(f"{WEB}volumes = '{HOME}:/h'").targets[TargetName("web")]

    assert Tmpfs("/h/.local/state/devrun", "size=64k") in target.surroundings.tmpfs


def test_the_new_keys_become_values(read: Read) -> None:
    """In the engine's own spelling, each thing once; the host's network is kept in no sandbox."""
    keys = "network = 'host'\nprivileged = true\ndevices = ['/dev/fuse', '/dev/a:/dev/b:rw']\n"
    target = read(f"{WEB}{keys}cap-add = ['CAP_SYS_PTRACE', 'net_admin', 'NET_ADMIN']").targets[
        TargetName("web")
    ]
    given = target.surroundings

    assert (given.host_network, given.privileged, target.network_sandbox) == (True, True, False)
    assert given.devices == (Device("/dev/fuse", "/dev/fuse"), Device("/dev/a", "/dev/b", "rw"))
    assert given.cap_add == ("NET_ADMIN", "SYS_PTRACE")


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("network = 'bridge'", "network: must be 'host'"),
        ("network = 'host'\nports = [1]", 'ports: there are none with network = "host"'),
        ("network = 'host'\nnetworks = 'a'", 'networks: there are none with network = "host"'),
        ("network = 'host'\ndebug = true", 'debug: a debugger would be open to others with network = "host"'),
        ("privileged = 1", "privileged: must be true or false"),
        (
            "devices = '/etc/shadow'",
            'devices.0: a device is written "/dev/fuse", or "/dev/ttyUSB0:/dev/modem:rw"',
        ),
        (
            "devices = '/dev/../etc'",
            'devices.0: a device is written "/dev/fuse", or "/dev/ttyUSB0:/dev/modem:rw"',
        ),
        (
            "devices = '/dev/a:/b:rr'",
            'devices.0: a device is written "/dev/fuse", or "/dev/ttyUSB0:/dev/modem:rw"',
        ),
        ("devices = '/dev/a:b'", "devices.0: the path in the container is absolute, without .."),
        ("cap-add = 'a b'", 'cap-add.0: a capability is written "NET_ADMIN"'),
    ],
)
def test_what_makes_no_sense_is_refused(refused: Refused, keys: str, problem: str) -> None:
    """Before anything is asked for."""
    (found,) = refused(WEB + keys)

    assert found.partition("targets.web.")[2] == problem


@pytest.fixture
def grants(tmp_path: Path) -> Grants:
    """Where nothing was granted yet."""
    return Grants(tmp_path / "grants.json")


def test_nothing_is_granted_by_itself(read: Read, grants: Grants) -> None:
    """All places are told at once, with the remedy; who asks for nothing is not asked for a grant."""
    project = read(f"{WEB}privileged = true\ncap-add = 'NET_ADMIN'")
    with pytest.raises(
        ConfigError, match=r":3: targets.web.privileged.*\n.*:4: targets.web.cap-add"
    ) as caught:
        grants.require(project)

    assert caught.value.hint.startswith("`devrun allow`")
    with pytest.raises(ConfigError):
        refuse_beyond(project)
    grants.require(read(WEB))


def test_a_grant_is_of_what_was_shown_and_no_more(read: Read, grants: Grants) -> None:
    """Another line, another name beside it and less than that are fine; anything new is not."""
    grants.keep(read(f"{WEB}privileged = true\ncap-add = 'NET_ADMIN'"))

    grants.require(read(f"# moved\n{WEB}env.A = 'b'\ncap-add = 'NET_ADMIN'"))
    (missing,) = grants.missing(read(f"{WEB}privileged = true\ncap-add = ['NET_ADMIN', 'SYS_ADMIN']"))
    assert "SYS_ADMIN" in missing


def test_a_grant_for_a_run_is_kept_nowhere(read: Read, tmp_path: Path) -> None:
    """Nor does it hold for what is asked for later."""
    project = read(f"{WEB}privileged = true")
    grants = grant_for_run(tmp_path / "grants.json", project)

    grants.require(project)
    assert grants.missing(read(f"{WEB}network = 'host'"))
    assert not (tmp_path / "grants.json").exists()


def test_the_file_is_its_owner_s_alone(read: Read, grants: Grants) -> None:
    """It is replaced as a whole, and nothing is left beside it."""
    grants.keep(read(f"{WEB}privileged = true"))
    grants.keep(read(f"{WEB}cap-add = 'NET_ADMIN'"))

    assert stat.S_IMODE(grants.file.stat().st_mode) == 0o600
    assert sorted(grants.file.parent.glob("grants*")) == [grants.file]
    assert json.loads(grants.file.read_text())["granted"] == ["capability NET_ADMIN is given to web"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1, "granted": 1}', "\udcff", "null"])
def test_a_file_that_was_not_written_here_grants_nothing(read: Read, grants: Grants, text: str) -> None:
    """Whatever it holds."""
    grants.file.write_text(text, errors="surrogateescape")
    grants.file.chmod(0o600)

    assert grants.missing(read(f"{WEB}privileged = true"))


def test_what_others_may_have_written_grants_nothing(read: Read, grants: Grants) -> None:
    """A text that was added, a link, the wrong mode, the grant of another project."""
    project = read(f"{WEB}privileged = true")
    grants.keep(project)
    assert not grants.missing(project)
    whole = grants.file.read_text()

    grants.file.chmod(0o644)
    assert grants.missing(project)
    grants.file.chmod(0o600)
    assert grants.missing(replace(project, root=project.root.parent))
    grants.file.write_text(whole.replace('"granted": [', '"granted": ["more",'))
    assert grants.missing(project)
    grants.file.write_text(whole)
    grants.file.rename(grants.file.with_name("other"))
    grants.file.symlink_to("other")
    assert grants.missing(project)


def test_values_of_the_environment_are_not_told(root: Path) -> None:
    """A refusal may be read by others; it names the key and not what fills it in."""
    (root / "devrun.toml").write_text(f"{WEB}volumes = '${{DATA}}:/data'")
    (demand,) = load(root / "devrun.toml", {"DATA": "/usr/bin"}).demands

    assert "/usr/bin" not in demand.refusal


def test_ports_on_all_addresses_are_warned_of(read: Read) -> None:
    """One line for each; loopback and a named address are fine."""
    ports = "ports = ['8080:80', '127.0.0.1:81:81', '10.0.0.1:82:82', '0.0.0.0:83:83', '[::]:84:84/udp']"

    assert cautions(read(WEB + ports)) == (
        "web: port 83 is published on all addresses (0.0.0.0): whoever reaches this machine reaches it",
        "web: port 84 is published on all addresses (::): whoever reaches this machine reaches it",
    )


@pytest.mark.parametrize(
    ("name", "value", "is_warned_of"),
    [
        ("NPM_TOKEN", "x", True),
        ("npmToken", "x", True),
        ("DB_PASSWORD", "x", True),
        ("API_KEY", "x", True),
        ("INDEX", "https://me:hunter2@pypi.example/simple", True),
        ("X", "ghp_" + "a" * 36, True),
        ("X", "AKIA" + "A" * 16, True),
        ("API_KEY", "", False),
        ("SSH_PUBLIC_KEY", "x", False),
        ("KEYBOARD", "x", False),
        ("MONKEY", "x", False),
        ("INDEX", "https://pypi.example/simple", False),
        ("PYTHON_IMAGE", "python:3.13-slim", False),
    ],
)
def test_build_arguments_that_look_like_secrets_are_warned_of(
    read: Read, name: str, value: str, *, is_warned_of: bool
) -> None:
    """By name or by value, with the remedy, and without the value."""
    said = cautions(read(f"[image]\nargs = {{ {name} = '{value}' }}\n{WEB}"))

    assert len(said) == is_warned_of
    assert all("`secrets` of [image]" in text and name in text for text in said)
    assert not value or value == "x" or value not in "".join(said)
