"""`devrun explain`: what a change of a file would do, and by which rule; or what the last changes did."""

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import click

from devrun.cli.main import Options
from devrun.cli.text import ago, safe
from devrun.core.explanation import Explained, Explanation, LastBatch
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
        _print(file_lines(explanation))
    if explained.last is not None:
        _print(last_lines(explained.last))


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(safe(line))


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


def file_lines(explanation: Explanation, depth: int = 0) -> Iterator[str]:
    """Yield what there is to say of a file."""
    if explanation.ignored and not explanation.acts:
        yield _indented(depth, f"{explanation.path}: nothing, {explanation.ignored}")
        return
    yield _indented(depth, f"{explanation.path}: {explanation.summary}")
    effects = {f"image {name}": effect for name, effect in explanation.images.items()}
    for subject, effect in {**effects, **explanation.targets}.items():
        yield _indented(depth + 1, f"{'*' if effect.acts else '-'} {subject}: {effect.rule}")


def last_lines(last: LastBatch) -> list[str]:
    """Return what there is to say of the last changes."""
    return [
        f"changed {ago(last.at)} ago:" if last.at else "nothing changed since devrun started",
        *(line for explanation in last.changed for line in file_lines(explanation, 1)),
        *_listed("done since then:", last.actions),
        *_listed("now:", [f"{subject}: {text}" for subject, text in last.holds.items()]),
        *_listed("passed over:", [f"{path}: {why}" for path, why in last.passed_over.items()]),
    ]


def _listed(title: str, lines: Collection[str]) -> list[str]:
    return [title, *(_indented(1, line) for line in lines)] if lines else []


def _indented(depth: int, text: str) -> str:
    return "  " * depth + text
