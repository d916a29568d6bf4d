"""The socket's life: where it appears, how it ends, and what is left."""

import os
import shutil
import socket
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

import pytest

from devrun.control.client import Client
from devrun.control.limits import Limits
from devrun.control.lock import Lock
from devrun.control.place import Place
from devrun.control.server import THREAD_NAME, Server
from devrun.core.report import Report
from devrun.errors import DevrunError
from tests.control.conftest import Nobody

STATUS = b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n"
LIMIT_S = 20.0


def died(error: BaseException) -> None:
    pytest.fail(f"the server died: {error}")


def open_files() -> set[str]:
    return set(os.listdir("/dev/fd"))  # noqa: PTH208 - a directory of the kernel's, not a path


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def test_the_socket_is_private(place: Place, server: Server) -> None:
    """Only its owner may connect."""
    assert stat.S_IMODE(place.socket.lstat().st_mode) == 0o600


def test_a_stale_socket_is_replaced(place: Place, lock: Lock) -> None:
    """A daemon that was killed left it; the lock says that nobody is there."""
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(place.socket))
    server = Server.start(lock, Nobody(), died=died)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(place.socket))
    server.stop()

    assert not place.socket.exists()


def plant_file(path: Path, victim: Path) -> None:
    path.write_text("precious")


def plant_link(path: Path, victim: Path) -> None:
    path.symlink_to(victim)


def plant_directory(path: Path, victim: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("plant", [plant_file, plant_link, plant_directory])
def test_what_is_planted_at_the_sockets_place_is_refused(
    place: Place, lock: Lock, tmp_path: Path, plant: Callable[[Path, Path], None]
) -> None:
    """It stays, and what it leads to is unchanged; no thread is started."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    plant(place.socket, victim)
    before = place.socket.lstat()

    with pytest.raises(DevrunError, match="cannot be made: something else lies there") as raised:
        Server.start(lock, Nobody(), died=died)
    assert raised.value.hint == f"remove '{place.socket}'"
    assert (place.socket.lstat(), victim.read_text()) == (before, "precious")
    assert THREAD_NAME not in threads()


def test_a_link_to_a_socket_is_refused(place: Place, lock: Lock, tmp_path: Path) -> None:
    """What answers there is somebody else."""
    foreign = place.state / "foreign"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(foreign))
        place.socket.symlink_to(foreign)

        with pytest.raises(DevrunError, match="something else lies there"):
            Server.start(lock, Nobody(), died=died)
    assert place.socket.is_symlink()
    assert foreign.is_socket()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
def test_a_socket_of_somebody_else_is_refused(place: Place, lock: Lock) -> None:
    """It is not for us to remove."""
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(place.socket))
    os.chown(place.socket, 65534, 65534)

    with pytest.raises(DevrunError, match="belongs to user 65534"):
        Server.start(lock, Nobody(), died=died)
    assert place.socket.is_socket()


def test_a_directory_that_went_away_is_said(place: Place, lock: Lock) -> None:
    """Between the lock and the socket, somebody removed it."""
    place.lock.unlink()
    shutil.rmtree(place.state)

    with pytest.raises(DevrunError, match="cannot be made: no such file or directory"):
        Server.start(lock, Nobody(), died=died)


def test_nothing_is_left_after_stop(
    place: Place, serve: Callable[[Limits], Server], dial: Callable[[], socket.socket]
) -> None:
    """No thread, no socket, no open file: whatever the clients were doing."""
    files = open_files()
    server = serve(Limits())
    assert THREAD_NAME in threads()
    dial()  # says nothing
    dial().sendall(STATUS[:10])
    dial().sendall(STATUS)  # never reads
    with dial() as gone:
        gone.sendall(STATUS)
    idle = dial()
    idle.sendall(STATUS)
    assert idle.recv(12) == b"HTTP/1.1 200"
    assert Client.connect(place).status_bytes()
    ours = 4

    server.stop()

    assert THREAD_NAME not in threads()
    assert not place.socket.exists()
    assert len(open_files() - files) == ours


def test_a_client_that_never_reads_does_not_hold_up_the_stop(
    place: Place, lock: Lock, dial: Callable[[], socket.socket], report: Report
) -> None:
    """An answer larger than the kernel keeps is given up after a second."""

    class Talkative(Nobody):
        def report(self) -> Report:
            asked.set()
            return Report(1, "x" * 5_000_000, "/", 1, 0.0, "", engine_up=True, settled=True)

    asked = threading.Event()
    server = Server.start(lock, Talkative(), died=died)
    dial().sendall(STATUS)
    assert asked.wait(LIMIT_S)

    server.stop()

    assert THREAD_NAME not in threads()


def test_a_service_that_hangs_does_not_hold_up_the_stop(
    place: Place, lock: Lock, dial: Callable[[], socket.socket], caplog: pytest.LogCaptureFixture
) -> None:
    """It breaks its promise to return at once: the thread is given up, loudly, and the socket is gone."""

    class Hanging(Nobody):
        def report(self) -> Report:
            asked.set()
            assert go_on.wait(LIMIT_S)
            return Report(1, "p", "/", 1, 0.0, "", engine_up=True, settled=True)

    asked, go_on = threading.Event(), threading.Event()
    server = Server.start(lock, Hanging(), died=died)
    dial().sendall(STATUS)
    assert asked.wait(LIMIT_S)

    server.stop()

    assert "thread does not end within 3.0 s" in caplog.text
    assert not place.socket.exists()
    go_on.set()
    server.stop()
    assert THREAD_NAME not in threads()


def test_a_second_stop_does_nothing(place: Place, server: Server) -> None:
    """The first has done all; what lies at the place by then belongs to somebody else."""
    server.stop()
    place.socket.write_text("next")
    server.stop()

    assert place.socket.read_text() == "next"


def test_a_server_may_be_stopped_at_once(place: Place, lock: Lock) -> None:
    """Also before its thread came to serve anything."""
    for _ in range(20):
        Server.start(lock, Nobody(), died=died).stop()

    assert THREAD_NAME not in threads()
    assert not place.socket.exists()


def test_the_next_daemon_serves_where_the_last_one_did(
    place: Place, lock: Lock, serve: Callable[[Limits], Server], report: Report
) -> None:
    """Stopping leaves the place as starting needs it."""
    serve(Limits()).stop()
    serve(Limits())

    assert Client.connect(place).status() == report


def test_the_death_of_the_thread_is_told(place: Place, lock: Lock) -> None:
    """Half alive is worse than dead: the daemon hears of it and decides."""
    deaths: SimpleQueue[BaseException] = SimpleQueue()
    server = Server.start(lock, Nobody(), died=deaths.put)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(place.socket))
        client.sendall(b"garbage\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 400"
    assert server._serving
    assert server._serving._loop
    server._serving._loop.call_soon_threadsafe(sys.exit, "out of luck")

    assert str(deaths.get(timeout=LIMIT_S)) == "out of luck"
    server.stop()
    assert not place.socket.exists()


def test_an_end_that_nobody_asked_for_is_told(place: Place, lock: Lock) -> None:
    """Even one without an exception."""
    deaths: SimpleQueue[BaseException] = SimpleQueue()
    server = Server.start(lock, Nobody(), died=deaths.put)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(place.socket))
        client.sendall(b"garbage\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 400"
    assert server._serving
    assert server._serving._loop
    server._serving._loop.call_soon_threadsafe(server._serving._leaving.set)

    assert str(deaths.get(timeout=LIMIT_S)) == "the control socket ended by itself"
    server.stop()
