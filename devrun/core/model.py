"""The state of a project: for every image and every target, what is desired and what was observed.

All values are immutable: `step` makes a new state of an old one and an event, `decide` only reads. `None` in
`fingerprint`, `built` and `observed` means *unknown*, and has to be asked for. A *revision* rises whenever
something becomes unknown; an answer counts only if it was asked for at the present revision.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from devrun.config.project import Dependency, ImageName, Project, Spec, TargetName
from devrun.core.actions import BuildImage, HashInputs, ImageAction, StopContainer, TargetAction
from devrun.core.values import (
    UNWRITTEN,
    Broken,
    Built,
    Container,
    Digest,
    Failure,
    Fingerprint,
    ImageId,
    LastAction,
    Loaded,
    Phase,
    RunId,
    Saved,
    Spelling,
)

Failures = Mapping[str, Failure]
"""The last failure of each kind of action (`failure_key`) that has not succeeded since."""


@dataclass(frozen=True, slots=True)
class Image:
    """What is wanted of an image, and what is known of it."""

    fingerprint: Fingerprint | None = None
    spelling: Spelling = UNWRITTEN
    """How the inputs are written; by it a failed build is tried again where its meaning is the same."""
    inputs_revision: int = 0
    input_files: int = 0
    """How many files decide the fingerprint."""
    doubts: frozenset[int] = frozenset()
    """The batches that put the fingerprint in doubt and are neither decided nor built yet."""
    owed: frozenset[int] = frozenset()
    """Those among them that the running build is for."""
    build: int = 0
    """The build number: raised by `rebuild`."""
    no_cache: bool = False
    pull: bool = False
    """What the user asked of the builds up to that number."""
    cause: str = "devrun started"
    gone: bool = False
    """No longer in the file: it goes when what runs for it has ended."""

    built: tuple[Built, ...] | None = None
    built_revision: int = 0
    served: int = 0
    """The build number of the newest build."""
    proven: Built | None = None
    """The last image known to be the wanted one; it stays so when somebody takes its tag away."""

    running: ImageAction | None = None
    running_since: float = 0.0
    hashing: HashInputs | None = None
    cancelling: bool = False
    progress: str = ""
    failures: Failures = field(default_factory=dict)
    builds: int = 0
    last: LastAction | None = None

    def with_doubt(self, batch: int, cause: str) -> "Image":
        """Return it as it is when a batch may have changed the meaning of its build inputs."""
        return replace(
            self,
            fingerprint=None,
            inputs_revision=self.inputs_revision + 1,
            doubts=self.doubts | {batch},
            cause=cause,
        )

    def with_unknown_builds(self) -> "Image":
        """Return it as it is when the engine has to be asked again."""
        return replace(self, built=None, built_revision=self.built_revision + 1)

    def is_building(self, fingerprint: Fingerprint | None, build: int) -> bool:
        """Return whether the running action is a build for these values."""
        running = self.running
        return isinstance(running, BuildImage) and (running.fingerprint, running.build) == (
            fingerprint,
            build,
        )

    @property
    def is_at_work(self) -> bool:
        """Whether an action of it runs."""
        return self.running is not None or self.hashing is not None

    @property
    def current(self) -> Built | None:
        """The image that has the wanted content, where there is one."""
        if self.fingerprint is None or self.build != self.served:
            return None
        return next((built for built in self.built or () if built.fingerprint == self.fingerprint), None)


@dataclass(frozen=True, slots=True)
class Target:
    """What is wanted of a target, and what is known of it."""

    image: ImageName
    spec: Spec
    wanted: bool = True
    stopped: bool = False
    """The user stopped it: no edit starts it."""
    gone: bool = False
    """No longer in the file: its containers are removed."""
    settings_batch: int = -1
    """The batch in which the spec, or the choice of the image, last changed."""
    settings_cause: str = ""
    """Why, until a container has them."""
    image_moved: bool = False
    """Whether its container is still of the image that it had before."""
    depends_on: tuple[Dependency, ...] = ()

    source: Digest | None = None
    source_batch: int = -1
    """The batch in which the digest last changed."""
    changed: tuple[str, ...] = ()
    """What changed since the last start was decided."""
    newest: float = 0.0
    broken: frozenset[Broken] = frozenset()
    edited: frozenset[Saved] = frozenset()
    """The Python files among them, as they are now."""
    stale: tuple[str, ...] = ()
    renamed: Mapping[Digest, Digest] = field(default_factory=dict)
    """What digests are called now that other files count, since the running action was decided."""
    wavered: bool = False
    """Whether the source was another one since the running start was decided: it may have loaded that."""
    run: int = 0
    """The run number: raised by `restart` and `start`, and where a program ended that should run."""
    run_cause: str = "devrun started"

    observed: tuple[Container, ...] | None = None
    """The one that counts first; the others are left over from a crash."""
    observed_revision: int = 0
    seen: bool = False
    """Whether this daemon has looked at it; the first look starts what does not run."""
    ran: bool = False
    """Whether it ran at the last look."""
    ended_at: float = 0.0
    """When a look first found that it no longer ran."""
    ready: RunId | None = None
    """The run that was found to be ready."""
    unready: str = ""
    """Why a run was found not to be ready yet."""
    unready_of: RunId | None = None
    """Which run that was."""
    resume: bool = False
    """Whether an outage of the engine may have ended it: if it has, it is started again."""
    loaded: Loaded | None = None
    sound: frozenset[Saved] = frozenset()
    """What the container's own Python parses."""
    unsound: frozenset[Broken] = frozenset()
    """What it does not parse."""

    running: TargetAction | None = None
    running_since: float = 0.0
    touched: bool = False
    """The engine told of the container while an action ran: its outcome is out of date when it comes."""
    failures: Failures = field(default_factory=dict)
    changed_at: float = 0.0
    started_at: float = 0.0
    recent: tuple[float, ...] = ()
    """Restarts in a row that one and the same path caused shortly after a start."""
    recent_path: str = ""
    flapping: str = ""
    """The path that caused too many of them."""
    restarts: int = 0
    last: LastAction | None = None
    tail: tuple[str, ...] = ()
    """The last lines of output of a program that ended."""
    tail_of: RunId | None = None
    """The run that wrote them: a later one may have ended, and its lines be yet to come."""
    hints: tuple[str, ...] = ()

    def with_next_run(self, cause: str) -> "Target":
        """Return it as it is when it is to be started anew, whatever it does."""
        return replace(
            self, wanted=True, stopped=False, run=self.run + 1, run_cause=cause, recent=(), flapping=""
        )

    def with_start(self, cause: str) -> "Target":
        """Return it as it is when it is to run: what runs goes on; where nobody knows, a look decides."""
        if isinstance(self.running, StopContainer):
            return self.with_next_run(cause)  # What runs now does not for long.
        if self.observed is None:
            return replace(self, wanted=True, stopped=False, seen=False, run_cause=cause)
        if self.is_running:
            return replace(self, wanted=True, stopped=False)
        return self.with_next_run(cause)

    def with_unknown_containers(self) -> "Target":
        """Return it as it is when the engine has to be asked again."""
        return replace(self, observed=None, observed_revision=self.observed_revision + 1)

    @property
    def container(self) -> Container | None:
        """The container that counts."""
        return self.observed[0] if self.observed else None

    @property
    def is_running(self) -> bool:
        """Whether its container runs, by the last look."""
        return self.container is not None and self.container.phase is Phase.RUNNING

    @property
    def is_ready(self) -> bool:
        """Whether the run that goes on was found to be ready."""
        return self.is_running and self.container is not None and self.container.run_id == self.ready

    @property
    def why_unready(self) -> str:
        """What the run that goes on still lacks to be ready; empty where that is not known."""
        if self.container is None or not self.is_running or self.is_ready:
            return ""
        return self.unready if self.container.run_id == self.unready_of else ""


