"""What a daemon takes while nothing happens: processor, wake-ups, memory, writes.

    .venv/bin/python -m benchmarks.idle [SECONDS]

Read from /proc, so that Linux is needed; an engine, and the image that DEVRUN_PYTHON_IMAGE names.
"""

import contextlib
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.startup import made, make_project, stop, wait_for_rest, watch

REST_S = 5.0
"""After the last event: what follows from a start is over by then."""


def measure(seconds: float = 60.0) -> dict[str, float]:
    """Returns the share of one processor in percent, wake-ups a second, MiB of memory and bytes written."""
    with tempfile.TemporaryDirectory(prefix="idle-") as folder:
        root = Path(folder).resolve()
        make_project(root)
        with made(root):
            running = watch(root)
            try:
                wait_for_rest(root)
                time.sleep(REST_S)
                return _measured(Path(f"/proc/{running.pid}"), seconds)
            finally:
                stop(running, root)


def _measured(process: Path, seconds: float) -> dict[str, float]:
    before, began = _counts(process), time.monotonic()
    time.sleep(seconds)
    after, passed = _counts(process), time.monotonic() - began
    busy_ns, wakes, written = (b - a for a, b in zip(before, after, strict=True))
    return {
        "processor %": busy_ns / 1e7 / passed,
        "wake-ups 1/s": wakes / passed,
        "memory MiB": _of_status(process, "VmRSS") / 1024,
        "written bytes": written,
    }


def _counts(process: Path) -> tuple[int, int, int]:
    """Returns nanoseconds on a processor, wake-ups and bytes written, of all threads."""
    busy_ns = wakes = 0
    for task in (process / "task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # A thread may have ended.
            busy_ns += int((task / "schedstat").read_text().split()[0])
            wakes += _of_status(task, "voluntary_ctxt_switches")
    lines = dict(line.split(": ") for line in (process / "io").read_text().splitlines())
    return busy_ns, wakes, int(lines["write_bytes"])


def _of_status(place: Path, name: str) -> int:
    lines = (line.partition(":") for line in (place / "status").read_text().splitlines())
    return next(int(said.split()[0]) for key, _, said in lines if key == name)


def main() -> None:
    """Measures, and prints a line."""
    found = measure(float((*sys.argv[1:], "60")[0]))
    print(", ".join(f"{what} {value:.2f}" for what, value in found.items()))


if __name__ == "__main__":
    main()
