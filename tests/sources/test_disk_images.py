"""Which edits put which image's fingerprint in doubt, and what a learned WORKDIR changes."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from devrun.config.project import ImageConfig, ImageName, Mount, TargetName
from tests.sources.live_disk import (
    FILES,
    IMAGE,
    JOB,
    LIMIT_S,
    WEB,
    Live,
    digest_from_scratch,
    live,
    make_project,
    make_target,
    watching,
    write,
)

BAKED = ImageName("baked")
BAKED_DOCKERFILE = "FROM python\nCOPY . /srv\nRUN --mount=type=bind,source=schema.sql,target=/s true\n"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Live]:
    """Two images of one folder: one whose target sees the mount, one whose target carries its code."""
    write(tmp_path, {**FILES, "Dockerfile.baked": BAKED_DOCKERFILE})
    images = (
        ImageConfig(IMAGE, tmp_path / "Dockerfile", tmp_path),
        ImageConfig(BAKED, tmp_path / "Dockerfile.baked", tmp_path),
    )
    targets = (make_target(WEB, tmp_path), make_target(JOB, tmp_path, mounted=False, image=BAKED))
    with live(make_project(tmp_path, *targets, images=images)) as made:
        made.rest()
        yield made


def doubts(disk: Live, name: str) -> dict[ImageName, tuple[str, ...]]:
    """Return which images the batch with a path puts in doubt, and by which paths."""
    return dict(disk.until(name)[-1].inputs)


def test_requirements_put_every_image_in_doubt_that_takes_them(disk: Live) -> None:
    """With the path that did it."""
    disk.write("requirements.txt", "flask\nredis\n")

    name = ("requirements.txt",)
    assert doubts(disk, "requirements.txt") == {IMAGE: name, BAKED: name}


def test_a_dockerfile_puts_its_image_in_doubt(disk: Live) -> None:
    """For the other one it is at most a file like others."""
    disk.write("Dockerfile", FILES["Dockerfile"] + "RUN true\n")
    assert IMAGE in doubts(disk, "Dockerfile")

    disk.write("Dockerfile.baked", BAKED_DOCKERFILE + "RUN true\n")
    assert list(doubts(disk, "Dockerfile.baked")) == [BAKED]


def test_a_new_file_counts_where_no_mount_shows_it(disk: Live) -> None:
    """An image without a mount is the only place where its target finds it."""
    disk.write("pkg/new.txt", "x")
    batch = disk.until("pkg/new.txt")[-1]
    assert batch.inputs == {BAKED: ("pkg/new.txt",)}
    assert batch.sources == {}


def test_python_under_the_mount_restarts_and_builds_nothing(disk: Live) -> None:
    """The image with a mount does not decide by it; the target without one does not restart by it."""
    disk.write("views.py", "v = 1\n")
    batch = disk.until("views.py")[-1]

    assert list(batch.inputs) == [BAKED]
    assert list(batch.sources) == [WEB]
    assert not disk.digests[JOB]


def test_code_and_requirements_saved_together_are_one_batch_each_with_its_doubt(disk: Live) -> None:
    """The core holds back restarts by the batch that they share with a doubt."""
    write(disk.root, {"requirements.txt": "redis\n", "views.py": "v = 2\n"})
    batches = disk.until("requirements.txt", "views.py")

    assert any(IMAGE in batch.inputs for batch in batches)
    assert any(WEB in batch.sources for batch in batches)


@pytest.mark.usefixtures("unmeasured")
def test_what_is_saved_together_while_the_disk_is_looked_at_is_one_batch(tmp_path: Path) -> None:
    """Though the look may have passed by one of the two already: no restart goes before the build."""
    folders = {f"d{number}/{deep}/note.txt": "x" for number in range(500) for deep in range(4)}
    with watching(tmp_path, {**FILES, **folders, "pkg/code.py": "", "web.py": "import pkg.code\n"}) as disk:
        for number in range(40):
            disk.disk.look()
            threading.Event().wait(0.002 * (number % 20))
            disk.write("requirements.txt", f"flask\npackage-{number}\n")
            disk.write("pkg/code.py", f"N = {number}\n")
            batch = disk.until("pkg/code.py")[-1]
            assert batch.inputs == {IMAGE: ("requirements.txt",)}, (number, batch)


def test_the_fingerprint_follows_the_disk(disk: Live) -> None:
    """Meaning counts; what is asked for last is what a build takes."""
    before = disk.disk.hash_inputs(IMAGE)
    disk.write("requirements.txt", "# comment\nflask\n")
    assert disk.disk.hash_inputs(IMAGE) == before

    disk.write("requirements.txt", "redis\n")
    assert disk.disk.hash_inputs(IMAGE) != before
    assert "requirements.txt" in {name for _, name in disk.disk.build_context(IMAGE).files}


def test_what_a_changed_dockerfile_takes_is_seen_from_then_on(disk: Live) -> None:
    """The files that decide are those of the last search."""
    disk.write("schema.sql", "1")
    disk.until("schema.sql")
    disk.write("Dockerfile", FILES["Dockerfile"] + "COPY schema.sql /elsewhere/\n")
    disk.until("Dockerfile")
    disk.disk.hash_inputs(IMAGE)
    disk.write("schema.sql", "2")

    assert IMAGE in doubts(disk, "schema.sql")


def test_a_problem_of_the_build_is_said_and_taken_back(disk: Live) -> None:
    """A Dockerfile that names what is not there."""
    disk.write("Dockerfile", "FROM python\nCOPY gone.txt .\n")
    disk.disk.hash_inputs(IMAGE)
    disk.await_notice("image default", "'gone.txt' in the build context is not there")

    disk.write("Dockerfile", FILES["Dockerfile"])
    disk.disk.hash_inputs(IMAGE)
    assert disk.said["image default"] == ""


def test_a_workdir_of_the_base_shows_the_mount(tmp_path: Path) -> None:
    """Until it is known nothing is mounted; when it is, the digest is posted before the call returns."""
    dockerfile = "FROM base\nCOPY . /srv/\n"
    with watching_any(tmp_path, dockerfile) as disk:
        assert not disk.digests[WEB]
        before = disk.disk.hash_inputs(IMAGE)

        disk.disk.learn_workdir(IMAGE, "/srv")

        mounted = make_project(tmp_path, make_target(WEB, tmp_path, mount=Mount(tmp_path, "/srv")))
        assert disk.digests[WEB] == digest_from_scratch(mounted)
        assert IMAGE in disk.batch().inputs
        assert disk.disk.hash_inputs(IMAGE) != before
        disk.write("web.py", "web = 2\n")
        assert disk.until("web.py")[-1].sources[WEB].digest == disk.digests[WEB]
        assert disk.rest() == []


def test_what_is_saved_together_with_another_workdir_is_told_as_changed(tmp_path: Path) -> None:
    """Its syntax and its byte code are asked about, whatever else is new in the same look."""
    with watching(tmp_path, {**FILES, "Dockerfile": "FROM base\nWORKDIR /app\nCOPY . .\n"}) as disk:
        disk.disk.hash_inputs(IMAGE)
        with disk.disk._looking:
            disk.write("web.py", "web = 2\n")
            disk.write("Dockerfile", "FROM base\nWORKDIR /srv\nCOPY . .\n")
            # The look that finds both is asked to learn what follows from the second one.
            hashing = threading.Thread(target=disk.disk.hash_inputs, args=(IMAGE,))
            hashing.start()
            wait_for(lambda: IMAGE in disk.disk._learned)
        told = [batch.sources[WEB] for batch in disk.until("web.py") if WEB in batch.sources]
        hashing.join()

    assert {file.path for change in told for file in change.edited} == {"web.py"}


def wait_for(holds: Callable[[], bool]) -> None:
    limit = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < limit
        threading.Event().wait(0.005)


def test_what_was_hashed_of_a_moment_is_put_in_doubt(disk: Live) -> None:
    """A file that had another content between two looks is as before for those, and not for the hash."""
    disk.rest()
    with disk.disk._looking:
        disk.write("requirements.txt", "redis\n")
        glimpsed = disk.disk.hash_inputs(IMAGE)
        disk.write("requirements.txt", FILES["requirements.txt"])

    assert doubts(disk, "requirements.txt")[IMAGE] == ("requirements.txt",)
    assert disk.disk.hash_inputs(IMAGE) != glimpsed


def test_another_base_with_another_workdir_is_learned_too(tmp_path: Path) -> None:
    """What was learned is no word of the Dockerfile's; the root of the image is no place for a mount."""
    with watching_any(tmp_path, "FROM base\n") as disk:
        disk.disk.learn_workdir(IMAGE, "/srv")
        shown = disk.digests[WEB]
        disk.disk.learn_workdir(IMAGE, "/")
        assert not disk.digests[WEB]
        disk.disk.learn_workdir(IMAGE, "/app")
        assert disk.digests[WEB] == shown


