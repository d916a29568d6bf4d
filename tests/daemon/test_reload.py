"""A running daemon takes up another configuration, as a difference, and tells what it cannot take up."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from devrun.config.load import load
from devrun.config.project import ImageName, TargetName
from devrun.control.wire import encode
from devrun.core.decide import is_settled
from devrun.daemon.loop import Daemon
from tests.daemon.test_loop import FILES, LIMIT_S, SERVE, TOOL, WEB, Yard, settled, until

PORT = '[targets]\ntool = "tool.py"\n[targets.web]\nscript = "web.py"\nports = ["8000:80"]\n'
JOB = TargetName("job")


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)


@pytest.fixture
def daemon(yard: Yard) -> Iterator[Daemon]:
    """A daemon that has settled."""
    with yard.running() as running:
        settled(running)
        yard.engine.calls.clear()
        yield running


def configure(yard: Yard, text: str) -> None:
    """Save devrun.toml as most editors do, whole at once."""
    yard.write("devrun.toml.tmp", text)
    (yard.root / "devrun.toml.tmp").replace(yard.root / "devrun.toml")


def acted(yard: Yard) -> list[str]:
    """Return what was done to images and containers."""
    verbs = {"build_image", "recreate", "restart", "stop", "remove"}
    return [call for call in yard.engine.calls if call.split()[0] in verbs]


def reloaded(yard: Yard, daemon: Daemon, text: str) -> None:
    """Wait until the last configuration that was taken up is this one, and all is at rest."""
    until(daemon, lambda _: yard.heard.texts("configured")[-1:] == [text], text)
    # A report from before the reload may say settled; what the state says by now comes after it.
    until(daemon, lambda _: is_settled(daemon._state), "settled")
    settled(daemon)


def barrier(yard: Yard, daemon: Daemon) -> None:
    """Save something, and wait until it is loaded: what was saved before has been looked at by then."""
    yard.write("web.py", f"{SERVE}# {len(yard.heard.outcomes)}\n")
    until(daemon, lambda report: report.settled and yard.loaded() == (yard.root / "web.py").read_text(), "it")


def test_another_port_recreates_its_target_alone(yard: Yard, daemon: Daemon) -> None:
    """Said in one line, which does not stay in status."""
    configure(yard, PORT)
    reloaded(yard, daemon, "devrun.toml changed: web recreated")

    assert acted(yard) == ["recreate web"]
    assert daemon.report().targets["web"].ports == ("127.0.0.1:8000->80/tcp",)
    assert daemon.report().notices == ()
    assert "RecreateContainer (devrun.toml changed)" in yard.heard.actions


def test_a_target_comes_and_another_one_goes(yard: Yard, daemon: Daemon) -> None:
    """The one is started, the other stopped and removed; both are in the report as they are."""
    yard.write("job.py", SERVE)
    configure(yard, '# new\n[targets]\nweb = "web.py"\njob = "job.py"\n')
    reloaded(yard, daemon, "devrun.toml changed: job added, tool removed")

    assert sorted(acted(yard)) == ["recreate job", "remove"]
    assert yard.engine.known_targets() == (JOB, WEB)
    assert set(daemon.report().targets) == {"web", "job"}
    yard.engine.emit(JOB, "hello from job")
    until(daemon, lambda _: "hello from job" in yard.heard.lines, "its output is followed")


def test_a_target_that_is_added_before_its_script_starts_with_it(yard: Yard, daemon: Daemon) -> None:
    """Until then the configuration is refused, which is said."""
    configure(yard, f'# new\n{FILES["devrun.toml"]}job = "job.py"\n')
    until(daemon, lambda report: "no file 'job.py'" in "".join(report.notices), "the refusal")
    yard.write("job.py", SERVE)
    reloaded(yard, daemon, "devrun.toml changed: job added")

    assert daemon.report().notices == ()
    assert daemon.report().targets["job"].state == "running"


def test_a_renamed_target_gets_the_port_of_the_old_one(yard: Yard, daemon: Daemon) -> None:
    """After the old container has ended."""
    configure(yard, PORT)
    reloaded(yard, daemon, "devrun.toml changed: web recreated")
    yard.engine.calls.clear()
    configure(yard, f"# renamed\n{PORT.replace('targets.web', 'targets.job')}")
    reloaded(yard, daemon, "devrun.toml changed: job added, web removed")

    assert acted(yard) == ["remove", "recreate job"]


def test_what_was_not_chosen_is_not_started(yard: Yard) -> None:
    """`devrun watch tool` runs tool, whatever the file says later."""
    with yard.running(only=frozenset({TOOL})) as daemon:
        settled(daemon)
        yard.engine.calls.clear()
        configure(yard, PORT)
        reloaded(yard, daemon, "devrun.toml changed: web changed")

        assert acted(yard) == []
        assert daemon.report().targets["web"].hold == "stopped"


def test_an_invalid_file_changes_nothing_and_is_said_once(yard: Yard, daemon: Daemon) -> None:
    """It is in status until it is mended."""
    configure(yard, f'# wrong\n{FILES["devrun.toml"]}[targets.web.env]\nA = "secret"\n')
    report = until(daemon, lambda report: bool(report.notices), "the refusal")
    assert "devrun.toml:" in report.notices[0]
    assert "secret" not in report.notices[0]
    barrier(yard, daemon)
    assert acted(yard) == ["restart web"]
    assert [notice.splitlines()[0] for notice in yard.heard.texts("notice")] == [
        "devrun.toml is not applied; the last valid configuration stays in force:"
    ]

    configure(yard, f"# mended\n{FILES['devrun.toml']}")
    until(daemon, lambda report: not report.notices, "it is mended")
    assert yard.heard.texts("configured") == []


@pytest.mark.parametrize("what", ["missing", "a folder", "a fifo"])
def test_a_file_that_is_gone_changes_nothing(yard: Yard, daemon: Daemon, what: str) -> None:
    """Containers run on, and edits are loaded."""
    file = yard.root / "devrun.toml"
    file.unlink()
    if what == "a folder":
        file.mkdir()
    elif what == "a fifo":
        os.mkfifo(file)
    until(daemon, lambda report: bool(report.notices), "it is said")
    barrier(yard, daemon)

    assert acted(yard) == ["restart web"]


def test_a_file_that_stays_cut_off_is_taken_up(yard: Yard, daemon: Daemon) -> None:
    """After some seconds it is meant so."""
    configure(yard, '[targets]\nweb = "web.py"\n')
    reloaded(yard, daemon, "devrun.toml changed: tool removed")

    assert acted(yard) == ["remove"]


def test_an_env_file_recreates_only_its_targets(yard: Yard) -> None:
    """Its values are told to nobody."""
    yard.write(".env", "KEY=one\n")
    yard.write(
        "devrun.toml", '[targets]\ntool = "tool.py"\n[targets.web]\nscript = "web.py"\nenv-file = ".env"\n'
    )
    yard.reread()
    with yard.running() as daemon:
        settled(daemon)
        yard.engine.calls.clear()
        yard.write(".env", "KEY=other\n")
        reloaded(yard, daemon, ".env changed: web recreated")

        assert acted(yard) == ["recreate web"]


def test_an_ignore_file_restarts_nothing_by_itself(yard: Yard, daemon: Daemon) -> None:
    """From then on other files count."""
    (yard.root / "lib").mkdir()
    yard.write("lib/a.py", "a = 1\n")
    until(daemon, lambda report: report.settled and report.targets["web"].restarts == 1, "a new file")
    yard.engine.calls.clear()
    yard.write(".dockerignore", "lib\n")
    yard.write("lib/a.py", "a = 2\n")
    barrier(yard, daemon)

    assert "restart tool" not in acted(yard)


def test_a_change_of_rules_restarts_nothing(yard: Yard, daemon: Daemon) -> None:
    """Watching more files is no reason to load those again that are loaded."""
    yard.write("page.html", "1")
    configure(yard, f'# rules\n[project]\nignore = "x.py"\n{FILES["devrun.toml"]}')
    reloaded(yard, daemon, "devrun.toml changed: applied")

    assert acted(yard) == []


def test_another_image_is_built_and_swapped_in(yard: Yard, daemon: Daemon) -> None:
    """An image that a target alone chooses is its own."""
    yard.write("Other", "FROM other\nWORKDIR /app\n")
    configure(
        yard,
        '[images.default]\n[images.other]\ndockerfile = "Other"\n'
        '[targets.tool]\nscript = "tool.py"\nimage = "default"\n'
        '[targets.web]\nscript = "web.py"\nimage = "other"\n',
    )
    reloaded(yard, daemon, "devrun.toml changed: web recreated, image other added")

    assert acted(yard) == ["build_image other", "recreate web"]


def test_an_image_that_goes_while_it_is_built_is_given_up(yard: Yard, daemon: Daemon) -> None:
    """Its build keeps nobody waiting."""
    yard.write("Other", "FROM other\nWORKDIR /app\n")
    with yard.engine.hold("build_image") as hold:
        configure(yard, f'# other\n{FILES["devrun.toml"]}[images.other]\ndockerfile = "Other"\n')
        assert hold.reached.wait(LIMIT_S)
        configure(yard, f"# default\n{FILES['devrun.toml']}")
        reloaded(
            yard,
            daemon,
            "devrun.toml changed: web recreated, tool recreated, image default added, image other removed",
        )

    assert ImageName("other") not in daemon.report().images


def test_an_action_goes_by_the_configuration_that_it_was_decided_by(yard: Yard, daemon: Daemon) -> None:
    """And the newest one is applied after it."""
    with yard.engine.hold("recreate") as hold:
        configure(yard, PORT)
        assert hold.reached.wait(LIMIT_S)
        configure(yard, PORT.replace("8000", "9000"))
        until(daemon, lambda _: len(yard.heard.texts("configured")) == 2, "both were taken up")
    until(
        daemon,
        lambda report: report.settled and report.targets["web"].ports == ("127.0.0.1:9000->80/tcp",),
        "the newest",
    )

    assert acted(yard) == ["recreate web", "recreate web"]


def test_another_name_of_the_project_is_said(yard: Yard, daemon: Daemon) -> None:
    """Names of containers carry it."""
    configure(yard, f'[project]\nname = "other"\n{FILES["devrun.toml"]}')
    report = until(daemon, lambda report: bool(report.notices), "the notice")

    assert "restart devrun to apply the new name" in report.notices[0]
    assert acted(yard) == []


def test_values_of_the_environment_are_told_to_nobody(yard: Yard, caplog: pytest.LogCaptureFixture) -> None:
    """Neither by status and events, nor by any file of the daemon's, nor by its log at its most talkative."""
    caplog.set_level("DEBUG")
    yard.write(".env", "KEY=hunter2-of-a-file\n")
    keys = 'script = "web.py"\nenv-file = ".env"\nenv.B = "hunter2"\n'
    text = f'[targets]\ntool = "tool.py"\n[targets.web]\n{keys}'
    yard.write("devrun.toml", text)
    yard.reread()
    with yard.running() as daemon:
        settled(daemon)
        yard.write(".env", "KEY=hunter2-of-another\n")
        reloaded(yard, daemon, ".env changed: web recreated")
        configure(yard, f'{text}C = "hunter2"\nwrong = 1\n')
        report = until(daemon, lambda report: bool(report.notices), "the refusal")
        told = [encode(report), *map(encode, yard.heard.entries), caplog.text.encode()]
    told += [file.read_bytes() for file in yard.place.state.rglob("*") if file.is_file()]

    assert len(told) > 5
    assert [one for one in told if b"hunter2" in one] == []


def test_what_was_not_granted_is_taken_up_once_it_is(yard: Yard, daemon: Daemon) -> None:
    """Status says what is missing and how to grant it; what runs goes on meanwhile."""
    more = f'# more\n{FILES["devrun.toml"]}[targets.admin]\nscript = "tool.py"\ncap-add = "NET_ADMIN"\n'
    configure(yard, more)
    report = until(daemon, lambda report: bool(report.notices), "the refusal")

    assert "targets.admin.cap-add: capability NET_ADMIN is asked for" in report.notices[0]
    assert "`devrun allow`" in report.notices[0]
    barrier(yard, daemon)
    assert acted(yard) == ["restart web"]

    yard.grants.keep(load(yard.root / "devrun.toml", {}))
    daemon._disk.look()
    reloaded(yard, daemon, "devrun.toml changed: admin added")
