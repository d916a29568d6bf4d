"""On which kind of file system a folder lies: some tell nothing of changes that others make there."""

import os
import re
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
SILENT = frozenset(
    {
        *(
            "9p",
            "afs",
            "ceph",
            "cifs",
            "drvfs",
            "glusterfs",
            "lustre",
            "nfs",
            "nfs4",
            "prl_fs",
            "smb3",
            "smbfs",
        ),
        *("vboxsf", "virtiofs"),
    }
)
"""Network file systems, and folders of a host that a virtual machine sees; those of FUSE may be either."""

_ESCAPED = re.compile(r"\\([0-7]{3})")


def file_system_of(folder: Path, mounts: Path = MOUNTS) -> str:
    """Return the kind of file system that a folder lies on; empty: the system does not tell."""
    try:
        text = mounts.read_text("utf-8", "surrogateescape")
    except OSError:
        return ""
    place = Path(os.path.realpath(folder))
    found = ((where, kind) for where, kind in map(_read, text.splitlines()) if place.is_relative_to(where))
    # Of several at one place, the last one hides the others.
    return max(enumerate(found), key=lambda pair: (len(pair[1][0].parts), pair[0]), default=(0, (place, "")))[
        1
    ][1]


def is_silent(kind: str) -> bool:
    """Tell whether changes on such a file system may come without any sign."""
    return kind in SILENT or kind.startswith("fuse.") or kind == "fuse"


def _read(line: str) -> tuple[Path, str]:
    """Return where something is mounted, and of which kind it is, from a line of mountinfo."""
    before, _, after = line.partition(" - ")
    where = _ESCAPED.sub(lambda code: chr(int(code[1], 8)), before.split(" ")[4])
    return Path(where), after.split(" ")[0]
