"""Every key of devrun.toml becomes a value of the program."""

from collections.abc import Callable
from pathlib import Path

import pytest

from devrun.config.project import (
    Command,
    ImageConfig,
    ImageName,
    Module,
    Mount,
    Port,
    Program,
    Project,
    RestartOn,
    Script,
    TargetConfig,
    TargetName,
)
from devrun.config.session import Secret, Session, SshAgent

Read = Callable[..., Project]
Target = Callable[[str], TargetConfig]


def test_every_key_of_a_target_becomes_a_value(root: Path, read: Read) -> None:
    """None of them is accepted and then forgotten."""
    (root / "src").mkdir()
    (root / ".env").write_text("FROM_FILE=1")
    project = read("""
[images.dev]
[targets.web]
script = "./app.py"
args = ["--debug", "a b"]
image = "dev"
mount = { source = "src", path = "/srv", keep = ".venv" }
entrypoint = "tini -- python"
ports = ["8080:5000"]
env = { DEBUG = "1" }
env-file = ".env"
workdir = "/srv/app"
user = 1000
stop-signal = "SIGINT"
stop-timeout = 5
init = false
watch = ["templates/*.html"]
ignore = "data/*"
restart-on = "any"
autostart = false
tty = true
""")
    assert project.targets[TargetName("web")] == TargetConfig(
        name=TargetName("web"),
        image=ImageName("dev"),
        program=Script("app.py"),
        args=("--debug", "a b"),
        mount=Mount(root / "src", "/srv", (".venv",)),
        entrypoint=("tini", "--", "python"),
        ports=(Port(5000, 8080),),
        env={"FROM_FILE": "1", "DEBUG": "1"},
        workdir="/srv/app",
        user="1000",
        stop_signal="SIGINT",
        stop_timeout_s=5,
        init=False,
        tty=True,
        watch=("templates/*.html",),
        ignore=("data/*",),
        restart_on=RestartOn.ANY,
        autostart=False,
    )


def test_every_key_of_an_image_and_of_the_project_becomes_a_value(root: Path, read: Read) -> None:
    """Paths are absolute afterwards, and without detours."""
    (root / "docker").mkdir()
    (root / "docker" / "dev.Dockerfile").touch()
    project = read("""
[project]
name = "shop"
ignore = ["*.log"]
[image]
dockerfile = "docker/../docker/dev.Dockerfile"
context = "./docker"
stage = "dev"
args = { VERSION = 3.13, DEBUG = true }
inputs = ["schema/*.sql"]
platform = "linux/arm64"
secrets = { pip = { file = "./pip.conf" }, npm = { env = "NPM_TOKEN" }, netrc = "/etc/netrc" }
ssh = ["default", "git=keys/git"]
cache-from = "team/app:cache"
[targets]
web = "app.py"
""")
    assert project.images[ImageName("default")] == ImageConfig(
        name=ImageName("default"),
        dockerfile=root / "docker" / "dev.Dockerfile",
        context=root / "docker",
        stage="dev",
        args={"VERSION": "3.13", "DEBUG": "true"},
        inputs=("schema/*.sql",),
        platform="linux/arm64",
        session=Session(
            (
                Secret("pip", root / "pip.conf"),
                Secret("npm", variable="NPM_TOKEN"),
                Secret("netrc", Path("/etc/netrc")),
            ),
            (SshAgent(), SshAgent("git", root / "keys" / "git")),
            ("team/app:cache",),
        ),
    )
    assert (project.name, project.ignore) == ("shop", ("*.log",))


def test_the_dockerfile_is_looked_for_in_the_build_context(root: Path, read: Read) -> None:
    """As Docker does where none is named."""
    (root / "service").mkdir()
    (root / "service" / "Dockerfile").touch()

    (image,) = read('[image]\ncontext = "service"').built_images

    assert image.dockerfile == root / "service" / "Dockerfile"


