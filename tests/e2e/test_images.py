"""Images are known by what they are made of: on a real engine, counted by the engine's own tags and ids."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devrun.control.client import Client
from devrun.core.waiting import Ending
from devrun.engine.connection import Connection
from tests.e2e.conftest import Sandbox

pytestmark = pytest.mark.engine

FILES = {
    "devrun.toml": """\
[project]
name = "tiny"
[image]
args = { PYTHON_IMAGE = "${DEVRUN_PYTHON_IMAGE}" }
[targets]
one = "hello.py"
""",
    "Dockerfile": """\
ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE}
WORKDIR /app
COPY requirements.txt .
RUN echo 0
""",
    "requirements.txt": "flask==2\nrich\n",
    "hello.py": "print('Hello')\n",
}
"""Nothing is installed, so that a build takes moments; the script ends at once."""
KEPT = 3
MakeProject = Callable[[str], Sandbox]


@pytest.fixture
def checkout(tmp_path: Path, connection: Connection) -> Iterator[MakeProject]:
    """Make a checkout of the project in a folder of its own, watched and at rest."""
    made: list[Sandbox] = []

    def make(name: str) -> Sandbox:
        folder = tmp_path / name / "tiny"
        folder.mkdir(parents=True)
        made.append(Sandbox(folder, connection))
        for file, text in FILES.items():
            made[-1].write(file, text)
        made[-1].watch()
        made[-1].settled("the first start")
        return made[-1]

    yield make
    for one in made:
        one.close()


def seen(project: Sandbox) -> None:
    """Return when all that was saved is built and loaded."""
    outcome = Client.connect(project.place).wait(timeout_s=60)
    assert outcome.outcome == Ending.READY.value, (outcome, project.output())


def tags(project: Sandbox) -> set[str]:
    """Return the tags of a checkout's images, asked of the engine."""
    images = project.engine.images(filters={"label": [f"dev.devrun.root={project.key}"]})
    return {tag.rpartition(":")[2] for image in images for tag in image["RepoTags"] or ()}


def test_requirements_forth_and_back_are_a_swap_without_a_build(checkout: MakeProject) -> None:
    """The image of before is still there, with the same id, and is used again."""
    project = checkout("here")
    first, started = project.image(), project.start_of("one")

    project.write("requirements.txt", "flask==2\nrich\nattrs\n")
    seen(project)
    other = project.image()
    project.write("requirements.txt", FILES["requirements.txt"])
    seen(project)
    back = project.image()

    assert other.fingerprint != first.fingerprint
    assert (back.fingerprint, back.id) == (first.fingerprint, first.id)
    assert (other.builds, back.builds) == (first.builds + 1, first.builds + 1)
    assert project.start_of("one").image == started.image


def test_another_spelling_of_the_requirements_recreates_nothing(checkout: MakeProject) -> None:
    """Neither is anything built or restarted."""
    project = checkout("here")
    first, started = project.image(), project.start_of("one")

    project.write("requirements.txt", "# what the site needs\n\nRICH\nFlask == 2  # why\n")
    seen(project)

    after = project.image()
    assert (after.builds, after.id, after.fingerprint) == (first.builds, first.id, first.fingerprint)
    assert project.start_of("one") == started


def test_two_checkouts_never_remove_each_others_images(checkout: MakeProject) -> None:
    """Of many builds the newest stay, and those that a container uses; another folder's are not touched."""
    busy, calm = checkout("busy"), checkout("calm")
    calm.edit("Dockerfile", "echo 0", "echo calm")
    seen(calm)
    calms, first = tags(calm), busy.image()
    user = busy.engine.create_container(first.id, ["true"])

    built = []
    try:
        for number in range(1, 6):
            busy.edit("Dockerfile", f"echo {number - 1}", f"echo {number}")
            seen(busy)
            built.append(busy.image().fingerprint)
        kept = {first.fingerprint, *built[-KEPT:]}
        busy.until(lambda _: tags(busy) == kept, "old images are gone, but for those in use")
    finally:
        busy.engine.remove_container(user["Id"])

    assert len(calms) == 2
    assert tags(calm) == calms
