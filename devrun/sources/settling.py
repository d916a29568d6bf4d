"""Whether what a look has found is all that belongs together, or who writes it is still at work.

A save is told at once, and so is a handful of files. Many files are a tool at work, such as a formatter: they
are told when nothing more came for a moment. While git rewrites the tree nothing is told, and between
GitStarted and GitEnded the core holds everything: what lies there at the end is all that counts.

A lock of git's alone means nothing, since `git status` takes it too. It counts beside many changed files, or
where HEAD moved or a rebase began. A checkout of a few files moves HEAD last of all, so a lock that is seen
beside few files is given the time that a `git status` takes. A rebase takes and leaves its locks many times
over; it is one operation for as long as it is at work, and ends where it waits for its user.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from devrun.core.events import GitEnded, GitStarted
from devrun.sources.git import Glance, Lock, glance
from devrun.sources.snapshot import Snapshot

POLL_S = 0.02
"""Between glances at git's directory, which nobody watches; one takes a fraction of a millisecond."""
LOOK_SHARE = 5
"""Of the time that git is at work, at most one part in so many goes into looking at the tree meanwhile."""

Post = Callable[[GitStarted | GitEnded], None]
Scan = Callable[[], set[str]]
"""Looks at everything, and returns what may have another content than before."""
Wait = Callable[[float], bool]
"""Lets so many seconds pass, and returns whether all is to end."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many, and how long. The defaults are for people, others for tests."""

    many: int = 8
    """Changed files that nobody saves by hand at once; an editor that renames a module rewrites fewer."""
    gap_s: float = 0.1
    """A tool that goes over the tree writes its next file sooner than this."""
    gathering_s: float = 2.0
    """The longest that files which never rest may keep others waiting."""
    grace_s: float = 0.05
    """`git status` holds its lock for some milliseconds, and a checkout of a few files for little more."""
    quiet_s: float = 0.1
    """Between two steps of a rebase git is away for some milliseconds."""
    still_s: float = 5.0
    """A lock beside which nothing changes for so long was left behind by a git that crashed."""
    longest_s: float = 60.0
    """The longest that git may hold everything back, whatever it does."""


LIMITS = Limits()


