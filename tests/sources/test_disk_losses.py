"""No change is lost, whatever the system's hints lose."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from devrun.config.project import Mount, TargetName
from tests.sources.live_disk import (
    FILES,
    WEB,
    Live,
    digest_from_scratch,
    live,
    make_project,
    make_target,
    watching,
    write,
)

LIB = TargetName("lib")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Live]:
    """A disk that watches a folder with two scripts and a package."""
    with watching(tmp_path / "p", {**FILES, "pkg/__init__.py": "", "pkg/a.py": "a = 1\n"}) as made:
        yield made


def test_a_file_written_right_after_its_folders_is_seen(disk: Live) -> None:
    """The system tells of the uppermost folder only."""
    for number in range(50):
        disk.write(f"n{number}/a/b/m.py", "1\n")
        disk.until(f"n{number}/a/b/m.py")
        disk.write(f"n{number}/a/b/m.py", "2\n")
        disk.until(f"n{number}/a/b/m.py")
    assert disk.digests[WEB] == digest_from_scratch(disk.project)


def test_a_folder_moved_in_or_out_or_within_is_seen(disk: Live) -> None:
    """The system tells of the folder, not of what lies in it; later edits in it are seen too."""
    outside = disk.root.parent / "outside"
    write(outside, {"sub/m.py": "m = 1\n"})
    outside.rename(disk.root / "inside")
    disk.until("inside/sub/m.py")
    disk.write("inside/sub/m.py", "m = 2\n")
    disk.until("inside/sub/m.py")

    (disk.root / "inside").rename(disk.root / "other")
    disk.until("inside/sub/m.py", "other/sub/m.py")
    disk.write("other/sub/m.py", "m = 3\n")
    disk.until("other/sub/m.py")

    (disk.root / "other").rename(outside)
    disk.until("other/sub/m.py")
    write(outside, {"sub/m.py": "m = 4\n"})
    assert disk.rest() == []


def test_a_folder_deleted_and_made_again_is_watched(disk: Live) -> None:
    """Many file systems give the new one the inode of the old one."""
    inodes = set()
    for number in range(20):
        inodes.add((disk.root / "pkg").stat().st_ino)
        shutil.rmtree(disk.root / "pkg")
        disk.write("pkg/a.py", f"a = {number + 2}\n")
        disk.until("pkg/a.py")
        disk.settle()
        disk.write("pkg/a.py", f"a = -{number}\n")
        disk.until("pkg/a.py")
    assert inodes


def test_a_folder_that_takes_the_place_of_another_is_watched(disk: Live) -> None:
    """By a rename it has another inode, and the same path."""
    disk.write("next/a.py", "a = 7\n")
    disk.until("next/a.py")
    (disk.root / "pkg").rename(disk.root / "last")
    (disk.root / "next").rename(disk.root / "pkg")
    disk.settle()
    disk.write("pkg/a.py", "a = 8\n")

    disk.until("pkg/a.py")
    disk.write("last/a.py", "a = 9\n")
    assert disk.until("last/a.py")


def test_a_file_becomes_a_folder_and_back(disk: Live) -> None:
    """Both what is gone and what came are seen."""
    (disk.root / "tool.py").mkdir()
    disk.write("tool.py/m.py", "1\n")
    disk.until("tool.py/m.py")
    shutil.rmtree(disk.root / "tool.py")
    disk.write("tool.py", "2\n")
    disk.until("tool.py")
    disk.settle()
    (disk.root / "tool.py").unlink()
    disk.write("tool.py/m.py", "3\n")
    disk.until("tool.py/m.py")
    disk.settle()
    assert disk.digests[WEB] == digest_from_scratch(disk.project)


@pytest.mark.parametrize("way", ["deleted", "renamed"])
def test_a_project_that_goes_and_comes_back_is_watched_again(disk: Live, way: str) -> None:
    """Nothing is posted while it is away, since nothing is known; what differs is posted on its return."""
    if way == "deleted":
        disk.root.rename(disk.root.with_name("doomed"))
        shutil.rmtree(disk.root.with_name("doomed"))
    else:
        disk.root.rename(disk.root.with_name("elsewhere"))
    disk.await_notice("root", "is not there")

    new = {**FILES, "pkg/__init__.py": "", "pkg/a.py": "a = 2\n", "barrier_1.py": ""}
    write(disk.root.with_name("new"), new)
    disk.root.with_name("new").rename(disk.root)
    disk.await_notice("root", "")
    assert disk.until("pkg/a.py")[0].sources[WEB].paths == ("pkg/a.py",)
    disk.write("web.py", "web = 9\n")
    assert disk.paths() == ("web.py",)


def test_edits_go_on_while_a_mount_outside_is_missing(tmp_path: Path) -> None:
    """Of its files nothing is known; all others are seen."""
    write(tmp_path / "p", FILES)
    write(tmp_path / "lib", {"l.py": "1\n"})
    targets = (
        make_target(WEB, tmp_path / "p"),
        make_target(LIB, tmp_path / "p", mount=Mount(tmp_path / "lib")),
    )
    with live(make_project(tmp_path / "p", *targets)) as disk:
        disk.rest()
        (tmp_path / "lib").rename(tmp_path / "gone")
        disk.await_notice("root", "lib is not there")
        disk.write("web.py", "web = 2\n")
        (batch,) = disk.until("web.py")
        assert set(batch.sources) == {WEB}

        write(tmp_path / "gone", {"l.py": "2\n"})
        (tmp_path / "gone").rename(tmp_path / "lib")
        disk.until(str(tmp_path / "lib/l.py"))
        disk.await_notice("root", "")


@pytest.mark.usefixtures("unmeasured")
def test_a_flood_of_files_hides_no_edit(disk: Live) -> None:
    """The system's queue overflows, and what it drops is found by looking."""

    def flood(writer: int) -> None:
        for number in range(3000):
            (disk.root / f"w{writer}_{number}.txt").write_text("x")

    writers = [threading.Thread(target=flood, args=(writer,)) for writer in range(4)]
    for thread in writers:
        thread.start()
    disk.write("made/in/between.py", "1\n")
    disk.write("web.py", "web = 2\n")
    for thread in writers:
        thread.join()
    disk.until("web.py", "made/in/between.py")
    disk.write("made/in/between.py", "2\n")

    disk.until("made/in/between.py")
    assert disk.digests[WEB] == digest_from_scratch(disk.project)


