"""Which files of a build context decide a rebuild, and by which rule, told from their names alone.

A file that the mount shows where the image has it decides nothing, because the container sees the newest one
anyway; with the exceptions that `InputRules.verdict` lists. Files need not exist: a new one is judged too.
"""

import os
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from devrun.config.project import (
    Command,
    ImageCommand,
    ImageConfig,
    Module,
    Project,
    Script,
    TargetConfig,
)
from devrun.sources.carried import Handed, handed_on, resting_places
from devrun.sources.dependency_files import (
    has_tables,
    is_dependency_file,
    is_named,
    moves_files,
    reader_words,
    run_words,
)
from devrun.sources.dockerfile import Dockerfile, Step, Take
from devrun.sources.globs import PatternError, clean, ignore_matcher
from devrun.sources.placement import Placement, placements
from devrun.sources.run_commands import reads_anything
from devrun.sources.unwatched import BUILT_IN

_HIDDEN = ": shown by the mount instead"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a path decides, and by which rule, in words."""

    decides: bool
    rule: str
    single: bool = False
    """An instruction names just this path."""

    @property
    def is_hidden(self) -> bool:
        """The image has the file among others, and the mount shows another copy in its place."""
        return not self.decides and not self.single and self.rule.endswith(_HIDDEN)


@dataclass(frozen=True, slots=True)
class Shown:
    """What one target's mount shows."""

    source: Path
    path: str | None
    """None: the target has no mount, or nobody knows yet where."""
    keep: tuple[str, ...] = ()

    def shows(self, file: str, destination: str | None) -> bool:
        """Return whether the container sees `file` where the image has its copy."""
        above = f"{self.source}/" if self.source != Path("/") else "/"
        if self.path is None or destination is None or not file.startswith(above):
            return False
        relative = file[len(above) :]
        kept = any(relative == kept or relative.startswith(f"{kept}/") for kept in map(clean, self.keep))
        return not kept and destination == posixpath.join(self.path, relative)


