"""What ended daemons leave behind: a socket where one was killed, the directory of a project that is gone."""

import contextlib
import shutil

from devrun import __version__
from devrun.control.lock import Lock, said_root
from devrun.control.place import Place
from devrun.errors import DevrunError


def clean(place: Place) -> None:
    """Remove what no daemon uses any more, under the lock: one that starts meanwhile keeps all of it."""
    root = said_root(place)
    if root is None or (root.exists() and not place.socket.exists()):
        return
    with contextlib.suppress(DevrunError, OSError), Lock.acquire(place, root=root, version=__version__):
        place.socket.unlink(missing_ok=True)
        if not root.exists():
            shutil.rmtree(place.state)
