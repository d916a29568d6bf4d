"""What git does to the tree is one batch, and what it only looks at is none."""

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from devrun.core.events import FilesChanged, GitEnded, GitStarted
from devrun.sources.disk import Told
from devrun.sources.git import MANY, Git
from tests.sources.live_disk import FILES, LIMIT_S, Live, live, make_project, write

GO_ON = threading.Event()
"""Never set: nothing is to stop."""


def git(folder: Path, *arguments: str) -> str:
    """Run git, by no other configuration than its own."""
    nobody = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_EDITOR": "true"}
    who = ("-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "init.defaultBranch=main")
    ended = subprocess.run(
        ["git", *who, *arguments],
        cwd=folder,
        env={**os.environ, **nobody},
        capture_output=True,
        text=True,
        check=True,
    )
    return ended.stdout


def commit(folder: Path, **files: str) -> None:
    """Commit files."""
    write(folder, {f"{name}.py": text for name, text in files.items()})
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "change")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit."""
    git(tmp_path, "init", "-q")
    write(tmp_path, FILES)
    commit(tmp_path)
    return tmp_path


@pytest.fixture
def tree(repository: Path) -> Git:
    """The repository as a folder of it knows it, at rest."""
    made = Git(repository, stale_s=0.2)
    made.rest()
    return made


def test_a_folder_without_a_repository_has_no_git_at_work(tmp_path: Path) -> None:
    """Until there is one."""
    made = Git(tmp_path)
    made.rest()
    assert not made.is_at_work(1000, GO_ON)
    git(tmp_path, "init", "-q")
    (tmp_path / ".git" / "index.lock").touch()

    assert made.is_at_work(MANY, GO_ON)


@pytest.mark.parametrize("lock", ["index.lock", "HEAD.lock"])
def test_a_lock_counts_beside_many_changes_only(repository: Path, tree: Git, lock: str) -> None:
    """`git status` takes it too."""
    assert not tree.is_at_work(1000, GO_ON)
    (repository / ".git" / lock).touch()

    assert not tree.is_at_work(MANY - 1, GO_ON)
    assert tree.is_at_work(MANY, GO_ON)


def test_a_lock_counts_beside_a_head_that_moved(repository: Path, tree: Git) -> None:
    """By another commit of the same branch too; but a move that was at rest once is no news."""
    commit(repository, new="1")
    assert not tree.is_at_work(1, GO_ON)
    (repository / ".git" / "index.lock").touch()
    assert not tree.is_at_work(1, GO_ON)
    (repository / ".git" / "HEAD").write_text("ref: refs/heads/other\n")

    assert tree.is_at_work(1, GO_ON)


def test_a_rebase_goes_on_between_its_locks(repository: Path, tree: Git) -> None:
    """Its folder and a HEAD that moved show it; where it waits for its user, HEAD is at rest again."""
    (repository / ".git" / "rebase-merge").mkdir()
    assert not tree.is_at_work(1, GO_ON)
    (repository / ".git" / "HEAD").write_text("0" * 40)
    assert tree.is_at_work(1, GO_ON)
    tree.wait(lambda: False, GO_ON)

    assert not tree.is_at_work(1, GO_ON)


def test_a_lock_that_nobody_holds_any_more_ends_the_wait(repository: Path, tree: Git) -> None:
    """A git that crashed leaves it behind; the next lock is another one."""
    lock = repository / ".git" / "index.lock"
    lock.touch()
    tree.wait(lambda: False, GO_ON)
    assert not tree.is_at_work(1000, GO_ON)
    lock.rename(repository / ".git" / "old")
    lock.touch()

    assert tree.is_at_work(1000, GO_ON)


def test_the_end_of_everything_ends_the_wait(repository: Path, tree: Git) -> None:
    """Whatever is locked."""
    (repository / ".git" / "index.lock").touch()
    stop = threading.Event()
    stop.set()
    tree.wait(lambda: True, stop)

    assert not tree.is_at_work(MANY - 1, stop)


def test_a_worktree_and_a_folder_inside_have_the_same_repository(repository: Path, tmp_path: Path) -> None:
    """Of a worktree `.git` is a file; its branch lies in the main one."""
    other = tmp_path / "other"
    git(repository, "worktree", "add", "-q", str(other), "-b", "side")
    (other / "sub").mkdir()
    made = Git(other / "sub")
    made.rest()
    commit(other, more="1")
    (repository / ".git" / "worktrees" / "other" / "index.lock").touch()

    assert made.is_at_work(1, GO_ON)


@pytest.fixture
def disk(repository: Path) -> Iterator[Live]:
    """A disk that watches a repository."""
    with live(make_project(repository)) as made:
        made.rest()
        while not made.told.empty():
            made.told.get()
        yield made


def told(disk: Live, last: type) -> list[Told]:
    """Return what is told until something of a kind is."""
    events = [disk.told.get(timeout=LIMIT_S)]
    while not isinstance(events[-1], last):
        events.append(disk.told.get(timeout=LIMIT_S))
    return events


def test_a_checkout_is_one_batch_between_its_beginning_and_its_end(repository: Path, disk: Live) -> None:
    """However many files it writes."""
    git(repository, "checkout", "-qb", "wide")
    write(repository, {f"pkg/m{number}.py": f"N = {number}\n" for number in range(500)})
    disk.until("pkg/m499.py")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "wide")
    disk.rest()
    while not disk.told.empty():
        disk.told.get()

    git(repository, "checkout", "-q", "main")
    disk.until("pkg/m499.py")
    events = [event for event in told(disk, FilesChanged) if isinstance(event, FilesChanged)]
    paths = {path for change in events[0].sources.values() for path in change.paths}
    assert len(events) == 1
    assert len({path for path in paths if path.startswith("pkg/")}) == 500


def test_what_is_held_for_git_is_let_go_at_its_end(repository: Path, disk: Live) -> None:
    """A lock beside many changes: the beginning, one batch, the end."""
    lock = repository / ".git" / "index.lock"
    lock.touch()
    write(repository, {f"pkg/m{number}.py": "N = 1\n" for number in range(2 * MANY)})
    began = told(disk, GitStarted)
    write(repository, {f"pkg/n{number}.py": "N = 1\n" for number in range(2 * MANY)})
    lock.unlink()
    events = told(disk, GitEnded)

    assert len(began) == 1
    (batch,) = [event for event in events if isinstance(event, FilesChanged)]
    assert len({path for change in batch.sources.values() for path in change.paths}) == 4 * MANY


def test_a_rebase_ends_as_one_state(repository: Path, disk: Live) -> None:
    """What is told last is what lies there, and no file of it is missed."""
    git(repository, "checkout", "-qb", "topic")
    for number in range(10):
        commit(repository, **{f"topic{number}": f"N = {number}"})
    git(repository, "checkout", "-q", "main")
    commit(repository, base="N = 1")
    git(repository, "checkout", "-q", "topic")
    git(repository, "rebase", "-q", "main")

    disk.settle()
    assert (repository / "base.py").exists()
