"""Which depth a restart gets, and how the agent is put before the command: a table."""

from dataclasses import replace
from pathlib import Path

import pytest

from devrun.config.project import Command, Depth, ImageCommand, Module, Mount, Program, Script, TargetConfig
from devrun.core.values import ImageId
from devrun.engine.depth import signal_name, split_wrappers
from devrun.engine.plan import ContainerPlan, ImageFacts, Python, plan
from tests.engine.bench import make_project, make_target

ROOT = Path("/home/me/shop")
PYTHON = Python("python", "/usr/bin/python3", "3.13.1", "cpython-313", 0, 0, can_write=True)
TARGET = replace(make_target(ROOT), mount=Mount(ROOT), reload=Depth.WARM)
LED = "/usr/bin/python3 -I -S -B /run/devrun/agent --socket /run/devrun/control/agent.sock"


def planned(
    target: TargetConfig = TARGET,
    entrypoint: str = "",
    command: str = "",
    *,
    python: Python | None = PYTHON,
    hindrance: str = "",
    stop_signal: str = "",
) -> ContainerPlan:
    facts = ImageFacts(
        ImageId("sha256:1"),
        tuple(entrypoint.split()),
        tuple(command.split()),
        workdir="/app",
        stop_signal=stop_signal,
        python=python,
    )
    return plan(make_project(ROOT), target, facts, hindrance=hindrance)


def words(chosen: ContainerPlan) -> str:
    return " ".join((*(chosen.start.entrypoint or ()), *(chosen.start.command or ())))


@pytest.mark.parametrize(
    ("program", "entrypoint", "command", "expected"),
    [
        (Script("app.py"), "", "", "warm 1: python app.py"),
        (Script("app.py"), "python -u", "", "warm 2: python -u app.py"),
        (Module("app.web"), "", "", "warm 1: python -m app.web"),
        (Script("app.py"), "tini -g --", "", "tini -g -- | warm 1: python app.py"),
        (Script("app.py"), "/start.sh", "", "/start.sh | warm 1: python app.py"),
        (Script("app.py"), "uv run", "", "uv run | warm 1: python app.py"),
        (Script("app.py"), "uv run --no-sync", "", "process: uv run --no-sync python app.py"),
        (Script("app.py"), "/usr/bin/env python3", "", "process: /usr/bin/env python3 app.py"),
        (Command(("python", "app.py")), "", "", "warm 1: python app.py"),
        (Command(("python", "-m", "app")), "", "", "warm 1: python -m app"),
        (Command(("python", "-c", "pass")), "", "", "process: python -c pass"),
        (Command(("gunicorn", "app:app")), "tini --", "", "tini -- | process: gunicorn app:app"),
        (Command(("serve",)), "/start.sh", "", "process: /start.sh serve"),
        (ImageCommand(), "python", "app.py", "warm 1: python app.py"),
        (ImageCommand(), "tini -- /start.sh", "", "tini -- | process: /start.sh"),
        (ImageCommand(), "/start.sh", "", "process: /start.sh"),
        (ImageCommand(), "", "uvicorn app:app", "process: uvicorn app:app"),
    ],
)
def test_every_command_gets_the_deepest_restart_that_it_can_have(
    program: Program, entrypoint: str, command: str, expected: str
) -> None:
    """Scripts and modules are started warm, other commands as a process; wrappers stay before the agent."""
    chosen = planned(replace(TARGET, program=program), entrypoint, command)

    before, _, rest = words(chosen).partition(LED)
    options, _, started = rest.partition(" -- ")
    found = options.split()
    depth, program_at = found[1], found[found.index("--program") + 1] if "--program" in found else ""
    shown = f"{depth} {program_at}".strip() + f": {started}"
    assert (f"{before}| {shown}" if before else shown) == expected
    assert chosen.depth.depth.value == depth


@pytest.mark.parametrize(
    ("changes", "python", "hindrance", "reason"),
    [
        ({"tty": True}, PYTHON, "", "terminal"),
        ({}, None, "", "no Python"),
        ({}, replace(PYTHON, version="3.7.17"), "", "3.7 is older than 3.8"),
        ({}, PYTHON, "the engine is on another machine", "another machine"),
        ({"program": ImageCommand()}, PYTHON, "", "names no command"),
    ],
)
def test_what_can_have_no_agent_is_restarted_as_a_container(
    changes: dict[str, object], python: Python | None, hindrance: str, reason: str
) -> None:
    """The reason is said, and the command stays what it is."""
    chosen = planned(replace(TARGET, **changes), python=python, hindrance=hindrance)  # type: ignore[arg-type]

    assert chosen.depth.depth is Depth.CONTAINER
    assert "devrun/agent" not in words(chosen)
    (said,) = [line for line in chosen.explain if "`reload" in line]
    assert said.startswith('restarts of the whole container (`reload = "warm"`, but ')
    assert reason in said


def test_a_debugger_is_started_by_a_fresh_process() -> None:
    """It starts threads of its own; its port is free again when the agent has ended it."""
    chosen = planned(replace(TARGET, debug_port=5678))

    assert words(chosen).endswith("-- python -m debugpy --listen 0.0.0.0:5678 app.py")
    assert chosen.depth.depth is Depth.PROCESS
    assert "debugpy starts threads" in chosen.depth.why


@pytest.mark.parametrize(
    ("reload", "said"),
    [
        (Depth.CONTAINER, []),
        (Depth.PROCESS, ['restarts of the process alone (`reload = "process"`)']),
        (Depth.WARM, ['restarts of the process alone, from a warm interpreter (`reload = "warm"`)']),
    ],
)
def test_check_says_which_depth_there_is(reload: Depth, said: list[str]) -> None:
    """It says nothing where nothing was asked for."""
    chosen = planned(replace(TARGET, reload=reload))

    assert [line for line in chosen.explain if "`reload" in line] == said


def test_the_agent_ends_the_program_as_the_container_would_end() -> None:
    """By the target's signal, else the image's, and after the target's grace."""
    own = planned(replace(TARGET, stop_signal="INT", stop_timeout_s=7), stop_signal="SIGQUIT")
    image = planned(stop_signal="3")

    assert "--signal SIGINT --grace 7.0 --source /app" in words(own)
    assert "--signal SIGQUIT --grace 2.0 --source /app" in words(image)


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("SIGINT", "SIGINT"),
        ("term", "SIGTERM"),
        ("9", "SIGKILL"),
        ("99", "SIGTERM"),
        ("RTMIN+3", "SIGRTMIN+3"),
        ("?", "SIGTERM"),
    ],
)
def test_a_signal_has_one_name(said: str, name: str) -> None:
    """However the image writes it."""
    assert signal_name(said) == name


@pytest.mark.parametrize("command", ["tini", "tini --", "uv run", ""])
def test_a_command_of_wrappers_alone_is_the_program(command: str) -> None:
    """There is nothing that they would go before."""
    assert split_wrappers(tuple(command.split()), are_plain=True) == ((), tuple(command.split()))
