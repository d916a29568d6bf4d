"""Saves, as editors make them: each becomes one batch with the path that its author knows."""

import os
import queue
import random
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devrun.core.events import FilesChanged
from devrun.errors import DevrunError
from devrun.sources.disk import Disk, Told
from devrun.sources.snapshot import RootMissingError
from tests.sources.live_disk import (
    FILES,
    JOB,
    LIMIT_S,
    WEB,
    Live,
    digest_from_scratch,
    live,
    make_project,
    watching,
    write,
)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Live]:
    """A disk that watches a folder with two scripts."""
    with watching(tmp_path) as made:
        yield made


def save_in_place(root: Path) -> None:
    """Save as VS Code does: truncate, then write."""
    with (root / "web.py").open("r+") as file:
        file.truncate(0)
        file.write("web = 2\n")


def save_like_vim(root: Path) -> None:
    """Probe the folder, move the old file away, write a new one, remove the old one."""
    (root / "4913").touch()
    (root / "4913").unlink()
    (root / "web.py").rename(root / "web.py~")
    (root / "web.py").write_text("web = 2\n")
    (root / "web.py~").unlink()


def save_like_jetbrains(root: Path) -> None:
    """Write another file, and swap them by renames."""
    (root / "web.py___jb_tmp___").write_text("web = 2\n")
    (root / "web.py").rename(root / "web.py___jb_old___")
    (root / "web.py___jb_tmp___").rename(root / "web.py")
    (root / "web.py___jb_old___").unlink()


def save_with_sed(root: Path) -> None:
    """Replace the file by a new one of a random name."""
    subprocess.run(["sed", "-i", "s/1/2/", "web.py"], cwd=root, check=True)


def save_atomically(root: Path) -> None:
    """Write a temporary file, and rename it."""
    (root / ".web.py.k3j4.tmp").write_text("web = 2\n")
    (root / ".web.py.k3j4.tmp").replace(root / "web.py")


def save_anew(root: Path) -> None:
    """Delete the file, and write it again."""
    (root / "web.py").unlink()
    (root / "web.py").write_text("web = 2\n")


SAVES = [save_anew, save_in_place, save_like_vim, save_like_jetbrains, save_with_sed, save_atomically]


@pytest.mark.parametrize("save", SAVES)
def test_a_save_is_one_batch_with_one_path(disk: Live, save: Callable[[Path], None]) -> None:
    """Whatever an editor does on the way, its temporary files are not seen, and the file is never gone."""
    save(disk.root)

    batches = disk.until("web.py")
    assert [change.paths for batch in batches for change in batch.sources.values()] == [("web.py",)]
    assert [batch.inputs for batch in batches] == [{}]
    assert disk.rest() == []


@pytest.mark.parametrize("save", SAVES)
def test_every_further_save_is_seen(disk: Live, save: Callable[[Path], None]) -> None:
    """A file that was replaced is still watched."""
    for number in range(3):
        disk.write("web.py", f"web = 1 + {number}\n")
        disk.until("web.py")
        save(disk.root)
        disk.until("web.py")

    assert disk.digests[WEB] == digest_from_scratch(disk.project)


def test_what_changes_no_content_posts_nothing(disk: Live) -> None:
    """A touch, another mode, the same bytes, an undo: only content counts."""
    web = disk.root / "web.py"
    web.touch()
    assert disk.rest() == []
    web.chmod(0o755)
    assert disk.rest() == []
    web.write_text(FILES["web.py"])
    assert disk.rest() == []
    save_atomically(disk.root)
    web.write_text(FILES["web.py"])
    posted = [batch.sources[WEB] for batch in disk.rest() if WEB in batch.sources]
    assert [change.paths for change in posted] in ([], [("web.py",), ("web.py",)])


def test_an_undo_returns_to_the_digest_of_before(disk: Live) -> None:
    """The digest tells content, not history."""
    before = disk.digests[WEB]
    disk.write("web.py", "web = 2\n")
    disk.until("web.py")
    disk.write("web.py", FILES["web.py"])
    disk.until("web.py")

    assert disk.digests[WEB] == before


def test_the_executable_bit_counts_for_builds_only(tmp_path: Path) -> None:
    """A build copies it; a program that is loaded does not see it."""
    with watching(tmp_path) as disk:
        (tmp_path / "requirements.txt").chmod(0o755)
        (batch,) = disk.until("requirements.txt")

    assert list(batch.inputs) == ["default"]
    assert batch.sources == {}


def test_a_formatter_over_many_files_makes_few_batches(disk: Live) -> None:
    """All paths are seen, and the last digest is right."""
    names = [f"pkg{number % 10}/m{number}.py" for number in range(200)]
    write(disk.root, dict.fromkeys(names, "x=1\n"))
    disk.until(*names)
    disk.rest()
    write(disk.root, dict.fromkeys(names, "x = 1\n"))

    assert len(disk.until(*names)) <= 10
    assert disk.digests[WEB] == digest_from_scratch(disk.project)


def test_a_file_that_is_emptied_and_filled_is_never_seen_empty(disk: Live) -> None:
    """The second look comes later than most editors need to fill a file."""
    disk.write("web.py", "")
    empty = disk.until("web.py")[-1].sources[WEB].digest
    seen = []
    for number in range(10):
        with (disk.root / "web.py").open("w") as file:
            file.flush()
            threading.Event().wait(0.015)
            file.write(f"web = {number + 2}\n")
        seen += disk.until("web.py")

    assert empty not in [batch.sources[WEB].digest for batch in seen]


