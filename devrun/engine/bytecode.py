"""Never old code: byte code that CPython would wrongly trust is made unusable before a start.

CPython believes a `.pyc` whose source has the size and the whole second of modification that it noted. Two
saves of one size within one second therefore ran the old code in 11 of 12 tries. An empty file in its place
is no byte code: it is compiled anew. The file is put there while the container is stopped, so that no program
sees it half done.
"""

import io
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from devrun.config.project import Project
from devrun.engine.inspected import Inspected, PythonSeen, env_of, python_of, shown_by
from devrun.engine.mounts import Shown

CACHE = "__pycache__"


@dataclass(frozen=True, slots=True)
class Emptied:
    """A file that is to become an empty one, and who owns it. `folders` are made where they are missing."""

    path: PurePosixPath
    uid: int
    gid: int
    folders: tuple[PurePosixPath, ...] = ()


def find_stale(project: Project, inspected: Inspected, stale: Iterable[str]) -> list[Emptied]:
    """Return the byte code that may exist of source files, which are named relative to the project."""
    shown = shown_by(inspected)
    if not shown:
        return []
    prefix = env_of(inspected).get("PYTHONPYCACHEPREFIX", "")
    python = python_of(inspected)
    if prefix.startswith("/") and python:
        suffixes = _suffixes(inspected, python)
        return [
            found
            for path in stale
            for found in _below_prefix(PurePosixPath(prefix), project.root / path, shown, python, suffixes)
        ]
    tag = f".{python.cache_tag}" if python else ""
    return [found for path in stale for found in _beside_source(project.root / path, shown, tag)]


def pack(files: Iterable[Emptied]) -> bytes:
    """Return an archive that, put at the root of a container, empties the files."""
    made = io.BytesIO()
    folders: set[PurePosixPath] = set()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for file in files:
            for folder in file.folders:
                if folder not in folders:
                    folders.add(folder)
                    archive.addfile(_entry(folder, file, tarfile.DIRTYPE, 0o755))
            archive.addfile(_entry(file.path, file, tarfile.REGTYPE, 0o644), io.BytesIO())
    return made.getvalue()


def _below_prefix(
    prefix: PurePosixPath, source: Path, shown: Shown, python: PythonSeen, suffixes: tuple[str, ...]
) -> Iterator[Emptied]:
    """Yield where byte code is when it is kept apart; whether it is there, only the container knows."""
    place = shown.inside(source)
    if place:
        folder = prefix / place.parent.relative_to("/")
        # A folder that root made could not be written to by the program, which would compile at each start.
        folders = (*reversed([up for up in folder.parents if prefix == up or prefix in up.parents]), folder)
        for suffix in suffixes:
            yield Emptied(folder / f"{source.stem}{suffix}", python.uid, python.gid, folders)


def _beside_source(source: Path, shown: Shown, tag: str) -> Iterator[Emptied]:
    """Yield the byte code in the mounted folder: it is read even where none is written."""
    place = shown.inside(source)
    for compiled in _glob(source.parent / CACHE, f"{source.stem}{tag}.") if place else ():
        owner = compiled.stat()
        yield Emptied(shown.path / compiled.relative_to(shown.source).as_posix(), owner.st_uid, owner.st_gid)


def _glob(folder: Path, beginning: str) -> list[Path]:
    try:
        return [it for it in folder.iterdir() if it.name.startswith(beginning) and it.suffix == ".pyc"]
    except OSError:
        return []


def _suffixes(inspected: Inspected, python: PythonSeen) -> tuple[str, ...]:
    """Return the endings of byte code's names; optimized code has names of its own."""
    words = [inspected.get("Path", ""), *(inspected.get("Args") or ())]
    optimized = env_of(inspected).get("PYTHONOPTIMIZE") or {"-O", "-OO"} & set(words)
    levels = ("", ".opt-1", ".opt-2") if optimized else ("",)
    return tuple(f".{python.cache_tag}{level}.pyc" for level in levels)


def _entry(path: PurePosixPath, file: Emptied, kind: bytes, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(str(path.relative_to("/")))
    entry.type, entry.mode, entry.uid, entry.gid = kind, mode, file.uid, file.gid
    return entry
