"""What belongs together is told together: a tool's files, and all that git does to the tree.

Time is told here, not measured: it goes on where something waits, and what is to happen meanwhile happens.
"""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from devrun.core.events import GitEnded, GitStarted
from devrun.sources.settling import LIMITS, LOOK_SHARE, POLL_S, Settling
from devrun.sources.snapshot import Entry, Root, Snapshot
from tests.sources.live_disk import write

MANY = LIMITS.many


class Aged(Snapshot):
    """A snapshot to which all files are old: others name files again that were written just now."""

    def _note(self, path: str, entry: Entry) -> None:
        self.files[path] = entry


class Desk:
    """A folder with a git directory, somebody who writes to it, and what is told of that."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.git = root / ".git"
        write(root, {".git/HEAD": "ref: refs/heads/main\n", ".git/refs/heads/main": "1111\n"})
        self.now = 100.0
        self.events: list[str] = []
        self.scans = 0
        self.scan_s = 0.0
        """What a look at everything takes."""
        self.is_closing = False
        self._to_come: list[tuple[float, Callable[[], object]]] = []
        self._writes = 0
        self.snapshot = Aged([Root(str(root), lambda _: False, lambda name: name == ".git")])
        self.snapshot.scan()
        self.settling = Settling(root, self.snapshot, self.post, self.wait, now=lambda: self.now)

    def post(self, event: GitStarted | GitEnded) -> None:
        """Take what is posted."""
        self.events.append("git starts" if isinstance(event, GitStarted) else "git ends")

    def later(self, after_s: float, happening: Callable[[], object]) -> None:
        """Have something happen when so much time has gone by."""
        self._to_come.append((self.now + after_s, happening))
        self._to_come.sort(key=lambda one: one[0])

    def wait(self, seconds: float) -> bool:
        """Let time pass."""
        until = self.now + seconds
        while self._to_come and self._to_come[0][0] <= until:
            self.now, happening = self._to_come.pop(0)
            happening()
        self.now = until
        return self.is_closing

    def save(self, *names: str) -> None:
        """Write files with new contents."""
        self._writes += 1
        write(self.root, dict.fromkeys(names, "#" * self._writes))

    def save_many(self, count: int, prefix: str = "m") -> None:
        """Write so many files."""
        self.save(*(f"{prefix}{number}.py" for number in range(count)))

    def lock(self, name: str = "index.lock") -> None:
        """Do as git does when it begins to write."""
        (self.git / name).touch()

    def unlock(self, name: str = "index.lock") -> None:
        """Do as git does when it has written."""
        (self.git / name).unlink()

    def move_head(self, commit: str = "2222") -> None:
        """Do as git does when it checks another commit out, or makes one."""
        write(self.root, {".git/refs/heads/main": f"{commit}\n"})

    def look(self, matters: Callable[[str], bool] = lambda _: True) -> list[str]:
        """Look once, as the disk does, and return what was told of it in this order."""
        self.events = []
        with self.settling.whole(self.scan(), self.scan, matters) as paths:
            if paths:
                self.events.append(f"{len(paths)} files")
        return self.events

    def scan(self) -> set[str]:
        """Look at everything."""
        self.scans += 1
        self.wait(self.scan_s)
        return self.snapshot.scan()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """One at rest."""
    return Desk(tmp_path)


def test_a_few_files_are_told_at_once(desk: Desk) -> None:
    """No time passes, and nothing is looked at twice."""
    before = desk.now
    desk.save_many(MANY - 1)

    assert desk.look() == [f"{MANY - 1} files"]
    assert (desk.now, desk.scans) == (before, 1)


def test_a_tool_that_goes_over_many_files_is_told_once(desk: Desk) -> None:
    """From the first batch that shows it until it writes nothing more."""
    desk.save_many(MANY)
    for number in range(10):
        desk.later(0.09 * (number + 1), partial(desk.save, f"more{number}.py"))

    assert desk.look() == [f"{MANY + 10} files"]
    assert desk.now < 100 + 0.9 + 2 * LIMITS.gap_s + 0.01


def test_a_tool_that_never_rests_keeps_others_waiting_for_two_seconds(desk: Desk) -> None:
    """What it writes after that is told later."""
    desk.save_many(MANY)
    for number in range(100):
        desk.later(0.09 * (number + 1), partial(desk.save, f"more{number}.py"))

    desk.look()
    assert LIMITS.gathering_s <= desk.now - 100 < LIMITS.gathering_s + 2 * LIMITS.gap_s


def test_many_files_that_decide_nothing_keep_nobody_waiting(desk: Desk) -> None:
    """A program may write its data beside the sources."""
    desk.save_many(10 * MANY)
    before = desk.now

    assert desk.look(lambda path: path.endswith("m1.py")) == [f"{10 * MANY} files"]
    assert desk.now == before


def test_a_checkout_is_told_once_at_its_end(desk: Desk) -> None:
    """All that is found until then comes before the end is told."""
    desk.lock()
    desk.save_many(MANY)
    desk.later(0.5, lambda: desk.save_many(100, "n"))
    desk.later(1.0, lambda: desk.save("last.py"))
    desk.later(1.0, desk.unlock)

    assert desk.look() == ["git starts", f"{MANY + 101} files", "git ends"]
    assert desk.now < 101 + 2 * POLL_S


@pytest.mark.parametrize("lock", ["index.lock", "HEAD.lock"])
def test_a_lock_beside_a_head_that_moved_is_git_at_work(desk: Desk, lock: str) -> None:
    """However few files have changed."""
    desk.lock(lock)
    desk.move_head()
    desk.save("web.py")
    desk.later(0.2, lambda: desk.save("job.py"))
    desk.later(0.3, lambda: desk.unlock(lock))

    assert desk.look() == ["git starts", "2 files", "git ends"]


def test_a_checkout_of_a_few_files_is_told_whole(desk: Desk) -> None:
    """Its HEAD moves last of all, so the lock is given a moment."""
    desk.lock()
    desk.save("a.py")
    desk.later(0.02, lambda: desk.save("z.py"))
    desk.later(0.03, desk.unlock)
    desk.later(0.03, desk.move_head)

    assert desk.look() == ["2 files"]
    assert desk.now <= 100 + LIMITS.grace_s + POLL_S


def test_the_lock_of_git_status_holds_nothing(desk: Desk) -> None:
    """A save beside it is told when the lock is gone, or after a moment, and the next one at once."""
    desk.lock()
    desk.save("web.py")
    assert desk.look() == ["1 files"]
    assert desk.now <= 100 + LIMITS.grace_s + POLL_S

    before = desk.now
    desk.save("web.py")
    assert desk.look() == ["1 files"]
    assert desk.now == before


def test_a_commit_is_no_news_at_the_next_save(desk: Desk) -> None:
    """HEAD has moved, and was at rest since."""
    desk.move_head()
    assert desk.look() == []
    desk.lock()
    desk.save("web.py")

    assert desk.look() == ["1 files"]


def test_a_slow_checkout_is_known_by_all_its_files_together(desk: Desk) -> None:
    """The first few are told; then so many changed beside one lock that it is no `git status`."""
    desk.lock()
    told = []
    for number in range(MANY):
        desk.save(f"m{number}.py")
        if number == MANY - 1:
            desk.later(0.5, lambda: desk.save("last.py"))
            desk.later(0.6, desk.unlock)
        told.append(desk.look())

    assert told == [["1 files"]] * (MANY - 1) + [["git starts", "2 files", "git ends"]]


def test_a_lock_that_a_crashed_git_left_behind_holds_nothing_for_long(desk: Desk) -> None:
    """After five seconds without a change it is passed over for good; the next lock is another one."""
    desk.lock()
    desk.save_many(MANY)
    assert desk.look() == ["git starts", f"{MANY} files", "git ends"]
    assert desk.now - 100 <= LIMITS.still_s + 2 * POLL_S

    before = desk.now
    desk.save_many(MANY)
    assert desk.look() == [f"{MANY} files"]
    desk.save("web.py")
    assert desk.look() == ["1 files"]
    assert desk.now - before <= 2 * LIMITS.gap_s

    (desk.git / "index.lock").rename(desk.git / "old.lock")
    desk.lock()
    desk.save_many(MANY)
    desk.later(0.1, desk.unlock)
    assert desk.look() == ["git starts", f"{MANY} files", "git ends"]


def test_a_checkout_that_goes_on_is_not_cut_in_two(desk: Desk) -> None:
    """The five seconds count from its last file."""
    desk.lock()
    desk.save_many(MANY)
    for number in range(10):
        desk.later(3.0 * (number + 1), partial(desk.save, f"big{number}.py"))
    desk.later(31.0, desk.unlock)

    assert desk.look() == ["git starts", f"{MANY + 10} files", "git ends"]
    assert desk.now >= 131


def test_no_operation_holds_everything_for_more_than_a_minute(desk: Desk) -> None:
    """Whatever goes on beside its lock."""
    desk.lock()
    desk.save_many(MANY)
    for number in range(100):
        desk.later(number + 0.5, partial(desk.save, f"log{number}.py"))

    assert desk.look()[-1] == "git ends"
    assert LIMITS.longest_s <= desk.now - 100 < LIMITS.longest_s + 1


def test_looks_take_a_small_part_of_the_time_that_git_works(desk: Desk) -> None:
    """A look at a large tree takes long, and git has work to do."""
    desk.lock()
    desk.save_many(MANY)
    desk.later(20, desk.unlock)
    for number in range(20):
        desk.later(number + 0.5, partial(desk.save, f"big{number}.py"))
    desk.scan_s = 0.6

    desk.look()
    first_and_last = 2
    assert (desk.scans - first_and_last) * desk.scan_s <= 20 / LOOK_SHARE


def pick(desk: Desk, number: int) -> None:
    """Do as a rebase does for one commit, too fast to be seen."""
    desk.lock()
    desk.save(f"picked{number}.py")
    desk.unlock()
    desk.move_head(f"picked{number}")


def test_a_rebase_is_one_operation(desk: Desk) -> None:
    """Though its locks come and go, and none of them is ever seen."""
    (desk.git / "rebase-merge").mkdir()
    pick(desk, 0)
    for number in range(1, 30):
        desk.later(0.09 * number, partial(pick, desk, number))
    desk.later(2.7, lambda: shutil.rmtree(desk.git / "rebase-merge"))

    assert desk.look() == ["git starts", "30 files", "git ends"]
    assert desk.now < 102.7 + LIMITS.quiet_s + 3 * POLL_S


@pytest.mark.parametrize("folder", ["rebase-merge", "rebase-apply", "sequencer"])
def test_a_rebase_that_waits_for_its_user_has_ended(desk: Desk, folder: str) -> None:
    """Conflicts are mended file by file, and each save counts at once; what goes on then is git's again."""
    (desk.git / folder).mkdir()
    pick(desk, 0)
    assert desk.look() == ["git starts", "1 files", "git ends"]
    assert desk.now <= 100 + LIMITS.quiet_s + 3 * POLL_S

    before = desk.now
    desk.save_many(MANY - 1)
    assert desk.look() == [f"{MANY - 1} files"]
    assert desk.now == before

    pick(desk, 1)
    assert desk.look() == ["git starts", "1 files", "git ends"]


