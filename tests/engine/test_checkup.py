"""The engine under examination: what it tells, and what its containers see."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from devrun.config.project import Port, Project, TargetName
from devrun.core.values import ImageId
from devrun.engine.checkup import Checkup
from devrun.engine.connection import Connection
from devrun.engine.docker import connect
from devrun.errors import EngineError
from tests.e2e.conftest import free_port
from tests.engine.bench import make_project, make_target

pytestmark = pytest.mark.engine


@pytest.fixture
def checkup(connection: Connection) -> Checkup:
    """The real engine under examination."""
    return Checkup(connection)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project of one target with a port."""
    (tmp_path / "app.py").write_text("import signal\nsignal.pause()\n")
    target = replace(make_target(tmp_path), ports=(Port(5000, free_port()),))
    made = make_project(tmp_path, web=target)
    yield made
    engine = connect(made)
    engine.remove_everything()
    engine.close()


def test_the_engine_tells_what_it_is(checkup: Checkup) -> None:
    """A real one, on this machine."""
    assert checkup.name
    assert checkup.is_recent
    assert checkup.is_local
    assert abs(checkup.clock_ahead_s()) < 1


def test_buildkit_is_found_by_its_answer_and_leaves_no_image(
    checkup: Checkup, connection: Connection
) -> None:
    """Nothing is built, so nothing is to be cleared away."""
    before = {image["Id"] for image in connection.client.images(all=True)}

    assert checkup.has_buildkit()
    assert not {image["Id"] for image in connection.client.images(all=True) if not image["RepoTags"]} - before


def test_a_container_sees_what_lies_on_this_machine(
    checkup: Checkup, project: Project, test_image: ImageId
) -> None:
    """By the bytes of a file; one that is not there is seen by nobody."""
    assert checkup.reads(project, test_image, project.root / "app.py") == b"import signal\nsignal.pause()\n"
    assert checkup.reads(project, test_image, project.root / "none.py") is None


def test_a_folder_that_the_engine_does_not_have_is_an_error(
    checkup: Checkup, project: Project, test_image: ImageId
) -> None:
    """As on an engine of another machine."""
    with pytest.raises(EngineError, match=r"^mount the project: bind source path does not exist"):
        checkup.reads(project, test_image, project.root / "nowhere" / "app.py")


def test_nothing_is_left_of_an_examination(
    checkup: Checkup, project: Project, test_image: ImageId, connection: Connection
) -> None:
    """No container, whatever was seen."""
    checkup.reads(project, test_image, project.root / "app.py")
    filters = {"label": [f"dev.devrun.root={project.key}"]}

    assert connection.client.containers(all=True, filters=filters) == []


def test_a_port_is_free_or_its_targets_own_or_somebody_elses(
    checkup: Checkup, project: Project, test_image: ImageId
) -> None:
    """The target's own container may have it."""
    web = project.targets[TargetName("web")]
    (port,) = web.ports
    assert checkup.holders(project) == {}

    with socket.create_server(("127.0.0.1", port.host_port)):
        assert "process" in checkup.holders(project)[(web.name, port)]

    engine = connect(project)
    engine.recreate(web, test_image, None)
    engine.close()
    assert checkup.holders(project) == {}
    neighbour = make_project(project.root, web=replace(web, name=TargetName("other")))
    assert checkup.holders(neighbour)[(TargetName("other"), port)] == f'container "{project.slug}-web"'


def test_a_project_without_an_image_has_none_to_try(checkup: Checkup, project: Project) -> None:
    """Images of others are not taken."""
    assert checkup.image(project) is None
