"""A project in memory, to tell stories about: events go in, lines of text come out.

The disk is a dictionary, the engine another; actions are done at once, or begun and finished when the story
says so. Nothing here decides anything: all decisions come from `devrun.core`.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from devrun.config.project import (
    AnyImage,
    Condition,
    Dependency,
    ImageConfig,
    ImageName,
    Project,
    Script,
    TargetConfig,
    TargetName,
)
from devrun.core.actions import (
    Action,
    BuildImage,
    CancelBuild,
    CheckSyntax,
    HashInputs,
    InspectImage,
    InspectTarget,
    RecreateContainer,
    RemoveContainer,
    RemoveImage,
    RestartContainer,
    StopContainer,
    subject_of,
)
from devrun.core.decide import Hold, decide_image, decide_target
from devrun.core.events import (
    ActionFinished,
    ActionStarted,
    Cancelled,
    ContainerStarted,
    ContainerStopped,
    ContainerTouched,
    EngineConnected,
    Event,
    Failed,
    FilesChanged,
    ImageBuilt,
    ImageInspected,
    InputsHashed,
    Outcome,
    ProjectChanged,
    Removed,
    SourceChange,
    SyntaxChecked,
    TargetInspected,
    TargetReady,
)
from devrun.core.model import Target, initial_state
from devrun.core.step import step
from devrun.core.values import (
    Broken,
    Built,
    Container,
    ContainerId,
    Digest,
    Fingerprint,
    ImageId,
    Loaded,
    Phase,
    Saved,
    Spelling,
)
from tests.engine.fake_program import ports_of

OURS = "cpython-313"
Needs = Mapping[str, Mapping[str, str]]
"""What targets depend on, with the conditions."""
STEPS = 200
"""More actions than any story needs; a story that takes more does not settle."""


def digest_of(*parts: str) -> str:
    """Return a short content hash."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]


@dataclass
class Disk:
    """Files by path. `INVALID` in a text: no Python parses it; `NEWER`: ours does not; `REMOVED`: theirs."""

    files: dict[str, str]
    times: dict[str, float]

    def digest(self, paths: Iterable[str]) -> Digest:
        text = digest_of(*(f"{path}={self.files.get(path)}" for path in sorted(paths)))
        return Digest(text, text)

    def broken(self, paths: Iterable[str]) -> frozenset[Broken]:
        bad = [
            path for path in paths if any(word in self.files.get(path, "") for word in ("INVALID", "NEWER"))
        ]
        return frozenset(Broken(path, 1, "invalid syntax", self.files[path]) for path in bad)


@dataclass
class World:
    """The engine: images by fingerprint, containers by target. A container knows the source it has loaded."""

    images: dict[tuple[ImageName, Fingerprint], Built] = field(default_factory=dict)
    containers: dict[TargetName, list[Container]] = field(default_factory=dict)
    loaded: dict[ContainerId, Digest] = field(default_factory=dict)
    python: str = OURS
    """The Python of all images."""
    created: int = 0
    starts: int = 0
    removed: list[str] = field(default_factory=list)
    refused: list[TargetName] = field(default_factory=list)
    """Whose port another one had."""

    def published(self, *, but: TargetName) -> set[str]:
        """Return the ports of the containers that run, one target's excepted."""
        return {
            port
            for name, containers in self.containers.items()
            for container in containers
            if name != but and (container.phase is Phase.RUNNING or container.keeps_network)
            for port in container.ports
        }


