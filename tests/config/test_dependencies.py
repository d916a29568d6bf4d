"""What targets need of one another, and how they are found to be healthy, as devrun.toml says it."""

from collections.abc import Callable

import pytest

from devrun.config.project import (
    Check,
    CommandCheck,
    Condition,
    Dependency,
    Healthcheck,
    HttpCheck,
    Project,
    TargetConfig,
    TargetName,
    TcpCheck,
)
from devrun.errors import ConfigError

Read = Callable[..., Project]
Refused = Callable[..., list[str]]
Target = Callable[[str], TargetConfig]

DB, MIGRATE, WEB = TargetName("db"), TargetName("migrate"), TargetName("web")
OTHERS = """
[targets.db]
command = "db"
healthcheck = 5432
[targets.migrate]
command = "migrate"
[targets.web]
script = "app.py"
"""


def web(read: Read, keys: str) -> tuple[Dependency, ...]:
    """Return what `web` depends on, beside a `db` with a healthcheck and a `migrate` without."""
    return read(f"{OTHERS}{keys}").targets[WEB].depends_on


def test_by_the_list_a_dependency_with_a_healthcheck_has_to_be_healthy(read: Read) -> None:
    """Any other one has only to be started."""
    assert web(read, 'depends-on = ["db", "migrate"]') == (
        Dependency(DB, Condition.HEALTHY),
        Dependency(MIGRATE, Condition.STARTED),
    )


def test_one_name_stands_for_a_list_of_one(read: Read) -> None:
    """As everywhere in the file."""
    assert web(read, 'depends-on = "db"') == (Dependency(DB, Condition.HEALTHY),)


def test_the_table_says_the_conditions(read: Read) -> None:
    """Whatever the dependency has."""
    assert web(read, 'depends-on = { db = "started", migrate = "completed" }') == (
        Dependency(DB, Condition.STARTED),
        Dependency(MIGRATE, Condition.COMPLETED),
    )


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ('"dbb"', "8: targets.web.depends-on.0: there is no target 'dbb'; did you mean db?"),
        ('["db", "dbb"]', "8: targets.web.depends-on.1: there is no target 'dbb'; did you mean db?"),
        ('{ dbb = "started" }', "8: targets.web.depends-on.dbb: there is no target 'dbb'; did you mean db?"),
        ('"${NONE:-cache}"', "8: targets.web.depends-on.0: there is no target '${NONE:-cache}'; there is "),
        ('{ db = "up" }', "8: targets.web.depends-on.db: must be one of 'started', 'healthy' or 'completed'"),
        ("7", "8: targets.web.depends-on: must be a list of targets, or a table of targets and conditions"),
        ("[7]", "8: targets.web.depends-on.0: must be a text in quotes"),
        ('"web"', "8: targets.web.depends-on: web needs web: none of them could start first"),
    ],
)
def test_a_dependency_that_makes_no_sense_is_refused(refused: Refused, value: str, problem: str) -> None:
    """With its line, its key, and the nearest name."""
    (said,) = refused(f"{OTHERS.strip()}\ndepends-on = {value}")

    assert said.startswith(problem)


def test_several_lines_are_told_apart(refused: Refused) -> None:
    """The line is that of the name."""
    assert refused(f'{OTHERS.strip()}\ndepends-on = [\n  "db",\n  "migrat",\n]') == [
        "10: targets.web.depends-on.1: there is no target 'migrat'; did you mean migrate?"
    ]


def test_targets_that_need_one_another_are_refused_once(refused: Refused) -> None:
    """At the first one of the ring; who only needs one of the ring is not at fault."""
    text = "".join(
        f'[targets.{name}]\nmodule = "m"\ndepends-on = "{needed}"\n'
        for name, needed in [("z", "a"), ("a", "b"), ("b", "c"), ("c", "a"), ("x", "y"), ("y", "x")]
    )
    assert refused(text) == [
        "6: targets.a.depends-on: a needs b needs c needs a: none of them could start first",
        "15: targets.x.depends-on: x needs y needs x: none of them could start first",
    ]


def test_a_diamond_is_no_ring(read: Read) -> None:
    """Two may need the same one."""
    project = read("""
[targets]
a = { module = "m", depends-on = ["b", "c"] }
b = { module = "m", depends-on = "d" }
c = { module = "m", depends-on = "d" }
d = { module = "m" }
""")
    assert len(project.targets[TargetName("a")].depends_on) == 2


