"""`devrun explain`: what a change of a file would do, and by which rule; or what the last changes did."""

import os
from pathlib import Path

import click

from devrun.cli.main import Options
from devrun.cli.text import ago, safe
from devrun.core.explanation import Effect, Explained, Explanation, LastBatch
from devrun.errors import ConfigError, NotRunningError


@click.command("explain")
@click.argument("paths", nargs=-1, metavar="PATH...", type=click.Path())
@click.option("--last", is_flag=True, help="Say what the last changes did, and what was passed over.")
@click.pass_obj
def command(options: Options, paths: tuple[str, ...], last: bool) -> None:  # noqa: FBT001 - click's way
    """Say what a change of each PATH would do to each image and target, and by which rule.

    The files need not exist. Without a running daemon it is worked out from the files as they are.
    """
    if not paths and not last:
        raise ConfigError("no path is named", hint="name files, or ask for --last")
    explained = _explained(options, [_absolute(path) for path in paths], last=last)
    for explanation in explained.files:
        _print_file(explanation)
    if explained.last is not None:
        _print_last(explained.last)


def _absolute(path: str) -> str:
    """Return a path with the links of its folder resolved, as the daemon knows it; the file may be a link."""
    place = Path(os.path.abspath(path))  # noqa: PTH100 - `..` goes as the user typed it
    return str(place.parent.resolve() / place.name)


def _explained(options: Options, paths: list[str], *, last: bool) -> Explained:
    from devrun.control.client import Client

    try:
        client = Client.connect(options.place())
        explained = client.explain(paths, last=last)
    except NotRunningError:
        if last:
            raise
        return _explain_from_files(options, paths)
    if client.mismatch:
        click.echo(client.mismatch, err=True)
    return explained


def _explain_from_files(options: Options, paths: list[str]) -> Explained:
    project = options.project()
    from devrun.sources.disk import Disk

    disk = Disk.read_once(project)
    return Explained(tuple(map(disk.explain, paths)))


def _print_file(explanation: Explanation, depth: int = 0) -> None:
    if explanation.ignored and not explanation.acts:
        _say(depth, f"{explanation.path}: nothing, {explanation.ignored}")
        return
    _say(depth, f"{explanation.path}: {explanation.summary}")
    for name, effect in explanation.images.items():
        _print_effect(depth + 1, f"image {name}", effect)
    for name, effect in explanation.targets.items():
        _print_effect(depth + 1, name, effect)


def _print_effect(depth: int, subject: str, effect: Effect) -> None:
    _say(depth, f"{'*' if effect.acts else '-'} {subject}: {effect.rule}")


def _print_last(last: LastBatch) -> None:
    if not last.at:
        _say(0, "nothing changed since devrun started")
    else:
        _say(0, f"changed {ago(last.at)} ago:")
    for explanation in last.changed:
        _print_file(explanation, 1)
    _print_list("done since then:", last.actions)
    _print_list("now:", [f"{subject}: {text}" for subject, text in last.holds.items()])
    _print_list("passed over:", [f"{path}: {why}" for path, why in last.passed_over.items()])


def _print_list(title: str, lines: tuple[str, ...] | list[str]) -> None:
    if lines:
        _say(0, title)
    for line in lines:
        _say(1, line)


def _say(depth: int, text: str) -> None:
    click.echo("  " * depth + safe(text))
