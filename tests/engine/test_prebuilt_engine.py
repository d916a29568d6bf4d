"""Images of others on the real engine: found by their reference, pulled from a registry, left alone."""

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import docker.errors
import pytest

from devrun.config.project import ImageCommand, ImageName, PrebuiltImage
from devrun.core.prebuilt import fingerprint_of
from devrun.core.values import BuildContext, Built, ImageId
from devrun.engine.connection import Connection
from devrun.engine.docker import connect
from devrun.engine.protocol import BuildProgress, Engine, Removal, Touched
from devrun.errors import BuildCancelledError, EngineError
from tests.engine.bench import Bench, Collected, make_target, running, texts
from tests.registry import Registry, docker_config, serve_registry

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(sys.platform != "linux", reason="the engine's 127.0.0.1 is another machine's"),
]
LIMIT_S = 60.0
NO_FILES = BuildContext("", (), ())


@pytest.fixture
def bench(real_bench: Bench) -> Bench:
    """Only the real one here."""
    return real_bench


@pytest.fixture
def registry(connection: Connection) -> Iterator[Registry]:
    """A registry that wants a login; what was pulled from it is forgotten afterwards."""
    with serve_registry() as serving:
        yield serving
        for image in connection.client.images():
            if any(name.startswith(serving.host) for name in image["RepoDigests"] or ()):
                connection.client.remove_image(image["Id"], force=True)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registry: Registry) -> Path:
    """The user's docker configuration, which is logged in to the registry."""
    folder = tmp_path / "docker"
    folder.mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    file = folder / "config.json"
    file.write_text(docker_config(registry))
    return file


@pytest.fixture
def local(connection: Connection, bench: Bench) -> Iterator[PrebuiltImage]:
    """An image that the engine has and no registry knows."""
    name = f"devrun-test/of-others:{bench.project.key}"
    repository, _, tag = name.partition(":")
    connection.client.tag(bench.image, repository, tag)
    yield PrebuiltImage(ImageName(name))
    with suppress(docker.errors.ImageNotFound):
        connection.client.remove_image(name)


def wanted(registry: Registry, platform: str | None = None) -> PrebuiltImage:
    """Return the registry's image as a target may name it."""
    return PrebuiltImage(ImageName(registry.image), platform)


def pulled(
    engine: Engine, image: PrebuiltImage, told: list[BuildProgress] | None = None, *, anew: bool = False
) -> Built:
    """Return the image once the engine has it."""
    heard = [] if told is None else told
    return engine.build_image(image, fingerprint_of(image), NO_FILES, heard.append, pull=anew)


def refusal(engine: Engine, image: PrebuiltImage) -> EngineError:
    """Return the error that the pull ends with."""
    with pytest.raises(EngineError) as caught:
        pulled(engine, image)
    return caught.value


def test_an_image_that_the_engine_has_is_taken_as_it_is(bench: Bench, local: PrebuiltImage) -> None:
    """No registry is asked; its own command runs, and no folder is mounted."""
    found = Built(fingerprint_of(local), bench.image, 0.0, "/app")
    own = replace(make_target(bench.root), program=ImageCommand(), mount=None, args=("-c", "print('own')"))

    assert bench.engine.inspect_image(local) == (found,)
    assert pulled(bench.engine, local) == found
    assert texts(bench.output(bench.engine.recreate(own, found.id, None))) == ["own"]


def test_an_image_that_the_engine_lacks_is_pulled(bench: Bench, registry: Registry, config: Path) -> None:
    """With the user's credentials, and with its progress."""
    image, told = wanted(registry), list[BuildProgress]()
    assert bench.engine.inspect_image(image) == ()

    made = pulled(bench.engine, image, told)

    assert bench.engine.inspect_image(image) == (made,)
    assert {(one.steps, one.instruction) for one in told} == {(0, f"pull {registry.image}")}
    assert told[-1].line == "pulling: 1 of 1 layers, 0 of 0 MB"


