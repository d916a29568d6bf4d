"""`devrun doctor`: what is in devrun's way on this machine, on its engine and in the project."""

import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict

import click

from devrun.cli.finding import Finding, Verdict, fail, ok
from devrun.cli.main import Options
from devrun.cli.text import safe
from devrun.config.project import Project
from devrun.errors import ConfigError, DevrunError, EngineUnreachableError, ExitCode

COLOURS = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "red"}


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_obj
def command(options: Options, as_json: bool) -> int:  # noqa: FBT001 - click's way
    """Find out what is in devrun's way: in the project, on this machine, on the engine.

    Ends with 0 unless something fails, with 4 where the engine cannot be reached.
    """
    examination = _Examination(options)
    findings = examination.findings()
    if as_json:
        said = tuple(findings)
        click.echo(json.dumps({"verdict": _worst(said), "findings": [asdict(one) for one in said]}, indent=2))
    else:
        said = tuple(map(_shown, findings))
    if examination.is_unreachable:
        return ExitCode.ENGINE_UNREACHABLE
    return ExitCode.ERROR if _worst(said) is Verdict.FAIL else ExitCode.OK


class _Examination:
    """All checks, one after the other, each on what the earlier ones found."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._project: Project | None = None
        self.is_unreachable = False
        """Known once all findings are."""

    def findings(self) -> Iterator[Finding]:
        """Yield what is found, as it is found."""
        from devrun.cli.machine_checks import (
            check_client,
            check_files,
            check_python,
            check_state,
            check_watch,
        )

        yield from check_python()
        yield from self._project_file()
        yield from _guarded("state", check_state(self._options)) if self._project else ()
        if self._project:
            yield from _guarded("files", check_files(self._project))
            yield from _guarded("watch", check_watch(self._project))
        yield from check_client()
        yield from self._engine()

    def _project_file(self) -> Iterator[Finding]:
        try:
            project = self._project = self._options.project()
        except ConfigError as error:
            yield fail("config", error.message, error.hint)
            return
        names = ", ".join(project.targets)
        yield ok("config", f"{project.file} is valid (targets: {names})")

    def _engine(self) -> Iterator[Finding]:
        from devrun.cli.engine_checks import check_engine, check_mount, check_network, check_ports
        from devrun.engine.checkup import Checkup
        from devrun.engine.connection import find_connection

        try:
            connection = find_connection()
        except EngineUnreachableError as error:
            self.is_unreachable = True
            yield fail("engine", error.message, error.hint)
            return
        try:
            checkup = Checkup(connection)
            yield from _guarded("engine", check_engine(checkup))
            if self._project:
                yield from _guarded("mount", check_mount(checkup, self._project))
                yield from _guarded("ports", check_ports(checkup, self._project))
                yield from _guarded("network", check_network(checkup, self._project))
        finally:
            connection.close()


def _guarded(check: str, findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield findings; what keeps a check from going on is one, too."""
    try:
        yield from findings
    except DevrunError as error:
        yield fail(check, error.message, error.hint)


def _worst(findings: Iterable[Finding]) -> Verdict:
    order = list(Verdict)
    return max((finding.verdict for finding in findings), key=order.index, default=Verdict.OK)


def _shown(finding: Finding) -> Finding:
    """Print a finding, and return it."""
    verdict = f"{finding.verdict.value:<5}"
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        verdict = click.style(verdict, fg=COLOURS[finding.verdict])
    first, *more = finding.text.splitlines()
    click.echo(f"{verdict} {finding.check}: {safe(first)}")
    for line in more:
        click.echo(f"      {safe(line)}")
    for index, line in enumerate(finding.hint.splitlines()):
        click.echo(("            " if index else "      hint: ") + safe(line))
    return finding
