"""The container of one command: what it has of its target's, and what it has not."""

from dataclasses import replace
from pathlib import Path

from devrun.config.project import Port
from devrun.core.values import ImageId
from devrun.engine import labels
from devrun.engine.oneoff import oneoff_payload
from devrun.engine.plan import ImageFacts, Payload
from devrun.engine.session import Size
from tests.engine.bench import make_project, make_target

FACTS = ImageFacts(ImageId("sha256:1"), entrypoint=("python",), command=("other.py",), workdir="/app")


def made(
    root: Path, *argv: str, terminal: Size | None = None, entrypoint: tuple[str, ...] | None = None
) -> Payload:
    """Return the payload for a command like a target that has everything."""
    target = replace(
        make_target(root),
        ports=(Port(5000, 8080),),
        env={"KEY": "value"},
        user="someone",
        workdir="/srv",
        entrypoint=entrypoint,
    )
    return oneoff_payload(make_project(root), target, FACTS, argv, terminal)


def host_of(body: Payload) -> Payload:
    """Return what concerns the machine."""
    host = body["HostConfig"]
    assert isinstance(host, dict)
    return host


def test_it_has_what_the_targets_container_has(tmp_path: Path) -> None:
    """Image, variables, user, working directory, and the mount."""
    body = made(tmp_path, "ls")

    assert (body["Image"], body["User"], body["WorkingDir"]) == ("sha256:1", "someone", "/srv")
    assert body["Env"] == ["PYTHONUNBUFFERED=1", "KEY=value"]
    assert host_of(body)["Mounts"] == [{"Type": "bind", "Source": str(tmp_path), "Target": "/app"}]


def test_it_publishes_no_port_and_has_no_name_in_the_network(tmp_path: Path) -> None:
    """The target's own container has both, and may run beside it."""
    body = made(tmp_path, "ls")
    network = labels.network_name(make_project(tmp_path))

    assert host_of(body)["PortBindings"] == {}
    assert body["NetworkingConfig"] == {"EndpointsConfig": {network: {}}}


def test_it_belongs_to_no_target_and_goes_by_itself(tmp_path: Path) -> None:
    """The daemon leaves it alone; the engine removes it even where nobody waits for it."""
    body = made(tmp_path, "ls")
    project = make_project(tmp_path)

    assert body["Labels"] == {**labels.project_labels(project), labels.ROLE: labels.ROLE_ONEOFF}
    assert host_of(body)["AutoRemove"] is True


def test_it_has_a_terminal_where_the_person_has_one(tmp_path: Path) -> None:
    """Of the same size; streams otherwise."""
    with_terminal = made(tmp_path, "ls", terminal=Size(20, 30))

    assert with_terminal["Tty"] is True
    assert host_of(with_terminal)["ConsoleSize"] == [20, 30]
    assert made(tmp_path, "ls")["Tty"] is False


def test_an_entrypoint_of_the_target_counts_as_the_images(tmp_path: Path) -> None:
    """An interpreter there would be in the way of a command as well."""
    body = made(tmp_path, "pip", "freeze", entrypoint=("tini", "--", "python", "-X", "dev"))
    assert (body["Entrypoint"], body["Cmd"]) == (("tini", "--"), ("pip", "freeze"))


def test_without_a_command_it_starts_what_the_target_starts(tmp_path: Path) -> None:
    """By the same rules."""
    assert made(tmp_path)["Cmd"] == ("/app/app.py",)
