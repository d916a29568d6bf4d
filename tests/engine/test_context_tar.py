"""The context's tar archive: deterministic, streamed, and safe against files that change."""

import io
import os
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from devrun.engine.context import (
    BLOCK_BYTES,
    ContextChangedError,
    ContextUnreadableError,
    dockerfile_name,
    pack,
)

Files = Iterable[tuple[Path, str]]


def packed(files: Files, dockerfile: str = "FROM scratch\n") -> bytes:
    """Return the whole archive."""
    return b"".join(pack("Dockerfile", dockerfile, tuple(files)))


def members(archive: bytes) -> list[tarfile.TarInfo]:
    """Return the archive's entries, in their order."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return tar.getmembers()


def tree(root: Path) -> list[tuple[Path, str]]:
    """Return all files below a folder, as pairs."""
    return [(path, str(path.relative_to(root))) for path in root.rglob("*") if not path.is_dir()]


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    """Neither order nor times nor other permission bits count."""
    for name in ("b.txt", "a.txt"):
        (tmp_path / name).write_text(name)
    files = tree(tmp_path)
    before = packed(files)
    os.utime(tmp_path / "a.txt", (1, 1))
    (tmp_path / "b.txt").chmod(0o600)

    assert packed(reversed(files)) == before


def test_content_and_the_executable_bit_count(tmp_path: Path) -> None:
    """Either gives other bytes."""
    file = tmp_path / "run"
    file.write_text("one")
    first = packed(tree(tmp_path))
    file.chmod(0o755)
    second = packed(tree(tmp_path))
    file.write_text("two")

    assert len({first, second, packed(tree(tmp_path))}) == 3


def test_entries_have_fixed_owners_times_and_modes(tmp_path: Path) -> None:
    """Folders come before what is in them, all sorted; the Dockerfile is first."""
    (tmp_path / "pkg" / "sub").mkdir(parents=True)
    (tmp_path / "pkg" / "sub" / "m.py").write_text("x")
    (tmp_path / "pkg-a").write_text("x")
    (tmp_path / "run").write_text("x")
    (tmp_path / "run").chmod(0o700)
    entries = members(packed(tree(tmp_path)))

    assert [(entry.name, oct(entry.mode), entry.isdir()) for entry in entries] == [
        ("Dockerfile", "0o644", False),
        ("pkg", "0o755", True),
        ("pkg/sub", "0o755", True),
        ("pkg/sub/m.py", "0o644", False),
        ("pkg-a", "0o644", False),
        ("run", "0o755", False),
    ]
    assert {(entry.uid, entry.gid, entry.uname, entry.mtime) for entry in entries} == {(0, 0, "", 946684800)}


def test_the_first_block_is_a_tar_header(tmp_path: Path) -> None:
    """BuildKit recognises an archive by it, so no extension header stands first."""
    name = "n" * 300
    (tmp_path / "short").write_text("x")
    archive = packed([(tmp_path / "short", name)])

    assert archive[257:263] == b"ustar "
    assert archive[156:157] == tarfile.REGTYPE
    assert members(archive)[1].name == name


def test_links_stay_links_and_special_files_stay_out(tmp_path: Path) -> None:
    """A link may point nowhere; a pipe would block whoever opens it."""
    (tmp_path / "link").symlink_to("../outside")
    os.mkfifo(tmp_path / "pipe")
    entries = members(packed(tree(tmp_path)))

    assert [(entry.name, entry.issym(), entry.linkname) for entry in entries[1:]] == [
        ("link", True, "../outside")
    ]


def test_a_name_that_is_no_utf8_keeps_its_bytes(tmp_path: Path) -> None:
    """The image gets the name that is on disk."""
    file = tmp_path / os.fsdecode(b"caf\xe9")
    file.write_text("x")

    assert b"caf\xe9\0" in packed([(file, os.fsdecode(b"caf\xe9"))])


def test_a_folder_given_by_itself_is_kept(tmp_path: Path) -> None:
    """An empty folder can be copied too."""
    (tmp_path / "empty").mkdir()

    assert members(packed([(tmp_path / "empty", "empty")]))[1].isdir()


def test_the_given_text_stands_for_the_dockerfile(tmp_path: Path) -> None:
    """It may differ from what is on disk, and comes once."""
    file = tmp_path / "Dockerfile"
    file.write_text("# syntax=x\nFROM scratch\n")
    archive = packed([(file, "Dockerfile")], "\nFROM scratch\n")

    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        assert tar.getnames() == ["Dockerfile"]
        content = tar.extractfile("Dockerfile")
        assert content is not None
        assert content.read() == b"\nFROM scratch\n"


def test_a_dockerfile_from_elsewhere_gets_a_name_of_its_own(tmp_path: Path) -> None:
    """A Dockerfile in the context that is another one is not replaced."""
    ours, other = tmp_path / "docker" / "Dockerfile", tmp_path / "Dockerfile"

    assert dockerfile_name(ours, [(other, "Dockerfile")]) == ".devrun.Dockerfile"
    assert dockerfile_name(ours, [(ours, "docker/Dockerfile")]) == "docker/Dockerfile"


def test_a_large_file_is_never_held_whole(tmp_path: Path) -> None:
    """It comes in blocks."""
    file = tmp_path / "large"
    with file.open("wb") as opened:
        opened.truncate(10 * BLOCK_BYTES + 1)
    blocks = list(pack("Dockerfile", "", [(file, "large")]))

    assert max(len(block) for block in blocks) <= 2 * BLOCK_BYTES
    assert members(b"".join(blocks))[1].size == 10 * BLOCK_BYTES + 1


def test_a_file_that_is_gone_or_changes_is_told(tmp_path: Path) -> None:
    """Sending again may then succeed; a torn file is never taken for whole."""
    file = tmp_path / "log"
    for change in (b"short", b"y" * (4 * BLOCK_BYTES)):
        file.write_bytes(b"x" * (4 * BLOCK_BYTES))
        os.utime(file, (1, 1))
        blocks = pack("Dockerfile", "", [(file, "log")])
        assert b"xxx" in next(blocks)
        file.write_bytes(change)
        with pytest.raises(ContextChangedError, match="log: it"):
            list(blocks)
    file.unlink()
    with pytest.raises(ContextChangedError, match="log: it is gone"):
        packed([(file, "log")])


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """The error has the path in the context, and the system's words."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(ContextUnreadableError, match=r"^key: Not a directory$"):
        packed([(tmp_path / "file" / "key", "key")])
