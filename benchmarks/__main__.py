"""The command line of the benchmarks: see `benchmarks/run --help`."""

import argparse
import secrets
import signal
import sys
import tempfile
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from types import FrameType

from benchmarks import others, saves
from benchmarks.contenders import BrokenError, Contender
from benchmarks.engine import base_image, connected
from benchmarks.figures import Run, Series
from benchmarks.machine import this_machine
from benchmarks.ours import ours
from benchmarks.page import with_figures
from benchmarks.peers import peers
from benchmarks.plot import plot
from benchmarks.progress import say
from benchmarks.tables import faults, tables

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "performance.md"
PLOT = ROOT / "docs" / "performance.svg"


@dataclass(frozen=True, slots=True)
class Effort:
    """How thoroughly a run measures saves."""

    name: str
    rounds: int
    served: tuple[str, ...] = ("light", "heavy")


FULL = Effort("full", 30)
QUICK = Effort("quick", 3)
CHECK = Effort("check", 1, ("light",))


def main() -> int:
    """Runs the command line and returns its exit code: 1 where an answer or the machinery is wrong."""
    arguments = parse_arguments()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    try:
        return render(arguments.render) if arguments.render else measure_and_tell(arguments)
    except BrokenError as broken:
        say(str(broken))
        return 1
    except KeyboardInterrupt:
        return 130


def measure_and_tell(arguments: argparse.Namespace) -> int:
    """Measures, prints and keeps the figures; returns the exit code."""
    effort = CHECK if arguments.check else QUICK if arguments.quick else FULL
    run = measured(effort, arguments.rounds or effort.rounds, arguments.only)
    report(run)
    write(run, arguments.json or (results_file(run) if effort is FULL and not arguments.only else None))
    return 1 if faults(run) else 0


def parse_arguments() -> argparse.Namespace:
    """Returns the parsed command line."""
    parser = argparse.ArgumentParser(
        prog="benchmarks/run",
        description="Measures devrun and what people use instead, in turn in one run.",
        epilog=f"Without an option: all figures, half an hour; written to {RESULTS.relative_to(ROOT)}/.",
    )
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--quick", action="store_true", help="all figures with few rounds, within 5 minutes")
    kind.add_argument("--check", action="store_true", help="everything once, for its correctness only")
    kind.add_argument("--render", type=Path, metavar="FILE", help="write a run's picture and tables to docs/")
    parser.add_argument("--rounds", type=int, metavar="N", help="saves of each contender and program")
    parser.add_argument("--only", metavar="TEXT", help="saves alone, of contenders whose name has TEXT")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples to FILE")
    return parser.parse_args()


def interrupt(_signal: int, _frame: FrameType | None) -> None:
    """Ends the run, and lets nothing disturb what is removed on the way out."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    say("interrupted: removing what was made")
    raise KeyboardInterrupt


def measured(effort: Effort, rounds: int, only: str | None) -> Run:
    """Measures all that this machine and this devrun have."""
    made = datetime.now(timezone.utc).isoformat(timespec="seconds")
    contenders, skipped = everybody(only)
    for line in skipped:
        say(f"left out: {line}")
    with connected() as engine:
        machine = this_machine(str(engine.version()["Version"]))
        say(str(machine))
        image = base_image(engine)
        # What may go wrong there does so before half an hour is spent.
        series: list[Series] = [] if only else others.measure(effort.name)
        with tempfile.TemporaryDirectory(prefix="devrun-benchmark-") as folder:
            for served in effort.served:
                series += saves.measure(
                    contenders,
                    served,
                    rounds,
                    engine=engine,
                    image=image,
                    folder=Path(folder).resolve(),
                    run=secrets.token_hex(3),
                )
    return Run(made, effort.name, machine, tuple(series), tuple(skipped))


def everybody(only: str | None) -> tuple[list[Contender], list[str]]:
    """Returns the contenders that were asked for, and why others are left out."""
    groups = (ours(), peers())
    contenders = [contender for found, _ in groups for contender in found]
    chosen = [contender for contender in contenders if (only or "") in contender.name]
    if not chosen:
        raise BrokenError(
            f"no contender has {only!r} in its name: {', '.join(one.name for one in contenders)}"
        )
    return chosen, [line for _, lacking in groups for line in lacking]


def report(run: Run) -> None:
    """Prints all tables, and tells what went wrong."""
    for table in tables(run):
        print(table.as_text(), end="\n\n")
    for line in faults(run):
        say(line)


def results_file(run: Run) -> Path:
    """Returns where a whole run is kept."""
    return RESULTS / f"{run.made[:10]}-{run.machine.kind}.json"


def write(run: Run, file: Path | None) -> None:
    """Writes all samples."""
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(run.to_json())
        say(f"written: {file}; benchmarks/run --render {file} shows it in docs/")


def render(file: Path) -> int:
    """Writes what docs/ shows of a run."""
    if not file.resolve().is_relative_to(RESULTS):
        raise BrokenError(f"{file} is not shown: docs/ names its file, which has to lie in {RESULTS}")
    run = Run.from_json(file.read_bytes())
    source = file.resolve().relative_to(ROOT).as_posix()
    PAGE.write_text(with_figures(PAGE.read_text(), run, source))
    PLOT.write_text(plot(run))
    say(f"written: {PAGE.relative_to(ROOT)}, {PLOT.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
