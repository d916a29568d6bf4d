"""Which kind of file system a folder is on, by the kernel's list of mounts."""

from pathlib import Path

import pytest

from devrun.sources.file_systems import file_system_of, is_silent

LIST = """\
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
22 21 0:4 / /proc rw,nosuid shared:12 - proc proc rw
30 21 0:40 / /srv rw - nfs4 server:/srv rw
31 30 0:41 / /srv/two\\040words rw - fuse.sshfs me@there:/ rw
32 21 8:2 / /srv rw - xfs /dev/sdb1 rw
33 21 0:42 / /mnt/c rw - 9p C:\\134 rw
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/home/me", "ext4"),
        ("/", "ext4"),
        ("/srv", "xfs"),
        ("/srvx", "ext4"),
        ("/srv/two words/below", "fuse.sshfs"),
        ("/mnt/c/Users", "9p"),
    ],
)
def test_the_innermost_mount_decides_and_of_several_the_last(tmp_path: Path, folder: str, kind: str) -> None:
    """As the kernel resolves a path."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(LIST)

    assert file_system_of(Path(folder), mounts) == kind


def test_the_kernels_own_list_is_read() -> None:
    """A folder of the kernel's is on a file system of its own."""
    assert file_system_of(Path("/proc/self")) == "proc"


def test_without_a_list_nothing_is_told(tmp_path: Path) -> None:
    """Other systems have none."""
    assert file_system_of(tmp_path, tmp_path / "missing") == ""


def test_network_and_shared_file_systems_are_silent() -> None:
    """What others change there comes without a sign; NTFS on a disk of one's own is no such thing."""
    for kind in ("nfs4", "9p", "virtiofs", "cifs", "fuse.sshfs", "fuse"):
        assert is_silent(kind)
    for kind in ("ext4", "overlay", "fuseblk", "tmpfs", ""):
        assert not is_silent(kind)
