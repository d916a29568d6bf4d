"""The report: what `devrun status` shows, worked out from a state.

It holds no value of `env` or `args`, and is complete: whoever reads it needs neither the engine nor the disk.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from devrun.config.names import image_tag
from devrun.config.project import (
    Command,
    ImageCommand,
    ImageName,
    Module,
    PrebuiltImage,
    Program,
    Script,
    TargetName,
)
from devrun.core.actions import Action, BuildImage, kind_of
from devrun.core.crash import explain_exit
from devrun.core.decide import Hold, HoldKind, decide_image, decide_target, is_settled
from devrun.core.model import Image, State, Target
from devrun.core.values import Failure, LastAction, Phase

REPORT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something is not as the user wants it."""

    error: str
    hint: str = ""
    step: str = ""
    output: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ImageReport:
    """An image, as status shows it."""

    state: str
    """`ready`, `missing` or `unknown`."""
    doing: str
    """The running action with its cause, or the hold."""
    hold: str
    """The hold's kind; empty while an action runs."""
    fingerprint: str = ""
    id: str = ""
    progress: str = ""
    builds: int = 0
    last: LastAction | None = None
    problem: Problem | None = None
    tag: str = ""
    """Where it is there: its name for the engine."""
    tagged: float = 0.0
    """When it got that tag."""
    inputs: int = 0
    """How many files decide it."""
    working_since: float = 0.0
    """When the running action began; 0: none runs."""
    prebuilt: bool = False
    """Whether others build it: then it is pulled. An older daemon does not say."""


@dataclass(frozen=True, slots=True)
class TargetReport:
    """A target, as status shows it."""

    program: str
    image: str
    state: str
    """`running`, `exited`, `paused`, `created`, `missing` or `unknown`."""
    doing: str
    hold: str
    since: float = 0.0
    exit_code: int | None = None
    ports: tuple[str, ...] = ()
    container: str = ""
    restarts: int = 0
    last: LastAction | None = None
    problem: Problem | None = None
    hints: tuple[str, ...] = ()
    ready: bool = True
    """Whether what runs is ready: until then it is starting. An older daemon does not say."""
    unready: str = ""
    """What it lacks to be ready, where that is known."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What is watched on the disk."""

    files: int = 0
    directories: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """All of a project."""

    version: int
    project: str
    root: str
    pid: int
    started: float
    engine: str
    """Its name and version, or why it does not answer."""
    engine_up: bool
    settled: bool
    images: Mapping[str, ImageReport] = field(default_factory=dict)
    targets: Mapping[str, TargetReport] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    """What the user should know of the project as a whole, such as a changed `devrun.toml`."""
    watched: Watched = Watched()
    entry: int = 0
    """The number of the newest entry of the journal: what follows it is news."""


VERBS = {
    "HashInputs": "reading the build inputs",
    "InspectImage": "looking",
    "BuildImage": "building",
    "PullImage": "pulling",
    "CancelBuild": "cancelling the build",
    "RemoveImage": "removing an old image",
    "InspectTarget": "looking",
    "CheckSyntax": "checking the syntax",
    "RecreateContainer": "recreating",
    "RestartContainer": "restarting",
    "StopContainer": "stopping",
    "RemoveContainer": "removing",
}
"""What status calls a running action."""
NOUNS = {"BuildImage": "build", "PullImage": "pull"}


def report(
    state: State,
    *,
    pid: int,
    started: float,
    engine: str,
    notices: tuple[str, ...] = (),
    watched: Watched = Watched(),
    entry: int = 0,
) -> Report:
    """Return the report of a state; `engine` is the engine's name and version."""
    return Report(
        version=REPORT_VERSION,
        project=state.project.name,
        root=str(state.project.root),
        pid=pid,
        started=started,
        engine=engine if state.engine_up else state.engine_error,
        engine_up=state.engine_up,
        settled=is_settled(state),
        images={
            name: _image_report(state, name, image)
            for name, image in state.images.items()
            if name in state.project.images
        },
        targets={
            name: _target_report(state, name, target)
            for name, target in state.targets.items()
            if name in state.project.targets
        },
        notices=notices,
        watched=watched,
        entry=entry,
    )


