"""The spec of a target tells whether its container is still what the configuration asks for."""

from dataclasses import fields, replace
from pathlib import Path

import pytest

from devrun.config.project import (
    Command,
    ImageCommand,
    ImageName,
    Module,
    Mount,
    Port,
    RestartOn,
    Script,
    TargetConfig,
    TargetName,
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
    replace(TARGET, debug_port=5678),
    replace(TARGET, debug_port=5679),
]
INDIFFERENT = [
    replace(TARGET, watch=("*.html",)),
    replace(TARGET, ignore=("*.log",)),
    replace(TARGET, restart_on=RestartOn.NONE),
    replace(TARGET, autostart=False),
    replace(TARGET, image=ImageName("other")),
    replace(TARGET, env={"B": "2", "A": "1"}),
    replace(TARGET, ports=(Port(3, 4), Port(1, 2))),
    replace(TARGET, mount=replace(MOUNT, keep=("data", ".venv"))),
]


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
