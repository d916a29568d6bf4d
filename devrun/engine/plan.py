"""How a target's container is created: configuration and facts of the image in, the engine's payload out.

Pure, so that `devrun check` can say beforehand what will be started, and by which rule.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from devrun.config.project import Depth, Module, Port, Project, Script, TargetConfig
from devrun.core.values import ImageId
from devrun.engine import labels
from devrun.engine.command import DEFAULT_PYTHON, Start, choose_start, has_init
from devrun.engine.depth import Chosen, Ending, agent_command, choose_depth, signal_name, split_wrappers
from devrun.engine.inspected import HOST_NETWORK
from devrun.engine.mounts import Shown, choose_mount
from devrun.engine.surroundings import host_config, host_env, volume_mounts

STOP_TIMEOUT_S = 2
"""For images that devrun builds: long enough to close a database, short enough to wait for."""
BYTECODE_PREFIX = "/tmp/.devrun-bytecode"
"""Outside the mount: containers neither litter the source tree nor read what its own Python compiled."""
FROZEN_WARNING = "PYDEVD_DISABLE_FILE_VALIDATION"
"""By it debugpy does not warn at each start that it may miss breakpoints in Python's own frozen modules."""

Payload = dict[str, object]


@dataclass(frozen=True, slots=True)
class Python:
    """The interpreter of an image, as the probe saw it."""

    name: str
    """The word it was started by."""
    executable: str
    version: str
    cache_tag: str
    uid: int
    gid: int
    can_write: bool
    """Whether its user can write byte code below the prefix."""
    venvs: tuple[str, ...] = ()
    """Virtual environments seen below the mount's path."""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What an image says of itself, and what the probe found (None: not probed, or no Python)."""

    id: ImageId
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    workdir: str = ""
    user: str = ""
    stop_signal: str = ""
    python: Python | None = None


@dataclass(frozen=True, slots=True)
class ContainerPlan:
    """How a container will be, and why."""

    start: Start
    shown: Shown | None
    workdir: str
    init: bool
    env: Mapping[str, str] = field(repr=False)
    """Added to the image's."""
    explain: tuple[str, ...]
    """The rules that were applied, in words."""
    depth: Chosen
    """How its program can be started anew."""


def plan(project: Project, target: TargetConfig, facts: ImageFacts, *, hindrance: str = "") -> ContainerPlan:
    """Return how the target's container is to be created from an image.

    `hindrance` is why an agent in it could not be spoken to; empty: it could.
    """
    python = facts.python
    shown, mount_words = choose_mount(target, facts.workdir, facts.env, python.venvs if python else ())
    workdir, workdir_words = _workdir(target, facts, shown)
    script, script_words = _script(project, target, shown, PurePosixPath(workdir or facts.workdir or "/"))
    start = choose_start(
        target.program,
        target.args,
        entrypoint=facts.entrypoint,
        command=facts.command,
        override=target.entrypoint,
        script=script,
        python=python.name if python else DEFAULT_PYTHON,
        debug_port=target.debug_port,
    )
    init = target.init if target.init is not None else not has_init(start.entrypoint or facts.entrypoint)
    env, env_words = _env(target, facts, shown)
    place = str(shown.path) if shown else workdir or facts.workdir
    depth, led = _lead(target, facts, start, () if place in ("", "/") else (place,), hindrance)
    words = (
        _command_words(start, facts),
        mount_words,
        workdir_words,
        script_words,
        *env_words,
        _depth_words(target, depth),
    )
    return ContainerPlan(led, shown, workdir, init, env, tuple(word for word in words if word), depth)


