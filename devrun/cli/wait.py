"""`devrun wait`: returns when all that was saved before it is built, loaded and ready."""

import click

from devrun.cli.main import Options
from devrun.cli.names import complete_targets
from devrun.cli.text import safe
from devrun.core.waiting import EXIT_CODES, LONGEST_WAIT_S, Ending, Obstacle, WaitOutcome
from devrun.errors import ExitCode

OUTPUT_LINES = 8
"""As many as `devrun status` shows."""
TROUBLE = {Ending.TIMED_OUT.value: "not ready in time", Ending.ENGINE_DOWN.value: "given up"}
"""Said first, where the problems alone would not say why the wait ended."""


@click.command("wait")
@click.argument("targets", nargs=-1, metavar="[TARGET...]", shell_complete=complete_targets)
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(0, LONGEST_WAIT_S, min_open=True),
    help="Give up after this time.",
)
@click.pass_obj
def command(options: Options, targets: tuple[str, ...], timeout: float | None) -> int:
    """Wait until all that was saved is built, loaded and ready; with TARGETs, for these only.

    Ends with 0 when it is, with 6 and the errors where it cannot be, with 4 when the engine stays away for
    5 seconds, with 124 when the time is over.
    """
    from devrun.control.client import Client

    client = Client.connect(options.place())
    outcome = client.wait(targets, timeout_s=timeout)
    if client.mismatch:
        click.echo(client.mismatch, err=True)
    return report_outcome(outcome, is_verbose=options.verbosity > 0)


def report_outcome(outcome: WaitOutcome, *, is_verbose: bool = False) -> int:
    """Say why a wait did not end well, and return the exit code."""
    _say(outcome, is_verbose=is_verbose)
    return EXIT_CODES.get(outcome.outcome, ExitCode.ERROR)


def _say(outcome: WaitOutcome, *, is_verbose: bool) -> None:
    if outcome.outcome in TROUBLE:
        _print(f"error: {TROUBLE[outcome.outcome]}, after {outcome.seconds:.1f} s")
    for problem in outcome.problems:
        _say_problem(problem)
    if is_verbose:
        _print(f"devrun: {outcome.outcome} after {outcome.seconds:.2f} s")


def _say_problem(problem: Obstacle) -> None:
    subject = problem.subject.removeprefix("target ")
    _print(f"error: {subject}: {problem.error}" if subject else f"error: {problem.error}")
    if problem.step:
        _print(f"  at {problem.step}")
    for line in problem.output[-OUTPUT_LINES:]:
        _print(f"  | {line}")
    if problem.hint:
        _print(f"  hint: {problem.hint}")


def _print(line: str) -> None:
    click.echo(safe(line), err=True)