class Story:
    """One project, its disk, its engine, and the state that devrun makes of them."""

    def __init__(
        self,
        targets: Mapping[str, Iterable[str]] | None = None,
        *,
        images: Mapping[str, Iterable[str]] | None = None,
        chosen: Mapping[str, str] | None = None,
        needs: Needs | None = None,
        idle: Iterable[str] = (),
        world: World | None = None,
        disk: Disk | None = None,
        rows: Mapping[TargetName, Loaded] | None = None,
        only: frozenset[TargetName] = frozenset(),
        now: float = 1000.0,
    ) -> None:
        self.inputs = {
            ImageName(n): list(p) for n, p in (images or {"default": ["requirements.txt"]}).items()
        }
        self.closures = {
            TargetName(n): list(p) for n, p in (targets or {"web": ["app.py", "views.py"]}).items()
        }
        self.project = a_project(self.closures, self.inputs, chosen or {}, needs or {}, idle)
        paths = {path for group in (self.inputs, self.closures) for paths in group.values() for path in paths}
        self.disk = disk or Disk(dict.fromkeys(paths, "0"), dict.fromkeys(paths, now - 100))
        self.world = world or World()
        self.now = now
        self.batch = 0
        self.edits = 0
        self.failing: dict[str, Failed] = {}
        """The outcome of the next actions of a kind, until taken out."""
        self.is_probed = False
        """Whether what runs is found to be ready as soon as nothing else is to be done."""
        self.state = replace(initial_state(self.project, now, only=only, python=OURS), rows=rows or {})
        self.tell(self.batch_of(self.disk.files, is_first=True))

    def connected(self) -> "Story":
        """Let the engine answer."""
        self.tell(EngineConnected(self.now))
        return self

    def tell(self, event: Event) -> None:
        """Let something happen."""
        self.state = step(self.state, event)

    def passed(self, seconds: float) -> float:
        """Let time pass; returns the new time."""
        self.now += seconds
        return self.now

    def changed(self, *paths: str, content: str | None = None) -> None:
        """Save files with new content, noticed as one batch."""
        self.edits += 1
        for path in paths:
            self.disk.files[path] = content if content is not None else f"{self.edits}"
            self.disk.times[path] = self.now
        self.tell(self.batch_of(paths))

    def reloaded(
        self,
        *configs: TargetConfig,
        removed: Iterable[str] = (),
        images: Mapping[str, AnyImage] | None = None,
        inputs: Mapping[str, list[str]] | None = None,
        closures: Mapping[str, list[str]] | None = None,
        saved: Iterable[str] = (),
        by: tuple[str, ...] = ("devrun.toml",),
    ) -> ProjectChanged:
        """Let another configuration come into force, and maybe files be saved with it; returns the event.

        Targets and images that are not named stay as they are; a new closure is its script alone.
        """
        targets = {name: config for name, config in self.project.targets.items() if name not in removed}
        targets |= {config.name: config for config in configs}
        self.project = replace(
            self.project,
            targets=targets,
            images=self.project.images if images is None else {c.name: c for c in images.values()},
        )
        self.inputs |= {ImageName(name): paths for name, paths in (inputs or {}).items()}
        for config in configs:
            own = [config.program.path] if isinstance(config.program, Script) else []
            self.closures.setdefault(config.name, own)
        self.closures |= {TargetName(name): paths for name, paths in (closures or {}).items()}
        for path in (path for paths in (*self.closures.values(), *self.inputs.values()) for path in paths):
            self.disk.files.setdefault(path, "0")
            self.disk.times.setdefault(path, self.now)
        bases = {name: self.disk.digest(self.closures[name]) for name in targets}
        for path in saved:
            self.edits += 1
            self.disk.files[path] = f"{self.edits}"
            self.disk.times[path] = self.now
        files = self.batch_of(saved)
        sources = {name: replace(self.source_of(name, saved), was=base) for name, base in bases.items()}
        event = ProjectChanged(self.now, self.project, replace(files, sources=sources), by)
        self.tell(event)
        return event

    def source_of(self, name: TargetName, paths: Iterable[str], *, is_first: bool = False) -> SourceChange:
        """Return a target's closure after `paths` changed."""
        closure = self.closures[name]
        mine = tuple(path for path in paths if path in closure)
        return SourceChange(
            digest=self.disk.digest(closure),
            paths=() if is_first else mine,
            newest=max((self.disk.times[path] for path in closure), default=0.0),
            broken=self.disk.broken(closure),
            edited=frozenset(Saved(path, self.disk.files[path]) for path in mine if not is_first),
            stale=mine,
        )

    def config(self, name: str = "web") -> TargetConfig:
        """Return what is configured for a target."""
        return self.project.targets[TargetName(name)]

    def batch_of(self, paths: Iterable[str], *, is_first: bool = False) -> FilesChanged:
        """Return the event for a look at the disk that found `paths` changed."""
        paths = tuple(paths)
        self.batch += 0 if is_first else 1
        sources = {
            name: self.source_of(name, paths, is_first=is_first)
            for name, closure in self.closures.items()
            if is_first or not set(paths).isdisjoint(closure)
        }
        inputs = {
            name: mine for name, all_ in self.inputs.items() if (mine := tuple(p for p in paths if p in all_))
        }
        return FilesChanged(self.now, self.batch, sources, inputs)

    def target(self, name: str = "web") -> Target:
        """Return what devrun knows of a target."""
        return self.state.targets[TargetName(name)]

    def container(self, name: str = "web") -> Container:
        """Return the one container that the engine has for a target."""
        (container,) = self.world.containers[TargetName(name)]
        return container

    def holds(self) -> dict[str, str]:
        """Return why nothing happens, for all targets; empty text where something does."""
        decisions = {name: decide_target(self.state, name) for name in self.state.targets}
        return {str(name): d.text if isinstance(d, Hold) else "" for name, d in decisions.items()}

    def due(self) -> list[Action]:
        """Return the actions that are decided now."""
        decisions = [
            *(decide_image(self.state, image) for image in self.state.images),
            *(decide_target(self.state, target) for target in self.state.targets),
        ]
        return [decision for decision in decisions if not isinstance(decision, Hold)]

    def begin(self, kind: type[Action]) -> Action:
        """Begin the decided action of this kind, without its end."""
        (action,) = [action for action in self.due() if isinstance(action, kind)]
        self.tell(ActionStarted(self.passed(0.01), action))
        return action

    def finish(self, action: Action, outcome: Outcome | None = None) -> None:
        """End an action as the world would, or as told."""
        self.tell(ActionFinished(self.passed(0.01), action, outcome or self.outcome_of(action)))

    def settle(self, *, quiet: tuple[type, ...] = (InspectImage, InspectTarget)) -> list[str]:
        """Do all that is decided until nothing is, and return what was done, and the targets' holds."""
        lines: list[str] = []
        for _ in range(STEPS):
            action = next(iter(self.due()), None)
            if action is None and self.is_probed and self.found_ready():
                continue
            if action is None:
                return lines + [f"target {name}: {hold}" for name, hold in self.holds().items()]
            if not isinstance(action, quiet):
                lines.append(text_of(action))
            self.tell(ActionStarted(self.passed(0.01), action))
            if not isinstance(action, CancelBuild):
                self.finish(action)
        raise AssertionError("\n".join(["does not settle:", *lines]))

    def found_ready(self, *names: str) -> bool:
        """Let what runs, of the named targets or of all, be found ready; tells whether that was news."""
        news = [
            (name, target.container.run_id)
            for name, target in self.state.targets.items()
            if (not names or name in names) and target.container and target.is_running and not target.is_ready
        ]
        for name, run in news:
            self.tell(TargetReady(self.now, name, run))
        return bool(news)

    def outcome_of(self, action: Action) -> Outcome:
        """Do an action in the world and return its outcome."""
        failure = self.failing.get(type(action).__name__)
        if failure:
            return failure
        match action:
            case HashInputs(image=name):
                return InputsHashed(self.fingerprint(name), self.spelling(name))
            case InspectImage(image=name):
                return ImageInspected(
                    tuple(b for (image, _), b in self.world.images.items() if image == name)
                )
            case BuildImage(image=name, fingerprint=fingerprint, build=number):
                # A build of what was there before it began, whatever the disk says by now.
                built = Built(fingerprint, ImageId(f"i-{fingerprint}-{number}"), self.now)
                self.world.images[name, fingerprint] = built
                return ImageBuilt(built)
            case RemoveImage(image=name, fingerprint=fingerprint):
                del self.world.images[name, fingerprint]
                self.world.removed.append(fingerprint)
                return Removed()
            case CancelBuild():
                return Cancelled()
            case _:
                return self._target_outcome(action)

    def _target_outcome(self, action: Action) -> Outcome:
        match action:
            case InspectTarget(target=name):
                return TargetInspected(tuple(self.world.containers.get(name, [])))
            case CheckSyntax(files=files):
                bad = [file for file in files if "INVALID" in file.content or "REMOVED" in file.content]
                return SyntaxChecked(
                    frozenset(Broken(file.path, 1, "invalid syntax", file.content) for file in bad)
                )
            case RecreateContainer(target=name, image=image, spec=spec):
                self.world.created += 1
                ports = ports_of(self.project.targets[name])
                if taken := self.world.published(but=name) & set(ports):
                    self.world.refused.append(name)
                    return Failed(f"{min(taken)} is taken")
                container_id = ContainerId(f"c{self.world.created}")
                new = Container(
                    container_id, name, image, spec, Phase.CREATED, ports=ports, python=self.world.python
                )
                return ContainerStarted(self._run(name, new))
            case RestartContainer(target=name, container=container_id):
                (old,) = [c for c in self.world.containers[name] if c.id == container_id]
                return ContainerStarted(self._run(name, old))
            case StopContainer(target=name):
                self.crash(name, 0)
                return ContainerStopped(self.container(name))
            case RemoveContainer(target=name, containers=ids):
                kept = [c for c in self.world.containers.get(name, []) if c.id not in ids]
                self.world.containers[name] = kept
                return Removed()
            case _:
                raise AssertionError(action)

    def _run(self, name: TargetName, container: Container) -> Container:
        container = replace(
            container, phase=Phase.RUNNING, started=self.now, exit_code=0, keeps_network=False
        )
        self.world.containers[name] = [container]
        self.world.loaded[container.id] = self.disk.digest(self.closures[name])
        self.world.starts += 1
        return container

    def crash(self, name: str = "web", code: int = 1, *, keeps_network: bool = False) -> None:
        """End a target's program."""
        ended = replace(self.container(name), phase=Phase.EXITED, exit_code=code, keeps_network=keeps_network)
        self.world.containers[TargetName(name)] = [ended]

    def crashed(self, name: str = "web", code: int = 1, *, keeps_network: bool = False) -> None:
        """End a target's program, told by the engine."""
        self.crash(name, code, keeps_network=keeps_network)
        self.tell(ContainerTouched(self.now, TargetName(name)))

    def cut_off(self, name: str = "web") -> None:
        """Take a target's network away from outside, told by the engine."""
        lost = replace(self.container(name), cut_off="its network is gone")
        self.world.containers[TargetName(name)] = [lost]
        self.tell(ContainerTouched(self.now, TargetName(name)))

    def vanished(self, name: str = "web") -> None:
        """Remove a target's container from outside."""
        self.world.containers[TargetName(name)] = []
        self.tell(ContainerTouched(self.now, TargetName(name)))

    def fingerprint(self, image: str = "default") -> Fingerprint:
        """Return the meaning of an image's inputs: a comment does not count."""
        contents = [self.disk.files[path].split("#")[0] for path in self.inputs[ImageName(image)]]
        return Fingerprint(digest_of(*contents))

    def spelling(self, image: str = "default") -> Spelling:
        """Return how an image's inputs are written, comments included."""
        return Spelling(digest_of(*(self.disk.files[path] for path in self.inputs[ImageName(image)])))

    def serves_newest(self, name: str = "web") -> bool:
        """Tell whether a target runs the present source, in the present image, with the present settings."""
        container = self.container(name)
        config = self.project.targets[TargetName(name)]
        built = self.world.images.get((config.image, self.fingerprint(config.image)))
        return (
            container.phase is Phase.RUNNING
            and self.world.loaded[container.id] == self.disk.digest(self.closures[config.name])
            and built is not None
            and container.image == built.id
            and container.spec == config.spec
        )


def needing(**conditions: str) -> tuple[Dependency, ...]:
    """Return dependencies by name and condition."""
    return tuple(Dependency(TargetName(name), Condition(said)) for name, said in conditions.items())


def a_project(
    closures: Mapping[TargetName, list[str]],
    images: Mapping[ImageName, list[str]],
    chosen: Mapping[str, str],
    needs: Needs,
    idle: Iterable[str],
) -> Project:
    """Return a project with these targets and images."""
    root = Path("/project")
    first = next(iter(images))
    targets = {
        name: TargetConfig(
            name,
            ImageName(chosen.get(name, first)),
            Script((paths or ["app.py"])[0]),
            depends_on=needing(**needs.get(name, {})),
            autostart=name not in idle,
        )
        for name, paths in closures.items()
    }
    configs = {name: ImageConfig(name, root / "Dockerfile", root) for name in images}
    return Project("story", "story-0000", root, "0" * 12, root / "devrun.toml", configs, targets)


def text_of(action: Action) -> str:
    """Return an action as a line of text."""
    return f"{subject_of(action)}: {type(action).__name__} ({action.cause})"