def test_a_dependency_that_is_refused_itself_is_not_called_unknown(refused: Refused) -> None:
    """Its own mistake is told."""
    assert refused('[targets.db]\nscrip = "db.py"\n[targets.web]\nscript = "app.py"\ndepends-on = "db"') == [
        "2: targets.db.scrip: unknown key; did you mean script?"
    ]


@pytest.mark.parametrize(
    ("keys", "check"),
    [
        ('ports = ["8080:5000", "8000"]\nhealthcheck = "/health"', HttpCheck("/health", 5000)),
        ('ports = ["53:53/udp", "8000"]\nhealthcheck = "/"', HttpCheck("/", 8000)),
        ('healthcheck = { http = "/up?full=1", port = 8000 }', HttpCheck("/up?full=1", 8000)),
        ("healthcheck = 5432", TcpCheck(5432)),
        ("healthcheck = { port = 5432 }", TcpCheck(5432)),
        ('healthcheck = ["pg_isready"]', CommandCheck(("pg_isready",))),
        ('healthcheck = { command = "pg_isready -q" }', CommandCheck(("pg_isready", "-q"))),
    ],
)
def test_a_healthcheck_is_a_path_a_port_or_a_command(target: Target, keys: str, check: Check) -> None:
    """The usual tries come twice a second, and take two seconds at most."""
    assert target(keys).healthcheck == Healthcheck(check, 0.5, 2.0)


def test_the_table_says_how_often_and_how_long(target: Target) -> None:
    """Whole numbers and others."""
    said = target("healthcheck = { port = 1, interval = 5, timeout = 0.1 }").healthcheck

    assert said == Healthcheck(TcpCheck(1), 5.0, 0.1)


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ('healthcheck = "health"', '.http: an HTTP path begins with "/", and is ASCII without spaces;'),
        ('healthcheck = "/a\\nb"', '.http: an HTTP path begins with "/", and is ASCII without spaces;'),
        (
            "healthcheck = true",
            ': must be an HTTP path as "/health", a port, a command as a list, or a table',
        ),
        ("healthcheck = 0", ".port: must be 1 or more"),
        ("healthcheck = 65536", ".port: must be 65535 or less"),
        ("healthcheck = []", ".command: must not be empty"),
        ("healthcheck = {}", ": a healthcheck has one of http, port and command; this one has none"),
        (
            'healthcheck = { command = "a", port = 1 }',
            ": a healthcheck is a command, or asks a port",
        ),
        ("healthcheck = { port = 1, interval = 0 }", ".interval: must be more than 0"),
        ("healthcheck = { port = 1, timeout = nan }", ".timeout: must be a finite number"),
        ('healthcheck = { port = 1, timeout = "2s" }', ".timeout: must be a number"),
        ("healthcheck = { port = 1, timout = 3 }", ".timout: unknown key; did you mean timeout?"),
        ('healthcheck = "/health"', ": which port to ask is not said, and none is published"),
    ],
)
def test_a_healthcheck_that_makes_no_sense_is_refused(refused: Refused, keys: str, problem: str) -> None:
    """With its line and key."""
    (said,) = refused(f'[targets.web]\nscript = "app.py"\n{keys}')

    assert said.startswith(f"3: targets.web.healthcheck{problem}")


def test_the_path_of_a_healthcheck_is_not_shown(read: Read) -> None:
    """What fills in its variables may be a secret."""
    with pytest.raises(ConfigError) as caught:
        read(
            '[targets.web]\nscript = "app.py"\nhealthcheck = "/health?key=${KEY}"',
            {"KEY": "hunter2"},
        )
    assert "hunter2" not in caught.value.message + caught.value.hint


def test_a_healthcheck_without_a_port_is_not_told_where_the_ports_are_refused(refused: Refused) -> None:
    """It only follows."""
    assert refused('[targets.web]\nscript = "app.py"\nports = ["x"]\nhealthcheck = "/"') == [
        '3: targets.web.ports.0: a port is written "HOST:CONTAINER", as in "8080:5000"'
    ]


@pytest.mark.parametrize("value", ['"python manage.py migrate"', '["python", "manage.py", "migrate"]'])
def test_the_command_before_a_start_is_words_or_a_list(target: Target, value: str) -> None:
    """As every command."""
    assert target(f"before-start = {value}").before_start == ("python", "manage.py", "migrate")


def test_no_command_before_a_start_is_refused(refused: Refused) -> None:
    """Whoever wants none leaves the key out."""
    assert refused('[targets.web]\nscript = "app.py"\nbefore-start = ""') == [
        "3: targets.web.before-start: must not be empty"
    ]
