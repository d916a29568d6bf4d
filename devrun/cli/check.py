"""`devrun check`: what would be built, run, mounted and watched, and by which rule."""

from pathlib import Path

import click

from devrun.cli.main import Options
from devrun.cli.text import safe
from devrun.config.project import ImageConfig, Port, Project, RestartOn, TargetConfig
from devrun.core.report import program_text
from devrun.engine.protocol import Engine
from devrun.errors import DevrunError, EngineUnreachableError, ExitCode
from devrun.sources.closure import mount_path
from devrun.sources.disk import Disk


@click.command("check")
@click.pass_obj
def command(options: Options) -> int:
    """Validate devrun.toml, and say what would be built, run, mounted and watched, and by which rule."""
    project = options.project()
    disk = Disk(project, lambda _event: None, lambda _subject, _text: None, lambda _part, _error: None)
    disk.read()
    engine = _connect(project)
    _say(0, f"{project.name}: {_short(project, project.file or project.root)} is valid")
    problems = [
        problem for image in project.images.values() for problem in _print_image(project, image, disk)
    ]
    for target in project.targets.values():
        _print_target(project, target, disk, engine)
    files, directories = disk.counts
    _say(0, f"watched: {files} files in {directories} directories")
    if engine is not None:
        engine.close()
    return ExitCode.USAGE if problems else ExitCode.OK


def _connect(project: Project) -> Engine | None:
    """Return the engine, if there is one: it knows what an image starts, once that is built."""
    from devrun.engine.docker import connect

    try:
        return connect(project)
    except EngineUnreachableError as error:
        click.echo(f"no engine: {safe(error.message)}", err=True)
        return None


def _print_image(project: Project, image: ImageConfig, disk: Disk) -> list[str]:
    """Print what an image is built of, and return what is wrong with it."""
    inputs = disk.inputs(image.name)
    stage = f", stage {image.stage}" if image.stage else ""
    _say(
        0, f"image {image.name}: {_short(project, image.dockerfile)}{stage}, fingerprint {inputs.fingerprint}"
    )
    if inputs.context.bases:
        _say(1, f"from {', '.join(inputs.context.bases)}")
    for file in inputs.files:
        verb = "decides" if file.decides else "is sent, decides nothing"
        _say(1, f"{_short(project, file.path)} {verb}: {file.rule}")
    for problem in inputs.problems:
        _say(1, f"problem: {problem.error}" + (f" ({problem.hint})" if problem.hint else ""))
    return [problem.error for problem in inputs.problems]


def _print_target(project: Project, target: TargetConfig, disk: Disk, engine: Engine | None) -> None:
    workdir = disk.inputs(target.image).workdir
    _say(0, f"target {target.name}: {program_text(target.program)}, image {target.image}")
    path = mount_path(target.mount, workdir)
    if target.mount and path:
        _say(1, f"mounts {_short(project, target.mount.source)} at {path}" + _by(target, workdir))
    else:
        why = "`mount = false`" if target.mount is None else "its image has no WORKDIR; say `path` in [mount]"
        _say(1, f"no mount: {why}; a changed file means a rebuild")
    for port in target.ports:
        _say(1, f"port {_port(port)}")
    if not target.autostart:
        _say(1, "is not started by itself (`autostart`)")
    _say(1, _restarts(target, has_mount=path is not None))
    for line in _planned(target, disk, engine):
        _say(1, line)


def _by(target: TargetConfig, workdir: str | None) -> str:
    said = target.mount is not None and target.mount.path
    return " (`path` of [mount])" if said else f" (the image's WORKDIR, {workdir})"


def _restarts(target: TargetConfig, *, has_mount: bool) -> str:
    if not has_mount or target.restart_on is RestartOn.NONE:
        return "no edit restarts it"
    files = "every file of the mount" if target.restart_on is RestartOn.ANY else "Python files of the mount"
    watched = f", {', '.join(target.watch)}" if target.watch else ""
    return f"restarts on {files} (not on scripts of other targets){watched}"


def _planned(target: TargetConfig, disk: Disk, engine: Engine | None) -> tuple[str, ...]:
    """Return what would be started in the image that is there for the present fingerprint."""
    if engine is None:
        return ()
    try:
        fingerprint = disk.inputs(target.image).fingerprint
        built = [one for one in engine.inspect_image(target.image) if one.fingerprint == fingerprint]
        return engine.explain(target, built[0].id) if built else ("its image is not built yet",)
    except DevrunError as error:
        return (f"cannot be planned: {error.message}",)


def _port(port: Port) -> str:
    host = f"{port.address or '127.0.0.1'}:{port.host_port or 'chosen by the engine'}"
    return f"{host} -> {port.container_port}/{port.protocol}"


def _short(project: Project, path: Path) -> str:
    return str(path.relative_to(project.root)) if path.is_relative_to(project.root) else str(path)


def _say(depth: int, text: str) -> None:
    click.echo("  " * depth + safe(text))
