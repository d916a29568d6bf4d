"""Which command is started: a table over ENTRYPOINT, CMD and the target."""

import pytest

from devrun.config.project import Command, ImageCommand, Module, Program, Script
from devrun.engine.command import Start, choose_start, choose_typed, has_init

SCRIPT = Script("app.py")


def start(
    program: Program,
    entrypoint: str = "",
    command: str = "",
    *,
    override: str | None = None,
    args: str = "",
    debug_port: int | None = None,
) -> Start:
    return choose_start(
        program,
        tuple(args.split()),
        entrypoint=tuple(entrypoint.split()),
        command=tuple(command.split()),
        override=None if override is None else tuple(override.split()),
        script="app.py",
        debug_port=debug_port,
    )


def started(chosen: Start, entrypoint: str, command: str) -> str:
    """Return the whole command, as the engine puts it together; a bar ends the entrypoint where it is set."""
    first = entrypoint.split() if chosen.entrypoint is None else [*chosen.entrypoint, "|"]
    return " ".join([*first, *(command.split() if chosen.command is None else chosen.command)])


@pytest.mark.parametrize(
    ("entrypoint", "command", "expected"),
    [
        ("", "", "python app.py"),
        ("", "python3", "python3 app.py"),
        ("", "/venv/bin/python -u other.py", "/venv/bin/python -u app.py"),
        ("", "gunicorn main:app", "python app.py"),
        ("python", "other.py", "python app.py"),
        ("python3.12 -u", "", "python3.12 -u app.py"),
        ("/venv/bin/python -X dev -W error", "", "/venv/bin/python -X dev -W error app.py"),
        ("/usr/bin/env python3", "", "/usr/bin/env python3 app.py"),
        ("pypy3", "", "pypy3 app.py"),
        ("tini --", "python other.py", "tini -- python app.py"),
        ("tini -g -- python", "", "tini -g -- python app.py"),
        ("tini -- python other.py", "", "tini -- | python app.py"),
        ("/docker-entrypoint.sh", "gunicorn", "/docker-entrypoint.sh python app.py"),
        ("tini -- /start.sh", "", "tini -- /start.sh python app.py"),
        ("docker-entrypoint", "", "docker-entrypoint python app.py"),
        ("uv run", "", "uv run python app.py"),
        ("poetry run python", "", "poetry run python app.py"),
        ("uv run gunicorn main:app", "", "uv run | python app.py"),
        ("python other.py", "", "python | app.py"),
        ("python -u other.py", "", "python | -u app.py"),
        ("python -m flask run", "", "python | app.py"),
        ("python -c pass", "", "python | app.py"),
        ("gunicorn main:app", "", "python | app.py"),
        ("/bin/sh -c ./start", "", "python | app.py"),
    ],
)
def test_a_script_is_started_by_the_image_s_python(entrypoint: str, command: str, expected: str) -> None:
    """Wrappers stay, an interpreter gets the script, and anything else gives way to `python SCRIPT`."""
    assert started(start(SCRIPT, entrypoint, command), entrypoint, command) == expected


@pytest.mark.parametrize(
    ("entrypoint", "argv", "expected"),
    [
        ("", "pip freeze", "pip freeze"),
        ("python", "pip freeze", "pip | freeze"),
        ("python", "other.py --x", "python other.py --x"),
        ("python", "-m http.server", "python -m http.server"),
        ("tini -- python", "pip freeze", "tini -- | pip freeze"),
        ("tini --", "pip freeze", "tini -- pip freeze"),
        ("flask", "run --debug", "flask run --debug"),
    ],
)
def test_a_command_follows_the_entrypoint_unless_that_is_an_interpreter(
    entrypoint: str, argv: str, expected: str
) -> None:
    """Docker's own rule, but `python pip freeze` is nothing anybody means."""
    assert started(start(Command(tuple(argv.split())), entrypoint, "x"), entrypoint, "x") == expected


