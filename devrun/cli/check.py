"""`devrun check`: what would be built, run, mounted and watched, and by which rule."""

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click

from devrun.cli.main import Options
from devrun.cli.surroundings import describe
from devrun.cli.text import safe
from devrun.config.cautions import cautions
from devrun.config.grants import Grants
from devrun.config.project import (
    Check,
    CommandCheck,
    Condition,
    HttpCheck,
    ImageConfig,
    Port,
    PrebuiltImage,
    Project,
    RestartOn,
    TargetConfig,
    TcpCheck,
)
from devrun.config.session import Session
from devrun.core.report import program_text
from devrun.engine.protocol import Engine
from devrun.errors import DevrunError, EngineUnreachableError, ExitCode
from devrun.sources.closure import mount_path
from devrun.sources.disk import Disk
from devrun.sources.input_search import InputFile
from devrun.sources.inputs import Inputs

MOST_FILES = 20
"""Of a kind, for one image: a person reads no more, and a context may hold thousands."""

MET: Mapping[Condition, str] = {
    Condition.STARTED: "runs",
    Condition.HEALTHY: "is healthy",
    Condition.COMPLETED: "has ended with 0",
}


@click.command("check")
@click.pass_obj
def command(options: Options) -> int:
    """Validate devrun.toml, and say what would be built, run, mounted and watched, and by which rule."""
    project = options.project()
    disk = Disk.read_once(project)
    place = options.place()
    engine, missing = _connect(project, place.agents)
    try:
        _say(0, f"{_short(project, project.file or project.root)} is valid: project {project.name}")
        _print_demands(project, Grants(place.grants))
        for image in project.images.values():
            if isinstance(image, PrebuiltImage):
                _print_prebuilt(image)
            else:
                _print_image(project, image, disk.inputs(image.name))
        for target in project.targets.values():
            _print_target(project, target, disk, engine)
    finally:
        if engine is not None:
            engine.close()
    files, directories = disk.counts
    _begin(f"watched: {_count(files, 'file')} in {_count(directories, 'folder')}")
    if missing:
        click.echo(f"no engine: {safe(missing)}; with one, `check` also tells what an image starts", err=True)
    has_problems = any(disk.inputs(image).problems for image in project.images)
    return ExitCode.USAGE if has_problems else ExitCode.OK


def _print_demands(project: Project, grants: Grants) -> None:
    """Print what reaches beyond the containers, and what probably should not be written."""
    if project.demands:
        is_granted = not grants.missing(project)
        how = "granted by `devrun allow`" if is_granted else "not granted yet: `devrun allow` asks for it"
        _begin(f"beyond its containers it asks for this, {how}:")
    for demand in project.demands:
        _say(1, demand.text)
    for caution in cautions(project):
        _begin(f"warning: {caution}")


def _connect(project: Project, agents: Path) -> tuple[Engine | None, str]:
    """Return the engine, which knows what an image starts once that is built; or why there is none."""
    from devrun.engine.docker import connect

    try:
        return connect(project, agents), ""
    except EngineUnreachableError as error:
        return None, error.message


def _print_prebuilt(image: PrebuiltImage) -> None:
    platform = f" for {image.platform}" if image.platform else ""
    _begin(f"image {image.name}: built by others, pulled{platform} where the engine does not have it")


def _print_image(project: Project, image: ImageConfig, inputs: Inputs) -> None:
    """Print what an image is built of, what makes it be built again, and what is wrong with it."""
    stage = f", stage {image.stage}" if image.stage else ""
    _begin(f"image {image.name}: built from {_short(project, image.dockerfile)}{stage}")
    if inputs.context.bases:
        _say(1, f"on top of {', '.join(inputs.context.bases)}")
    if image.platform:
        _say(1, f"for {image.platform} (`platform`)")
    if given := _given(image.session):
        _say(1, f"its builds are given {given}: no reason to build it again")
    _say(1, "built again when the meaning of one of these changes:")
    _say(2, f"{_short(project, image.dockerfile)}: it says how to build")
    files = [file for file in inputs.files if file.path != image.dockerfile]
    _print_files(project, [file for file in files if file.decides])
    if others := [file for file in files if not file.decides]:
        _say(1, "copied into it, but no reason to build it again:")
        _print_files(project, others)
    for problem in inputs.problems:
        _say(1, f"problem: {problem.error}" + (f" ({problem.hint})" if problem.hint else ""))


def _given(session: Session) -> str:
    """Return what builds may ask for; never what it is."""
    said = {
        "secret": [secret.id for secret in session.secrets],
        "ssh agent": [agent.id for agent in session.agents],
        "cache": session.caches,
    }
    return ", ".join(f"{kind} {name}" for kind, names in said.items() for name in names)


def _print_files(project: Project, files: Sequence[InputFile]) -> None:
    for file in files[:MOST_FILES]:
        _say(2, f"{_short(project, file.path)}: {file.rule}")
    if len(files) > MOST_FILES:
        _say(2, f"and {_count(len(files) - MOST_FILES, 'more file')}")


