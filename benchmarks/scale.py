"""Large projects: very many files, most of them ignored; very many targets.

    .venv/bin/python -m benchmarks.scale [EDITS]

Each daemon runs in a process of its own, so that its memory can be told.
"""

import json
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.decision import make_project
from benchmarks.watching import LINES, edit, edited, spread
from benchmarks.yard import project, running

FILES, IGNORED, SOURCES = 100_000, 90_000, 2_000
"""Of the files that are not ignored, so many are modules; the others are data."""
PER_FOLDER = 100


def measure(edits: int = 50) -> dict[str, dict[str, float]]:
    """Returns figures of a small project and a large one, of one target and of fifty on five images."""
    return {kind: _apart(kind, edits) for kind in ("small", "large", "1 target", "50 targets")}


def _apart(kind: str, edits: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.scale", kind, str(edits)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1])
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _many_files(edits: int, *, is_large: bool) -> dict[str, float]:
    modules = SOURCES if is_large else 100
    with project({}) as root:
        root.mkdir(exist_ok=True)
        make_project(root, modules, LINES)
        if is_large:
            _fill(root / "node_modules", IGNORED)
            _fill(root / "data", FILES - IGNORED - modules)
        before = _memory_mib()
        with running(root, 2) as (_, ear, start_s):
            found = {"start s": start_s, **spread(edited(root, ear, modules, edits))}
            return {**found, "memory MiB": _memory_mib() - before}


def _fill(folder: Path, files: int) -> None:
    for number in range(files):
        place = folder / str(number // PER_FOLDER)
        if not number % PER_FOLDER:
            place.mkdir(parents=True)
        (place / f"{number}.js").write_bytes(b"")


def _many_targets(edits: int, targets: int, images: int) -> dict[str, float]:
    lines = [f'[images.i{n}]\ndockerfile = "Dockerfile"\n' for n in range(images)]
    files = {"Dockerfile": "FROM python\nWORKDIR /app\n"}
    for n in range(targets):
        lines.append(f'[targets.t{n}]\nscript = "t{n}.py"\nimage = "i{n % images}"\n')
        files |= {f"t{n}.py": f"import m{n}\n", f"m{n}.py": "A = 1\n" * 100}
    with (
        project({**files, "devrun.toml": "".join(lines)}) as root,
        running(root, targets) as (_, ear, start_s),
    ):
        # In turn, since a file that changes after every start would be taken for one that the program writes.
        times = [edit(root / ("m0.py", "t0.py")[n % 2], ear, f"# {n}\n") for n in range(edits)]
        return {"start s": start_s, **spread(times), "mean ms": statistics.mean(times) * 1000}


def _memory_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def main() -> None:
    """Measures, and prints a line for each kind; or one kind alone, as JSON."""
    match sys.argv[1:]:
        case ["small" | "large" as kind, edits]:
            print(json.dumps(_many_files(int(edits), is_large=kind == "large")))
        case [kind, edits]:
            targets = int(kind.split()[0])
            print(json.dumps(_many_targets(int(edits), targets, min(targets, 5))))
        case words:
            for kind, found in measure(int((*words, "50")[0])).items():
                print(f"{kind}: " + ", ".join(f"{what} {value:.2f}" for what, value in found.items()))


if __name__ == "__main__":
    main()
