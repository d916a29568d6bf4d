"""The command line of the soak: see `scripts/soak --help`."""

import argparse
import secrets
import signal
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path

import docker

from benchmarks.client import free_port
from benchmarks.contenders import BrokenError, Place
from benchmarks.engine import BASE, connected
from benchmarks.machine import this_machine
from benchmarks.ours import DEPTHS
from benchmarks.progress import say
from benchmarks.soak import minutes, restarts
from benchmarks.soak.disturbances import NOISE, dockerfile
from benchmarks.soak.outcome import Outcome, Soak
from benchmarks.soak.stage import stage


def main() -> int:
    """Runs the command line and returns its exit code: 1 where something grew or went wrong."""
    arguments = parse_arguments()
    # Both end it as Ctrl-C does: what was made is removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        soak = soaked(arguments)
    except BrokenError as broken:
        say(str(broken))
        return 1
    except KeyboardInterrupt:
        return 130
    print(soak.outcome)
    if arguments.json:
        arguments.json.write_bytes(soak.to_json())
    return 1 if soak.outcome.faults else 0


def parse_arguments() -> argparse.Namespace:
    """Returns the parsed command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/soak", description="Works devrun for long, and tells what grows or goes wrong."
    )
    story = parser.add_mutually_exclusive_group(required=True)
    story.add_argument("--minutes", type=float, metavar="N", help="N minutes of everything that happens")
    story.add_argument("--restarts", type=int, metavar="N", help="N restarts in a row")
    parser.add_argument("--reload", choices=DEPTHS, default="warm", help="how deep they go; warm unless said")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10_000), help="of what happens")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples to FILE")
    return parser.parse_args()


def soaked(arguments: argparse.Namespace) -> Soak:
    """Plays the story that was asked for."""
    made = datetime.now(timezone.utc).isoformat(timespec="seconds")
    with connected() as engine, tempfile.TemporaryDirectory(prefix="devrun-soak-") as folder:
        machine = this_machine(str(engine.version()["Version"]))
        play = restarted if arguments.restarts else disturbed
        return Soak(made, machine, play(arguments, engine, Path(folder).resolve()))


def restarted(arguments: argparse.Namespace, engine: docker.DockerClient, folder: Path) -> Outcome:
    """One target, restarted again and again."""
    place = placed(engine, folder)
    with stage(place, {arguments.reload: place.port}, {"Dockerfile": dockerfile(place.image, "b0")}) as scene:
        return restarts.play(scene, arguments.restarts)


def disturbed(arguments: argparse.Namespace, engine: docker.DockerClient, folder: Path) -> Outcome:
    """A target for each depth, and one that writes without end."""
    place = placed(engine, folder)
    ports = {depth: free_port() for depth in DEPTHS}
    files = {"Dockerfile": dockerfile(place.image, "b0"), "noise.py": NOISE}
    with stage(place, ports, files, '[targets.noise]\nscript = "noise.py"\n') as scene:
        return minutes.play(scene, arguments.minutes, arguments.seed)


def placed(engine: docker.DockerClient, folder: Path) -> Place:
    """Returns where a story plays."""
    run = secrets.token_hex(3)
    return Place("soak", run, folder / f"soak-{run}", free_port(), engine, BASE)


if __name__ == "__main__":
    sys.exit(main())