def _print_target(project: Project, target: TargetConfig, disk: Disk, engine: Engine | None) -> None:
    _begin(f"target {target.name}: runs {program_text(target.program)} in image {target.image}")
    _say(1, _mount(project, target, disk.inputs(target.image).workdir))
    for port in target.ports:
        _say(1, f"published: {_port(port)}")
    for line in describe(project, target):
        _say(1, line)
    if target.debug_port:
        _say(1, f"debugger: debugpy listens, on 127.0.0.1:{target.debug_port} of this machine")
    if not target.autostart:
        _say(1, "is not started by itself (`autostart = false`)")
    for line in _order(target):
        _say(1, line)
    _say(1, _restarts(project, target, disk))
    for line in _planned(project, target, disk, engine):
        _say(1, line)


def _mount(project: Project, target: TargetConfig, workdir: str | None) -> str:
    path = mount_path(target.mount, workdir)
    is_prebuilt = isinstance(project.images[target.image], PrebuiltImage)
    if target.mount is None:
        return f"mounted: nothing{'' if is_prebuilt else ' (`mount = false`)'}, the image carries its code"
    folder = _short(project, target.mount.source)
    shown = "this folder" if folder == "." else folder
    if path is None and is_prebuilt:
        return f"mounted: {shown} at the WORKDIR of the image, if it has one"
    if path is None:
        return (
            "mounted: nothing, the image carries its code: its Dockerfile has no WORKDIR to mount the"
            " folder at (another place can be named by `path` in [mount])"
        )
    rule = "`path` of [mount]" if target.mount.path else "the WORKDIR of the Dockerfile"
    return f"mounted: {shown} at {path} ({rule})"


def _order(target: TargetConfig) -> Iterator[str]:
    """Yield what comes before a target's start, and when it counts as healthy."""
    if target.depends_on:
        needs = " and ".join(f"{need.target} {MET[need.condition]}" for need in target.depends_on)
        yield f"started once {needs} (`depends-on`)"
    if target.before_start:
        yield f"before each start: {shlex.join(target.before_start)} is run to its end (`before-start`)"
    if target.healthcheck:
        yield f"healthy: when {_healthy(target.healthcheck.check)} (`healthcheck`)"


def _healthy(check: Check) -> str:
    match check:
        case HttpCheck(path=path, port=port):
            return f"GET {path} on port {port} answers well"
        case TcpCheck(port=port):
            return f"port {port} is listened on"
        case CommandCheck(argv=argv):  # pragma: no branch - no other is left
            return f"{shlex.join(argv)} ends with 0 in its container"


def _restarts(project: Project, target: TargetConfig, disk: Disk) -> str:
    """Return which edits restart a target."""
    is_prebuilt = isinstance(project.images[target.image], PrebuiltImage)
    if target.mount is None and is_prebuilt:
        return "restarted: by no edit"
    if not is_prebuilt and mount_path(target.mount, disk.inputs(target.image).workdir) is None:
        return "restarted: by no edit; what is copied into the image leads to a build and a new container"
    if target.restart_on is RestartOn.NONE:
        return 'restarted: by no edit (`restart-on = "none"`)'
    watched = f", and {', '.join(target.watch)} (`watch`)" if target.watch else ""
    if target.restart_on is RestartOn.ANY:
        return f'restarted: by an edit of any mounted file (`restart-on = "any"`){watched}'
    reached = disk.reached(target.name)
    if not reached:
        return f"restarted: by an edit of any mounted Python file: what it loads cannot be told{watched}"
    files = _count(len(reached), "file")
    return f"restarted: by an edit of the {files} that it reaches, or of what nobody reaches{watched}"


def _planned(project: Project, target: TargetConfig, disk: Disk, engine: Engine | None) -> tuple[str, ...]:
    """Return what would be started in the image that is there for the present fingerprint."""
    if engine is None:
        return ()
    try:
        fingerprint = disk.inputs(target.image).fingerprint
        image = project.images[target.image]
        built = [one for one in engine.inspect_image(image) if one.fingerprint == fingerprint]
        if not built:
            done = "pulled" if isinstance(image, PrebuiltImage) else "built"
            return (f"container: what it starts is told once its image is {done}",)
        return tuple(f"container: {line}" for line in engine.explain(target, built[0].id))
    except DevrunError as error:
        return (f"cannot be planned: {error.message}",)


def _port(port: Port) -> str:
    protocol = "" if port.protocol == "tcp" else f"/{port.protocol}"
    host = f"port {port.host_port}" if port.host_port else "a free port"
    where = f"of {port.address}" if port.address else "of this machine"
    return f"port {port.container_port}{protocol} of the container as {host} {where}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _short(project: Project, path: Path) -> str:
    """Return a path as people know it: relative to the project where it lies inside."""
    return os.path.relpath(path, project.root) if path.is_relative_to(project.root) else str(path)


def _begin(text: str) -> None:
    """Print the first line of a part."""
    click.echo()
    _say(0, text)


def _say(depth: int, text: str) -> None:
    click.echo("  " * depth + safe(text))