@pytest.mark.usefixtures("unmeasured")
def test_a_pause_of_the_process_hides_no_edit(tmp_path: Path) -> None:
    """Stopped by SIGSTOP while the queue overflows, it sees the last edit all the same."""
    write(tmp_path, FILES)
    ended = run_apart(
        """
        import signal, subprocess
        with watching(root) as disk:
            stop, go = (f"kill -{name} {os.getpid()}" for name in ("STOP", "CONT"))
            flood = "for i in $(seq 20000); do : > f$i.txt; : > a.txt; done"
            script = f"{stop}; {flood}; echo 'web = 2' > web.py; mkdir -p x/y; echo 1 > x/y/m.py; {go}"
            child = subprocess.Popen(["sh", "-c", script], cwd=root)
            disk.until("web.py", "x/y/m.py")
            disk.write("x/y/m.py", "2")
            disk.until("x/y/m.py")
            child.wait()
        print("seen")
        """,
        tmp_path,
    )
    assert ended == "seen\n"


def test_names_that_are_no_utf8_hide_no_edit(disk: Live) -> None:
    """Files with such names, and edits in folders with such names, are seen; other edits are as well."""
    for number in range(3):
        disk.write(f"\udcff{number}.py", "1\n")
        disk.write("web.py", f"web = {number + 2}\n")
        disk.until("web.py", f"\udcff{number}.py")
    for text in ("1\n", "2\n"):
        disk.write("\udcfe/m.py", text)
        disk.until("\udcfe/m.py")
    disk.write("web.py", "web = 9\n")
    disk.until("web.py")

    assert disk.digests[WEB] == digest_from_scratch(disk.project)


def test_strange_names_are_seen(disk: Live) -> None:
    """A newline, an escape character, a quote: names all the same."""
    names = ["new\nline.py", "es\x1bcape.py", "quo'te\".py", "-dash.py", " space .py", "ü.py"]
    write(disk.root, dict.fromkeys(names, "1\n"))

    seen = {path for batch in disk.until(*names) for path in batch.sources[WEB].paths}
    assert seen == set(names)