@dataclass(frozen=True, slots=True)
class Runtime:
    """What a Dockerfile says of how its containers start."""

    workdir: str | None = None
    """The image's; None: neither the Dockerfile nor an earlier image says it."""
    words: tuple[str, ...] = ()
    """Of ENTRYPOINT and CMD; in shell form that is one line."""
    variables: tuple[tuple[str, str], ...] = ()
    """Of ENV, and arguments."""


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A RUN that may read any file of its stage."""

    stage: int
    line: int
    chain: frozenset[int]
    """The stages whose files are in its own."""

    def sees(self, take: Take, stages: frozenset[int]) -> bool:
        """Return whether it may read what `take` took, which came to lie in these stages."""
        if take.keyword == "RUN":
            return (self.stage, self.line) == (take.stage, take.line)
        is_earlier = self.stage == take.stage and self.line < take.line
        return not is_earlier and not self.chain.isdisjoint(stages)


@dataclass(frozen=True, slots=True)
class InputRules:
    """The rules for one image and its targets."""

    context: Path
    """The real path."""
    root: Path
    takes: tuple[Take, ...] = ()
    on_image: frozenset[int] = frozenset()
    """The stages whose files are in the image; of others only what is copied on."""
    shown: tuple[Shown, ...] = ()
    """One for each target."""
    scripts: frozenset[str] = frozenset()
    """What targets run: real paths on disk, and paths in the image."""
    words: frozenset[str] = frozenset()
    """The words of RUN lines."""
    readers: frozenset[str] = frozenset()
    """The words of RUN lines that install nothing."""
    open_runs: tuple[OpenRun, ...] = ()
    """RUNs that may read anything."""
    moves: bool = False
    """A RUN may bring files elsewhere."""
    handed: tuple[Handed, ...] = ()
    """What stages take from one another."""
    inputs: tuple[str, ...] = ()
    """Globs, relative to the project."""
    runtime: Runtime = Runtime()

    def verdict(self, name: str) -> Verdict | None:
        """Return what is decided on a path of the context; None: no instruction takes it."""
        verdicts = [
            self._judge(name, placement) for take in self.takes for placement in placements(take, name)
        ]
        return next((one for one in verdicts if one.decides), verdicts[0] if verdicts else None)

    def only_installs(self, name: str) -> bool:
        """Return whether a path is taken for an installation alone: nothing else can read the image's copy.

        So it is where the mount shows the newest one in its place, and where only the build needs it.
        """
        if not has_tables(name) or self.wished(self.context / name):
            return False
        found = [placement for take in self.takes for placement in placements(take, name)]
        return bool(found) and all(self._is_for_installing(name, placement) for placement in found)

    def wished(self, file: Path) -> Verdict | None:
        """Return the verdict of `[image] inputs` on a file of the project, taken or not."""
        if not self.inputs or not file.is_relative_to(self.root):
            return None
        relative = file.relative_to(self.root).as_posix()
        pattern = next((glob for glob in self.inputs if _matches(glob, relative)), None)
        return Verdict(decides=True, rule=f"`inputs` of devrun.toml: {pattern!r}") if pattern else None

    def _judge(self, name: str, placement: Placement) -> Verdict:
        decides, why = self._why(name, placement)
        return Verdict(decides, f"{placement.take}{why}", placement.single)

    def _why(self, name: str, placement: Placement) -> tuple[bool, str]:
        take, file = placement.take, self._file(name)
        if BUILT_IN.excludes(name) and not placement.single and not _is_meant(take):
            return False, f": ignored, {BUILT_IN.match(name)}"
        if is_dependency_file(name):
            return True, " (dependency file)"
        if is_named(self.words, name, placement.destination):
            return True, " (named by a RUN line)"
        if not self._is_shown(file, placement):
            return True, f" ({self._why_not_shown(take)})"
        if placement.single and not self._is_script(file, placement.destination):
            return True, " (named singly)"
        return False, _HIDDEN

    def _is_for_installing(self, name: str, placement: Placement) -> bool:
        take, destination = placement.take, placement.destination
        if self.moves or is_named(self.readers, name, destination):
            return False
        places = resting_places(take.stage, destination, self.handed)
        stages = frozenset({take.stage, *(stage for stage, _ in places)})
        if any(run.sees(take, stages) for run in self.open_runs):
            return False
        if take.keyword == "RUN":
            return True
        on_image = (path for stage, path in places if stage in self.on_image)
        return all(self._shows(self._file(name), path) for path in on_image)

    def _file(self, name: str) -> str:
        return os.path.join(self.context, name)  # noqa: PTH118 - of as many files as there are

    def _is_shown(self, file: str, placement: Placement) -> bool:
        return placement.take.stage in self.on_image and self._shows(file, placement.destination)

    def _shows(self, file: str, destination: str | None) -> bool:
        """Return whether every target sees the file where the image has its copy."""
        return bool(self.shown) and all(one.shows(file, destination) for one in self.shown)

    def _is_script(self, file: str, destination: str | None) -> bool:
        return file in self.scripts or destination in self.scripts

    def _why_not_shown(self, take: Take) -> str:
        if take.keyword == "RUN":
            return "read by the build"
        if take.stage not in self.on_image:
            return "for another stage"
        if any(one.path is None for one in self.shown):
            return "a target has no mount"
        return "not shown by the mount"


def input_rules(
    project: Project,
    image: ImageConfig,
    targets: Sequence[TargetConfig],
    dockerfile: Dockerfile,
    workdir: str | None,
) -> InputRules:
    """Return the rules; `workdir`, of an image built earlier, counts where the Dockerfile does not say."""
    chain = dockerfile.chain(image.stage, image.args)
    said = dockerfile.workdir(image.stage, image.args)
    place = said if said is not None else workdir
    if workdir and not any(one.keyword == "WORKDIR" for stage in chain for one in stage.instructions):
        # Then it is the base's own, to which relative destinations are relative as well.
        dockerfile = replace(dockerfile, base_workdirs={chain[0].index: workdir})
    steps = dockerfile.steps(image.stage, image.args)
    started = _started(steps)
    return InputRules(
        context=Path(os.path.realpath(image.context)),
        root=project.root,
        takes=dockerfile.takes(image.stage, image.args),
        on_image=frozenset(stage.index for stage in chain),
        shown=tuple(_shown(target, place) for target in targets),
        scripts=frozenset(
            script for target in targets for script in _scripts(project.root, target, started, place)
        ),
        words=run_words(steps),
        readers=reader_words(steps),
        open_runs=tuple(_open_runs(dockerfile, image)),
        moves=moves_files(steps),
        handed=handed_on(dockerfile, image.stage, image.args),
        inputs=image.inputs,
        runtime=Runtime(place, started, tuple(sorted(dockerfile.variables(image.stage, image.args).items()))),
    )


def _open_runs(dockerfile: Dockerfile, image: ImageConfig) -> Iterator[OpenRun]:
    for stage in dockerfile.needed(image.stage, image.args):
        chain = frozenset(one.index for one in dockerfile.chain(str(stage.index), image.args))
        for one in dockerfile.executed(stage, image.args):
            if one.keyword == "RUN" and reads_anything(one):
                yield OpenRun(stage.index, one.line, chain)


def _shown(target: TargetConfig, workdir: str | None) -> Shown:
    if target.mount is None:
        return Shown(Path("/"), None)
    path = target.mount.path or workdir or "/"
    # The root cannot be mounted over: such a target runs what its image has.
    return Shown(
        Path(os.path.realpath(target.mount.source)), None if path == "/" else clean(path), target.mount.keep
    )


def _started(steps: Sequence[Step]) -> tuple[str, ...]:
    """Return the words of all ENTRYPOINT and CMD instructions."""
    starting = (step.instruction for step in steps if step.instruction.keyword in ("ENTRYPOINT", "CMD"))
    return tuple(word for one in starting for word in one.words)


def _scripts(
    root: Path, target: TargetConfig, started: tuple[str, ...], workdir: str | None
) -> tuple[str, ...]:
    """Return the files that a target runs, by their paths on disk or in the image."""
    match target.program:
        case Script(path=path):
            return (os.path.realpath(root / path),)
        case Module(name=name):
            stem = root / name.replace(".", "/")
            return (f"{stem}.py", f"{stem}/__main__.py")
        case Command(argv=argv):
            words = argv
        case ImageCommand():
            words = tuple(word for line in started for word in line.split())
    place = target.workdir or workdir or "/"
    return tuple(clean(posixpath.join(place, word)) for word in words if word.endswith(".py"))


def _is_meant(take: Take) -> bool:
    """Return whether a source is itself something that devrun would ignore: then it was meant."""
    return any(BUILT_IN.excludes(clean(source).lstrip("/")) for source in take.sources or ())


def _matches(glob: str, path: str) -> bool:
    """Return whether a glob of `inputs` matches a file, or a directory above it."""
    directories = [path[:at] for at, char in enumerate(path) if char == "/"]
    try:
        return any(map(ignore_matcher(clean(glob)), [*directories, path]))
    except PatternError:
        return False
