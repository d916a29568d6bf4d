"""Images that others build: a target names one, and needs no Dockerfile and no program for it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from devrun.config.load import load
from devrun.config.project import (
    Command,
    ImageCommand,
    ImageConfig,
    ImageName,
    Mount,
    PrebuiltImage,
    Project,
    Script,
    TargetConfig,
    TargetName,
)
from devrun.errors import ConfigError

Read = Callable[..., Project]
Refused = Callable[..., list[str]]
DIGEST = "sha256:" + "0123456789abcdef" * 4


def test_a_prebuilt_image_runs_as_it_is(root: Path, read: Read) -> None:
    """Its own command, no mount, and time to end; nothing is built, so that no Dockerfile is missed."""
    (root / "Dockerfile").unlink()
    project = read('[targets.db]\nimage = { name = "postgres:17" }\n')
    name = ImageName("postgres:17")

    assert project.images == {name: PrebuiltImage(name)}
    assert project.built_images == ()
    assert project.targets == {
        "db": TargetConfig(TargetName("db"), name, ImageCommand(), mount=None, stop_timeout_s=10)
    }


def test_beside_built_images_it_is_one_more(read: Read) -> None:
    """The others are as they were, and the short form is still the name of an image that is built."""
    project = read("""
[images.dev]
[targets.web]
script = "app.py"
image = "dev"
[targets.db]
image = { name = "postgres:17" }
args = ["-c", "fsync=off"]
stop-timeout = 3
[targets.cache]
image.name = "redis"
platform = "linux/arm64"
""")
    assert list(project.images) == ["dev", "postgres:17", "redis:latest"]
    assert isinstance(project.images[ImageName("dev")], ImageConfig)
    assert project.images[ImageName("redis:latest")] == PrebuiltImage(
        ImageName("redis:latest"), "linux/arm64"
    )
    assert project.targets[TargetName("db")].args == ("-c", "fsync=off")
    assert project.targets[TargetName("db")].stop_timeout_s == 3
    assert project.targets[TargetName("web")].stop_timeout_s is None


@pytest.mark.parametrize(
    ("written", "reference"),
    [
        ("postgres", "postgres:latest"),
        ("postgres:17", "postgres:17"),
        ("bitnami/kafka", "bitnami/kafka:latest"),
        ("ghcr.io/a/b-c/d__e:v1.2", "ghcr.io/a/b-c/d__e:v1.2"),
        ("localhost:5000/a", "localhost:5000/a:latest"),
        (f"postgres@{DIGEST}", f"postgres@{DIGEST}"),
        (f"localhost:5000/a:1@{DIGEST}", f"localhost:5000/a:1@{DIGEST}"),
    ],
)
def test_a_reference_has_a_tag_or_a_digest(read: Read, written: str, reference: str) -> None:
    """So it is never taken for the name of an image that is built."""
    project = read(f'[targets.db]\nimage = {{ name = "{written}" }}\n')

    assert list(project.images) == [reference]


@pytest.mark.parametrize(
    ("keys", "program", "has_mount"),
    [
        ("", ImageCommand(), False),
        ('command = "sh -c x"', Command(("sh", "-c", "x")), False),
        ('command = "sh"\nmount = {}', Command(("sh",)), True),
        ("mount = {}", ImageCommand(), True),
        ('script = "app.py"', Script("app.py"), True),
        ('script = "made.py"\nmount = false', Script("made.py"), False),
    ],
)
def test_it_sees_the_project_where_it_runs_the_project_s_code(
    root: Path, read: Read, keys: str, program: object, *, has_mount: bool
) -> None:
    """Or where the target says so."""
    text = f'[targets.db]\nimage = {{ name = "python:3" }}\n{keys}\n'
    found = read(text).targets[TargetName("db")]

    assert found.program == program
    assert found.mount == (Mount(root) if has_mount else None)


REFERENCE = 'an image is written as in a FROM line: "postgres:17"'
CHOICE = 'must be the name of an image in quotes, or a table as { name = "postgres:17" }'


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("image = { name = 'Postgres' }", f"2: targets.db.image.name: {REFERENCE}"),
        ("image = { name = 'scratch' }", f"2: targets.db.image.name: {REFERENCE}"),
        ("image = { name = 'a b' }", f"2: targets.db.image.name: {REFERENCE}"),
        ("image = { name = 'a@sha256:12' }", f"2: targets.db.image.name: {REFERENCE}"),
        ("image = { name = 'a:1', tag = '2' }", "2: targets.db.image.tag: unknown key; known are name"),
        ("image = { name = 5 }", "2: targets.db.image.name: must be a text in quotes"),
        ("image = {}", "2: targets.db.image.name: is missing"),
        ("image = 5", f"2: targets.db.image: {CHOICE}"),
        (
            "image = { name = 'a' }\nscript = 'app.py'\nmodule = 'b'",
            "1: targets.db: a target has one of script, module and command; this one has script and module",
        ),
    ],
)
def test_a_wrong_image_is_refused_in_words(refused: Refused, keys: str, problem: str) -> None:
    """One mistake is one problem: that a program is missing is no news then."""
    assert refused(f"[targets.db]\n{keys}") == [problem]


def test_a_reference_in_the_place_of_a_name_is_told_how_to_write_it(read: Read) -> None:
    """It is what one would write first."""
    with pytest.raises(ConfigError) as caught:
        read("[targets.db]\nimage = 'postgres:17'\nscript = 'app.py'")

    assert caught.value.message.endswith(
        "2: targets.db.image: there is no image 'postgres:17'; there is default"
    )
    assert caught.value.hint == 'for an image that is not built here: image = { name = "..." }'


def test_an_engine_has_one_platform_of_a_name(read: Read) -> None:
    """Two targets that want two would take it from each other for ever."""
    with pytest.raises(ConfigError) as caught:
        read(
            "[targets.a]\nimage = { name = 'redis' }\n"
            "[targets.b]\nimage = { name = 'redis:latest' }\nplatform = 'linux/arm64'\n"
        )
    assert caught.value.message.endswith(
        "5: targets.b.platform: another target has this image for another platform"
    )


@pytest.mark.parametrize(
    ("table", "is_missed"),
    [("", False), ("[image]\n", True), ("[images.dev]\n", True), ("[targets]\nweb = 'app.py'\n", True)],
)
def test_a_dockerfile_is_missed_only_where_one_is_meant(root: Path, table: str, *, is_missed: bool) -> None:
    """An image that the file names is checked even if no target uses it."""
    (root / "Dockerfile").unlink()
    file = root / "devrun.toml"
    file.write_text(f"{table}[targets.db]\nimage = {{ name = 'redis' }}\n")

    if is_missed:
        with pytest.raises(ConfigError, match=r"dockerfile: there is no file"):
            load(file, {})
    else:
        load(file, {})
