"""Where agents live on this machine: a copy of their code, and a directory for each container's socket.

All of it lies in a private directory of devrun's own, outside the project. The directory of a container may
be written to by everybody who reaches it, which is that container alone: its user may be anybody.
"""

import hashlib
import logging
import os
import re
import secrets
import shutil
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from devrun.engine.depth import CODE_PLACE, CONTROL_PLACE
from devrun.errors import EngineError

CODE = Path(__file__).with_name("agent")
VERSION_LENGTH = 12
_TOKEN = re.compile(r"[0-9a-f]{16}")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Quarter:
    """Of one container that is about to be created."""

    code: Path
    version: str
    control: Path

    @property
    def mounts(self) -> list[dict[str, object]]:
        """The mounts by which the container sees both."""
        return [
            {"Type": "bind", "Source": str(self.code), "Target": CODE_PLACE, "ReadOnly": True},
            {"Type": "bind", "Source": str(self.control), "Target": CONTROL_PLACE},
        ]


class Quarters:
    """Makes and removes them. Every method may be called from any thread."""

    def __init__(self, home: Path, code: Path = CODE) -> None:
        self._home = home
        self._code = code
        self._lock = threading.Lock()
        self._made: set[str] = set()
        self.version = version_of(code)
        """A hash of the agent's code."""

    def make(self) -> Quarter:
        """Make a container's directory, and the copy of the code where it is missing."""
        token = secrets.token_hex(8)
        control = self._home / token
        try:
            with self._lock:
                self._made.add(token)
                self._home.mkdir(0o700, exist_ok=True)
                code = self._copied()
                control.mkdir()
                control.chmod(0o777)  # Whatever the umask is.
        except OSError as error:
            raise EngineError(f"make a directory for an agent: {error.filename}: {error.strerror}") from error
        return Quarter(code, self.version, control)

    def control(self, token: str) -> Path | None:
        """Return the directory of that name."""
        return self._home / token if _TOKEN.fullmatch(token) else None

    def remove(self, token: str) -> None:
        """Remove a container's directory, once that is gone."""
        if control := self.control(token):
            _remove(control)

    def sweep(self, used: Iterable[str], versions: Iterable[str]) -> None:
        """Remove what no container uses that there is; what this daemon made may not be used yet."""
        kept = {*used, *self._made, *(f"code-{version}" for version in (*versions, self.version))}
        for entry in _entries(self._home):
            if entry.name not in kept and (_TOKEN.fullmatch(entry.name) or entry.name.startswith("code-")):
                _remove(entry)

    def clear(self) -> None:
        """Remove all of them: there are no containers any more."""
        _remove(self._home)

    def _copied(self) -> Path:
        """Return the copy of the code, which nothing changes once it is there."""
        copy = self._home / f"code-{self.version}"
        if not copy.is_dir():
            draft = self._home / f"draft-{secrets.token_hex(4)}"
            shutil.copytree(self._code, draft, ignore=shutil.ignore_patterns("__pycache__"))
            for path in (draft, *draft.rglob("*")):
                path.chmod(0o755 if path.is_dir() else 0o644)
            draft.rename(copy)
        return copy


def version_of(code: Path) -> str:
    """Return a hash of the agent's code; empty where there is none."""
    files = sorted(code.rglob("*.py"))
    said = hashlib.sha256()
    for file in files:
        said.update(f"{file.relative_to(code).as_posix()}\0".encode() + file.read_bytes() + b"\0")
    return said.hexdigest()[:VERSION_LENGTH] if files else ""


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _remove(folder: Path) -> None:
    """Remove a folder of ours; what a container's user wrote into it may be left, which is said."""
    shutil.rmtree(folder, ignore_errors=True)
    if os.path.lexists(folder):
        log.info("%s cannot be removed", folder)
