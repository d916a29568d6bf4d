"""Where a project's lock, socket, cache, journal and log lie.

No variable of a session decides it, so that every terminal, editor and cron job of a user finds the same
place: the home directory is that of the passwd entry. It is never inside the project, whose tree containers
see. The directories are private; what somebody else may have planted there is refused, never followed.
"""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from devrun.errors import DevrunError

SOCKET_PATH_LIMIT = 103
"""Bytes of a socket's path: `sun_path` has 104 on macOS (108 on Linux), one of them for the final NUL."""
_PRIVATE = 0o700
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class Roots:
    """The directories that the system gives to a user."""

    home: Path
    runtime: Path
    """Emptied at logout, and on no disk; not every system has it."""
    temporary: Path

    @classmethod
    def of_user(cls) -> "Roots":
        """Return those of the user who runs devrun, whatever the environment says."""
        uid = os.geteuid()
        try:
            home = pwd.getpwuid(uid).pw_dir
        except KeyError:
            message = f"the home directory is unknown: user {uid} has no passwd entry"
            raise DevrunError(message, hint="run devrun as a user who has one") from None
        # Not tempfile.gettempdir(): TMPDIR differs from session to session.
        return cls(Path(home), Path(f"/run/user/{uid}"), Path("/tmp"))


@dataclass(frozen=True, slots=True)
class Place:
    """The paths of one project. They are only named here; `make` creates their directories."""

    state: Path
    socket: Path

    @classmethod
    def of(cls, key: str, roots: Roots | None = None) -> "Place":
        """Return the place of the project with that key."""
        roots = roots or Roots.of_user()
        state = roots.home / ".local" / "state" / "devrun" / key
        return cls(state, _socket_path(key, state, roots))

    @property
    def lock(self) -> Path:
        return self.state / "lock"

    @property
    def project(self) -> Path:
        """Says where the project is."""
        return self.state / "project"

    @property
    def cache(self) -> Path:
        return self.state / "cache.json"

    @property
    def parsed(self) -> Path:
        """What the project's files import, so that a start need not parse them again."""
        return self.state / "parsed.json"

    @property
    def probed(self) -> Path:
        """What was seen of images, whose ids say that they are still the same."""
        return self.state / "probed.json"

    @property
    def journal(self) -> Path:
        return self.state / "journal.jsonl"

    @property
    def grants(self) -> Path:
        """What the user granted beyond the containers."""
        return self.state / "grants.json"

    @property
    def agents(self) -> Path:
        """Holds the code of containers' agents, and a directory for each one's socket."""
        return self.state / "agents"

    @property
    def log(self) -> Path:
        return self.state / "daemon.log"

    def make(self) -> None:
        """Create the directories that are missing; raises where one is not safely ours."""
        _, devrun, state, local, home = (self.state, *self.state.parents[:4])
        for directory in (home, local, state):
            if directory != home:
                _create(directory)
            _check_parent(directory)
        for directory in (devrun, self.state, self.socket.parent):
            _create(directory)
            _check_private(directory)

    def exists(self) -> bool:
        """Tell whether the state directory is there; raises where it is not safely ours."""
        if not os.path.lexists(self.state):
            return False
        _check_private(self.state.parent)
        _check_private(self.state)
        return True

    def check_outside(self, root: Path) -> None:
        """Raise where containers that see the project would see this place too."""
        for path in (self.state, self.socket):
            if path.is_relative_to(root):
                message = f"the project '{root}' contains devrun's own directory '{path.parent}'"
                raise DevrunError(message, hint="move devrun.toml and its code to a directory of their own")


def places(roots: Roots | None = None) -> list[Place]:
    """Return the places of all projects of this user, of running daemons and others."""
    roots = roots or Roots.of_user()
    folder = roots.home / ".local" / "state" / "devrun"
    try:
        keys = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    except OSError:
        return []
    return [Place.of(key, roots) for key in keys]


def _socket_path(key: str, state: Path, roots: Roots) -> Path:
    """Return the first that can be used of: the runtime directory, beside the lock, a short path by uid."""
    name = f"{key}.sock"
    if _is_private(roots.runtime):
        return roots.runtime / "devrun" / name
    beside = state / "socket"
    if len(os.fsencode(beside)) <= SOCKET_PATH_LIMIT:
        return beside
    return roots.temporary / f"devrun-{os.geteuid()}" / name


def _is_private(directory: Path) -> bool:
    try:
        _check_private(directory)
    except DevrunError:
        return False
    return True


def _create(directory: Path) -> None:
    try:
        directory.mkdir(_PRIVATE)
    except FileExistsError:
        pass  # the checks that follow say whether it is what it should be
    except OSError as error:
        raise _unusable(directory, str(error.strerror), "make its parent directory writable") from error


def _check_parent(directory: Path) -> None:
    """Raise unless only we, root and our group can replace what is in it.

    `.local` may be a link of the user's own, and group-writable where every user has a group to himself.
    """
    try:
        seen = directory.stat()
    except OSError as error:
        raise _unusable(directory, str(error.strerror), "create it, or mend the passwd entry") from error
    if not stat.S_ISDIR(seen.st_mode):
        raise _unusable(directory, "not a directory", "move it away")
    if seen.st_uid not in {os.geteuid(), 0}:
        raise _unusable(directory, f"it belongs to user {seen.st_uid}", "run devrun as that user")
    if seen.st_mode & stat.S_IWOTH and not seen.st_mode & stat.S_ISVTX:
        raise _unusable(directory, "everybody may write to it", f"chmod o-w '{directory}'")


def _check_private(directory: Path) -> None:
    """Raise unless it is a real directory that is ours alone."""
    try:
        seen = directory.lstat()
    except OSError as error:
        raise _unusable(directory, str(error.strerror), "start devrun again") from error
    if stat.S_ISLNK(seen.st_mode):
        raise _unusable(directory, "it is a symbolic link", f"remove the link '{directory}'")
    if not stat.S_ISDIR(seen.st_mode):
        raise _unusable(directory, "not a directory", f"remove '{directory}'")
    if seen.st_uid != os.geteuid():
        raise _unusable(directory, f"it belongs to user {seen.st_uid}", f"remove '{directory}'")
    if seen.st_mode & _WRITABLE_BY_OTHERS:
        raise _unusable(directory, "others may write to it", f"chmod go-w '{directory}'")


def _unusable(directory: Path, cause: str, hint: str) -> DevrunError:
    return DevrunError(f"devrun's directory '{directory}' cannot be used: {cause.lower()}", hint=hint)
