"""The daemon as a whole, on real files and a fake engine: what happens when everything happens at once."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from devrun.config.grants import Grants
from devrun.config.load import load
from devrun.config.project import ImageName, Project, TargetName
from devrun.control.client import Client
from devrun.control.lock import Lock
from devrun.control.place import Place, Roots
from devrun.core.actions import BuildImage
from devrun.core.events import Cancelled, ImageBuilt
from devrun.core.journal import Entry, LogLine
from devrun.core.report import Report
from devrun.core.values import ContainerId, Fingerprint, Phase
from devrun.daemon.loop import Daemon
from devrun.daemon.work import do
from devrun.engine.protocol import Engine
from devrun.errors import DevrunError, EngineError, ExitCode
from devrun.sources.disk import SAME_BATCH_S, Disk
from tests.fake_engine import FakeEngine
from tests.sources.live_disk import write

LIMIT_S = 20.0
IMAGE = ImageName("default")
WEB = TargetName("web")
TOOL = TargetName("tool")
SERVE = "import signal\nsignal.pause()\n"

FILES = {
    "Dockerfile": "FROM python\nWORKDIR /app\nCOPY requirement.txt .\nRUN pip install -r requirement.txt\n",
    "requirement.txt": "flask\n",
    "web.py": SERVE,
    "tool.py": SERVE,
    "devrun.toml": '[targets]\nweb = "web.py"\ntool = "tool.py"\n',
}


@dataclass
class Heard:
    """A listener that remembers."""

    entries: list[Entry] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def told(self, entry: Entry) -> None:
        assert entry.number > (self.entries[-1].number if self.entries else 0) or entry.kind == "step"
        self.entries.append(entry)

    def wrote(self, line: LogLine) -> None:
        self.lines.append(line.text)

    def leave(self) -> None:
        raise AssertionError("nobody ends at once")

    def of(self, *kinds: str) -> list[Entry]:
        """Return what was heard of these kinds."""
        return [entry for entry in self.entries if entry.kind in kinds]

    @property
    def actions(self) -> list[str]:
        return [f"{entry.action} ({entry.text})" for entry in self.of("began")]

    @property
    def outcomes(self) -> list[Entry]:
        return self.of("done", "failed", "lost", "cancelled")

    @property
    def engine(self) -> list[bool]:
        return [entry.kind == "engine up" for entry in self.of("engine up", "engine down")]

    def texts(self, kind: str) -> list[str]:
        return [entry.text for entry in self.of(kind)]


class Yard:
    """A project, its fake engine, and daemons one after the other."""

    def __init__(self, folder: Path, files: Mapping[str, str] = FILES) -> None:
        self.root = folder / "project"
        self.root.mkdir()
        write(self.root, files)
        self.project: Project = load(self.root / "devrun.toml", {})
        self.engine = FakeEngine(self.project)
        roots = Roots(home=folder / "home", runtime=folder / "none", temporary=folder)
        roots.home.mkdir(mode=0o700)
        self.place = Place.of(self.project.key, roots)
        self.heard = Heard()
        self.grants = Grants(self.place.grants)

    def reread(self) -> None:
        """Load the project's file as it is now, for the next daemon."""
        self.project = load(self.root / "devrun.toml", {})

    def connect(self, _project: Project) -> Engine:
        self.engine.ping()
        return self.engine

    def daemon(self, *, only: frozenset[TargetName] = frozenset()) -> Daemon:
        return Daemon(
            self.project, self.connect, self.heard, place=self.place, only=only, permit=self.grants.require
        )

    @contextmanager
    def running(self, **options: frozenset[TargetName]) -> Iterator[Daemon]:
        """Run a daemon in a thread, and end it."""
        daemon = self.daemon(**options)
        ended: list[ExitCode | DevrunError] = []

        def run() -> None:
            try:
                with Lock.acquire(self.place, root=self.root, version="1") as lock:
                    ended.append(daemon.run(lock))
            except DevrunError as error:
                ended.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield daemon
        finally:
            daemon.shutdown(remove=False)
            thread.join(LIMIT_S)
            self.ended = ended[0] if ended else None
            assert not thread.is_alive(), "the daemon does not end"

    def write(self, name: str, text: str) -> None:
        (self.root / name).write_text(text)

    def loaded(self, target: TargetName = WEB) -> str:
        return self.engine.loaded(target)


def until(daemon: Daemon, holds: Callable[[Report], bool], what: str) -> Report:
    """Wait until the report says so."""
    limit = time.monotonic() + LIMIT_S
    while not holds(report := daemon.report()):
        assert time.monotonic() < limit, (what, report)
        threading.Event().wait(0.005)
    return report