def test_what_the_dockerfile_says_needs_no_learning(tmp_path: Path) -> None:
    """Nothing is posted for it."""
    with watching(tmp_path) as disk:
        disk.disk.learn_workdir(IMAGE, "/app")
        disk.disk.learn_workdir(IMAGE, "/of-an-older-image")
        assert disk.rest() == []


def test_a_workdir_that_an_edit_brings_shows_the_mount(tmp_path: Path) -> None:
    """Edits restart the target from then on, also where no build is needed."""
    with watching_any(tmp_path, "FROM base\n") as disk:
        disk.disk.learn_workdir(IMAGE, "/")
        disk.write("Dockerfile", "FROM base\nWORKDIR /app\n")
        disk.until("Dockerfile")
        disk.disk.hash_inputs(IMAGE)
        disk.settle()
        disk.write("web.py", "web = 2\n")

        assert disk.until("web.py")[-1].sources[WEB].digest


def test_several_workdirs_are_learned_at_once(tmp_path: Path) -> None:
    """Workers of several images report at the same time, and none returns too early."""
    write(tmp_path, {**FILES, "Dockerfile": "FROM base\n"})
    names = [ImageName(f"i{number}") for number in range(4)]
    images = tuple(ImageConfig(name, tmp_path / "Dockerfile", tmp_path) for name in names)
    targets = tuple(make_target(TargetName(name), tmp_path, image=name) for name in names)
    with live(make_project(tmp_path, *targets, images=images)) as disk:
        early: list[str] = []

        def learn(name: ImageName) -> None:
            for workdir in ("/a", "/", "/b"):
                disk.disk.learn_workdir(name, workdir)
                if bool(disk.digests[TargetName(name)]) is (workdir == "/"):
                    early.append(f"{name} {workdir}")

        threads = [threading.Thread(target=learn, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert early == []


@pytest.mark.usefixtures("unmeasured")
def test_the_watcher_does_not_wait_for_a_search(tmp_path: Path) -> None:
    """Workers that search for inputs all the time keep no edit waiting, and nothing dies."""
    files = {f"data/d{number}.txt": "x" for number in range(2000)}
    write(tmp_path, {**FILES, **files, "Dockerfile": "FROM base\nWORKDIR /app\nCOPY data /data\n"})
    with live(make_project(tmp_path)) as disk:
        over = threading.Event()

        def search() -> None:
            while not over.is_set():
                disk.disk.hash_inputs(IMAGE)

        threads = [threading.Thread(target=search) for _ in range(2)]
        for thread in threads:
            thread.start()
        for number in range(10):
            disk.write("web.py", f"web = {number + 2}\n")
            assert disk.until("web.py")
        over.set()
        for thread in threads:
            thread.join()


@pytest.mark.usefixtures("unmeasured")
def test_one_edit_among_many_files_is_decided_at_once(tmp_path: Path) -> None:
    """5,000 Python files under the mount, 25,000 build inputs: what one edit means costs few milliseconds."""
    for number in range(5000):
        write(tmp_path, {f"pkg/p{number % 50}/m{number}.py": ""})
    (tmp_path / "data").mkdir()
    for number in range(25_000):
        (tmp_path / "data" / f"d{number}.txt").touch()
    write(tmp_path, {**FILES, "Dockerfile": "FROM base\nWORKDIR /app\nCOPY data /data\nCOPY . .\n"})
    made = Live(make_project(tmp_path))
    made.disk.read()
    assert len(made.disk.inputs(IMAGE).files) > 25_000

    times = []
    for number in range(20):
        path = tmp_path / "pkg/p1/m1.py"
        path.write_text(f"x = {number}\n")
        began = time.perf_counter()
        made.disk._deliver(made.disk._snapshot.look([str(path)]))
        times.append(time.perf_counter() - began)
        assert made.paths() == ("pkg/p1/m1.py",)
    assert sorted(times)[len(times) // 2] < 0.01, times


def watching_any(root: Path, dockerfile: str) -> AbstractContextManager[Live]:
    """Return a disk of one target whose mount has no path of its own."""
    write(root, {**FILES, "Dockerfile": dockerfile})
    return live(make_project(root, make_target(WEB, root)))
