"""What the real engine makes of a target's surroundings."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from devrun.config.project import Command, ImageCommand, TargetConfig
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
from devrun.core.values import Container, Phase
from devrun.engine.connection import Connection
from devrun.engine.docker import connect
from devrun.engine.lookup import look_up
from devrun.errors import EngineError
from tests.engine.bench import GOES_ON, Bench, make_target, texts, without_init, written

pytestmark = pytest.mark.engine


@pytest.fixture
def bench(real_bench: Bench) -> Iterator[Bench]:
    """Only the real one here, which forgets its volumes too."""
    yield real_bench
    tidy = connect(real_bench.project)
    tidy.remove_everything()
    tidy.remove_volumes()
    tidy.close()


@pytest.fixture
def network(bench: Bench, connection: Connection) -> Iterator[str]:
    """A network that somebody else has made."""
    name = f"shared-{bench.project.slug}"
    connection.client.create_network(name, driver="bridge")
    yield name
    bench.engine.remove_everything()
    connection.client.remove_network(name)


def target(bench: Bench, given: Surroundings, user: str | None = None) -> TargetConfig:
    """Return a target with these surroundings."""
    return replace(make_target(bench.root), surroundings=given, user=user)


def output(bench: Bench, given: Surroundings, body: str, user: str | None = None) -> list[str]:
    """Return what a script writes in these surroundings."""
    return written(bench, target(bench, given, user), body)


def test_a_named_volume_outlives_its_containers(bench: Bench, connection: Connection) -> None:
    """Recreation keeps it, `down` keeps it; it has our labels, by which it is removed when asked to."""
    given = Surroundings(volumes=(NamedVolume("data", "/data"),))
    name = f"{bench.project.slug}-data"
    bench.write("app.py", "open('/data/seen', 'a').write('x')\nprint(open('/data/seen').read())\n")
    first = bench.start(target(bench, given))
    assert texts(bench.output(first)) == ["x"]
    second = bench.engine.recreate(target(bench, given), bench.image, first.id)
    assert texts(bench.output(second)) == ["xx"]

    bench.engine.remove_everything()
    assert connection.client.inspect_volume(name)["Labels"] == {
        "dev.devrun.project": bench.project.slug,
        "dev.devrun.root": bench.project.key,
        "dev.devrun.volume": "data",
    }
    assert output(bench, given, "print(open('/data/seen').read())\n") == ["xx"]


def test_a_folder_and_a_file_of_the_host_are_shown(bench: Bench, tmp_path: Path) -> None:
    """Beside the source, and as it is written: what is read-only cannot be changed."""
    (bench.root / "conf").mkdir()
    (bench.root / "conf" / "one").write_text("1")
    (bench.root / "file").write_text("2")
    given = Surroundings(
        volumes=(
            HostPath(bench.root / "conf", "/etc/conf", read_only=True),
            HostPath(bench.root / "file", "/etc/file"),
        )
    )
    body = (
        "print(open('/etc/conf/one').read(), open('/etc/file').read())\n"
        "open('/etc/file', 'w').write('3')\n"
        "try:\n    open('/etc/conf/two', 'w')\nexcept OSError as error:\n    print(error.strerror)\n"
    )
    assert output(bench, given, body) == ["1 2", "Read-only file system"]
    assert (bench.root / "file").read_text() == "3"


def test_a_volume_that_went_away_is_an_error_with_its_remedy(bench: Bench) -> None:
    """It was there when the file was read."""
    given = Surroundings(volumes=(HostPath(bench.root / "gone", "/gone"),))

    with pytest.raises(EngineError, match=f"bind source path does not exist: {bench.root}/gone") as caught:
        bench.start(target(bench, given))
    assert "`volumes`" in caught.value.hint


def test_old_byte_code_is_found_below_the_source_only(bench: Bench) -> None:
    """A folder that is shown beside it is not taken for it: a restart runs the newest code."""
    (bench.root / "conf").mkdir()
    given = Surroundings(volumes=(HostPath(bench.root / "conf", "/aaa"),))
    (bench.root / "lib.py").write_text("word = 'one'\n")
    bench.write("app.py", f"import lib\nprint(lib.word)\n{GOES_ON}")
    container = bench.start(target(bench, given))
    await_word(bench, container, "one")
    (bench.root / "lib.py").write_text("word = 'two'\n")

    bench.engine.restart(target(bench, given), container.id, ("lib.py",))

    await_word(bench, container, "two")


def await_word(bench: Bench, container: Container, word: str) -> None:
    """Return once the program has written a line."""
    reader = replace(bench, engine=connect(bench.project))
    with reader.following(container) as lines:
        lines.until(lambda items: word in texts(items))
        reader.engine.close()


def networks_of(connection: Connection, container: Container) -> dict[str, dict[str, list[str]]]:
    """Return the networks that a target's container is in, by its sandbox."""
    host = connection.client.inspect_container(container.id)["HostConfig"]
    sandbox = connection.client.inspect_container(host["NetworkMode"].removeprefix("container:"))
    joined: dict[str, dict[str, list[str]]] = sandbox["NetworkSettings"]["Networks"]
    return joined


