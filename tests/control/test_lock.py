"""One daemon for each project, whatever became of the one before."""

import fcntl
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from devrun.control.lock import Lock, read
from devrun.control.place import Place, Roots
from devrun.errors import AlreadyRunningError, DevrunError

PREPARE = """
import sys
from pathlib import Path
from devrun.control.lock import Lock, read
from devrun.control.place import Place
place, root = Place(Path(sys.argv[1]), Path(sys.argv[2])), Path(sys.argv[3])
"""
ACQUIRE = 'lock = Lock.acquire(place, root=root, version="9")'
HOLD = f"""
{PREPARE}
from devrun.errors import AlreadyRunningError
print("ready", flush=True)
sys.stdin.readline()
try:
    {ACQUIRE}
    print("held", flush=True)
except AlreadyRunningError as error:
    print(error, flush=True)
sys.stdin.readline()
"""


def hold(place: Place, root: Path) -> "subprocess.Popen[str]":
    """Start a process that takes the lock on its first line of input and ends on the second."""
    argv = [sys.executable, "-c", HOLD, str(place.state), str(place.socket), str(root)]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


def tell(process: "subprocess.Popen[str]") -> None:
    assert process.stdin
    process.stdin.write("\n")


def hear(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def test_a_held_lock_names_its_holder(place: Place, lock: Lock, root: Path) -> None:
    """Every reader learns the pid, the version, the socket and the project."""
    assert read(place) == lock.holder
    assert lock.holder.pid == os.getpid()
    assert (lock.holder.version, lock.holder.socket, lock.holder.root) == ("1.2.3", place.socket, root)


def test_a_file_that_nobody_holds_means_no_daemon(place: Place, lock: Lock) -> None:
    """Whatever it says: the process may be dead, and its pid another's."""
    text = place.lock.read_bytes()
    lock.release()
    assert read(place) is None

    place.lock.write_bytes(text)
    assert read(place) is None


def test_a_project_that_never_ran_has_no_daemon(place: Place) -> None:
    """Reading makes nothing."""
    assert read(place) is None
    place.make()
    assert read(place) is None
    assert not place.lock.exists()


def test_a_second_daemon_is_told_of_the_first(place: Place, lock: Lock, root: Path) -> None:
    """Its pid and version are in the message, and the first one's word stays."""
    with pytest.raises(AlreadyRunningError, match=f"pid {os.getpid()}, version 1.2.3") as raised:
        Lock.acquire(place, root=root, version="2")
    assert "devrun down" in raised.value.hint
    assert read(place) == lock.holder


def test_of_many_that_start_at_once_one_runs(place: Place, root: Path) -> None:
    """The others name its pid."""
    processes = [hold(place, root) for _ in range(4)]
    for process in processes:
        tell(process)
    said = {process.pid: hear(process) for process in processes}
    winners = [pid for pid, text in said.items() if text == "held"]
    for process in processes:
        process.communicate("\n")

    assert len(winners) == 1
    told = f"devrun is already running for this project: pid {winners[0]}, version 9"
    assert sorted(said.values()) == sorted(["held", told, told, told])


def test_a_killed_daemon_leaves_no_lock(place: Place, root: Path) -> None:
    """The next one starts, though the file still names the dead one."""
    process = hold(place, root)
    tell(process)
    assert hear(process) == "held"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert json.loads(place.lock.read_bytes())["pid"] == process.pid

    assert read(place) is None
    with Lock.acquire(place, root=root, version="2") as lock:
        assert read(place) == lock.holder


def test_the_lock_ends_with_its_daemon_though_a_child_lives_on(place: Place, lock: Lock) -> None:
    """A program that the daemon started does not inherit the lock."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False)
    lock.release()

    assert read(place) is None
    child.communicate(b"\n")


def test_a_released_lock_keeps_its_file(place: Place, lock: Lock) -> None:
    """Who has it open already would hold a lock that nobody sees; the file says nothing any more."""
    before = place.lock.stat().st_ino
    lock.release()
    lock.release()

    assert (place.lock.stat().st_ino, place.lock.read_bytes()) == (before, b"")


def test_the_lock_is_private(place: Place, lock: Lock) -> None:
    """Others can neither read nor hold it."""
    assert stat.S_IMODE(place.lock.stat().st_mode) == 0o600


def test_a_reader_does_not_stand_in_the_way(place: Place, root: Path) -> None:
    """The shared lock that a reader has for a moment is not taken for a daemon."""
    place.make()
    place.lock.touch(0o600)
    with place.lock.open("rb") as reader, ThreadPoolExecutor(1) as pool:
        fcntl.flock(reader, fcntl.LOCK_SH)
        acquired = pool.submit(Lock.acquire, place, root=root, version="1")
        fcntl.flock(reader, fcntl.LOCK_UN)
        with acquired.result(20) as lock:
            assert read(place) == lock.holder


def test_a_holder_may_say_who_it_is_a_moment_later(place: Place, lock: Lock) -> None:
    """A reader in between waits for it, and believes no half of it."""
    text = place.lock.read_bytes()
    place.lock.write_bytes(text[:-5])
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(read, place)
        place.lock.write_bytes(text)

        assert found.result(20) == lock.holder


def test_a_holder_that_never_says_who_it_is_is_reported(place: Place) -> None:
    """A program that is not devrun holds the file; the remedy names how to find it."""
    place.make()
    with place.lock.open("wb") as stranger:
        fcntl.flock(stranger, fcntl.LOCK_EX)
        with pytest.raises(DevrunError, match="does not say who it is") as raised:
            read(place)
    assert "fuser" in raised.value.hint


def test_a_project_that_contains_the_lock_gets_none(place: Place, roots: Roots) -> None:
    """Nothing is made before that is known."""
    with pytest.raises(DevrunError, match="contains devrun's own directory"):
        Lock.acquire(place, root=roots.home, version="1")
    assert list(roots.home.iterdir()) == []


def plant_link(path: Path, victim: Path) -> None:
    path.symlink_to(victim)


def plant_hard_link(path: Path, victim: Path) -> None:
    path.hardlink_to(victim)


def plant_fifo(path: Path, victim: Path) -> None:
    os.mkfifo(path)


def plant_directory(path: Path, victim: Path) -> None:
    path.mkdir()


def plant_socket(path: Path, victim: Path) -> None:
    with socket.socket(socket.AF_UNIX) as planted:
        planted.bind(str(path))


@pytest.mark.parametrize(
    ("plant", "cause"),
    [
        (plant_link, "cannot be opened: it is a symbolic link"),
        (plant_hard_link, "cannot be used: it has a second name, by a hard link"),
        (plant_fifo, "cannot be used: it is no plain file"),
        (plant_directory, "cannot be opened: is a directory"),
        (plant_socket, "cannot be opened: no such device or address"),
    ],
)
def test_what_is_planted_at_the_locks_place_is_refused(
    place: Place, roots: Roots, root: Path, plant: Callable[[Path, Path], None], cause: str
) -> None:
    """It stays, and what it leads to is unchanged."""
    victim = roots.home / "victim"
    victim.write_text("precious")
    place.make()
    plant(place.lock, victim)

    with pytest.raises(DevrunError) as raised:
        Lock.acquire(place, root=root, version="1")
    assert str(raised.value) == f"the lock '{place.lock}' {cause}"
    assert raised.value.hint == f"remove '{place.lock}'"
    with pytest.raises(DevrunError, match=f"the lock '{place.lock}' cannot be"):
        read(place)
    assert victim.read_text() == "precious"
    assert os.path.lexists(place.lock)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
def test_a_lock_file_of_somebody_else_is_refused(place: Place, root: Path) -> None:
    """Its owner could hold it for ever."""
    place.make()
    place.lock.touch()
    os.chown(place.lock, 65534, 65534)

    with pytest.raises(DevrunError, match="it belongs to user 65534"):
        Lock.acquire(place, root=root, version="1")
    with pytest.raises(DevrunError, match="it belongs to user 65534"):
        read(place)


def test_a_full_disk_is_said(place: Place, root: Path) -> None:
    """And the lock is not kept by a daemon that could not say who it is."""
    script = (
        "import resource\n"
        "from devrun.errors import DevrunError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        f"try: {ACQUIRE}\n"
        "except DevrunError as error: print(error, read(place))"
    )
    argv = [sys.executable, "-c", PREPARE + script, str(place.state), str(place.socket), str(root)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)

    assert done.stdout == f"the lock '{place.lock}' cannot be written: file too large None\n"


def test_no_descriptor_is_left_by_what_was_refused(place: Place, lock: Lock, root: Path) -> None:
    """A daemon may ask a thousand times."""

    def descriptors() -> int:
        return len(os.listdir("/dev/fd"))  # noqa: PTH208 - a directory of the kernel's, not a path

    before = descriptors()
    for _ in range(20):
        with pytest.raises(AlreadyRunningError):
            Lock.acquire(place, root=root, version="2")
        assert read(place) == lock.holder

    assert descriptors() == before


def test_readers_and_daemons_may_come_and_go_at_once(place: Place, root: Path) -> None:
    """However they interleave, a reader sees a daemon or none, and every daemon gets its turn."""
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            read(place)

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(look) for _ in range(4)]
        for number in range(100):
            with Lock.acquire(place, root=root, version=str(number)) as lock:
                assert read(place) == lock.holder
        done.set()

        assert [reader.result(20) for reader in readers] == [None] * 4