def settled(daemon: Daemon) -> Report:
    """Wait until all is at rest."""
    return until(daemon, lambda report: report.settled, "settled")


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)


def test_a_first_start_builds_once_and_starts_every_target(yard: Yard) -> None:
    """Then all is at rest."""
    with yard.running() as daemon:
        report = settled(daemon)

    assert report.images["default"].builds == 1
    assert {target.state for target in report.targets.values()} == {"running"}
    assert yard.heard.actions.count("BuildImage (devrun started)") == 1
    assert yard.heard.texts("step") == ["FROM base"]
    assert yard.heard.engine == [True]


def test_an_edit_is_loaded_by_its_target_only(yard: Yard) -> None:
    """One restart of one target."""
    with yard.running() as daemon:
        settled(daemon)
        yard.write("web.py", f"{SERVE}# new\n")
        until(daemon, lambda report: report.settled and report.targets["web"].restarts == 1, "the restart")

        assert yard.loaded() == f"{SERVE}# new\n"
        assert daemon.report().targets["tool"].restarts == 0
    assert "RestartContainer (web.py changed)" in yard.heard.actions


def test_an_edit_during_a_restart_is_loaded_by_the_next_one(yard: Yard) -> None:
    """The newest state of the disk wins, whatever runs when it is saved."""
    with yard.running() as daemon:
        settled(daemon)
        with yard.engine.hold("restart") as hold:
            yard.write("web.py", f"{SERVE}# one\n")
            assert hold.reached.wait(LIMIT_S)
            yard.write("web.py", f"{SERVE}# two\n")
            until(daemon, lambda report: "restarting" in report.targets["web"].doing, "the restart")
        until(daemon, lambda report: report.settled and yard.loaded() == f"{SERVE}# two\n", "the newest")


@contextmanager
def superseded_build(yard: Yard, daemon: Daemon, requirements: str) -> Iterator[None]:
    """Have a build begin, and be given up for other requirements; builds wait until the block ends."""
    with yard.engine.hold("build_image") as hold:
        yard.write("requirement.txt", "flask\nsix\n")
        assert hold.reached.wait(LIMIT_S)
        yard.write("requirement.txt", requirements)
        until(daemon, lambda _: bool(yard.heard.of("cancelled")), "the end")
        yield


def test_a_build_whose_inputs_change_is_given_up(yard: Yard) -> None:
    """The newest requirements are built, the older ones are not waited for."""
    with yard.running() as daemon:
        settled(daemon)
        with superseded_build(yard, daemon, "flask\nattrs\n"):
            pass
        until(daemon, lambda report: report.settled and report.images["default"].builds == 2, "the build")

    builds = [entry.kind for entry in yard.heard.outcomes if entry.action == "BuildImage"]
    assert builds[-1] == "done"


def test_a_build_that_is_wanted_again_is_not_given_up_for_the_first_one(yard: Yard) -> None:
    """A checkout there and back, and there again: the cancellation of the first build ends with it."""
    with yard.running() as daemon:
        settled(daemon)
        with superseded_build(yard, daemon, "flask\n"):
            yard.write("requirement.txt", "flask\nsix\n")
            until(
                daemon,
                lambda _: "CancelBuild" in [entry.action for entry in yard.heard.outcomes],
                "the end of the cancellation",
            )
        until(daemon, lambda report: report.settled and report.images["default"].builds == 2, "the build")

    assert [entry.kind for entry in yard.heard.outcomes if entry.action == "BuildImage"] == [
        "done",
        "cancelled",
        "done",
    ]


def test_a_build_of_what_was_there_for_a_moment_is_done_again(yard: Yard) -> None:
    """Its tag says what is there, and it would be found by that tag for ever."""
    requirements = yard.root / "requirement.txt"
    sent: list[str] = []

    def send(_fingerprint: Fingerprint) -> str:
        is_first = not sent
        sent.append("six\n" if is_first else requirements.read_text())
        if is_first:
            requirements.write_text("six\n")
            requirements.write_text("flask\n")
        return sent[-1]

    yard.engine.layers = send
    with yard.running() as daemon:
        settled(daemon)

    assert sent == ["six\n", "flask\n"]


