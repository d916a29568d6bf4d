"""What was saved before a barrier is told before it, in whatever state the watcher is."""

import os
import shutil
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from devrun.core.events import FilesChanged
from tests.sources.live_disk import (
    FILES,
    IMAGE,
    LIMIT_S,
    WEB,
    Live,
    digest_from_scratch,
    make_project,
    watching,
    write,
)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Live]:
    """A disk that watches a folder with two scripts."""
    with watching(tmp_path / "p") as made:
        yield made


def passed(disk: Live, number: int) -> list[FilesChanged]:
    """Ask for a barrier, and return what came before it since the last one."""
    disk.disk.barrier(number)
    batches: list[FilesChanged] = []
    while True:
        before, numbers = disk.read.get(timeout=LIMIT_S)
        batches += before
        if number in numbers:
            return batches


def test_a_save_is_told_before_the_barrier_that_was_asked_for_after_it(disk: Live) -> None:
    """A hundred times, without any pause."""
    for number in range(100):
        disk.write("web.py", f"web = {number} + 2\n")
        batches = passed(disk, number)

        assert batches[-1].sources[WEB].paths == ("web.py",)
        assert disk.digests[WEB] == digest_from_scratch(disk.project)


def test_a_barrier_after_nothing_tells_nothing(disk: Live) -> None:
    """It is answered all the same."""
    assert passed(disk, 7) == []


def test_every_way_to_save_is_told_before_the_barrier(disk: Live) -> None:
    """Files in new folders, by a rename, deleted, of two equal sizes within one tick of the clock."""
    disk.write("a/b/c/m.py", "m = 1\n")
    passed(disk, 1)
    disk.write("a/b/c/m.py", "m = 2\n")
    disk.write("next.tmp", "web = 7\n")
    (disk.root / "next.tmp").rename(disk.root / "web.py")
    passed(disk, 2)
    assert disk.digests[WEB] == digest_from_scratch(disk.project)

    shutil.rmtree(disk.root / "a")
    passed(disk, 3)
    assert disk.digests[WEB] == digest_from_scratch(disk.project)


def test_doubts_of_fingerprints_come_before_the_barrier(disk: Live) -> None:
    """So that an image is never taken for settled too early."""
    disk.write("requirements.txt", "flask\nsix\n")

    assert [batch.inputs for batch in passed(disk, 1)] == [{IMAGE: ("requirements.txt",)}]


def test_a_workdir_is_known_to_the_closures_before_its_fingerprint_is_answered(disk: Live) -> None:
    """What follows from it comes first."""
    disk.write("Dockerfile", FILES["Dockerfile"].replace("/app", "/other"))
    passed(disk, 1)
    disk.disk.hash_inputs(IMAGE)

    assert [sorted(batch.sources) for batch in disk._posted()] == [["job", "web"]]
    assert disk.digests[WEB] == digest_from_scratch(disk.project)


def test_an_emptied_file_is_looked_at_twice_before_the_barrier(disk: Live) -> None:
    """Whoever emptied it and says that it is saved means it."""
    disk.write("web.py", "")
    (batch,) = passed(disk, 1)

    assert batch.sources[WEB].digest == digest_from_scratch(disk.project)


def test_many_barriers_at_once_are_all_answered(disk: Live) -> None:
    """From any thread, by one look or by several."""
    numbers = set(range(1000))

    def ask(share: Iterable[int]) -> None:
        for number in share:
            disk.disk.barrier(number)

    shares = (range(0, 1000, 2), range(1, 1000, 2))
    threads = [threading.Thread(target=ask, args=(share,)) for share in shares]
    for thread in threads:
        thread.start()
    answered: list[int] = []
    while len(answered) < len(numbers):
        answered += disk.read.get(timeout=LIMIT_S)[1]

    assert (set(answered), len(answered)) == (numbers, 1000)


def test_a_barrier_is_answered_while_the_project_is_not_there(disk: Live) -> None:
    """Nothing is known of it; and what it has on its return is told before the next one."""
    disk.root.rename(disk.root.with_name("away"))
    assert passed(disk, 1) == []
    disk.await_notice("root", "is not there")
    assert passed(disk, 2) == []

    write(disk.root.with_name("away"), {"web.py": "web = 5\n"})
    disk.root.with_name("away").rename(disk.root)
    assert passed(disk, 3)[-1].sources[WEB].paths == ("web.py",)


def test_a_barrier_is_answered_though_the_watcher_ends_again_and_again(disk: Live) -> None:
    """A name that is no UTF-8 ends it: the disk is looked at without hints for a while."""
    for number in range(5):
        (disk.root / os.fsdecode(b"\xff%d.txt" % number)).touch()
        disk.write("web.py", f"web = {number} + 2\n")

        assert passed(disk, number)[-1].sources[WEB].paths == ("web.py",)


def test_a_barrier_from_before_the_start_is_answered_after_it(tmp_path: Path) -> None:
    """The socket answers a little earlier than the disk is read."""
    write(tmp_path, FILES)
    made = Live(make_project(tmp_path))
    made.disk.barrier(1)
    made.disk.start()
    (first, *_), numbers = made.read.get(timeout=LIMIT_S)
    made.disk.close()

    assert (first.batch, numbers) == (0, (1,))
