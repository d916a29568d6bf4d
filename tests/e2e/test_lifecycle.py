"""The life of the daemon: one only, adoption, the end, and what is left behind."""

import signal
from collections.abc import Callable

import pytest

from devrun.errors import ExitCode
from tests.e2e.conftest import Sandbox, as_json

pytestmark = pytest.mark.engine


def test_ctrl_c_stops_the_containers_and_the_next_watch_starts_them_without_a_build(scripts: Sandbox) -> None:
    """Containers are kept, so they come back as they were."""
    first = scripts.start_of("hello")
    assert scripts.kill(signal.SIGINT) == ExitCode.INTERRUPTED
    assert scripts.page() == ""
    assert scripts.devrun("status").returncode == ExitCode.NOT_RUNNING

    scripts.watch()
    scripts.settled("the second start")
    assert scripts.start_of("hello").container == first.container
    assert scripts.image().builds == 0
    assert scripts.serves("Hello, world!")


def test_a_killed_daemons_containers_are_adopted_where_nothing_changed(scripts: Sandbox) -> None:
    """No restart after kill -9, since what is loaded is what is there."""
    first = scripts.start_of("hello")
    scripts.kill(signal.SIGKILL)
    assert scripts.serves("Hello, world!")

    scripts.watch()
    report = scripts.settled("the second start")
    assert scripts.start_of("hello") == first
    assert report.targets["hello"].restarts == 0
    assert report.images["default"].builds == 0


def test_a_killed_daemons_containers_are_restarted_once_where_something_changed(scripts: Sandbox) -> None:
    """What was saved while no daemon ran is applied by the next one."""
    first = scripts.start_of("hello")
    scripts.kill(signal.SIGKILL)
    scripts.edit("hello.py", "Hello, world!", "Hello, meanwhile!")

    scripts.watch()
    report = scripts.settled("the second start")
    assert scripts.serves("Hello, meanwhile!")
    assert scripts.start_of("hello").container == first.container
    assert report.targets["hello"].restarts == 1


def test_one_daemon_for_each_project(scripts: Sandbox) -> None:
    """The second one says who runs already, and changes nothing."""
    first = scripts.start_of("hello")
    second = scripts.devrun("watch")

    assert second.returncode == ExitCode.ALREADY_RUNNING
    assert scripts.daemon is not None
    assert str(scripts.daemon.pid) in second.stderr
    assert scripts.start_of("hello") == first
    assert scripts.settled().targets["hello"].state == "running"


def test_down_ends_the_daemon_and_removes_containers_and_network(scripts: Sandbox) -> None:
    """Nothing of the project is left on the engine but its image."""
    assert scripts.daemon is not None
    down = scripts.devrun("down")

    assert down.returncode == 0, down.stderr
    assert scripts.daemon.wait(30) == ExitCode.OK
    assert scripts.containers() == []
    networks = scripts.engine.networks(filters={"label": [f"dev.devrun.root={scripts.key}"]})
    assert networks == []


def test_down_works_without_a_daemon(scripts: Sandbox) -> None:
    """What a killed daemon left is known by its labels."""
    scripts.kill(signal.SIGKILL)
    assert len(scripts.containers()) == 3
    down = scripts.devrun("down")

    assert down.returncode == 0, down.stderr
    assert scripts.containers() == []


def test_status_json_is_the_whole_report(scripts: Sandbox) -> None:
    """For scripts: versioned, complete, without values of the environment."""
    shown = scripts.devrun("status", "--json")
    said = as_json(shown.stdout)

    assert shown.returncode == 0
    assert said["version"] == 1
    assert said["engine_up"] is True
    assert isinstance(said["targets"], dict)
    assert set(said["targets"]) == {"hello", "hello-cmd", "new-hello"}
    assert str(scripts.port) in said["targets"]["hello"]["ports"][0]


def test_only_the_named_targets_are_started(sandbox: Callable[[str], Sandbox]) -> None:
    """`devrun watch hello-cmd` leaves the others alone."""
    project = sandbox("03-scripts").watch("hello-cmd")
    report = project.until(lambda report: report.targets["hello-cmd"].doing == "exited 0", "the script's end")

    assert report.targets["hello"].hold == "stopped"
    assert len(project.containers()) == 1


