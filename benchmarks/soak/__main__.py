"""The command line of the soak: see `scripts/soak --help`."""

import argparse
import secrets
import signal
import sys
import tempfile
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from pydantic import TypeAdapter

from benchmarks.client import free_port
from benchmarks.contenders import BrokenError, Place
from benchmarks.engine import base_image, connected
from benchmarks.machine import Machine, this_machine
from benchmarks.ours import DEPTHS
from benchmarks.progress import say
from benchmarks.soak import restarts
from benchmarks.soak.growth import TOLERANCES
from benchmarks.soak.restarts import Outcome
from benchmarks.soak.stage import stage


@dataclass(frozen=True, slots=True)
class Soak:
    """A run, as it is written."""

    made: str
    machine: Machine
    outcome: Outcome


def main() -> int:
    """Runs the command line and returns its exit code: 1 where something grew or went wrong."""
    arguments = parse_arguments()
    # Both end it as Ctrl-C does: what was made is removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        soak = played(arguments)
    except BrokenError as broken:
        say(str(broken))
        return 1
    except KeyboardInterrupt:
        return 130
    print(told(soak.outcome))
    if arguments.json:
        arguments.json.write_bytes(TypeAdapter(Soak).dump_json(soak, indent=1))
    return 1 if soak.outcome.faults else 0


def parse_arguments() -> argparse.Namespace:
    """Returns the parsed command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/soak", description="Works devrun for long, and tells what grows or goes wrong."
    )
    parser.add_argument("--restarts", type=int, metavar="N", required=True, help="N restarts in a row")
    parser.add_argument("--reload", choices=DEPTHS, default="warm", help="how deep; warm unless said")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples to FILE")
    return parser.parse_args()


def played(arguments: argparse.Namespace) -> Soak:
    """Sets the stage and plays."""
    made = datetime.now(timezone.utc).isoformat(timespec="seconds")
    with connected() as engine, tempfile.TemporaryDirectory(prefix="devrun-soak-") as folder:
        machine = this_machine(str(engine.version()["Version"]))
        root = Path(folder).resolve() / f"soak-{secrets.token_hex(3)}"
        place = Place("soak", secrets.token_hex(3), root, free_port(), engine, base_image(engine))
        with stage(place, arguments.reload, "light") as scene:
            return Soak(made, machine, restarts.play(scene, arguments.reload, arguments.restarts))


def told(outcome: Outcome) -> str:
    """Returns what a person reads: how it went, a line for each figure, and what is wrong."""
    counts = ", ".join(f"{what} {value:g}" for what, value in outcome.counts.items())
    lines = [f"{outcome.name}, in {outcome.seconds:.0f} s", counts, ""]
    lines += [f"{'':22}{'first':>10}{'last':>10}{'highest':>10}{'may grow':>10}"]
    for one in outcome.growths:
        figures = (one.first, one.last, one.highest, TOLERANCES.get(one.what, 0))
        lines.append(f"{one.what:22}" + "".join(f"{figure:>10,.1f}" for figure in figures))
    return "\n".join([*lines, "", *(f"WRONG: {fault}" for fault in outcome.faults or ())]).rstrip()


if __name__ == "__main__":
    sys.exit(main())