def test_a_file_that_does_not_parse_is_named_until_it_does(disk: Live) -> None:
    """The batch says file, line and reason; the next good content takes it back."""
    disk.write("web.py", "web = 1\nif web\n")
    change = disk.until("web.py")[-1].sources[WEB]
    assert [(one.path, one.line) for one in change.broken] == [("web.py", 2)]

    disk.write("web.py", "web = 3\n")
    assert disk.until("web.py")[-1].sources[WEB].broken == frozenset()


def test_a_saved_file_is_stale_if_its_byte_code_could_lie(disk: Live) -> None:
    """Equal size and second as any earlier content: the byte code of that one would be believed."""
    web = disk.root / "web.py"
    second = 1_700_000_000
    os.utime(web, (second, second))
    for text, when, stale in [
        ("web = 2\n", second, ("web.py",)),
        ("web = 3\n", second + 1, ()),
        ("web = 44\n", second, ()),
        ("web = 5\n", second, ("web.py",)),
    ]:
        temporary = disk.root / "web.tmp"
        temporary.write_text(text)
        os.utime(temporary, (second, when))
        if text == "web = 2\n":
            disk.disk.look()
            disk.rest()
        temporary.replace(web)

        assert disk.until("web.py")[-1].sources[WEB].stale == stale


def test_the_first_batch_trusts_no_byte_code_and_doubts_every_image(tmp_path: Path) -> None:
    """What was loaded before is not known yet."""
    write(tmp_path, FILES)
    posted: list[Told] = []
    disk = Disk(make_project(tmp_path), posted.append, lambda *_: None, lambda *_: None)
    disk.start()
    disk.close()

    first = posted[0]
    assert isinstance(first, FilesChanged)
    assert set(first.sources[WEB].stale) == {"web.py", "job.py"}
    assert first.inputs == {"default": ()}
    assert first.sources[WEB].newest > 0


def test_a_change_made_while_it_starts_is_seen(tmp_path: Path) -> None:
    """Between the first look and the first watch nothing is lost."""
    write(tmp_path, FILES)
    for number in range(10):
        with live(make_project(tmp_path)) as disk:
            disk.write("web.py", f"web = {number + 2}\n")
            assert disk.until("web.py")


def test_a_look_that_is_asked_for_sees_what_was_saved_before(disk: Live) -> None:
    """Whoever learns of a change from elsewhere need not wait for a hint."""
    disk.write("web.py", "web = 2\n")
    disk.disk.look()

    assert disk.paths() == ("web.py",)


def test_a_script_of_another_target_concerns_that_target_only(disk: Live) -> None:
    """Every other Python file concerns all."""
    disk.write("job.py", "job = 2\n")
    assert set(disk.until("job.py")[-1].sources) == {JOB}

    disk.write("views.py", "")
    assert set(disk.until("views.py")[-1].sources) == {WEB, JOB}


def test_close_ends_the_thread(tmp_path: Path) -> None:
    """Also right after the start, and while the project is missing."""
    write(tmp_path / "p", FILES)
    with live(make_project(tmp_path / "p")) as disk:
        pass
    assert not disk.disk._lookout._thread.is_alive()

    with live(make_project(tmp_path / "p")) as disk:
        (tmp_path / "p").rename(tmp_path / "q")
        disk.await_notice("root", "is not there")
    assert not disk.disk._lookout._thread.is_alive()


def test_a_thread_that_dies_says_so(tmp_path: Path) -> None:
    """Whatever is raised in it is handed to `died`."""
    write(tmp_path, FILES)
    deaths: queue.SimpleQueue[tuple[str, BaseException]] = queue.SimpleQueue()

    def post(event: Told) -> None:
        if isinstance(event, FilesChanged) and event.batch:
            raise ZeroDivisionError

    disk = Disk(make_project(tmp_path), post, lambda *_: None, lambda *death: deaths.put(death))
    disk.start()
    write(tmp_path, {"web.py": "web = 2\n"})

    part, error = deaths.get(timeout=LIMIT_S)
    assert (part, type(error)) == ("watcher", ZeroDivisionError)
    disk.close()


def test_a_project_that_is_not_there_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    """The user is told which folder is meant."""
    disk = Disk(make_project(tmp_path / "gone"), lambda _: None, lambda *_: None, lambda *_: None)

    with pytest.raises(RootMissingError, match="gone: there is no such folder") as raised:
        disk.start()
    assert isinstance(raised.value, DevrunError)
    assert raised.value.hint


def edit_at_random(root: Path, dice: random.Random, number: int) -> None:
    """Create, modify, delete or move a file or a folder."""
    folders = [root, *(path for path in root.rglob("*") if path.is_dir())]
    files = [path for path in root.rglob("*.py") if path.is_file()]
    folder = dice.choice(folders)
    match dice.randrange(7):
        case 0 | 1:
            (folder / f"m{number}.py").write_text(f"x = {number}\n")
        case 2 if files:
            dice.choice(files).write_text(f"y = {number % 10}\n")
        case 3 if files:
            dice.choice(files).unlink()
        case 4 if files:
            dice.choice(files).rename(folder / f"moved{number}.py")
        case 5:
            deep = folder / f"d{number}" / "e"
            deep.mkdir(parents=True)
            (deep / "m.py").write_text(f"z = {number}\n")
        case 6 if len(folders) > 8:
            shutil.rmtree(dice.choice(folders[1:]))
        case _:
            (root / f"n{number}.py").write_text("")


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("seed", [1, 2])
def test_after_five_hundred_random_edits_the_digest_is_that_of_the_disk(tmp_path: Path, seed: int) -> None:
    """Whatever hints were lost, doubled or late."""
    dice = random.Random(seed)
    with watching(tmp_path) as disk:
        for number in range(500):
            edit_at_random(tmp_path, dice, number)
            if dice.random() < 0.05:
                disk.settle()
        disk.settle()

        assert disk.digests[WEB] == digest_from_scratch(disk.project)