def test_a_network_of_others_is_joined(bench: Bench, connection: Connection, network: str) -> None:
    """Beside the project's own, and found there by the target's name."""
    bench.write("app.py", GOES_ON)
    container = bench.start(target(bench, Surroundings(networks=(network, "bridge"))))
    joined = networks_of(connection, container)

    assert set(joined) == {f"devrun-{bench.project.slug}", network, "bridge"}
    assert "web" in joined[network]["Aliases"]


def test_a_network_that_is_not_there_is_a_plain_error(bench: Bench) -> None:
    """It is told before the old container is stopped; nothing is left of the next one."""
    bench.write("app.py", GOES_ON)
    first = bench.start(target(bench, Surroundings()))

    with pytest.raises(EngineError) as caught:
        bench.engine.recreate(target(bench, Surroundings(networks=("no-such-net",))), bench.image, first.id)

    assert caught.value.message == 'there is no network "no-such-net"'
    assert "docker network create no-such-net" in caught.value.hint
    assert bench.engine.inspect_target(make_target(bench.root).name) == (first,)


def test_networks_that_were_made_anew_are_joined_again(
    bench: Bench, connection: Connection, network: str
) -> None:
    """A container knows them by ids that are gone: a restart finds them by their names."""
    bench.write("app.py", GOES_ON)
    given = target(bench, Surroundings(networks=(network,)))
    container = bench.start(given)
    bench.engine.stop(given, container.id)
    connection.client.remove_network(network)
    with pytest.raises(EngineError, match=f'there is no network "{network}"'):
        bench.engine.restart(given, container.id, ())

    connection.client.create_network(network, driver="bridge")

    assert bench.engine.restart(given, container.id, ()).phase is Phase.RUNNING
    joined = networks_of(connection, container)
    assert set(joined) == {f"devrun-{bench.project.slug}", network}


def test_names_and_limits_are_those_that_were_asked_for(bench: Bench, connection: Connection) -> None:
    """As the program sees them, or the engine where it does not."""
    given = Surroundings(
        hostname="shop.local",
        extra_hosts=(ExtraHost("db", "10.1.2.3"),),
        tmpfs=(Tmpfs("/fast", "size=1m"),),
        shm_size=2**20,
        memory=64 * 2**20,
        cpus=0.5,
    )
    body = (
        "import os, socket\n"
        "print(socket.gethostname(), socket.gethostbyname('db'))\n"
        "for place in ('/fast', '/dev/shm'):\n"
        "    found = os.statvfs(place)\n"
        "    print(found.f_blocks * found.f_frsize)\n"
    )
    bench.write("app.py", body)
    about = look_up(connection, bench.image)
    assert about is not None
    container = bench.start(target(bench, replace(given, platform=f"linux/{about['Architecture']}")))
    host = connection.client.inspect_container(container.id)["HostConfig"]

    assert texts(bench.output(container)) == ["shop.local 10.1.2.3", str(2**20), str(2**20)]
    assert (host["Memory"], host["NanoCpus"]) == (64 * 2**20, 500_000_000)


