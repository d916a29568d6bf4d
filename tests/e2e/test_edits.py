"""An edit, and what follows: on the example with three scripts, a real engine and a real daemon."""

import threading
import time

import pytest

from tests.e2e.conftest import Sandbox

pytestmark = pytest.mark.engine


def test_an_edited_script_restarts_its_own_target_only(scripts: Sandbox) -> None:
    """The new code is served; the other targets are not touched."""
    assert scripts.serves("Hello, world!")
    others = {name: scripts.start_of(name) for name in ("hello-cmd", "new-hello")}
    before, first = scripts.target("hello"), scripts.start_of("hello")

    scripts.edit("hello.py", "Hello, world!", "Hello, edit!")
    after = scripts.restarted("hello", before, "hello restarted")

    assert scripts.serves("Hello, edit!")
    assert after.last is not None
    assert (after.last.action, after.last.cause) == ("RestartContainer", "hello.py changed")
    assert scripts.start_of("hello").container == first.container
    assert scripts.start_of("hello").started != first.started
    assert {name: scripts.start_of(name) for name in others} == others
    assert after.restarts == before.restarts + 1


def test_touch_the_same_bytes_and_a_comment_in_the_requirements_do_nothing(scripts: Sandbox) -> None:
    """A later edit of another script is all that happens."""
    first = scripts.start_of("hello")
    before, builds = scripts.target("hello-cmd"), scripts.image().builds
    for name in ("hello.py", "requirement.txt", "Dockerfile"):
        (scripts.folder / name).touch()
        scripts.write(name, (scripts.folder / name).read_text())
    scripts.write("requirement.txt", "# why\n\n" + (scripts.folder / "requirement.txt").read_text())
    scripts.write("notes.txt", "nothing of python's")

    scripts.edit("hello-cmd.py", "Hello", "Hallo")
    scripts.restarted("hello-cmd", before, "the later edit")

    assert scripts.start_of("hello") == first
    assert scripts.image().builds == builds


def test_a_package_more_is_one_build_and_one_swap(scripts: Sandbox) -> None:
    """`pip list` in the container shows it, and nothing is restarted beside."""
    before, builds = scripts.target("hello"), scripts.image().builds
    first = scripts.start_of("hello")

    scripts.write("requirement.txt", (scripts.folder / "requirement.txt").read_text() + "\niniconfig\n")
    after = scripts.restarted("hello", before, "the swap")

    assert "iniconfig" in scripts.inside("hello", "python", "-m", "pip", "list")
    assert scripts.image().builds == builds + 1
    assert after.restarts == before.restarts + 1
    assert scripts.start_of("hello").container != first.container
    assert scripts.serves("Hello, world!")


def test_requirements_and_code_in_one_batch_are_one_swap_and_no_other_restart(scripts: Sandbox) -> None:
    """Code that needs a new package is never started without it."""
    before = scripts.target("hello")
    requirements = (scripts.folder / "requirement.txt").read_text()
    script = (scripts.folder / "hello.py").read_text()
    (scripts.folder / "hello.py").write_text(
        "import iniconfig\n" + script.replace("Hello, world!", "With a package!")
    )
    (scripts.folder / "requirement.txt").write_text(requirements + "\niniconfig\n")

    after = scripts.restarted("hello", before, "the swap")

    assert scripts.serves("With a package!")
    assert after.restarts == before.restarts + 1
    assert after.last is not None
    assert after.last.action == "RecreateContainer"


def test_a_failed_build_leaves_the_old_container_serving_and_restarting(scripts: Sandbox) -> None:
    """Status has the failing step and its output; the next edit of code restarts the old container."""
    before, first = scripts.target("hello"), scripts.start_of("hello")
    scripts.write("requirement.txt", "Flask\nthere-is-no-such-package-at-all\n")
    report = scripts.until(lambda report: report.images["default"].hold == "failed", "the build fails")

    problem = report.images["default"].problem
    assert problem is not None
    assert "pip install" in problem.step
    assert any("there-is-no-such-package-at-all" in line for line in problem.output)
    assert scripts.start_of("hello") == first
    assert scripts.serves("Hello, world!")

    scripts.edit("hello.py", "Hello, world!", "Hello, still!")
    scripts.until(lambda report: report.targets["hello"].restarts > before.restarts, "the edit")
    assert scripts.serves("Hello, still!")
    assert scripts.start_of("hello").container == first.container
    shown = scripts.devrun("status")
    assert "pip install" in shown.stdout
    assert "there-is-no-such-package-at-all" in shown.stdout


