"""How long a save takes to be decided: from the look at the saved file to the event that says what it means.

    .venv/bin/python -m benchmarks.decision [FILES] [EDITS]

It makes a project of so many modules with ten imports each, and prints medians in milliseconds: of the first
look at everything, and of edits that leave a module's imports as they are, or add one.
"""

import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from devrun.config.load import load
from devrun.sources.disk import Disk, Told

IMPORTS = 10
LINES = 100
PACKAGE = 50
"""Modules in a package."""


def main() -> None:
    """Measures, and prints a line for each kind."""
    files, edits = (int(word) for word in (*sys.argv[1:], "5000", "100")[:2])
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        make_project(root, files)
        told: list[Told] = []
        disk = Disk(load(root / "devrun.toml", {}), told.append, lambda *_: None, lambda *_: None)
        began = time.perf_counter()
        disk.read()
        print(f"{files} files, first look: {time.perf_counter() - began:.2f} s")
        for kind in ("the same imports", "one import more"):
            taken = sorted(measured(disk, root, kind, number, files, told) for number in range(edits))
            median, p95 = statistics.median(taken), taken[int(len(taken) * 0.95)]
            print(f"edit with {kind}: median {median * 1000:.1f} ms, p95 {p95 * 1000:.1f} ms")


def make_project(root: Path, files: int, lines: int = LINES) -> None:
    """Writes a target that reaches all of the modules, each of so many lines beside its imports."""
    dice = random.Random(1)
    (root / "Dockerfile").write_text("FROM python\nWORKDIR /app\n")
    (root / "devrun.toml").write_text('[targets]\nweb = "web.py"\njob = "job.py"\n')
    (root / "job.py").write_text("")
    (root / "web.py").write_text("\n".join(f"import {name(number)}" for number in range(files)))
    for number in range(files):
        place = root / f"{name(number).replace('.', '/')}.py"
        place.parent.mkdir(exist_ok=True)
        imports = (f"import {name(dice.randrange(files))}" for _ in range(IMPORTS))
        code = (f"def f{line}(a, b):\n    return a + b * {line}" for line in range(lines // 2))
        place.write_text("\n".join([*imports, *code, ""]))


def name(number: int) -> str:
    """Returns a module's name."""
    return f"pkg{number // PACKAGE}.m{number}"


def measured(disk: Disk, root: Path, kind: str, number: int, files: int, told: list[Told]) -> float:
    """Returns the seconds that one edit takes, from the look to the event."""
    module = random.Random(number).randrange(files)
    place = root / f"{name(module).replace('.', '/')}.py"
    more = f"import {name((module * 7) % files)}\n" if kind == "one import more" else ""
    place.write_text(f"{more}{place.read_text()}# {number}\n")
    told.clear()
    began = time.perf_counter()
    disk._look(frozenset([str(place)]))
    taken = time.perf_counter() - began
    assert told, "the edit was not seen"
    return taken


if __name__ == "__main__":
    main()