class Settling:
    """Waits for those who write to the disk. Owned by one thread."""

    def __init__(
        self,
        folder: Path,
        snapshot: Snapshot,
        post: Post,
        wait: Wait,
        limits: Limits = LIMITS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._snapshot = snapshot
        self._post = post
        self._wait = wait
        self._limits = limits
        self._now = now
        self._rest = self._glance()
        self._tolerated: frozenset[Lock] = frozenset()
        """Locks that were given their time, so that a few files beside them are told at once."""
        self._left_behind: frozenset[Lock] = frozenset()
        self._beside: tuple[frozenset[Lock], frozenset[str]] = (frozenset(), frozenset())
        """All that changed beside one lock: a slow checkout writes many files too, a few at a time."""

    @contextmanager
    def whole(self, paths: set[str], scan: Scan, matters: Callable[[str], bool]) -> Iterator[set[str]]:
        """Give all that changed, once it is whole; to be delivered inside, before git's end."""
        if not self._is_git_at_work(paths, scan):
            self._gather(paths, scan, matters)
            yield paths
            return
        self._post(GitStarted(time.time()))
        try:
            self._outlast(paths, scan)
            yield paths
        finally:
            self._rest = self._glance()
            self._post(GitEnded(time.time()))

    def look_again(self, paths: set[str], scan: Scan) -> bool:
        """Add what changed since the last look, and return whether anything did."""
        before = self._snapshot.files  # It stays as it is: a look at everything fills another dictionary.
        found = scan()
        paths |= found
        after = self._snapshot.files
        # What was written just now is named twice, since its times prove nothing.
        return any(before.get(path) != after.get(path) for path in found)

    def _glance(self) -> Glance:
        return glance(self._folder)

    def _is_git_at_work(self, paths: set[str], scan: Scan) -> bool:
        seen = self._glance().without(self._left_behind)
        if paths and self._is_rewriting(seen, paths):
            return True
        if paths and seen.locks - self._tolerated:
            seen = self._give_grace(seen)
            paths |= scan()
            if self._is_rewriting(seen, paths):
                return True
            self._tolerated = seen.locks
        if paths or not seen.sequences:
            # A commit moves HEAD as well, and changes no file: by the next save that is long over.
            self._rest = seen
        return False

    def _is_rewriting(self, seen: Glance, paths: set[str]) -> bool:
        has_moved = seen.position != self._rest.position
        if not seen.locks:
            return has_moved and bool(seen.sequences)
        locks, beside = self._beside
        self._beside = (seen.locks, (beside | paths) if locks == seen.locks else frozenset(paths))
        return has_moved or len(self._beside[1]) >= self._limits.many

    def _give_grace(self, seen: Glance) -> Glance:
        """Wait until the locks are gone, or show what they are for, and return the last glance."""
        until = self._now() + self._limits.grace_s
        while (seen.locks or seen.sequences) and seen.position == self._rest.position and self._now() < until:
            if self._wait(POLL_S / 2):
                break
            seen = self._glance().without(self._left_behind)
        return seen

    def _outlast(self, paths: set[str], scan: Scan) -> None:
        """Wait until git has ended, or its lock is nobody's; what changed by then is in `paths`."""
        operation = Operation(self._limits, self._glance().without(self._left_behind), self._now())
        while not self._wait(POLL_S):
            operation.see(self._glance().without(self._left_behind), self._now())
            if operation.is_look_due(self._now()):
                began = self._now()
                is_moving = self.look_again(paths, scan)
                operation.looked(began, self._now(), is_moving=is_moving)
            if operation.is_over(self._now()):
                break
        self._left_behind |= operation.seen.locks
        paths |= scan()

    def _gather(self, paths: set[str], scan: Scan, matters: Callable[[str], bool]) -> None:
        """Wait for the end of a tool that is at work on many files."""
        many = self._limits.many
        if len(paths) < many or len(list(islice(filter(matters, paths), many))) < many:
            return
        until = self._now() + self._limits.gathering_s
        while self._now() < until and not self._wait(self._limits.gap_s) and self.look_again(paths, scan):
            pass


class Operation:
    """One operation of git's, as it looks from outside. All times are those of one clock."""

    def __init__(self, limits: Limits, seen: Glance, now: float) -> None:
        self.seen = seen
        self._limits = limits
        self._in_steps = bool(seen.sequences)
        self._began = self._moved = self._worked = now
        self._look_at = now + limits.still_s / LOOK_SHARE

    def see(self, seen: Glance, now: float) -> None:
        """Take note of a glance."""
        before, self.seen = self.seen, seen
        self._in_steps = self._in_steps or bool(seen.sequences)
        if seen != before:
            self._moved = now
        if seen.locks or seen != before:
            self._worked = now

    def is_look_due(self, now: float) -> bool:
        """Return whether it is time to see if files change; that takes much longer than a glance."""
        return now >= self._look_at

    def looked(self, began: float, ended: float, *, is_moving: bool) -> None:
        """Take note of a look at the tree."""
        self._look_at = ended + max(self._limits.still_s / LOOK_SHARE, LOOK_SHARE * (ended - began))
        if is_moving:
            self._moved = ended

    def is_over(self, now: float) -> bool:
        """Return whether it has ended, or seems to be dead, or has lasted too long."""
        if not self.seen.locks and now - self._worked >= self._quiet_s:
            return True
        return now - self._moved >= self._limits.still_s or now - self._began >= self._limits.longest_s

    @property
    def _quiet_s(self) -> float:
        return self._limits.quiet_s if self._in_steps else 0.0
