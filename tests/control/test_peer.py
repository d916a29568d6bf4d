"""Who is at the other end of a socket."""

import os
import socket
import struct
import sys

import pytest

from devrun.control.peer import peer_uid, require_unix
from devrun.errors import DevrunError


class MacSocket:
    """Answers LOCAL_PEERCRED as macOS does: struct xucred, with the padding of its compiler."""

    def __init__(self, version: int, uid: int) -> None:
        self._said = struct.pack("@IIh16I", version, uid, 1, *range(16))

    def getsockopt(self, level: int, option: int, size: int, /) -> bytes:
        assert (level, option, size) == (0, 1, len(self._said))
        return self._said


def test_the_peer_is_who_made_the_connection() -> None:
    """The kernel says so."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert peer_uid(ours) == os.geteuid()


def test_macos_is_asked_in_its_own_way() -> None:
    """A uid above 2**31 is one, too."""
    assert peer_uid(MacSocket(0, 501), "darwin") == 501
    assert peer_uid(MacSocket(0, 4294967294), "darwin") == 4294967294


def test_an_answer_of_another_form_names_nobody() -> None:
    """A later macOS may answer in another version of the structure."""
    with pytest.raises(DevrunError, match="the kernel answers in version 1"):
        peer_uid(MacSocket(1, 501), "darwin")


def test_windows_is_shown_the_way_to_wsl() -> None:
    """A plain word instead of a missing module."""
    with pytest.raises(DevrunError, match="does not run on Windows") as raised:
        require_unix("win32")
    assert raised.value.hint == "run it inside WSL"


def test_a_system_that_devrun_does_not_know_is_named() -> None:
    """It would not know who speaks to it."""
    with pytest.raises(DevrunError, match="'plan9'"):
        peer_uid(MacSocket(0, 0), "plan9")


def test_this_system_will_do() -> None:
    """Nothing is raised where the tests run."""
    require_unix()
    assert sys.platform in {"linux", "darwin"}
