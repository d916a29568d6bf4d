"""What the user granted to a project beyond its containers: kept outside of it, where no container can write.

A grant is of exactly what was shown, by its words and their hash: what a later version of the file asks for
besides is not granted. What asks for less needs no other grant.
"""

import hashlib
import json
import logging
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from devrun.config.project import Project
from devrun.errors import ConfigError, DevrunError

VERSION = 1
MAX_BYTES = 1024 * 1024
HINT = "`devrun allow` shows what is asked for, and grants it; --allow grants it for one run"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Grants:
    """What may be had by one project."""

    file: Path
    for_run: frozenset[str] = frozenset()
    """What is granted for as long as this process runs."""

    def require(self, project: Project) -> None:
        """Raise ConfigError, with all places, where something is asked for that was not granted."""
        missing = self.missing(project)
        if missing:
            raise ConfigError("\n".join(missing), hint=HINT)

    def missing(self, project: Project) -> list[str]:
        """Return what is said of each thing that was not granted."""
        if not project.demands:
            return []
        granted = self.for_run | {*self.kept(project)}
        return [demand.refusal for demand in project.demands if demand.text not in granted]

    def kept(self, project: Project) -> tuple[str, ...]:
        """Return what was granted to a project; a file that is not what was written here grants nothing."""
        try:
            said = json.loads(_read_own(self.file))
            texts = tuple(str(text) for text in said["granted"])
            is_whole = said["version"] == VERSION and said["hash"] == _hash(project, texts)
        except FileNotFoundError:
            return ()
        except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
            log.warning("%s grants nothing: %s", self.file, error)
            return ()
        return texts if is_whole else ()

    def keep(self, project: Project) -> None:
        """Grant all that a project asks for, and nothing else; its directory has to be there."""
        texts = tuple(demand.text for demand in project.demands)
        said = {
            "version": VERSION,
            "root": str(project.root),
            "hash": _hash(project, texts),
            "granted": texts,
        }
        draft = self.file.with_suffix(".new")
        try:
            draft.unlink(missing_ok=True)
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(json.dumps(said, indent=1).encode())
                file.flush()
                os.fsync(descriptor)
            draft.replace(self.file)
        except OSError as error:
            raise DevrunError(f"write {self.file}: {(error.strerror or str(error)).lower()}") from error


def grant_for_run(file: Path, project: Project) -> Grants:
    """Return grants by which a project has all that it asks for now, and nothing that it asks for later."""
    return Grants(file, frozenset(demand.text for demand in project.demands))


def refuse_beyond(project: Project) -> None:
    """Raise ConfigError where a project asks for anything: nothing was granted to it."""
    Grants(Path(os.devnull)).require(project)


def _hash(project: Project, texts: Iterable[str]) -> str:
    """Return what belongs to these texts, and to this project only."""
    return hashlib.sha256(json.dumps([str(project.root), *sorted(texts)]).encode()).hexdigest()


def _read_own(file: Path) -> bytes:
    """Return what we wrote; raises OSError for what somebody else may have put in its place."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        seen = os.fstat(descriptor)
        is_ours = stat.S_ISREG(seen.st_mode) and seen.st_uid == os.geteuid() and not seen.st_mode & 0o077
        if not is_ours:
            raise PermissionError("it is not a file of ours alone")
        return stream.read(MAX_BYTES)
