"""A project with services of others: nothing is built for them, and what they keep outlives them."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devrun.engine.connection import Connection
from devrun.errors import ExitCode
from tests.e2e.conftest import BASE, Sandbox

pytestmark = pytest.mark.engine

SERVICE = """\
[project]
name = "shop"
[targets.db]
image = {{ name = "{image}" }}
command = ["sh", "-c", "echo x >> /data/starts; cat /data/starts /etc/word; exec sleep 1000"]
volumes = ["data:/data", "./word:/etc/word:ro"]
hostname = "db.shop"
user = "root"
"""
BUILT = """
[image]
args = {{ PYTHON_IMAGE = "${{DEVRUN_PYTHON_IMAGE}}" }}
[targets.web]
script = "app.py"
"""
DOCKERFILE = "ARG PYTHON_IMAGE\nFROM ${PYTHON_IMAGE}\nWORKDIR /app\n"
Make = Callable[[str], Sandbox]


@pytest.fixture
def make(tmp_path: Path, connection: Connection) -> Iterator[Make]:
    """Make a project of a file, watched and at rest; its volumes go with it, and the tag of its service."""
    made: list[Sandbox] = []

    def watched(text: str) -> Sandbox:
        folder = tmp_path / "shop"
        folder.mkdir()
        sandbox = Sandbox(folder, connection)
        made.append(sandbox)
        repository, tag = f"devrun-test/service-{sandbox.key}", "1"
        connection.client.tag(BASE, repository, tag)
        sandbox.write("word", "hello\n")
        if "script" in text:
            sandbox.write("Dockerfile", DOCKERFILE)
            sandbox.write("app.py", "print('Hello')\n")
        sandbox.write("devrun.toml", text.format(image=f"{repository}:{tag}"))
        sandbox.watch().settled("the first start")
        return sandbox

    yield watched
    for sandbox in made:
        sandbox.devrun("down", "--volumes")
        sandbox.close()
        connection.client.remove_image(service_of(sandbox))
        shutil.rmtree(sandbox.folder)


def service_of(sandbox: Sandbox) -> str:
    return f"devrun-test/service-{sandbox.key}:1"


def volumes(sandbox: Sandbox) -> list[str]:
    """Return the names of the project's volumes, asked of the engine."""
    found = sandbox.engine.volumes(filters={"label": [f"dev.devrun.root={sandbox.key}"]})
    return [volume["Name"].removeprefix("shop-").partition("-")[2] for volume in found["Volumes"] or ()]


def tags(sandbox: Sandbox) -> list[str]:
    """Return the tags of what was built for the project, asked of the engine."""
    found = sandbox.engine.images(filters={"label": [f"dev.devrun.root={sandbox.key}"]})
    return [tag for image in found for tag in image["RepoTags"] or ()]


def test_a_project_of_services_needs_no_dockerfile(make: Make) -> None:
    """What the engine has is taken as it is; the target runs in the surroundings that it asked for."""
    shop = make(SERVICE)
    report = shop.until(lambda said: said.targets["db"].ready, "the service is ready")

    assert report.images[service_of(shop)].prebuilt
    assert report.images[service_of(shop)].state == "ready"
    assert shop.inside("db", "hostname") == "db.shop\n"
    assert tags(shop) == []


def test_what_a_service_keeps_outlives_its_container(make: Make) -> None:
    """An edit of its settings makes a new one, `down` removes that; only `--volumes` takes what it kept."""
    shop = make(SERVICE)
    before = shop.target("db")
    shop.edit("devrun.toml", "db.shop", "data.shop")
    shop.restarted("db", before, "another host name")
    assert shop.inside("db", "cat", "/data/starts") == "x\nx\n"

    assert shop.devrun("down").returncode == ExitCode.OK
    assert (shop.containers(), volumes(shop)) == ([], ["data"])
    down = shop.devrun("down", "--volumes", "--images")
    assert down.returncode == ExitCode.OK
    assert "devrun: removed volume shop-" in down.stderr
    assert volumes(shop) == []
    assert shop.engine.images(name=service_of(shop)), "the image of others is gone"


def test_an_image_that_others_use_is_left_and_said(make: Make) -> None:
    """`down --images` takes what was built for the project; a user's own container keeps one."""
    shop = make(SERVICE + BUILT)
    (tag,) = tags(shop)
    name = f"users-{shop.key}"
    shop.engine.create_container(tag, "true", name=name)
    try:
        down = shop.devrun("down", "--images")
        assert down.returncode == ExitCode.OK
        assert f"devrun: left image {tag}: container {name} uses it\n" in down.stderr
    finally:
        shop.engine.remove_container(name)

    assert f"devrun: removed image {tag}\n" in shop.devrun("down", "--images").stderr
    assert tags(shop) == []