def test_a_rebase_that_is_seen_between_a_file_and_its_commit_is_waited_for(desk: Desk) -> None:
    """The lock is gone and HEAD has not moved yet: the folder that is new tells it."""
    desk.lock()
    desk.save("web.py")
    desk.later(0.015, lambda: (desk.git / "rebase-merge").mkdir())
    desk.later(0.018, desk.unlock)
    desk.later(0.03, lambda: pick(desk, 1))

    assert desk.look() == ["git starts", "2 files", "git ends"]


def test_a_repository_that_goes_while_git_is_at_work_has_ended_it(desk: Desk) -> None:
    """Its lock went with it."""
    desk.lock()
    desk.save_many(MANY)
    desk.later(0.1, lambda: shutil.rmtree(desk.git))

    assert desk.look() == ["git starts", f"{MANY} files", "git ends"]
    desk.save_many(MANY - 1)
    assert desk.look() == [f"{MANY - 1} files"]


def test_the_end_of_git_is_told_whatever_happens(desk: Desk) -> None:
    """What holds everything must never be forgotten."""
    desk.lock()
    desk.save_many(MANY)
    desk.later(0.1, lambda: setattr(desk, "is_closing", True))
    assert desk.look() == ["git starts", f"{MANY} files", "git ends"]

    desk.events = []
    desk.save_many(MANY)
    with pytest.raises(ZeroDivisionError), desk.settling.whole(desk.scan(), desk.scan, lambda _: True):
        raise ZeroDivisionError
    assert desk.events in ([], ["git starts", "git ends"])


def test_a_project_without_a_repository_costs_no_time(tmp_path: Path) -> None:
    """Until there is one."""
    desk = Desk(tmp_path)
    shutil.rmtree(desk.git)
    before = desk.now
    desk.save("web.py")
    assert desk.look() == ["1 files"]
    assert desk.now == before

    write(desk.root, {".git/HEAD": "ref: refs/heads/main\n"})
    desk.lock()
    desk.save_many(MANY)
    desk.later(0.1, desk.unlock)
    assert desk.look() == ["git starts", f"{MANY} files", "git ends"]