def test_nothing_is_built_by_a_file_that_is_out_of_date(yard: Yard) -> None:
    """The disk may go by the new one already: its fingerprint must not be that of an image of the old one."""
    before = yard.project
    yard.write("devrun.toml", f'[image]\nargs = {{ LEVEL = "7" }}\n{FILES["devrun.toml"]}')
    yard.reread()
    disk = Disk.read_once(yard.project)
    build = BuildImage(IMAGE, disk.hash_inputs(IMAGE), 0, "devrun started")

    assert do(build, before, disk, yard.engine, lambda *_: None) == Cancelled(is_outdated=True)
    assert yard.engine.inspect_image(before.images[IMAGE]) == ()
    assert isinstance(do(build, yard.project, disk, yard.engine, lambda *_: None), ImageBuilt)


def test_restarts_go_on_during_a_build(yard: Yard) -> None:
    """A long build keeps nobody waiting."""
    with yard.running() as daemon:
        settled(daemon)
        with yard.engine.hold("build_image") as hold:
            yard.write("requirement.txt", "flask\nsix\n")
            assert hold.reached.wait(LIMIT_S)
            # What is saved at once after the requirements counts as saved with them.
            threading.Event().wait(2 * SAME_BATCH_S)
            yard.write("web.py", f"{SERVE}# meanwhile\n")
            until(daemon, lambda report: report.targets["web"].restarts == 1, "the restart")
            assert yard.loaded() == f"{SERVE}# meanwhile\n"
        until(daemon, lambda report: report.settled and report.targets["web"].restarts == 2, "the swap")


def test_an_engine_that_is_not_there_at_first_is_waited_for(yard: Yard) -> None:
    """It is said once, status answers, and work starts when it comes."""
    yard.engine.go_down()
    with yard.running() as daemon:
        report = until(daemon, lambda _: yard.heard.engine == [False], "it is said")
        assert not report.settled
        assert report.targets["web"].hold == "engine down"
        yard.engine.go_up()
        settled(daemon)

    assert yard.heard.engine == [False, True]


def test_an_engine_that_goes_and_comes_back_gets_what_was_edited_meanwhile(yard: Yard) -> None:
    """What it took with it is started again, once, with the newest source."""
    with yard.running() as daemon:
        settled(daemon)
        yard.engine.go_down(containers_end=True)
        until(daemon, lambda report: not report.engine_up, "it is gone")
        yard.write("web.py", f"{SERVE}# meanwhile\n")
        yard.engine.go_up()
        until(daemon, lambda report: report.engine_up and report.settled, "it is back")

        assert yard.loaded() == f"{SERVE}# meanwhile\n"
        assert yard.loaded(TOOL) == SERVE
        assert [source for name, source in yard.engine.starts if name == WEB] == [
            SERVE,
            f"{SERVE}# meanwhile\n",
        ]


def test_an_engine_that_goes_during_a_restart_is_no_failure(yard: Yard) -> None:
    """Nobody knows what it did, so it is asked when it is back."""
    with yard.running() as daemon:
        settled(daemon)
        with yard.engine.hold("restart") as hold:
            yard.write("web.py", f"{SERVE}# lost\n")
            assert hold.reached.wait(LIMIT_S)
            yard.engine.go_down()
            until(daemon, lambda report: not report.engine_up, "it is gone")
        yard.engine.go_up()
        until(daemon, lambda report: report.settled and yard.loaded() == f"{SERVE}# lost\n", "it is back")

        assert daemon.report().targets["web"].problem is None


def test_a_refusal_is_shown_and_holds_until_the_next_edit(yard: Yard) -> None:
    """The engine's reason and its remedy are in the report."""
    with yard.running() as daemon:
        settled(daemon)
        yard.engine.fail("restart", EngineError("no space left on device", hint="free some"))
        yard.write("web.py", f"{SERVE}# one\n")
        report = until(daemon, lambda report: report.targets["web"].hold == "failed", "the refusal")
        problem = report.targets["web"].problem
        assert problem is not None
        assert (problem.error, problem.hint) == ("no space left on device", "free some")
        yard.write("web.py", f"{SERVE}# two\n")
        until(daemon, lambda report: report.settled and yard.loaded() == f"{SERVE}# two\n", "the next edit")

    assert "failed" in [entry.kind for entry in yard.heard.outcomes]


def test_a_fault_of_our_own_is_a_failure_and_not_the_end(yard: Yard) -> None:
    """A worker that raises what nobody expected is heard of."""
    with yard.running() as daemon:
        settled(daemon)
        yard.engine.fail("restart", RuntimeError("a bug"))  # type: ignore[arg-type]
        yard.write("web.py", f"{SERVE}# one\n")
        report = until(daemon, lambda report: report.targets["web"].hold == "failed", "the fault")

        assert "a bug" in report.targets["web"].doing