@pytest.mark.parametrize(
    ("program", "override", "expected"),
    [
        (SCRIPT, "", "python | app.py"),
        (SCRIPT, "python -X dev", "python -X dev | app.py"),
        (SCRIPT, "python -m debugpy --listen 5678", "python -m debugpy --listen 5678 | app.py"),
        (SCRIPT, "/my.sh", "/my.sh | python app.py"),
        (Module("app"), "tini --", "tini -- | python -m app"),
        (Command(("pip", "freeze")), "", "pip | freeze"),
        (Command(("pip", "freeze")), "python", "python | pip freeze"),
        (ImageCommand(), "/my.sh", "/my.sh | --x"),
    ],
)
def test_an_entrypoint_of_the_target_is_kept(program: Program, override: str, expected: str) -> None:
    """The image's ENTRYPOINT and CMD have no say then."""
    args = "--x" if isinstance(program, ImageCommand) else ""

    assert started(start(program, "gunicorn", "main:app", override=override, args=args), "-", "-") == expected


def test_a_module_and_arguments_follow_the_interpreter() -> None:
    """`python -m NAME ARGS`, by the rules for scripts."""
    assert (
        started(start(Module("app.web"), "python", args="--port 1"), "python", "")
        == "python -m app.web --port 1"
    )


@pytest.mark.parametrize(
    ("program", "entrypoint", "override", "expected"),
    [
        (SCRIPT, "", None, "python DEBUGGER app.py --x"),
        (SCRIPT, "python3 -u", None, "python3 -u DEBUGGER app.py --x"),
        (SCRIPT, "gunicorn main:app", None, "python | DEBUGGER app.py --x"),
        (SCRIPT, "uv run", None, "uv run python DEBUGGER app.py --x"),
        (SCRIPT, "gunicorn", "tini -- python -u", "tini -- python -u | DEBUGGER app.py --x"),
        (Module("app"), "python", None, "python DEBUGGER -m app --x"),
        (Command(("python", "a.py")), "", None, "python DEBUGGER a.py --x"),
        (Command(("python", "a.py")), "python", None, "python | DEBUGGER a.py --x"),
        (Command(("flask", "run")), "/start.sh", None, "/start.sh python DEBUGGER -m flask run --x"),
        (Command(("a.py",)), "flask", "python -u", "python | -u DEBUGGER a.py --x"),
    ],
)
def test_a_debugger_runs_the_program(
    program: Program, entrypoint: str, override: str | None, expected: str
) -> None:
    """By the same interpreter, after the same wrappers, with the same arguments."""
    chosen = start(program, entrypoint, override=override, args="--x", debug_port=5678)

    assert started(chosen, entrypoint, "") == expected.replace("DEBUGGER", "-m debugpy --listen 0.0.0.0:5678")


def test_the_image_s_own_command_is_left_alone() -> None:
    """Only arguments of the target are added to its CMD."""
    assert start(ImageCommand(), "python", "app.py") == Start(None, None, "what the image starts")
    assert start(ImageCommand(), "python", "app.py", args="--x").command == ("app.py", "--x")


@pytest.mark.parametrize(
    ("entrypoint", "expected"),
    [
        ((), False),
        (("python",), False),
        (("/usr/bin/tini", "--"), True),
        (("dumb-init",), True),
        (("/init",), True),
    ],
)
def test_an_init_of_the_image_is_known(entrypoint: tuple[str, ...], expected: bool) -> None:  # noqa: FBT001
    """No second one is put over it."""
    assert has_init(entrypoint) is expected


@pytest.mark.parametrize(
    ("entrypoint", "typed", "expected"),
    [
        ("", "pip freeze", "pip | freeze"),
        ("python", "pip freeze", "pip | freeze"),
        ("python", "python", "python |"),
        ("python -u", "app.py --fast", "python -u | app.py --fast"),
        ("python", "-m pytest", "python | -m pytest"),
        ("python app.py", "pip freeze", "pip | freeze"),
        ("python app.py", "--help", "python app.py | --help"),
        ("gunicorn", "pip freeze", "pip | freeze"),
        ("/bin/sh -c ./start", "ls -l", "ls | -l"),
        ("tini -- python app.py", "ls", "tini -- | ls"),
        ("/docker-entrypoint.sh", "ls", "/docker-entrypoint.sh | ls"),
        ("uv run", "pytest -q", "uv run | pytest -q"),
    ],
)
def test_what_a_person_types_is_started_as_it_is(entrypoint: str, typed: str, expected: str) -> None:
    """Of the ENTRYPOINT only wrappers stay; options, and a script for an interpreter, are meant for it."""
    chosen = choose_typed(tuple(typed.split()), tuple(entrypoint.split()))

    assert started(chosen, entrypoint, "other.py").strip() == expected
