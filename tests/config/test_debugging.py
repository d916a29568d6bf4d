"""`debug` of a target: which port its debugger has, and what can be run under one."""

from collections.abc import Callable

import pytest

from devrun.config.debugging import traced
from devrun.config.project import Port, Project, TargetConfig

Read = Callable[..., Project]
Refused = Callable[..., list[str]]
Target = Callable[[str], TargetConfig]

LISTEN = "-m debugpy --listen 0.0.0.0:1"
COMMAND = "its command starts no Python that a debugger could be given to"


def ports(project: Project) -> dict[str, int | None]:
    """Return the ports of the debuggers."""
    return {name: target.debug_port for name, target in project.targets.items()}


def test_debuggers_get_the_next_ports_in_the_order_of_the_file(read: Read) -> None:
    """None that is said, published or served elsewhere."""
    assert ports(
        read("""
[targets]
a = { script = "app.py", debug = true }
b = { script = "app.py", debug = 5679 }
c = { script = "app.py", debug = true }
d = { script = "app.py", debug = false, ports = ["5681:80", "5682:5682/udp", "90:5683"] }
e = { script = "app.py", debug = true }
f = { script = "app.py", debug = true }
""")
    ) == {"a": 5678, "b": 5679, "c": 5680, "d": None, "e": 5682, "f": 5684}


def test_a_debugger_is_published_like_any_port(target: Target) -> None:
    """And is none of those that the program serves."""
    found = target('debug = 6000\nports = ["8080:80"]')

    assert found.published == (Port(80, 8080), Port(6000, 6000))
    assert found.ports == (Port(80, 8080),)
    assert target("").published == ()


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("debug = 0", "must be true, or the number of a port"),
        ("debug = 70000", "must be true, or the number of a port"),
        ("debug = '5678'", "must be true, or the number of a port"),
        ("debug = 80\nports = ['8080:80']", "port 80 is taken by web; choose another, or write true"),
        ("debug = 8080\nports = ['8080:80']", "port 8080 is taken by web; choose another, or write true"),
    ],
)
def test_a_port_that_cannot_be_had_is_refused(refused: Refused, keys: str, problem: str) -> None:
    """With the line and the key."""
    assert refused(f"[targets.web]\nscript = 'app.py'\n{keys}") == [f"3: targets.web.debug: {problem}"]


def test_two_debuggers_cannot_have_one_port(refused: Refused) -> None:
    """The second one is told of the first."""
    text = "[targets]\na = { script = 'app.py', debug = 7 }\nb = { script = 'app.py', debug = 7 }"

    assert refused(text) == ["3: targets.b.debug: port 7 is taken by a; choose another, or write true"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("python app.py --x", f"python {LISTEN} app.py --x"),
        ("python3.12 -u -X dev app.py", f"python3.12 -u -X dev {LISTEN} app.py"),
        ("/venv/bin/python -m app.main x", f"/venv/bin/python {LISTEN} -m app.main x"),
        ("/usr/bin/env python -c pass", f"/usr/bin/env python {LISTEN} -c pass"),
        ("uvicorn main:app --reload", f"py {LISTEN} -m uvicorn main:app --reload"),
        ("/venv/bin/gunicorn main:app", f"/venv/bin/python {LISTEN} -m gunicorn main:app"),
        ("flask run", f"py {LISTEN} -m flask run"),
        ("celery -A tasks worker", f"py {LISTEN} -m celery -A tasks worker"),
        ("uv run --no-sync flask run", f"uv run --no-sync py {LISTEN} -m flask run"),
        ("tini -- python app.py", f"tini -- python {LISTEN} app.py"),
        ("/start.sh python app.py", f"/start.sh python {LISTEN} app.py"),
    ],
)
def test_what_runs_python_can_be_run_under_a_debugger(words: str, expected: str) -> None:
    """The options of the interpreter stay its own, and wrappers stay before it."""
    assert traced(tuple(words.split()), 1, "py") == tuple(expected.split())


@pytest.mark.parametrize(
    "words",
    [
        "",
        "python",
        "python -um app",
        "python -",
        "node app.js",
        "sh -c python",
        "./app.py",
        "uv run -m flask",
        "/start.sh",
    ],
)
def test_what_does_not_run_python_cannot(words: str) -> None:
    """Nor what says it in a way that cannot be taken apart."""
    assert traced(tuple(words.split()), 1) is None


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        ("command = 'node app.js'", COMMAND),
        ("command = 'python'", COMMAND),
        (
            "script = 'app.py'\nentrypoint = 'gunicorn'",
            "its entrypoint starts no Python that a debugger could be given to",
        ),
    ],
)
def test_a_program_that_cannot_be_debugged_is_refused(refused: Refused, program: str, problem: str) -> None:
    """It would start without the debugger, or not at all."""
    assert refused(f"[targets.web]\ndebug = true\n{program}") == [f"2: targets.web.debug: {problem}"]


@pytest.mark.parametrize(
    "program",
    [
        "command = 'python'\nargs = 'app.py'",
        "command = 'app.py'\nentrypoint = 'python -u'",
        "script = 'app.py'\nentrypoint = 'tini -- python -u'",
        "module = 'app'",
    ],
)
def test_all_words_of_a_program_count(read: Read, program: str) -> None:
    """Those of `args` and of `entrypoint` too."""
    assert ports(read(f"[targets.web]\ndebug = true\n{program}")) == {"web": 5678}
