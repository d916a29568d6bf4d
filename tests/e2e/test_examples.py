"""Every example: it starts, and an edit does what its README says."""

from collections.abc import Callable

import pytest

from devrun.errors import ExitCode
from tests.e2e.conftest import Sandbox

pytestmark = pytest.mark.engine

Make = Callable[[str], Sandbox]


def test_a_script_in_the_image_is_rebuilt_when_it_changes(sandbox: Make) -> None:
    """01: without a WORKDIR there is no mount, so a changed script means a rebuild."""
    project = sandbox("01-script").watch()
    project.settled("the first start")
    project.until(lambda _: "Hello, world!" in project.output(), "its output")
    before = project.target("main")
    project.edit("hello.py", "Hello, world!", "Hello, rebuild!")
    after = project.restarted("main", before, "the rebuild")

    project.until(lambda _: "Hello, rebuild!" in project.output(), "its new output")
    assert project.image().builds == 2
    assert after.last is not None
    assert after.last.action == "RecreateContainer"


def test_flask_serves_the_edited_script(sandbox: Make) -> None:
    """02: the folder is mounted over the copy in the image, so a restart is enough."""
    project = sandbox("02-flask").watch()
    project.settled("the first start")
    assert project.serves("Hello, world!")
    before, builds = project.target("web"), project.image().builds
    project.edit("hello.py", "Hello, world!", "Hello, flask!")
    project.restarted("web", before, "the restart")

    assert project.serves("Hello, flask!")
    assert project.image().builds == builds


def test_three_scripts_run_from_one_image(sandbox: Make) -> None:
    """03: one build, three containers."""
    project = sandbox("03-scripts").watch()
    project.settled("the first start")

    assert project.serves("Hello, world!")
    assert project.image().builds == 1
    assert len({project.start_of(name).image for name in ("hello", "hello-cmd", "new-hello")}) == 1
    for text in ("hello-cmd | Hello from command line", "new-hello | Hello! === "):
        project.until(lambda _, text=text: text in project.output(), text)  # type: ignore[misc]


def test_the_virtual_environment_of_the_image_is_used(sandbox: Make) -> None:
    """04: check-venv.py prints /venv and /venv/bin/python."""
    project = sandbox("04-venv").watch()
    project.settled("the first start")
    project.until(lambda _: "/venv/bin/python" in project.output(), "its output")
    lines = [
        line.partition("| ")[2] for line in project.output().splitlines() if line.startswith("check-venv")
    ]

    assert lines == ["/venv", "/venv/bin/python"]
    assert project.serves("Hello, world!")


def test_the_faulty_dockerfile_is_explained(sandbox: Make) -> None:
    """05: it copies hello.py and starts ./example.py; status names the missing file."""
    project = sandbox("05-mistake").watch()
    project.until(lambda report: "example.py" in str(report.targets["main"].problem), "the crash's words")

    assert project.target("main").hold == "crashed"
    assert "the container has no file" in project.devrun("status").stdout


@pytest.mark.parametrize("example", ["01-script", "02-flask", "03-scripts", "04-venv", "05-mistake"])
def test_check_explains_every_example(sandbox: Make, example: str) -> None:
    """`devrun check` finds nothing wrong, and says what is built, run and mounted."""
    project = sandbox(example)
    check = project.devrun("check")

    assert check.returncode == ExitCode.OK, check.stderr
    assert "Dockerfile" in check.stdout
    assert "mount" in check.stdout
