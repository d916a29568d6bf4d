"""How long it takes to find out that nothing is to be built, and to build what did not change.

    .venv/bin/python -m benchmarks.building [ROUNDS]

The project has 25,000 files: 2,000 modules that the image takes, and packages and a repository that it does
not. It needs an engine, and the image that DEVRUN_PYTHON_IMAGE names.
"""

import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.engine import BASE
from devrun.config.load import load
from devrun.config.project import ImageConfig, ImageName
from devrun.engine.docker import connect
from devrun.sources.disk import Disk

TAKEN, PACKAGES, REPOSITORY = 2_000, 20_000, 3_000
PER_FOLDER = 50
DOCKERFILE = f"FROM {BASE}\nWORKDIR /app\nCOPY requirements.txt .\nRUN true\nCOPY src src\n"


def measure(rounds: int = 10) -> dict[str, float]:
    """Returns medians in seconds."""
    with tempfile.TemporaryDirectory(prefix="building-") as folder:
        root = Path(folder).resolve()
        make_project(root)
        project = load(root / "devrun.toml", {})
        disk = Disk.read_once(project)
        name = ImageName("default")
        image = project.images[name]
        assert isinstance(image, ImageConfig)
        engine = connect(project)
        with contextlib.closing(engine):
            fingerprint = disk.hash_inputs(name)

            def build() -> None:
                engine.build_image(image, fingerprint, disk.build_context(name), lambda _news: None)

            first = taken(build)
            found = {
                "inputs hashed again": median(rounds, lambda: disk.hash_inputs(name)),
                "image looked for": median(rounds, lambda: engine.inspect_image(image)),
                "unchanged build": median(rounds, build),
                "first build": first,
            }
            engine.remove_image(name, fingerprint)
    return found


def make_project(root: Path) -> None:
    """Writes the files."""
    (root / "Dockerfile").write_text(DOCKERFILE)
    (root / "requirements.txt").write_text("")
    (root / "devrun.toml").write_text('mount = false\n[targets]\nweb = "src/0/0.py"\n')
    for folder, files in (("src", TAKEN), ("node_modules", PACKAGES), (".git/objects", REPOSITORY)):
        for number in range(files):
            place = root / folder / str(number // PER_FOLDER) / f"{number}.py"
            if not number % PER_FOLDER:
                place.parent.mkdir(parents=True)
            place.write_text(f"A = {number}\n" * 20)


def median(rounds: int, do: Callable[[], object]) -> float:
    """Returns the median of the seconds that something takes."""
    return statistics.median(taken(do) for _ in range(rounds))


def taken(do: Callable[[], object]) -> float:
    """Returns the seconds that something takes."""
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


def main() -> None:
    """Measures, and prints a line for each kind."""
    for what, seconds in measure(int((*sys.argv[1:], "10")[0])).items():
        print(f"{what}: {seconds:.3f} s")


if __name__ == "__main__":
    main()