@dataclass(frozen=True, slots=True)
class State:
    """All that the daemon knows."""

    project: Project
    images: Mapping[ImageName, Image]
    targets: Mapping[TargetName, Target]
    now: float = 0.0
    engine_up: bool = False
    engine_error: str = "not asked yet"
    engine_hint: str = ""
    engine_down_since: float = 0.0
    """When it last went away, or devrun began to look for it."""
    git: bool = False
    python: str = ""
    """The cache tag of our own Python: another one may parse what ours does not, and the other way round."""
    closing: bool = False
    rows: Mapping[TargetName, Loaded] = field(default_factory=dict)
    """What an earlier daemon knew to be loaded."""
    only: frozenset[TargetName] = frozenset()
    """The targets that the user has chosen to run; empty: those with autostart."""

    def is_wanted(self, target: Target) -> bool:
        """Whether a target should have a running container."""
        return target.wanted and not target.gone and not self.closing

    def without_engine(self, error: str, hint: str = "") -> "State":
        """Return it as it is when the engine does not answer."""
        since = self.now if self.engine_up else self.engine_down_since
        return replace(self, engine_up=False, engine_error=error, engine_hint=hint, engine_down_since=since)


def appended(old: tuple[str, ...], new: Iterable[str]) -> tuple[str, ...]:
    """Return both without repetition, the newest last."""
    return tuple(dict.fromkeys(reversed((*old, *new))))[::-1]


def with_needed(
    targets: Mapping[TargetName, Target], names: Iterable[TargetName]
) -> dict[TargetName, Target]:
    """Return the targets with those wanted that `names` need, and what these need in turn.

    What the user stopped stays so: whoever needs it waits, and says it.
    """
    found = dict(targets)
    pending = [name for name in names if name in found]
    seen: set[TargetName] = set()
    while pending:
        name = pending.pop()
        for needed in () if name in seen else found[name].depends_on:
            target = found[needed.target]
            if not target.wanted and not target.stopped:
                found[needed.target] = target.with_start(f"{name} needs it")
            if not target.stopped:
                pending.append(needed.target)
        seen.add(name)
    return found


def usable_image(state: State, target: Target) -> ImageId | None:
    """Return the image that a container of `target` should have now.

    While the wanted one is unknown, being built or failed, that is the one that its container has.
    """
    image = state.images.get(target.image)
    if image is not None and image.current is not None:
        return image.current.id
    return target.container.image if target.container else None


def initial_state(
    project: Project,
    now: float,
    *,
    only: frozenset[TargetName] = frozenset(),
    stopped: frozenset[TargetName] = frozenset(),
    python: str = "",
) -> State:
    """Return the state of a project of which nothing is known yet; `only` limits which targets are wanted.

    What the user `stopped` stays so, unless it is named.
    """
    stopped -= only
    chosen = project.wanted(only, stopped)
    targets = {
        name: Target(
            image=config.image,
            spec=config.spec,
            wanted=name in chosen,
            stopped=name in stopped,
            run_cause="devrun started",
            depends_on=config.depends_on,
        )
        for name, config in project.targets.items()
    }
    wanted = [name for name, target in targets.items() if target.wanted]
    images = {name: Image() for name in project.images}
    return State(
        project=project,
        images=images,
        targets=with_needed(targets, wanted),
        now=now,
        only=only,
        engine_down_since=now,
        python=python,
    )