def test_a_change_of_devrun_toml_is_applied_to_what_it_concerns(scripts: Sandbox) -> None:
    """One target gets a new container, one goes, one comes; the server is not touched, nothing is built."""
    kept, before = scripts.start_of("hello"), scripts.start_of("new-hello")
    text = (scripts.folder / "devrun.toml").read_text()
    changed = text.replace('hello-cmd = "', 'second = "').replace(
        'new-hello = "new-hello.py"', 'new-hello = { script = "new-hello.py", env = { A = "1" } }'
    )
    scripts.write("devrun.toml", changed)
    said = "devrun.toml changed: second added, new-hello recreated, hello-cmd removed"
    report = scripts.until(
        lambda report: report.settled and "second" in report.targets and said in scripts.output(),
        "it is applied",
    )

    assert set(report.targets) == {"hello", "new-hello", "second"}
    assert scripts.start_of("hello") == kept
    assert scripts.start_of("new-hello").container != before.container
    assert len(scripts.containers()) == 3
    assert scripts.image().builds == 1


def test_a_devrun_toml_that_is_wrong_is_said_and_changes_nothing(scripts: Sandbox) -> None:
    """The last good one stays in force until it is mended."""
    kept, text = scripts.start_of("hello"), (scripts.folder / "devrun.toml").read_text()
    scripts.write("devrun.toml", f"{text}wrong = 1\n")
    report = scripts.until(lambda report: bool(report.notices), "the refusal")
    assert "devrun.toml:12: targets.wrong: " in report.notices[0]
    assert "targets.wrong" in scripts.devrun("status").stdout

    scripts.write("devrun.toml", f"# mended\n{text}")
    scripts.until(lambda report: report.settled and not report.notices, "it is mended")
    assert scripts.start_of("hello") == kept
    assert len(scripts.containers()) == 3


def test_a_container_that_is_removed_from_outside_comes_back_with_the_next_edit(scripts: Sandbox) -> None:
    """What another hand did is not fought, but the target is wanted."""
    scripts.engine.kill(scripts.start_of("hello").container)
    scripts.until(lambda report: report.targets["hello"].hold == "crashed", "it is shown")
    before = scripts.target("hello")
    scripts.edit("hello.py", "Hello, world!", "Hello, again!")
    scripts.restarted("hello", before, "the edit")

    assert scripts.serves("Hello, again!")


def test_a_network_that_is_taken_away_comes_back_at_once(scripts: Sandbox) -> None:
    """Its container is hidden from the user, who hears of it where another hand has ended it."""
    before = scripts.target("hello")
    begin = f"{before.container}.net-"
    (sandbox,) = (name for name in scripts.containers(hidden=True) if name.startswith(begin))
    assert begin not in scripts.devrun("status").stdout
    scripts.engine.kill(sandbox)
    scripts.until(lambda report: report.targets["hello"].restarts > before.restarts, "the new container")

    last = scripts.target("hello").last
    assert last is not None
    assert last.cause == "its network sandbox ended"
    assert scripts.serves("Hello, world!")
    assert "kept over restarts" in scripts.devrun("doctor").stdout


def test_a_port_that_is_taken_is_named_and_tried_again_with_the_next_edit(
    sandbox: Callable[[str], Sandbox],
) -> None:
    """The holder is named where it can be seen; no half-made container is left."""
    import socket

    project = sandbox("03-scripts")
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", project.port))
        holder.listen()
        project.watch()
        report = project.until(lambda report: report.targets["hello"].hold == "failed", "the failure")
        problem = report.targets["hello"].problem
        assert problem is not None
        assert str(project.port) in problem.error
        assert report.targets["hello"].state == "missing"
        assert len(project.containers()) == 2
    project.edit("hello.py", "Hello, world!", "Hello, port!")

    assert project.serves("Hello, port!", 60), project.output()
