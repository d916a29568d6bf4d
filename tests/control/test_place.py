"""Where a project's files lie, and what is refused there."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from devrun.config.find import root_key
from devrun.control.place import SOCKET_PATH_LIMIT, Place, Roots
from devrun.errors import DevrunError

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
PRINT_PLACE = "from devrun.control.place import Place; print(Place.of('0123456789ab'))"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def runtime_of(roots: Roots) -> Path:
    roots.runtime.mkdir(0o700)
    return roots.runtime


def test_the_environment_decides_nothing(tmp_path: Path) -> None:
    """HOME, XDG_RUNTIME_DIR and TMPDIR may be unset or lie: the place is the same."""
    places = set()
    lying = dict.fromkeys(("HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "TMPDIR"), str(tmp_path))
    for environment in ({}, lying):
        argv = [sys.executable, "-c", PRINT_PLACE]
        places.add(subprocess.run(argv, env=environment, capture_output=True, text=True, check=True).stdout)

    assert places == {f"{Place.of('0123456789ab')}\n"}


def test_all_files_of_a_project_lie_in_its_state_directory(place: Place, roots: Roots) -> None:
    """The lock, the cache and the log are in `~/.local/state/devrun/KEY`."""
    state = roots.home / ".local/state/devrun/0123456789ab"

    assert {place.lock.parent, place.cache.parent, place.log.parent} == {state}


def test_a_long_project_path_costs_nothing(roots: Roots, tmp_path: Path) -> None:
    """A project path of 200 characters leads to a place as short as any other."""
    long = tmp_path / ("x" * 100) / ("y" * 100)

    sockets = [Place.of(root_key(path), roots).socket for path in (Path("/a"), long)]
    assert len(str(sockets[0])) == len(str(sockets[1]))


def test_the_socket_lies_in_the_runtime_directory_where_that_is_ours(roots: Roots) -> None:
    """`/run/user/UID` is preferred: it is on no disk."""
    assert Place.of("k", roots).socket == roots.home / ".local/state/devrun/k/socket"

    runtime_of(roots)

    assert Place.of("k", roots).socket == roots.runtime / "devrun/k.sock"


@pytest.mark.parametrize("spoil", [lambda path: path.chmod(0o770), lambda path: path.chmod(0o702)])
def test_a_runtime_directory_that_others_may_write_is_not_used(
    roots: Roots, spoil: Callable[[Path], None]
) -> None:
    """The socket then lies beside the lock."""
    spoil(runtime_of(roots))

    assert Place.of("k", roots).socket == roots.home / ".local/state/devrun/k/socket"


def test_a_runtime_directory_that_is_a_link_is_not_used(roots: Roots, tmp_path: Path) -> None:
    """A link is somebody else's choice."""
    roots.runtime.symlink_to(tmp_path)

    assert Place.of("k", roots).socket == roots.home / ".local/state/devrun/k/socket"


def test_a_long_home_leads_to_a_short_socket(roots: Roots) -> None:
    """The kernel takes about a hundred bytes: then it is a private directory in /tmp, named by the uid."""
    home = roots.home / ("h" * 100)
    home.mkdir()
    place = Place.of("k", replace(roots, home=home))
    place.make()

    assert place.socket == roots.temporary / f"devrun-{os.geteuid()}/k.sock"
    assert len(os.fsencode(place.socket)) <= SOCKET_PATH_LIMIT
    assert mode(place.socket.parent) == 0o700


def test_what_is_made_is_private_under_any_umask(roots: Roots) -> None:
    """Nobody else can look into any directory that devrun made."""
    runtime_of(roots)
    place = Place.of("k", roots)
    before = os.umask(0)
    try:
        place.make()
    finally:
        os.umask(before)

    made = (*place.state.parents[:3], place.state, place.socket.parent)
    assert {mode(path) for path in made} == {0o700}


def test_a_place_that_is_there_already_is_taken(place: Place) -> None:
    """A second start finds the directories of the first."""
    assert not place.exists()
    place.make()
    place.make()

    assert place.exists()


def test_a_linked_state_directory_of_the_user_is_followed(place: Place, roots: Roots, tmp_path: Path) -> None:
    """`.local` may lie on another disk: it is the user's, not ours."""
    (roots.home / ".local").symlink_to(tmp_path)
    place.make()

    assert (tmp_path / "state/devrun/0123456789ab").is_dir()


