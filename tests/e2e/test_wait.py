"""`devrun wait` after a save, an error, a crash: exact, on a real engine and a real daemon."""

import shutil
from collections.abc import Callable, Iterator

import pytest

from devrun.engine.connection import Connection
from devrun.errors import ExitCode
from tests.e2e.conftest import EXAMPLES, Sandbox

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("wait")]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, connection: Connection) -> Iterator[Sandbox]:
    """The example with three scripts, watched, and at rest, for the tests here."""
    folder = tmp_path_factory.mktemp("wait") / "03-scripts"
    shutil.copytree(EXAMPLES / folder.name, folder)
    project = Sandbox(folder, connection).watch()
    yield project
    project.close()


@pytest.fixture
def scripts(shared: Sandbox) -> Sandbox:
    """The same with its files as they were, and everything started anew."""
    shutil.copytree(EXAMPLES / shared.folder.name, shared.folder, dirs_exist_ok=True)
    shared.until(lambda _: True, "it answers")
    assert shared.devrun("restart", "--no-wait").returncode == 0
    waited = shared.devrun("wait", "--timeout", "100")
    assert waited.returncode == 0, f"{waited.stderr}\n{shared.status()}\n{shared.output()}"
    return shared


def test_after_a_save_and_a_wait_the_page_is_the_new_one(scripts: Sandbox) -> None:
    """At once, and every time."""
    text = (scripts.folder / "hello.py").read_text()
    for number in range(10):
        scripts.write("hello.py", text.replace("Hello, world!", f"Hello, {number}!"))
        waited = scripts.devrun("wait", "--timeout", "60")
        page = scripts.page()

        assert (waited.returncode, waited.stdout, waited.stderr) == (0, "", ""), scripts.output()
        assert f"Hello, {number}!" in page, scripts.output()


def test_a_wait_from_the_beginning_ends_when_all_is_built_and_serves(
    sandbox: Callable[[str], Sandbox],
) -> None:
    """Nothing but the daemon has to be there; scripts that end with 0 are done."""
    project = sandbox("03-scripts").watch()
    project.until(lambda _: True, "it answers")
    waited = project.devrun("-v", "wait", "--timeout", "120")

    assert waited.returncode == 0, waited.stderr
    assert waited.stderr.startswith("devrun: ready after ")
    assert "Hello, world!" in project.page()


def test_a_new_package_and_the_code_that_needs_it_are_there_after_the_wait(scripts: Sandbox) -> None:
    """Through build and swap."""
    text = (scripts.folder / "hello.py").read_text()
    requirements = (scripts.folder / "requirement.txt").read_text()
    scripts.write("requirement.txt", f"{requirements}\niniconfig\n")
    scripts.write("hello.py", "import iniconfig\n" + text.replace("Hello, world!", "With a package!"))
    waited = scripts.devrun("wait", "--timeout", "120")

    assert waited.returncode == 0, waited.stderr
    assert "With a package!" in scripts.page()


def test_a_syntax_error_ends_the_wait_with_its_line(scripts: Sandbox) -> None:
    """The mended file is waited for again."""
    text = (scripts.folder / "hello.py").read_text()
    line = len(text.splitlines()) + 2
    scripts.write("hello.py", text + "\ndef broken(:\n")
    waited = scripts.devrun("wait", "--timeout", "60")

    assert waited.returncode == ExitCode.TARGET_FAILED
    assert waited.stderr.startswith(f"error: hello: hello.py:{line}: ")
    assert "Hello, world!" in scripts.page()
    scripts.write("hello.py", text.replace("Hello, world!", "Hello, mended!"))
    assert scripts.devrun("wait", "hello", "--timeout", "60").returncode == 0
    assert "Hello, mended!" in scripts.page()


def test_a_failed_build_ends_the_wait_with_its_step(scripts: Sandbox) -> None:
    """And its last lines."""
    scripts.write("requirement.txt", "Flask\nthere-is-no-such-package-at-all\n")
    waited = scripts.devrun("wait", "--timeout", "120")

    assert waited.returncode == ExitCode.TARGET_FAILED
    assert waited.stderr.startswith("error: image default: ")
    assert "pip install" in waited.stderr
    assert "there-is-no-such-package-at-all" in waited.stderr


def test_a_crash_at_the_start_ends_the_wait_with_its_line(scripts: Sandbox) -> None:
    """Also one that comes while the program seems to run."""
    text = (scripts.folder / "hello.py").read_text()
    scripts.write("hello.py", "def fail():\n    return 1 / 0\n\nfail()\n" + text)
    waited = scripts.devrun("wait", "--timeout", "60")
    assert waited.returncode == ExitCode.TARGET_FAILED
    assert "hello.py:2: ZeroDivisionError" in waited.stderr

    scripts.write("hello.py", text)
    scripts.write("hello-cmd.py", "import time\ntime.sleep(0.2)\nraise SystemExit('no luck')\n")
    waited = scripts.devrun("wait", "--timeout", "60")
    assert waited.returncode == ExitCode.TARGET_FAILED
    assert waited.stderr.startswith("error: hello-cmd: exited with 1\n  | no luck\n"), waited.stderr
    assert scripts.devrun("wait", "hello").returncode == 0


def test_a_container_that_was_just_killed_is_not_ready(scripts: Sandbox) -> None:
    """Whether or not the engine has told it yet."""
    scripts.engine.kill(scripts.start_of("hello").container)
    waited = scripts.devrun("wait", "--timeout", "60")

    assert waited.returncode == ExitCode.TARGET_FAILED
    assert waited.stderr.startswith("error: hello: ")


def test_a_port_on_which_nobody_listens_is_waited_for_until_the_time_is_over(scripts: Sandbox) -> None:
    """The engine accepts connections to it all the same."""
    before = scripts.target("hello")
    scripts.write("hello.py", "import signal\nsignal.pause()\n")
    scripts.until(
        lambda report: report.settled and report.targets["hello"].restarts > before.restarts, "the restart"
    )
    waited = scripts.devrun("wait", "--timeout", "3")

    assert waited.returncode == ExitCode.TIMED_OUT
    assert f"error: hello: nothing answers at 127.0.0.1:{scripts.port}" in waited.stderr
    report = scripts.status()
    assert (report.settled, report.targets["hello"].ready) == (True, False)
    assert "starting" in scripts.devrun("status").stdout


def test_without_a_daemon_nothing_is_waited_for(sandbox: Callable[[str], Sandbox]) -> None:
    """Scripts can tell it by the exit code."""
    assert sandbox("03-scripts").devrun("wait").returncode == ExitCode.NOT_RUNNING


def test_an_unknown_target_is_a_usage_error(scripts: Sandbox) -> None:
    """With the names that there are."""
    waited = scripts.devrun("wait", "hallo")

    assert waited.returncode == ExitCode.USAGE
    assert "no target is called hallo" in waited.stderr
    assert "hello-cmd" in waited.stderr
