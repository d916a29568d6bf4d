"""What `run`, `exec` and `shell` have in common: where a command runs, and what its exit codes mean.

They speak with the engine themselves: a daemon need not run, and its socket takes no commands from anybody.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from devrun.cli.console import converse
from devrun.cli.grants import granted
from devrun.cli.main import Options
from devrun.cli.names import target_of, target_or_image_of
from devrun.cli.text import safe
from devrun.config.project import ImageCommand, ImageName, PrebuiltImage, Project, TargetConfig, TargetName
from devrun.core.values import ImageId
from devrun.errors import ConfigError, DevrunError, ExitCode, ProgramError

if TYPE_CHECKING:
    from devrun.engine.sessions import Sessions

REST = {"allow_interspersed_args": False}
"""What follows the first word is the command's, options too."""
SHELL = ("sh", "-c", "if command -v bash >/dev/null; then exec bash; else exec sh; fi")


def command_of(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words of a command, without the `--` that may stand before them."""
    return words[1:] if words[:1] == ("--",) else words


@contextmanager
def telling_own_errors() -> Iterator[None]:
    """Let devrun's own errors end with 125: all other codes are those of the command."""
    try:
        yield
    except ProgramError:
        raise
    except DevrunError as error:
        error.exit_code = ExitCode.OWN_ERROR
        raise


def run(options: Options, name: str, words: tuple[str, ...], *, allow: bool) -> int:
    """Run a command in a container of its own, and return its exit code."""
    project = options.project()
    target = _target_like(project, name)
    granted(options, project, allow=allow)
    with _sessions(project) as sessions:
        return _run(project, sessions, target, words)


def execute(options: Options, name: str, words: tuple[str, ...]) -> int:
    """Run a command in a target's container, and return its exit code."""
    project = options.project()
    target = target_of(project, name)
    if not words:
        raise ConfigError(
            "no command is given", hint=f"for instance `devrun exec {name} -- python --version`"
        )
    with _sessions(project) as sessions:
        container = sessions.container(target)
        if container is None:
            hint = f"`devrun watch` runs it; `devrun run {name} -- ...` needs no running target"
            raise DevrunError(f"{name} does not run", hint=hint)
        return converse(lambda terminal: sessions.execute(container, words, terminal))


def open_shell(options: Options, name: str, *, allow: bool) -> int:
    """Open a shell, and return its exit code."""
    project = options.project()
    target = _target_like(project, name)
    with _sessions(project) as sessions:
        container = sessions.container(target.name) if name in project.targets else None
        if container is not None:
            return converse(lambda terminal: sessions.execute(container, SHELL, terminal))
        granted(options, project, allow=allow)
        if name in project.targets:
            _note(f"{name} does not run: this is a container of its own")
        return _run(project, sessions, target, SHELL)


def _target_like(project: Project, name: str) -> TargetConfig:
    """Return the target of a name; for an image, one that starts what the image itself does."""
    found = target_or_image_of(project, name)
    if found in project.targets:
        return project.targets[TargetName(found)]
    return TargetConfig(TargetName(found), ImageName(found), ImageCommand(), mount=project.mount)


def _sessions(project: Project) -> "Sessions":
    from devrun.engine.sessions import open_sessions

    return open_sessions(project)


def _run(project: Project, sessions: "Sessions", target: TargetConfig, words: tuple[str, ...]) -> int:
    image = _newest(project, sessions, target.image)
    return converse(lambda terminal: sessions.run(target, image, words, terminal))


def _newest(project: Project, sessions: "Sessions", image: ImageName) -> ImageId:
    """Return the image for the files as they are, or else the last one that was built."""
    from devrun.sources.fingerprints import Fingerprints

    config = project.images[image]
    built = sessions.images(config)
    if not built:
        words = ("pulled", "pulls") if isinstance(config, PrebuiltImage) else ("built", "builds")
        raise DevrunError(f"image {image} is not {words[0]}", hint=f"`devrun watch` {words[1]} it")
    fingerprints = Fingerprints(project)
    fingerprints.learn_workdir(image, built[0].workdir)
    wanted = fingerprints.find(image).fingerprint
    found = next((one for one in built if one.fingerprint == wanted), None)
    if found is None:
        _note(f"image {image} is older than what it is built of; `devrun watch` builds it anew")
    return (found or built[0]).id


def _note(text: str) -> None:
    click.echo(f"devrun: {safe(text)}", err=True)