def test_the_end_of_a_program_is_explained_by_its_last_lines(yard: Yard) -> None:
    """The tail of the output is part of the report."""
    with yard.running() as daemon:
        settled(daemon)
        yard.engine.emit(WEB, "Traceback (most recent call last):")
        yard.engine.emit(WEB, '  File "/app/web.py", line 3, in <module>')
        yard.engine.emit(WEB, "ValueError: no")
        yard.engine.crash(WEB)
        report = until(daemon, lambda report: bool(report.targets["web"].problem), "the crash")
        until(daemon, lambda report: "ValueError" in str(report.targets["web"].problem), "its words")

    assert report.targets["web"].hold == "crashed"
    assert "ValueError: no" in yard.heard.lines


def test_a_target_that_lost_its_network_gets_it_back(yard: Yard) -> None:
    """Whoever took it away: the report tells the cause."""
    with yard.running() as daemon:
        settled(daemon)
        yard.engine.cut_off(WEB, "its network was taken away")
        report = until(daemon, lambda report: report.targets["web"].restarts == 1, "the new container")

    assert report.targets["web"].last is not None
    assert report.targets["web"].last.cause == "its network was taken away"


def test_a_frameworks_own_reloader_is_hinted_at(yard: Yard) -> None:
    """Two reloaders fight for one program."""
    with yard.running() as daemon:
        settled(daemon)
        yard.engine.emit(WEB, " * Restarting with stat")
        until(daemon, lambda report: bool(report.targets["web"].hints), "the hint")

    assert any("reloader" in hint for hint in yard.heard.texts("hint"))


def test_shutdown_stops_what_runs_and_keeps_it(yard: Yard) -> None:
    """The next daemon starts it again, without a build."""
    with yard.running() as daemon:
        settled(daemon)
    assert yard.ended == ExitCode.OK
    assert {"stop web", "stop tool"} <= set(yard.engine.calls)

    yard.engine._closed = False
    builds = yard.engine.calls.count("build_image default")
    with yard.running() as daemon:
        report = settled(daemon)
        assert {target.state for target in report.targets.values()} == {"running"}
    assert yard.engine.calls.count("build_image default") == builds
    assert "RestartContainer (devrun started)" in yard.heard.actions


def test_shutdown_with_removal_leaves_nothing(yard: Yard) -> None:
    """Containers and network go."""
    with yard.running() as daemon:
        settled(daemon)
        Client.connect(yard.place).shutdown(remove=True)
        assert Client.connect(yard.place).wait_until_gone(LIMIT_S)

    assert "remove_network" in yard.engine.calls
    assert yard.engine._boxes == {}


def test_a_container_that_does_not_stop_keeps_nobody_for_ever(yard: Yard) -> None:
    """After the grace the daemon leaves, and says so."""
    with yard.running() as daemon:
        settled(daemon)
        hold = yard.engine.hold("stop")
        hold.__enter__()
    hold.__exit__(None, None, None)

    assert any("did not stop in time" in notice for notice in yard.heard.texts("notice"))


def test_status_is_answered_over_the_socket_while_a_build_hangs(yard: Yard) -> None:
    """Readers get the newest finished report and wait for nothing."""
    with yard.engine.hold("build_image") as hold, yard.running() as daemon:
        assert hold.reached.wait(LIMIT_S)
        # A worker may be at the engine before the report says that it was sent there.
        until(daemon, lambda report: report.images["default"].doing.startswith("building"), "it is said")
        report = Client.connect(yard.place).status()

        assert report.images["default"].doing == "building: devrun started"
        assert report.targets["web"].hold == "waiting for image"
        assert daemon.report().pid == report.pid


def test_containers_of_a_target_that_the_file_does_not_name_are_removed(yard: Yard) -> None:
    """They are found by their labels when the engine is connected."""
    with yard.running() as daemon:
        settled(daemon)
    yard.engine._closed = False
    box = next(iter(yard.engine._boxes.values()))
    box.target = load_with(yard, 'old = "web.py"\n').targets[TargetName("old")]

    with yard.running() as daemon:
        settled(daemon)
        until(daemon, lambda _: TargetName("old") not in yard.engine.known_targets(), "it is gone")
        assert yard.engine.known_targets() == (TOOL, WEB)


def load_with(yard: Yard, targets: str) -> Project:
    file = yard.root / "other.toml"
    file.write_text(f"[targets]\n{targets}")
    return load(file, {})


