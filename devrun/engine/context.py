"""The build context as a tar stream: the same files always give the same bytes.

BuildKit answers identical bytes from its cache, in a tenth of the time that unpacking and hashing takes. So
order, times and owners are fixed, and of the mode only the executable bit is kept. Nothing is held in
memory but a block or two.
"""

import os
import stat
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

BLOCK_BYTES = 256 * 1024
FIXED_MTIME = 946684800
"""The first second of 2000: before 1980, zip archives (and so wheels built in the image) refuse a file."""

_DOCKERFILE_ELSEWHERE = ".devrun.Dockerfile"


class ContextChangedError(Exception):
    """A file changed or went away while it was being sent."""

    def __init__(self, path: str, cause: str) -> None:
        super().__init__(f"{path}: {cause}")


class ContextUnreadableError(Exception):
    """A file of the context may not be read."""

    def __init__(self, path: str, cause: str) -> None:
        super().__init__(f"{path}: {cause}")


def dockerfile_name(dockerfile: Path, files: Iterable[tuple[Path, str]]) -> str:
    """Return the path in the context under which the Dockerfile is sent.

    It is its own where it belongs to the context, so that `COPY . .` adds no second one to the image.
    """
    for path, name in files:
        if path == dockerfile:
            return name
    return _DOCKERFILE_ELSEWHERE


def pack(name: str, dockerfile: str, files: Iterable[tuple[Path, str]]) -> Iterator[bytes]:
    """Yield the tar archive of a Dockerfile's text and of `files`, pairs of a path and a context path.

    Raises ContextChangedError for a file that changes meanwhile; sending it all again may succeed.
    """
    gathered = bytearray()
    for piece in _pieces(name, dockerfile, files):
        gathered += piece
        # A piece for each small file would be a packet each.
        if len(gathered) >= BLOCK_BYTES:
            yield bytes(gathered)
            gathered.clear()
    yield bytes(gathered)


def _pieces(name: str, dockerfile: str, files: Iterable[tuple[Path, str]]) -> Iterator[bytes]:
    # The Dockerfile comes first because BuildKit tells a tar archive by its first block, which the extension
    # header of a long name is not.
    text = dockerfile.encode("utf-8", "surrogateescape")
    yield _header(_info(name, tarfile.REGTYPE, 0o644, len(text)))
    yield text
    yield _padding(len(text))
    taken = {PurePosixPath(inside).parts: path for path, inside in files if inside != name}
    names = (*taken, PurePosixPath(name).parts)
    folders = {parts[:depth] for parts in names for depth in range(1, len(parts))}
    for parts in sorted({*taken, *folders}):
        yield from _entry(taken.get(parts), "/".join(parts))
    yield b"\0" * (2 * tarfile.BLOCKSIZE)


def _entry(path: Path | None, name: str) -> Iterator[bytes]:
    if path is None:
        yield _header(_info(name, tarfile.DIRTYPE, 0o755))
        return
    try:
        yield from _entry_of(path, name)
    except FileNotFoundError as error:
        raise ContextChangedError(name, "it is gone") from error
    except OSError as error:
        raise ContextUnreadableError(name, error.strerror or type(error).__name__) from error


def _entry_of(path: Path, name: str) -> Iterator[bytes]:
    status = path.lstat()
    if stat.S_ISREG(status.st_mode):
        with path.open("rb") as file:
            yield from _file(file, name)
    elif stat.S_ISLNK(status.st_mode):
        yield _header(_info(name, tarfile.SYMTYPE, 0o777, target=str(path.readlink())))
    elif stat.S_ISDIR(status.st_mode):
        yield _header(_info(name, tarfile.DIRTYPE, 0o755))
    # Sockets, pipes and devices have no content that an image could hold.


def _file(file: BinaryIO, name: str) -> Iterator[bytes]:
    status = os.fstat(file.fileno())
    mode = 0o755 if status.st_mode & stat.S_IXUSR else 0o644
    yield _header(_info(name, tarfile.REGTYPE, mode, status.st_size))
    left = status.st_size
    while left:
        block = file.read(min(left, BLOCK_BYTES))
        if not block:
            raise ContextChangedError(name, "it became shorter")
        left -= len(block)
        yield block
    if os.fstat(file.fileno()).st_mtime_ns != status.st_mtime_ns:
        raise ContextChangedError(name, "it was written to")
    yield _padding(status.st_size)


def _info(name: str, kind: bytes, mode: int, size: int = 0, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.size, info.linkname, info.mtime = kind, mode, size, target, FIXED_MTIME
    return info


def _header(info: tarfile.TarInfo) -> bytes:
    # A name that is no UTF-8 goes out as the bytes it has on disk.
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


def _padding(size: int) -> bytes:
    return b"\0" * (-size % tarfile.BLOCKSIZE)
