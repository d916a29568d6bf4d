"""What devrun takes while nothing happens: of a core, of memory, and of the disk. For Linux.

.venv/bin/python -m benchmarks.idle [SECONDS]
"""

import os
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.status import QUIET, watched

SETTLING_S = 3.0
"""After the start: what is left to do then is done now and then for as long as devrun runs."""
TARGETS = 3


def measure(seconds: int) -> dict[str, list[float]]:
    """Returns the share of a core, the memory and the bytes written in so many seconds."""
    with tempfile.TemporaryDirectory(prefix="idle-") as folder:
        root = Path(folder).resolve() / "project"
        root.mkdir()
        (root / "Dockerfile").write_text(QUIET)
        lines = [f't{number} = "quiet.py"\n' for number in range(TARGETS)]
        (root / "devrun.toml").write_text("[targets]\n" + "".join(lines))
        (root / "quiet.py").write_text("import signal\nsignal.pause()\n")
        with watched(root) as client:
            process = Path(f"/proc/{client.holder.pid}")
            time.sleep(min(SETTLING_S, seconds))
            cpu, written = cpu_s(process), written_bytes(process)
            time.sleep(seconds)
            return {
                "of a core, %": [100 * (cpu_s(process) - cpu) / seconds],
                "resident memory, MiB": [resident_mib(process)],
                f"written in {seconds} s, bytes": [float(written_bytes(process) - written)],
            }


def cpu_s(process: Path) -> float:
    """The processor's seconds that a process has taken, in user and system mode."""
    # The name, in parentheses, may have blanks; fields 14 and 15 follow it.
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(process: Path) -> float:
    """The memory that a process has in use."""
    return int((process / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def written_bytes(process: Path) -> int:
    """The bytes that a process has caused to be written to a disk."""
    lines = dict(line.split(": ") for line in (process / "io").read_text().splitlines())
    return int(lines["write_bytes"])


def main() -> None:
    """Measures, and prints a line for each figure."""
    for name, values in measure(int((*sys.argv[1:], "60")[0])).items():
        print(f"{name}: {values[0]:.3f}")


if __name__ == "__main__":
    main()