@pytest.mark.parametrize("depth", ["state", "parent"])
def test_a_planted_link_is_refused(place: Place, tmp_path: Path, depth: str) -> None:
    """A link in the place of a directory of ours is neither followed nor removed."""
    planted = place.state if depth == "state" else place.state.parent
    planted.parent.mkdir(parents=True)
    planted.symlink_to(tmp_path)

    with pytest.raises(DevrunError, match=f"'{planted}' cannot be used: it is a symbolic link") as raised:
        place.make()
    assert raised.value.hint == f"remove the link '{planted}'"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("depth", ["state", "parent"])
def test_a_planted_link_is_refused_to_readers_too(place: Place, tmp_path: Path, depth: str) -> None:
    """A client does not look for the lock behind a link."""
    (tmp_path / place.state.name).mkdir()
    planted = place.state if depth == "state" else place.state.parent
    planted.parent.mkdir(parents=True)
    planted.symlink_to(tmp_path)

    with pytest.raises(DevrunError, match="it is a symbolic link"):
        place.exists()


def test_a_file_in_the_place_of_a_directory_is_refused(place: Place) -> None:
    """The file stays as it is."""
    place.state.parent.mkdir(parents=True, mode=0o700)
    place.state.write_text("mine")

    with pytest.raises(DevrunError, match="not a directory"):
        place.make()
    assert place.state.read_text() == "mine"


@pytest.mark.parametrize("bits", [0o720, 0o702, 0o777])
def test_a_directory_that_others_may_write_is_refused(place: Place, bits: int) -> None:
    """They could replace the lock and the socket."""
    place.make()
    place.state.chmod(bits)

    with pytest.raises(DevrunError, match="others may write to it") as raised:
        place.make()
    assert raised.value.hint == f"chmod go-w '{place.state}'"


@as_root
def test_a_directory_of_somebody_else_is_refused(place: Place) -> None:
    """Its owner could replace the lock and the socket."""
    place.make()
    os.chown(place.state, 65534, 65534)

    with pytest.raises(DevrunError, match="it belongs to user 65534"):
        place.make()


@as_root
def test_a_home_of_somebody_else_is_refused(place: Place, roots: Roots) -> None:
    """Its owner could replace all that is in it."""
    os.chown(roots.home, 65534, 65534)

    with pytest.raises(DevrunError, match=r"home' cannot be used: it belongs to user 65534"):
        place.make()


def test_a_home_that_everybody_may_write_is_refused(place: Place, roots: Roots) -> None:
    """Unless the sticky bit keeps what is in it, as in /tmp."""
    roots.home.chmod(0o777)
    with pytest.raises(DevrunError, match="everybody may write to it"):
        place.make()

    roots.home.chmod(0o1777)
    place.make()
    assert place.exists()


def test_a_missing_home_is_said(place: Place, roots: Roots) -> None:
    """devrun makes no home directory."""
    roots.home.rmdir()

    with pytest.raises(DevrunError, match=r"home' cannot be used: no such file or directory"):
        place.make()
    assert not roots.home.exists()


def test_a_file_in_the_place_of_the_home_is_said(place: Place, roots: Roots) -> None:
    """It is no directory, and stays."""
    roots.home.rmdir()
    roots.home.write_text("")

    with pytest.raises(DevrunError, match="not a directory"):
        place.make()


def test_a_directory_that_cannot_be_made_is_said(roots: Roots) -> None:
    """A name that is too long stands for every reason that the system may have."""
    with pytest.raises(DevrunError, match="cannot be used: file name too long"):
        Place.of("k" * 300, roots).make()


def test_a_link_to_nowhere_is_said(place: Place, roots: Roots) -> None:
    """The disk with the user's `.local` may not be there."""
    (roots.home / ".local").symlink_to(roots.home / "nowhere")

    with pytest.raises(DevrunError, match=r"\.local' cannot be used: no such file or directory"):
        place.make()


@as_root
def test_a_user_without_a_passwd_entry_is_told() -> None:
    """There is no home directory that everybody agrees on."""
    script = (
        "import os\nfrom devrun.control.place import Roots\nfrom devrun.errors import DevrunError\n"
        "os.setuid(54321)\ntry: Roots.of_user()\nexcept DevrunError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout == "the home directory is unknown: user 54321 has no passwd entry\n"


def test_a_project_that_contains_the_place_is_refused(place: Place, roots: Roots, tmp_path: Path) -> None:
    """Containers see the project, and must not see the socket."""
    place.check_outside(tmp_path)

    with pytest.raises(DevrunError, match=f"the project '{roots.home}' contains devrun's own directory"):
        place.check_outside(roots.home)