def test_a_syntax_error_leaves_the_running_process_alone(scripts: Sandbox) -> None:
    """The line is named, the old code serves on, and the mended file is loaded."""
    before, first = scripts.target("hello"), scripts.start_of("hello")
    text = (scripts.folder / "hello.py").read_text()
    scripts.write("hello.py", text + "\ndef broken(:\n")
    report = scripts.until(lambda report: report.targets["hello"].hold == "syntax error", "the hold")

    line = len(text.splitlines()) + 2
    assert report.targets["hello"].doing.startswith(f"hello.py:{line}: ")
    assert scripts.start_of("hello") == first
    assert scripts.serves("Hello, world!")

    scripts.write("hello.py", text.replace("Hello, world!", "Hello, mended!"))
    scripts.restarted("hello", before, "the mended file")
    assert scripts.serves("Hello, mended!")


def test_two_saves_of_equal_size_within_one_second_never_serve_old_code(scripts: Sandbox) -> None:
    """Twenty times: byte code that only looks current is not run."""
    (scripts.folder / "page.py").write_text('TEXT = "page 00"\n')
    before = scripts.target("hello")
    scripts.edit("hello.py", "from flask import Flask", "from flask import Flask\nimport page")
    scripts.restarted("hello", before, "hello imports page")
    scripts.edit("hello.py", '"Hello, world!"', "page.TEXT")
    assert scripts.serves("page 00")

    for number in range(1, 21):
        # A second of the clock has room for both saves, and for a start between them.
        threading.Event().wait(1 - time.time() % 1)
        scripts.write("page.py", f'TEXT = "early {number:02}"\n')
        early = (scripts.folder / "page.py").stat()
        threading.Event().wait(0.045 * number)
        scripts.write("page.py", f'TEXT = "later {number:02}"\n')
        later = (scripts.folder / "page.py").stat()
        assert (early.st_size, int(early.st_mtime)) == (later.st_size, int(later.st_mtime))
        assert scripts.serves(f"later {number:02}", 60), scripts.output()


def test_scripts_that_end_with_0_are_not_run_again_until_they_change(scripts: Sandbox) -> None:
    """They are shown as exited, and the web target runs on."""
    report = scripts.until(
        lambda report: all(report.targets[name].doing == "exited 0" for name in ("hello-cmd", "new-hello")),
        "both scripts end",
    )
    assert report.targets["hello"].state == "running"
    first, untouched = scripts.start_of("hello"), scripts.start_of("new-hello")

    scripts.write("hello-cmd.py", 'print("Said again")\n')
    scripts.restarted("hello-cmd", report.targets["hello-cmd"], "the edited script runs again")

    assert scripts.start_of("new-hello") == untouched
    assert scripts.start_of("hello") == first
    scripts.until(lambda _: "Said again" in scripts.output(), "its output")


def test_a_new_file_in_a_new_folder_counts(scripts: Sandbox) -> None:
    """`mkdir -p` and a save right after it are not missed, and neither is the next save."""
    before = scripts.target("hello")
    (scripts.folder / "deep" / "er").mkdir(parents=True)
    scripts.write("deep/er/module.py", "A = 1\n")
    before = scripts.restarted("hello", before, "a new file")
    scripts.write("deep/er/module.py", "A = 2\n")

    assert scripts.restarted("hello", before, "its next save").last is not None


def test_a_crashed_program_is_shown_with_its_line_and_started_by_the_next_save(scripts: Sandbox) -> None:
    """Status names file, line and exception."""
    before = scripts.target("hello")
    text = (scripts.folder / "hello.py").read_text()
    scripts.write("hello.py", "def fail():\n    return 1 / 0\n\nfail()\n" + text)
    scripts.until(
        lambda report: "hello.py:2: ZeroDivisionError" in str(report.targets["hello"].problem), "the crash"
    )
    assert scripts.target("hello").hold == "crashed"

    scripts.write("hello.py", text)
    scripts.restarted("hello", before, "the mended file")
    assert scripts.serves("Hello, world!")