@pytest.mark.parametrize(
    ("keys", "program"),
    [
        ('script = "app.py"', Script("app.py")),
        ('script = "./app.py"', Script("app.py")),
        ('script = "no/../app.py"', Script("app.py")),
        ('module = "flask"', Module("flask")),
        ('command = ["sh", "-c", "echo $$HOME"]', Command(("sh", "-c", "echo $HOME"))),
        ('''command = "sh -c 'echo a  b'"''', Command(("sh", "-c", "echo a  b"))),
    ],
)
def test_a_program_is_a_script_a_module_or_a_command(read: Read, keys: str, program: Program) -> None:
    """A command is a list, or a text split as a shell does."""
    assert read(f"[targets.web]\n{keys}").targets[TargetName("web")].program == program


@pytest.mark.parametrize(
    ("written", "port"),
    [
        ('"8080:5000"', Port(5000, 8080)),
        ("5000", Port(5000, 0)),
        ('"5000"', Port(5000, 0)),
        ('"0:5000"', Port(5000, 0)),
        ('"5000/udp"', Port(5000, 0, "udp")),
        ('"127.0.0.1:8080:5000/udp"', Port(5000, 8080, "udp", "127.0.0.1")),
        ('"0.0.0.0:8080:5000"', Port(5000, 8080, "tcp", "0.0.0.0")),
        ('"127.0.0.1:5000"', Port(5000, 0, "tcp", "127.0.0.1")),
        ('"[::1]:1:2"', Port(2, 1, "tcp", "::1")),
        ('"[0:0::1]:1:2/sctp"', Port(2, 1, "sctp", "::1")),
    ],
)
def test_a_port_is_written_as_docker_does(target: Target, written: str, port: Port) -> None:
    """With an address and a protocol, or as a number alone."""
    assert target(f"ports = [{written}]").ports == (port,)


def test_the_mount_of_the_project_is_that_of_its_targets(root: Path, read: Read) -> None:
    """A target may have its own, or none."""
    (root / "src").mkdir()
    project = read("""
[mount]
path = "/srv"
[targets]
one = "app.py"
two = { script = "app.py", mount = { source = "src" } }
three = { script = "app.py", mount = false }
""")
    mounts = [target.mount for target in project.targets.values()]

    assert mounts == [Mount(root, "/srv"), Mount(root / "src"), None]


def test_the_mount_is_the_real_path(root: Path, read: Read, tmp_path: Path) -> None:
    """The watch and the engine have to see the same folder."""
    (root / "real").mkdir()
    (root / "link").symlink_to("real")

    target = read("[mount]\nsource = 'link'\n[targets]\nweb = 'app.py'").targets[TargetName("web")]

    assert target.mount == Mount(root / "real")


def test_what_a_target_does_not_say_has_its_default(target: Target, root: Path) -> None:
    """Which are the ones that the documentation names."""
    assert target("") == TargetConfig(
        TargetName("web"), ImageName("default"), Script("app.py"), mount=Mount(root)
    )


def test_an_env_file_that_is_a_link_to_itself_is_refused(
    root: Path, refused: Callable[[str], list[str]]
) -> None:
    """A running daemon must survive it."""
    (root / ".env").symlink_to(".env")
    text = '[targets.web]\nscript = "app.py"\nenv-file = ".env"\n'

    assert refused(text) == ["3: targets.web.env-file.0: '.env': too many levels of symbolic links"]


def test_the_syntax_guard_is_on_unless_the_file_turns_it_off(read: Read) -> None:
    """Nobody wants a server to end for a missing bracket."""
    assert read("").syntax_guard
    assert not read("[project]\nsyntax-guard = false\n").syntax_guard


def test_a_target_answers_for_itself_whether_its_network_is_kept(root: Path, read: Read) -> None:
    """Else the project does, and that is yes unless it says no; also where no target is named."""
    (root / "job.py").touch()
    targets = '[targets]\njob = "job.py"\n[targets.web]\nscript = "app.py"\n'

    def kept(text: str) -> list[bool]:
        return [target.network_sandbox for target in read(text).targets.values()]

    assert kept(targets) == [True, True]
    assert kept(f"{targets}network-sandbox = false\n") == [True, False]
    assert kept(f"network-sandbox = false\n{targets}") == [False, False]
    assert kept(f"network-sandbox = false\n{targets}network-sandbox = true\n") == [False, True]
    assert kept("network-sandbox = false\n") == [False]