def _lead(
    target: TargetConfig, facts: ImageFacts, start: Start, sources: tuple[str, ...], hindrance: str
) -> tuple[Chosen, Start]:
    """Return the depth of restarts, and the start with the agent in it where that is needed."""
    words = (
        *(facts.entrypoint if start.entrypoint is None else start.entrypoint),
        *(facts.command if start.command is None and start.entrypoint is None else start.command or ()),
    )
    wrappers, command = split_wrappers(words, are_plain=isinstance(target.program, Script | Module))
    python = facts.python
    minor = int(python.version.split(".")[1]) if python else 0
    chosen = choose_depth(target, command, has_python=python is not None, minor=minor, hindrance=hindrance)
    if python is None or chosen.depth is Depth.CONTAINER:
        return chosen, start
    grace = STOP_TIMEOUT_S if target.stop_timeout_s is None else target.stop_timeout_s
    ending = Ending(signal_name(target.stop_signal or facts.stop_signal or "SIGTERM"), grace)
    led = (*wrappers, *agent_command(chosen, python.executable, ending, sources, command))
    length = max(1, len(wrappers))
    return chosen, Start(led[:length], led[length:], start.rule)


def _depth_words(target: TargetConfig, chosen: Chosen) -> str:
    if target.reload is Depth.CONTAINER:
        return ""
    how = {
        Depth.CONTAINER: "restarts of the whole container",
        Depth.PROCESS: "restarts of the process alone",
        Depth.WARM: "restarts of the process alone, from a warm interpreter",
    }[chosen.depth]
    return f'{how} (`reload = "{target.reload.value}"`' + (f", but {chosen.why})" if chosen.why else ")")


def _command_words(start: Start, facts: ImageFacts) -> str:
    entrypoint = facts.entrypoint if start.entrypoint is None else start.entrypoint
    command = facts.command if start.command is None else start.command
    return f"starts {' '.join((*entrypoint, *command)) or 'nothing'} ({start.rule})"


def _workdir(target: TargetConfig, facts: ImageFacts, shown: Shown | None) -> tuple[str, str]:
    """Return the working directory to ask for, empty for the image's own, and the rule."""
    if target.workdir:
        return target.workdir, f"works in {target.workdir} (`workdir`)"
    if shown and facts.workdir in ("", "/"):
        return str(shown.path), f"works in {shown.path} (the mount; the image has no WORKDIR)"
    return "", ""


def _script(
    project: Project, target: TargetConfig, shown: Shown | None, workdir: PurePosixPath
) -> tuple[str, str]:
    """Return the script's path in the container, relative to the working directory where it is below it."""
    if not isinstance(target.program, Script):
        return "", ""
    path = target.program.path
    if not shown:
        return path, f"{path} is the image's own, relative to {workdir}"
    place = shown.inside(project.root / path)
    if place is None:
        return path, f"{path} is outside the mounted {shown.source}: the image's own is started"
    return (str(place.relative_to(workdir)) if workdir in place.parents else str(place)), ""


def _env(target: TargetConfig, facts: ImageFacts, shown: Shown | None) -> tuple[dict[str, str], list[str]]:
    known = {**facts.env, **target.env}
    added = {} if "PYTHONUNBUFFERED" in known else {"PYTHONUNBUFFERED": "1"}
    words = []
    if target.debug_port:
        words.append(f"a debugger listens on port {target.debug_port}: debugpy, which the image has to have")
        # It would warn of a thing that it does not do in any container.
        added |= {} if FROZEN_WARNING in known else {FROZEN_WARNING: "1"}
    # An empty value means the same to Python as none, but it is somebody's decision.
    settled = known.get("PYTHONDONTWRITEBYTECODE") or "PYTHONPYCACHEPREFIX" in known
    if shown and facts.python and facts.python.can_write and not settled:
        added["PYTHONPYCACHEPREFIX"] = BYTECODE_PREFIX
        words.append(f"byte code goes to {BYTECODE_PREFIX}, out of the mounted folder")
    return {**added, **host_env(target.surroundings, known, target.env), **target.env}, words