def test_a_platform_that_the_image_is_not_for_is_refused(bench: Bench) -> None:
    """With the key that asks for it."""
    with pytest.raises(EngineError, match="does not match the specified platform") as caught:
        bench.start(
            replace(target(bench, Surroundings(platform="linux/s390x")), mount=None, program=ImageCommand())
        )

    assert "`platform`" in caught.value.hint


def test_graphics_cards_that_the_engine_cannot_give_are_refused(bench: Bench, connection: Connection) -> None:
    """With what is missing there."""
    if "nvidia" in connection.client.info()["Runtimes"]:
        pytest.skip("this engine has them")
    with pytest.raises(EngineError, match="could not select device driver") as caught:
        bench.start(without_init(target(bench, Surroundings(gpus=Gpus(count=-1))), Command(("-V",))))

    assert "`gpus`" in caught.value.hint


def test_the_developer_s_files_are_theirs(bench: Bench) -> None:
    """What the program writes belongs to who runs it; its home can be written, and run from."""
    (bench.root / "mine").mkdir(mode=0o700)
    (bench.root / "mine").chmod(0o777)
    body = (
        "import getpass, os, pathlib, shutil, subprocess\n"
        "home = pathlib.Path.home()\n"
        "open('mine/new', 'w')\n"
        "(home / '.local').mkdir()\n"
        "shutil.copy('/bin/true', home / 'true')\n"
        "ended = subprocess.run([home / 'true'])\n"
        "print(getpass.getuser(), oct(home.stat().st_mode)[-3:], ended.returncode)\n"
    )
    bench.root.chmod(0o755)
    given = Surroundings(host_user="anna")

    assert output(bench, given, body, user="4322:4322") == ["anna 700 0"]
    found = (bench.root / "mine" / "new").stat()
    assert (found.st_uid, found.st_gid) == (4322, 4322)


def test_rights_devices_and_the_network_of_the_host_are_given(bench: Bench) -> None:
    """As the kernel says inside; who asks for none of them has none."""
    body = (
        "import os, socket\n"
        "rights = next(line for line in open('/proc/self/status') if line.startswith('CapEff'))\n"
        "sys_ptrace = int(rights.split()[1], 16) >> 19 & 1\n"
        "print(sys_ptrace, os.path.exists('/dev/nothing'), os.readlink('/proc/self/ns/net'))\n"
    )
    asked = Surroundings(
        host_network=True, devices=(Device("/dev/null", "/dev/nothing", "rw"),), cap_add=("SYS_PTRACE",)
    )
    host = str(Path("/proc/self/ns/net").readlink())
    plain = replace(target(bench, BARE), network_sandbox=False)

    assert written(bench, replace(plain, surroundings=asked), body) == [f"1 True {host}"]
    (line,) = written(bench, plain, body)
    assert line.startswith("0 False net:")
    assert host not in line


def test_a_link_that_took_a_folder_s_place_is_not_followed(bench: Bench, tmp_path: Path) -> None:
    """What runs in a container could put it there, and lead the next start to anywhere."""
    (bench.root / "conf").mkdir()
    asked = target(bench, Surroundings(volumes=(HostPath(bench.root / "conf", "/etc/conf"),)))
    bench.write("app.py", GOES_ON)
    container = bench.start(asked)
    (bench.root / "conf").rmdir()
    (bench.root / "conf").symlink_to("/etc")

    with pytest.raises(EngineError, match="conf: a link in it leads to /etc by now"):
        bench.engine.restart(asked, container.id, ())
    with pytest.raises(EngineError, match="conf: a link in it leads to /etc by now"):
        bench.engine.recreate(asked, bench.image, container.id)
