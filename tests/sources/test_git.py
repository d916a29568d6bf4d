"""What git does, seen from outside: real repositories, real operations."""

import itertools
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devrun.core.events import DiskRead, FilesChanged, GitEnded, GitStarted
from devrun.sources.git import Glance, find_git_directory, glance
from devrun.sources.settling import LIMITS, Limits
from tests.sources.live_disk import (
    FILES,
    LIMIT_S,
    WEB,
    Live,
    digest_from_scratch,
    live,
    make_project,
    watching,
    write,
)

MANY = {f"pkg/m{number}.py": f"N = {number}\n" for number in range(2 * LIMITS.many)}
PATIENT = Limits(grace_s=5.0, quiet_s=2.0)
"""For git processes that have to wait for a processor."""
COMMAND = ("git", "-c", "user.name=Somebody", "-c", "user.email=somebody@example.org")
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_EDITOR": "true",
}


def git(folder: Path, *arguments: str) -> None:
    """Run git to its end."""
    ended = subprocess.run(
        [*COMMAND, *arguments], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, (arguments, ended.stdout, ended.stderr)


def commit(folder: Path, files: dict[str, str]) -> None:
    """Write files and commit all that there is."""
    write(folder, files)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message=change")


def make_repository(folder: Path, files: dict[str, str]) -> Path:
    """Make a repository whose branch `main` has one commit."""
    folder.mkdir(exist_ok=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, files)
    return folder


@contextmanager
def running(folder: Path, *arguments: str) -> "Iterator[subprocess.Popen[bytes]]":
    """Run git beside the test, which it does not outlive."""
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
        assert process.wait(LIMIT_S) == 0, arguments
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def gate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fifo: who reads it waits until the test writes to it."""
    path = tmp_path_factory.mktemp("gate") / "fifo"
    os.mkfifo(path)
    return path


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """One with the files of a project."""
    return make_repository(tmp_path / "p", FILES)


def test_the_git_directory_lies_in_the_project_or_above_it(repository: Path) -> None:
    """The innermost one counts."""
    write(repository, {"a/b/c.py": ""})
    assert find_git_directory(repository) == repository / ".git"
    assert find_git_directory(repository / "a/b") == repository / ".git"

    make_repository(repository / "a", {"x.py": ""})
    assert find_git_directory(repository / "a/b") == repository / "a/.git"


def test_a_worktree_has_a_git_directory_of_its_own(repository: Path) -> None:
    """Its `.git` is a file; what moves HEAD elsewhere does not move its own."""
    other = repository.parent / "other"
    git(repository, "worktree", "add", "--quiet", "-b", "side", str(other))
    assert find_git_directory(other) == repository / ".git/worktrees/other"

    before = glance(other).position
    commit(repository, {"x.py": "1"})
    assert glance(other).position == before
    commit(other, {"y.py": "1"})
    assert glance(other).position != before


def test_a_submodule_has_a_git_directory_of_its_own(repository: Path) -> None:
    """Its `.git` is a file with a path relative to itself."""
    part = make_repository(repository.parent / "part", {"x.py": ""})
    git(repository, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(part), "lib")

    assert find_git_directory(repository / "lib") == repository / ".git/modules/lib"


@pytest.mark.parametrize(
    "text", [None, "", "gitdir: /nowhere", "gitdir: ", "gitdir: \0", "hello\n", "x" * 10_000]
)
def test_what_is_no_repository_shows_nothing(tmp_path: Path, text: str | None) -> None:
    """Whatever lies there under its name."""
    if text is not None:
        (tmp_path / ".git").write_text(text)

    assert glance(tmp_path) == Glance()


def test_a_fifo_in_place_of_a_git_file_keeps_nobody_waiting(tmp_path: Path) -> None:
    """Nobody will ever write to it."""
    os.mkfifo(tmp_path / ".git")
    assert glance(tmp_path) == Glance()
    (tmp_path / ".git").unlink()
    (tmp_path / ".git").mkdir()
    os.mkfifo(tmp_path / ".git/HEAD")
    assert glance(tmp_path) == Glance()


def test_a_head_that_moves_is_seen(repository: Path) -> None:
    """By a commit, another branch, a reset, a detached HEAD, and where branches are packed away."""
    seen = [glance(repository).position]
    for operation in (
        ("commit", "--quiet", "--allow-empty", "--message=more"),
        ("checkout", "--quiet", "-b", "side"),
        ("pack-refs", "--all"),
        ("commit", "--quiet", "--allow-empty", "--message=more"),
        ("reset", "--quiet", "--hard", "HEAD~1"),
        ("checkout", "--quiet", "--detach"),
    ):
        git(repository, *operation)
        seen.append(glance(repository).position)

    assert all(before != after for before, after in itertools.pairwise(seen))


def test_what_only_looks_or_adds_moves_nothing(repository: Path) -> None:
    """Status, diff, add and stash of nothing leave HEAD where it is, and no lock."""
    before = glance(repository)
    write(repository, {"web.py": "web = 2\n"})
    for operation in (("status",), ("diff",), ("add", "web.py"), ("stash", "list")):
        git(repository, *operation)

    assert glance(repository).position == before.position
    assert glance(repository).locks == frozenset()
    assert glance(repository).stamps != before.stamps


def test_a_repository_may_come_and_go(tmp_path: Path) -> None:
    """Each glance is a new one."""
    assert glance(tmp_path) == Glance()
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    assert glance(tmp_path).head.strip() == "ref: refs/heads/main"
    (tmp_path / ".git").rename(tmp_path / "gone")
    assert glance(tmp_path) == Glance()


def kinds(disk: Live, last: type[GitEnded] | type[DiskRead] | type[GitStarted]) -> list[str]:
    """Return the names of what is told until something of a kind is."""
    return [type(event).__name__ for event in disk.told_until(last)]


def forget(disk: Live) -> None:
    """Let what was told until now be told."""
    disk.rest()
    while not disk.told.empty():
        disk.told.get()


def move_in(disk: Live, name: str = "new") -> None:
    """Have many files come at once, so that one look finds them all."""
    write(disk.root.parent / name, MANY)
    (disk.root.parent / name).rename(disk.root / name)


@pytest.mark.usefixtures("unmeasured")
def test_a_checkout_of_2000_files_is_one_batch_between_its_start_and_its_end(
    repository: Path, gate: Path
) -> None:
    """Both ways; git is made to wait at its last file until it was seen at work."""
    git(repository, "config", "filter.gate.smudge", f"cat; read line < {gate}")
    commit(repository, {".gitattributes": "zz.py filter=gate\n"})
    git(repository, "checkout", "--quiet", "-b", "wide")
    commit(repository, {**{f"wide/m{n}.py": f"N = {n}\n" for n in range(1999)}, "zz.py": "Z = 1\n"})
    git(repository, "checkout", "--quiet", "main")
    commit(repository, {"zz.py": "Z = 2\n"})
    with live(make_project(repository), PATIENT) as disk:
        forget(disk)
        for branch in ("wide", "main"):
            with running(repository, "checkout", branch):
                assert kinds(disk, GitStarted) == ["GitStarted"]
                gate.write_text("go on\n")
                batch, end = disk.told_until(GitEnded)
            assert isinstance(batch, FilesChanged)
            assert isinstance(end, GitEnded)
            assert len(batch.sources[WEB].paths) == 2000
            assert disk.digests[WEB] == digest_from_scratch(disk.project)


def test_a_rebase_of_ten_commits_is_one_batch(repository: Path, gate: Path) -> None:
    """It takes files away and brings them back, and is made to wait at its end until it was seen at work."""
    last = f'echo "exec read line < {gate}" >> "$1"'
    git(repository, "config", "sequence.editor", f"sh -c '{last}' editor")
    git(repository, "checkout", "--quiet", "-b", "topic")
    for number in range(10):
        commit(repository, {f"topic{number}.py": "T = 1\n"})
    git(repository, "checkout", "--quiet", "main")
    commit(repository, {"base.py": "B = 1\n"})
    git(repository, "checkout", "--quiet", "topic")
    with live(make_project(repository), PATIENT) as disk:
        forget(disk)
        with running(repository, "rebase", "--interactive", "main"):
            disk.told_until(GitStarted)
            gate.write_text("go on\n")
            batch, end = disk.told_until(GitEnded)

        assert isinstance(batch, FilesChanged)
        assert isinstance(end, GitEnded)
        assert batch.sources[WEB].paths == ("base.py",)
        assert disk.digests[WEB] == digest_from_scratch(disk.project)


def test_a_rebase_that_stops_for_a_conflict_has_ended(repository: Path) -> None:
    """Each save of the one who mends it counts at once, though git is not done yet."""
    git(repository, "checkout", "--quiet", "-b", "topic")
    commit(repository, {"web.py": "web = 'topic'\n"})
    git(repository, "checkout", "--quiet", "main")
    commit(repository, {"web.py": "web = 'main'\n", "base.py": "B = 1\n"})
    git(repository, "checkout", "--quiet", "topic")
    with live(make_project(repository), PATIENT) as disk:
        forget(disk)
        stopped = subprocess.run(
            [*COMMAND, "rebase", "main"], cwd=repository, env=ENVIRONMENT, capture_output=True, check=False
        )
        assert stopped.returncode != 0
        assert kinds(disk, GitEnded) == ["GitStarted", "FilesChanged", "GitEnded"]

        disk.write("web.py", "web = 'both'\n")
        disk.until("web.py")
        assert [type(event) for event in disk.told_until(FilesChanged)] == [FilesChanged]


def test_saves_beside_git_status_are_told_at_once(repository: Path) -> None:
    """It takes the lock, and rewrites nothing."""
    with live(make_project(repository)) as disk:
        forget(disk)
        for number in range(10):
            with running(repository, "status"):
                disk.write("web.py", f"web = {number + 2}\n")
                disk.until("web.py")
        told = disk.rest()
        kinds_told = set()
        while not disk.told.empty():
            kinds_told.add(type(disk.told.get()))

    assert told == []
    assert GitStarted not in kinds_told


def test_a_lock_that_was_left_behind_is_outlasted(repository: Path) -> None:
    """Nothing is held for longer than the limit, and nothing by this lock after it."""
    with live(make_project(repository), Limits(still_s=0.2)) as disk:
        forget(disk)
        (repository / ".git/index.lock").touch()
        move_in(disk)
        assert kinds(disk, GitEnded) == ["GitStarted", "FilesChanged", "GitEnded"]
        move_in(disk, "newer")
        assert [type(event) for event in disk.told_until(FilesChanged)] == [FilesChanged]


def test_a_tool_that_goes_over_the_tree_is_one_batch(repository: Path) -> None:
    """No repository is needed for that; what it writes while it is waited for belongs to it."""
    with watching(repository.parent / "q", limits=Limits(gap_s=2.0, gathering_s=LIMIT_S)) as disk:
        forget(disk)
        move_in(disk)
        disk.write("web.py", "web = 2\n")
        (batch,) = disk.until("web.py")

    assert len(batch.sources[WEB].paths) == len(MANY) + 1


def test_a_barrier_waits_for_the_end_of_git(repository: Path) -> None:
    """Whoever waits for what was saved waits for what git writes."""
    with live(make_project(repository)) as disk:
        forget(disk)
        (repository / ".git/index.lock").touch()
        move_in(disk)
        disk.told_until(GitStarted)
        disk.disk.barrier(7)
        disk.write("web.py", "web = 2\n")
        (repository / ".git/index.lock").unlink()

        assert kinds(disk, DiskRead) == ["FilesChanged", "GitEnded", "DiskRead"]
        assert disk.digests[WEB] == digest_from_scratch(disk.project)


def test_the_end_of_devrun_ends_what_git_held(repository: Path) -> None:
    """Its end is told, though the lock is there still."""
    with live(make_project(repository)) as disk:
        forget(disk)
        (repository / ".git/index.lock").touch()
        move_in(disk)
        disk.told_until(GitStarted)
        disk.disk.close()

        assert kinds(disk, GitEnded)[-1] == "GitEnded"


def test_a_project_that_goes_while_git_is_at_work_is_not_held(repository: Path) -> None:
    """The lock has gone with it; on its return all is told."""
    with watching(repository) as disk:
        forget(disk)
        (repository / ".git/index.lock").touch()
        move_in(disk)
        disk.told_until(GitStarted)
        repository.rename(repository.with_name("away"))
        assert kinds(disk, GitEnded)[-1] == "GitEnded"
        disk.await_notice("root", "is not there")
        (repository.with_name("away") / ".git/index.lock").unlink()
        repository.with_name("away").rename(repository)
        disk.settle()