def payload(
    project: Project, target: TargetConfig, facts: ImageFacts, chosen: ContainerPlan, *, both_families: bool
) -> Payload:
    """Return the body of the engine's create call; `both_families` publishes on ::1 as on 127.0.0.1."""
    body: Payload = {
        "Image": facts.id,
        "Entrypoint": chosen.start.entrypoint,
        "Cmd": chosen.start.command,
        "Env": [f"{name}={value}" for name, value in chosen.env.items()],
        "WorkingDir": chosen.workdir,
        "User": target.user or "",
        "Tty": target.tty,
        "OpenStdin": target.tty,
        "StopTimeout": STOP_TIMEOUT_S if target.stop_timeout_s is None else target.stop_timeout_s,
        "Hostname": target.surroundings.hostname,
        "Labels": _labels(project, target, facts.python, chosen.shown),
        "ExposedPorts": {_port(port): {} for port in target.published},
        "HostConfig": _host_config(project, target, chosen, both_families=both_families),
        "NetworkingConfig": _endpoints(project, target),
    }
    if target.stop_signal:
        body["StopSignal"] = target.stop_signal
    return {key: value for key, value in body.items() if value is not None}


def _endpoints(project: Project, target: TargetConfig) -> Payload | None:
    if target.surroundings.host_network:
        return None
    return {"EndpointsConfig": {labels.network_name(project): {"Aliases": [str(target.name)]}}}


def without_name(project: Project, body: Payload) -> Payload:
    """Return the body of a create call by which nobody finds the container under its target's name."""
    if "NetworkingConfig" not in body:
        return body
    return {**body, "NetworkingConfig": {"EndpointsConfig": {labels.network_name(project): {}}}}


def _host_config(
    project: Project, target: TargetConfig, chosen: ContainerPlan, *, both_families: bool
) -> Payload:
    return {
        "Init": chosen.init,
        "NetworkMode": HOST_NETWORK if target.surroundings.host_network else labels.network_name(project),
        "RestartPolicy": {"Name": "no"},
        # What the machine's daemon is set to may not be readable, and is not limited unless told.
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}},
        "Mounts": [*_mounts(chosen.shown), *volume_mounts(project, target.surroundings.volumes)],
        "PortBindings": _bindings(target.published, both_families=both_families),
        **host_config(target),
    }


def _mounts(shown: Shown | None) -> list[Payload]:
    if not shown:
        return []
    kept: list[Payload] = [{"Type": "volume", "Target": str(place)} for place in shown.kept]
    return [{"Type": "bind", "Source": str(shown.source), "Target": str(shown.path)}, *kept]


def _bindings(ports: tuple[Port, ...], *, both_families: bool) -> dict[str, list[Payload]]:
    bindings: dict[str, list[Payload]] = {}
    for port in ports:
        # Where the engine chooses the port, it would choose another one for each family.
        families = ["127.0.0.1", "::1"] if both_families and port.host_port else ["127.0.0.1"]
        for address in [port.address] if port.address else families:
            binding: Payload = {"HostIp": address, "HostPort": str(port.host_port or "")}
            bindings.setdefault(_port(port), []).append(binding)
    return bindings


def _port(port: Port) -> str:
    return f"{port.container_port}/{port.protocol}"


def _labels(
    project: Project, target: TargetConfig, python: Python | None, shown: Shown | None
) -> dict[str, str]:
    seen = f"{python.executable} {python.cache_tag} {python.uid}:{python.gid}" if python else ""
    return {
        **labels.project_labels(project),
        labels.TARGET: target.name,
        labels.SPEC: target.spec,
        labels.ROLE: labels.ROLE_TARGET,
        labels.PYTHON: seen,
        labels.MOUNT: str(shown.path) if shown else "",
    }


def needs_python(target: TargetConfig) -> bool:
    """Tell whether the target's start depends on what the probe of the image finds."""
    is_led = target.reload is not Depth.CONTAINER
    return is_led or target.mount is not None or isinstance(target.program, Script | Module)