def test_links_are_seen_for_what_they_are(disk: Live) -> None:
    """Loops end, a link to a file has its content, nothing outside is walked."""
    outside = disk.root.parent / "outside"
    write(outside, {"far.py": "far = 1\n", "deep/m.py": "1\n"})
    (disk.root / "pkg/loop").symlink_to(disk.root)
    (disk.root / "self").symlink_to("self")
    (disk.root / "away").symlink_to(outside)
    assert disk.rest() == []

    (disk.root / "linked.py").symlink_to(outside / "far.py")
    disk.until("linked.py")
    write(outside, {"near.py": "far = 2\n", "deep/m.py": "2\n"})
    assert disk.rest() == []
    (disk.root / "new-link").symlink_to(outside / "near.py")
    (disk.root / "new-link").rename(disk.root / "linked.py")
    disk.until("linked.py")


def test_a_directory_that_goes_while_it_is_watched_costs_no_second(disk: Live) -> None:
    """A watcher that cannot begin because the list is out of date begins again."""
    for number in range(30):
        disk.write(f"t{number}/x/m.py", "1\n")
        shutil.rmtree(disk.root / f"t{number}")
    disk.settle()
    assert disk.said.get("watcher", "") == ""


def run_apart(script: str, root: Path, *wrapper: str) -> str:
    """Return what a Python program prints that has a disk to itself, in a process of its own."""
    lines = script.strip("\n").split("\n")
    indent = len(lines[0]) - len(lines[0].lstrip())
    program = "\n".join(
        [
            "import os, sys, pathlib",
            "from tests.sources.live_disk import *",
            f"root = pathlib.Path({str(root)!r})",
            *(line[indent:] for line in lines),
        ]
    )
    here = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(here), "PYTHONDONTWRITEBYTECODE": "1"}
    ended = subprocess.run(
        [*wrapper, sys.executable, "-c", program],
        cwd=here,
        env=environment,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def may_unshare() -> bool:
    """Tell whether limits of one's own can be set here."""
    try:
        return subprocess.run(["unshare", "-Ur", "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not may_unshare(), reason="user namespaces are not allowed here")
@pytest.mark.parametrize("limit", ["max_inotify_watches", "max_inotify_instances"])
def test_a_limit_of_the_system_is_said_and_hides_no_edit(tmp_path: Path, limit: str) -> None:
    """At the start, or when it is met later; after it is lifted the notice goes."""
    write(tmp_path, FILES)
    ended = run_apart(
        f"""
        limit = pathlib.Path("/proc/sys/user/{limit}")
        with watching(root) as disk:
            limit.write_text("0")
            disk.write("a/b/m.py", "1")
            disk.await_notice("watcher", "fs.inotify.max_user_")
            disk.until("a/b/m.py")
            disk.write("a/b/m.py", "2")
            disk.until("a/b/m.py")
            limit.write_text("100")
            disk.await_notice("watcher", "")
        limit.write_text("0")
        with live(make_project(root)) as disk:
            disk.await_notice("watcher", "fs.inotify.max_user_")
            disk.write("web.py", "web = 3")
            disk.until("web.py")
        print("seen")
        """,
        tmp_path,
        "unshare",
        "-Ur",
    )
    assert ended == "seen\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_an_unreadable_folder_is_said_and_hides_no_other(tmp_path: Path) -> None:
    """Its siblings are watched, and it is too when it can be read."""
    write(tmp_path, {**FILES, "a/m.py": "1\n", "b/m.py": "1\n", "c/m.py": "1\n"})
    (tmp_path / "b").chmod(0)
    for path in (tmp_path, *tmp_path.rglob("*")):
        os.chown(path, 65534, 65534)
    for path in tmp_path.parents[:3]:
        path.chmod(path.stat().st_mode | 0o055)
    ended = run_apart(
        """
        digest_from_scratch(make_project(root))  # Imports, while the modules can be read.
        os.setgroups([]); os.setgid(65534); os.setuid(65534)
        with live(make_project(root)) as disk:
            disk.rest()
            assert disk.said["unreadable"].startswith("b cannot be read"), disk.said
            disk.write("c/m.py", "2")
            disk.until("c/m.py")
            (root / "b").chmod(0o755)
            disk.until("b/m.py")
            disk.write("b/m.py", "2")
            disk.until("b/m.py")
            assert disk.said["unreadable"] == ""
        print("seen")
        """,
        tmp_path,
    )
    assert ended == "seen\n"