def _image_report(state: State, name: ImageName, image: Image) -> ImageReport:
    current = image.current
    decision = decide_image(state, name)
    doing, hold = doing_of(image.running or image.hashing, decision)
    if image.cancelling and isinstance(image.running, BuildImage):
        doing = f"cancelling the {NOUNS[kind_of(image.running)]}: {image.cause}"
    return ImageReport(
        state="unknown" if image.built is None else "ready" if current else "missing",
        doing=doing,
        hold=hold,
        fingerprint=image.fingerprint or "",
        id=current.id if current else "",
        progress=image.progress if image.running else "",
        builds=image.builds,
        last=image.last,
        problem=failure_problem(image.failures, decision),
        tag=image_tag(state.project.slug, name, current.fingerprint) if current else "",
        tagged=current.tagged if current else 0.0,
        inputs=image.input_files,
        working_since=image.running_since if image.running else 0.0,
        prebuilt=isinstance(state.project.images[name], PrebuiltImage),
    )


def _target_report(state: State, name: TargetName, target: Target) -> TargetReport:
    container = target.container
    decision = decide_target(state, name)
    doing, hold = doing_of(target.running, decision)
    exited = container is not None and container.phase is Phase.EXITED
    return TargetReport(
        program=program_text(state.project.targets[name].program),
        image=target.image,
        state=container.phase.value if container else "unknown" if target.observed is None else "missing",
        doing=doing,
        hold=hold,
        since=container.started if container else 0.0,
        exit_code=container.exit_code if container and exited else None,
        ports=container.ports if container and not exited else (),
        container=container.name if container else "",
        restarts=target.restarts,
        last=target.last,
        problem=failure_problem(target.failures, decision) or target_problem(target, decision),
        hints=target.hints,
        ready=target.is_ready,
        unready=target.why_unready,
    )


def program_text(program: Program) -> str:
    """Return what a target runs, as people write it."""
    match program:
        case Script(path=path):
            return path
        case Module(name=name):
            return f"-m {name}"
        case Command(argv=argv):
            return " ".join(argv)
        case ImageCommand():  # pragma: no branch - mypy knows that there is no other
            return "the image's command"


def doing_verb(action: Action) -> str:
    """Return what people call an action while it runs."""
    return VERBS[kind_of(action)]


def doing_of(running: Action | None, decision: Action | Hold) -> tuple[str, str]:
    """Return what is done, or why nothing is, and the hold's kind; that is empty while an action runs."""
    action = running or (None if isinstance(decision, Hold) else decision)
    if action is not None:
        return f"{doing_verb(action)}: {action.cause}", ""
    assert isinstance(decision, Hold)
    return decision.text, decision.kind.value


def failure_problem(failures: Mapping[str, Failure], decision: Action | Hold) -> Problem | None:
    """Return the failure that holds, which is the newest of those whose words the hold says."""
    if not isinstance(decision, Hold) or decision.kind not in {HoldKind.FAILED, HoldKind.RETRYING}:
        return None
    said = [failure for failure in failures.values() if failure.error == decision.text]
    failure = max(said, key=lambda failure: failure.at)
    return Problem(failure.error, failure.hint, failure.step, failure.output)


def target_problem(target: Target, decision: Action | Hold) -> Problem | None:
    """Return what is wrong with a target beside failed actions, None where nothing is."""
    match decision:
        case Hold(kind=HoldKind.CRASHED) if target.container:
            error, hint = explain_exit(target.container, target.tail)
            return Problem(error, hint, output=target.tail)
        case Hold(kind=HoldKind.SYNTAX_ERROR, text=text):
            return Problem(text, "the program that ran before goes on; a save that parses restarts it")
        case Hold(kind=HoldKind.FLAPPING, text=text):
            remedy = f'it writes into its own source: add ignore = ["{target.flapping}"] to the target'
            return Problem(f"restarts stopped: {text}", remedy)
        case _:
            return None
