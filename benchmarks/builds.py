"""How long an unchanged build takes, beside `docker build`, in a project whose files are all build inputs.

    .venv/bin/python -m benchmarks.builds [ROUNDS]

devrun is at work, and the Dockerfile is saved with another comment: it means the same, so that there is
nothing to build. Docker builds the same folder, in turn, and has all layers in its cache.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.contenders import BrokenError
from benchmarks.engine import BASE
from benchmarks.status import taken, watched
from devrun import Client

FILES = 25_000
FEWER = {1: 500, 5: 5_000}
"""Files of a run with at most so many rounds: a first build of them all takes longer than the rounds do."""
PER_FOLDER = 100
DOCKERFILE = f"FROM {BASE}\nWORKDIR /app\nCOPY . .\n"
SETTINGS = '[targets.web]\nscript = "app.py"\nmount = false\n'
TAG = "devrun-benchmark/unchanged"


def measure(rounds: int) -> dict[str, list[float]]:
    """Returns the seconds of each unchanged build, devrun's and docker's in turn."""
    files = next((files for most, files in FEWER.items() if rounds <= most), FILES)
    with tempfile.TemporaryDirectory(prefix="builds-") as folder:
        root = Path(folder).resolve() / "project"
        make_project(root, files)
        docker = docker_build()
        try:
            with watched(root) as client:
                # The first build of each fills the caches.
                build(docker, root)
                pairs = [(unchanged(client, root, n), build(docker, root)) for n in range(rounds)]
        finally:
            if docker:
                subprocess.run(["docker", "rmi", TAG], capture_output=True, check=False)
    ours, peers = (list(seconds) for seconds in zip(*pairs, strict=True))
    name = " ".join(Path(word).name for word in docker[:-3])
    return {f"devrun, {files:,} files, s": ours, **({f"{name}, {files:,} files, s": peers} if docker else {})}


def make_project(root: Path, files: int) -> None:
    """Writes a project that has so many small files in its image."""
    for number in range(files):
        place = root / f"data{number // PER_FOLDER}" / f"{number}.txt"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"{number}\n" * 20)
    (root / "Dockerfile").write_text(DOCKERFILE)
    (root / "devrun.toml").write_text(SETTINGS)
    (root / "app.py").write_text("import signal\nsignal.pause()\n")


def docker_build() -> list[str]:
    """Returns docker's command, by BuildKit where its plugin is there; an empty one without a client."""
    if not shutil.which("docker"):
        return []
    folder = os.environ.get("DEVRUN_TEST_BUILDX")
    build = [str(Path(folder) / "docker-buildx"), "build", "--load"] if folder else ["docker", "build"]
    return [*build, "--quiet", "--tag", TAG]


def unchanged(client: Client, root: Path, number: int) -> float:
    """Saves what means the same, and returns the seconds until devrun has said so; it must not build."""
    before = client.status().images["default"].builds
    (root / "Dockerfile").write_text(f"{DOCKERFILE}# {number}\n")
    seconds = taken(client.wait)
    if client.status().images["default"].builds != before:
        raise BrokenError("devrun built an image whose Dockerfile means what it meant before")
    return seconds


def build(command: list[str], root: Path) -> float:
    """Returns the seconds of a build by docker; none take no time."""
    if not command:
        return 0.0
    return taken(lambda: subprocess.run([*command, str(root)], check=True, capture_output=True))


def main() -> None:
    """Measures, and prints a line for each way."""
    for name, seconds in measure(int((*sys.argv[1:], "10")[0])).items():
        print(f"{name}: median {statistics.median(seconds):.3f}")


if __name__ == "__main__":
    main()
