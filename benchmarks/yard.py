"""A daemon in this process, on real files and an engine in memory: what devrun itself costs.

What comes of a save is heard where people hear it too, and timed as it comes.
"""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from devrun.config.load import load
from devrun.control.lock import Lock
from devrun.control.place import Place, Roots
from devrun.core.journal import Entry, LogLine
from devrun.daemon.loop import Daemon
from tests.fake_engine import FakeEngine

LIMIT_S = 60.0


class Ear:
    """A listener that notes when each action begins and ends, by the monotonic clock."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._heard: list[tuple[float, Entry]] = []

    def told(self, entry: Entry) -> None:
        """Notes an entry of the journal."""
        now = time.perf_counter()
        with self._changed:
            self._heard.append((now, entry))
            self._changed.notify_all()

    def wrote(self, line: LogLine) -> None:
        """Passes over what targets write."""

    def leave(self) -> None:
        """Puts nothing back."""

    def mark(self) -> int:
        """Returns how much was heard so far."""
        return len(self._heard)

    def since(self, mark: int, is_it: Callable[[Entry], bool], count: int = 1) -> float:
        """Returns the moment of the first entry of a kind after a mark, once there are `count` of them."""
        with self._changed:
            enough = self._changed.wait_for(lambda: len(self._found(mark, is_it)) >= count, LIMIT_S)
            assert enough, [entry for _, entry in self._heard[mark:]]
            return self._found(mark, is_it)[0]

    def _found(self, mark: int, is_it: Callable[[Entry], bool]) -> list[float]:
        return [at for at, entry in self._heard[mark:] if is_it(entry)]


def is_begun(entry: Entry) -> bool:
    """Tells whether an entry says that a restart was decided."""
    return entry.kind == "began" and entry.action == "RestartContainer"


def is_done(entry: Entry) -> bool:
    """Tells whether an entry says that a restart has ended."""
    return entry.kind == "done" and entry.action == "RestartContainer"


@contextmanager
def project(files: Mapping[str, str]) -> Iterator[Path]:
    """Gives a folder with these files, and removes it."""
    with tempfile.TemporaryDirectory(prefix="yard-") as folder:
        root = Path(folder).resolve() / "project"
        write(root, files)
        yield root


def write(root: Path, files: Mapping[str, str]) -> None:
    """Writes files, and the folders that they lie in."""
    for name, text in files.items():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


@contextmanager
def running(root: Path, targets: int) -> Iterator[tuple[Daemon, Ear, float]]:
    """Runs a daemon; gives it once all targets were started, and the seconds that this took."""
    found = load(root / "devrun.toml", {})
    engine, ear = FakeEngine(found), Ear()
    home = root.parent / "home"
    home.mkdir(mode=0o700, exist_ok=True)
    place = Place.of(found.key, Roots(home=home, runtime=root / "none", temporary=root.parent))
    daemon = Daemon(found, lambda _project: engine, ear, place=place)
    began = time.perf_counter()
    lock = Lock.acquire(place, root=root, version="1")
    thread = threading.Thread(target=daemon.run, args=(lock,))
    thread.start()
    try:
        ready = ear.since(0, lambda entry: entry.kind == "done" and "Container" in entry.action, targets)
        yield daemon, ear, ready - began
    finally:
        daemon.shutdown(remove=False)
        thread.join(LIMIT_S)
        lock.release()