def test_what_an_earlier_daemon_started_is_adopted_by_the_cache(yard: Yard) -> None:
    """A touched file would look newer than the start; the cache knows better."""
    with yard.running() as daemon:
        settled(daemon)
        row = dict(daemon._state.targets)[WEB].loaded
    assert row is not None
    yard.engine._closed = False
    box = yard.engine._box(ContainerId(row.container))
    box.seen = replace(box.seen, phase=Phase.RUNNING)
    (yard.root / "web.py").touch()
    starts = len([name for name, _ in yard.engine.starts if name == WEB])
    with yard.running() as daemon:
        settled(daemon)

    assert len([name for name, _ in yard.engine.starts if name == WEB]) == starts


def test_a_part_that_dies_ends_the_daemon_with_its_name(yard: Yard) -> None:
    """Half alive is worse than dead."""
    with yard.running() as daemon:
        settled(daemon)
        daemon._part_died("watcher", RuntimeError("a bug"))
        until(daemon, lambda _: is_gone(yard), "the end")

    assert isinstance(yard.ended, DevrunError)
    assert "the watcher died" in yard.ended.message


def is_gone(yard: Yard) -> bool:
    """Tell whether no daemon serves the project."""
    try:
        Client.connect(yard.place)
    except DevrunError:
        return True
    return False


def test_only_the_chosen_targets_are_started(yard: Yard) -> None:
    """The others are left as they are."""
    with yard.running(only=frozenset({TOOL})) as daemon:
        report = settled(daemon)

    assert report.targets["tool"].state == "running"
    assert report.targets["web"].hold == "stopped"


def ordered(yard: Yard, keys: str) -> None:
    """Give `web` some keys, and let `tool` be started only for it."""
    tool = '[targets.tool]\nscript = "tool.py"\nautostart = false\n'
    yard.write("devrun.toml", f'{tool}[targets.web]\nscript = "web.py"\n{keys}')
    yard.reread()


def test_what_a_target_needs_is_started_before_it(yard: Yard) -> None:
    """Although it is not started by itself."""
    ordered(yard, 'depends-on = { tool = "healthy" }\n')
    with yard.running() as daemon:
        settled(daemon)

    assert [name for name, _ in yard.engine.starts] == [TOOL, WEB]
    assert "waiting for tool: not healthy yet" in yard.heard.texts("held")


def test_a_target_that_is_not_healthy_says_why(yard: Yard) -> None:
    """In the report and to whoever waits."""
    yard.engine.answers["ready"] = 3
    ordered(yard, 'healthcheck = ["ready"]\n')
    with yard.running() as daemon:
        report = until(daemon, lambda report: bool(report.targets["web"].unready), "the reason")
        assert report.targets["web"].unready == "ready exits with 3"
        outcome = Client.connect(yard.place).wait(timeout_s=0.2)
        assert [problem.error for problem in outcome.problems] == ["ready exits with 3"]
        yard.engine.answers["ready"] = 0
        report = until(daemon, lambda report: report.targets["web"].ready, "the good answer")
        assert report.targets["web"].unready == ""


def test_a_command_before_a_start_that_fails_is_shown_and_changes_nothing(yard: Yard) -> None:
    """The program that runs goes on; the next edit tries again."""
    ordered(yard, 'before-start = "migrate"\n')
    yard.engine.answers["migrate"] = 0
    with yard.running() as daemon:
        settled(daemon)
        yard.engine.answers["migrate"] = 1
        yard.write("web.py", f"{SERVE}# one\n")
        report = until(daemon, lambda report: report.targets["web"].hold == "failed", "the failure")
        problem = report.targets["web"].problem
        assert problem is not None
        assert (problem.error, problem.output) == ('before-start "migrate" exits with 1', ("said migrate",))
        assert yard.loaded() == SERVE
        yard.engine.answers["migrate"] = 0
        yard.write("web.py", f"{SERVE}# two\n")
        until(daemon, lambda report: report.settled and yard.loaded() == f"{SERVE}# two\n", "the next edit")


def test_a_command_before_a_start_ends_with_the_daemon(yard: Yard) -> None:
    """However long it would take; what ran before it is stopped as ever."""
    ordered(yard, 'before-start = "migrate"\n')
    yard.engine.answers["migrate"] = 0
    with yard.running() as daemon:
        settled(daemon)
        yard.engine.answers["migrate"] = None
        yard.write("web.py", f"{SERVE}# one\n")
        until(daemon, lambda report: "restarting" in report.targets["web"].doing, "the command")

    assert yard.ended == ExitCode.OK
    assert yard.engine.calls[-1] != "restart web"
    assert "stop web" in yard.engine.calls
    assert not any("did not stop" in notice for notice in yard.heard.texts("notice"))