def test_it_is_pulled_anew_only_when_asked_to(bench: Bench, registry: Registry, config: Path) -> None:
    """A registry that no longer lets anybody in shows who asks it."""
    made = pulled(bench.engine, wanted(registry))
    config.write_text("{}")

    assert pulled(bench.engine, wanted(registry)) == made
    with pytest.raises(EngineError, match="its registry refuses access"):
        pulled(bench.engine, wanted(registry), anew=True)


def test_a_digest_pins_it(bench: Bench, registry: Registry, config: Path) -> None:
    """With or without a tag before it."""
    made = pulled(bench.engine, wanted(registry))

    for name in (registry.image.removesuffix(":1"), registry.image):
        pinned = PrebuiltImage(ImageName(f"{name}@{registry.digest}"))
        assert pulled(bench.engine, pinned, anew=True).id == made.id
        assert [one.id for one in bench.engine.inspect_image(pinned)] == [made.id]


def test_what_went_wrong_names_the_file_that_asks_for_it(
    bench: Bench, registry: Registry, config: Path
) -> None:
    """With the remedy."""
    missing = refusal(bench.engine, PrebuiltImage(ImageName(registry.image.replace(":1", ":9"))))
    away = refusal(bench.engine, PrebuiltImage(ImageName("127.0.0.1:1/nothing:1")))

    assert missing.message.endswith(":9 of devrun.toml: its registry has no such image")
    assert missing.hint == "correct the name or the tag in devrun.toml"
    assert away.message.startswith(
        "image 127.0.0.1:1/nothing:1 of devrun.toml: its registry cannot be reached"
    )


def test_another_platform_is_another_image(bench: Bench, registry: Registry, config: Path) -> None:
    """What the engine has is not taken for it, and that the registry has none is said once and for all."""
    pulled(bench.engine, wanted(registry))
    other = wanted(registry, "linux/s390x")

    assert bench.engine.inspect_image(other) == ()
    error = refusal(bench.engine, other)
    assert "linux/s390x" in error.message
    assert error.hint == "correct the name or the platform in devrun.toml"


def test_a_platform_that_is_the_engine_s_own_is_found(
    bench: Bench, connection: Connection, local: PrebuiltImage
) -> None:
    """Whether or not it was pulled for it."""
    (about,) = connection.client.images(name=local.reference)
    architecture = connection.client.version()["Arch"]

    (found,) = bench.engine.inspect_image(replace(local, platform=f"linux/{architecture}"))
    assert found.id == ImageId(about["Id"])


def test_a_pull_that_hangs_is_given_up(bench: Bench, registry: Registry, config: Path) -> None:
    """The layer never comes, and `cancel_build` ends the waiting all the same."""
    registry.layer_allowed.clear()
    image = wanted(registry)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(pulled, bench.engine, image)
        assert registry.layer_asked.wait(LIMIT_S)
        bench.engine.cancel_build(image.name)
        with pytest.raises(BuildCancelledError):
            waiting.result(LIMIT_S)


def test_it_is_never_removed(bench: Bench, local: PrebuiltImage) -> None:
    """Neither as a superseded image, nor by `down --images`."""
    bench.engine.remove_image(local.name, fingerprint_of(local))

    assert bench.engine.remove_images() == Removal()
    assert len(bench.engine.inspect_image(local)) == 1


def test_the_engine_tells_of_it(
    bench: Bench, connection: Connection, local: PrebuiltImage, registry: Registry, config: Path
) -> None:
    """Of a pull, by whomever, and of the end of its tag."""
    image, connected = wanted(registry), threading.Event()
    pulled(bench.engine, image)
    bench.engine.inspect_image(local)
    other = connect(bench.project)
    collected: Collected[Touched] = Collected()
    with running(lambda: bench.engine.watch_events(connected.set, collected.add)):
        assert connected.wait(20)
        pulled(other, image, anew=True)
        collected.until(lambda items: Touched(image=image.name) in items)
        connection.client.remove_image(local.reference)
        collected.until(lambda items: Touched(image=local.name) in items)
        bench.engine.close()
    other.close()
