"""The build inputs of an image: what decides a rebuild, what is sent for it, and by which rule.

A fingerprint covers meanings where the meaning is understood, and bytes elsewhere, so that no rebuild is ever
missed. `find_inputs` reads the disk and nothing else; asked twice about the same disk it answers the same.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path

from devrun.config.project import ImageConfig, PrebuiltImage, Project, TargetConfig
from devrun.core.explanation import Effect
from devrun.core.prebuilt import fingerprint_of
from devrun.core.report import Problem
from devrun.core.values import BuildContext, Fingerprint, Spelling
from devrun.sources.content import HashFile
from devrun.sources.context_tree import NONE_KNOWN, Entry, list_entries
from devrun.sources.dockerfile import Dockerfile, Take, foreign_syntax
from devrun.sources.dockerfile_meaning import meaning
from devrun.sources.dockerfile_syntax import DockerfileError
from devrun.sources.globs import inside, is_wild
from devrun.sources.ignore import IgnoreRules
from devrun.sources.input_rules import InputRules, Runtime, input_rules
from devrun.sources.input_search import InputFile, Search, Selection, select
from devrun.sources.links import MOST_HOPS, hops
from devrun.sources.placement import enters, listed
from devrun.sources.requirements import Read

FINGERPRINT_VERSION = 2
"""Raised when devrun itself builds the same inputs in another way, so that images are built anew."""
FINGERPRINT_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Inputs:
    """What `find_inputs` found."""

    files: tuple[InputFile, ...]
    fingerprint: Fingerprint
    spelling: Spelling
    """A hash of their bytes, and of what an instruction names and is not there."""
    context: BuildContext
    watched: frozenset[str]
    """Files, present or not, whose change puts the fingerprint in doubt; `concerns` knows of more."""
    problems: tuple[Problem, ...]
    _reasons: Mapping[str, str] = field(repr=False)
    _holders: Mapping[str, str] = field(repr=False)
    """The directories that hold what decides."""
    _rules: InputRules = field(repr=False)
    _ignored: IgnoreRules = field(repr=False)
    kept: "Kept | None" = field(default=None, repr=False)

    @property
    def runtime(self) -> Runtime:
        """How containers of the image start, as far as it is known before there is one."""
        return self._rules.runtime

    @property
    def workdir(self) -> str | None:
        """The image's WORKDIR; None: neither the Dockerfile nor an earlier image says it."""
        return self.runtime.workdir

    def concerns(self, path: Path) -> str | None:
        """Return the rule by which a change at `path` puts the fingerprint in doubt; None: it does not.

        Answers for files that do not exist yet too, and for directories that hold what decides.
        """
        return self._reasons.get(str(path)) or self._by_rules(path) or self._holders.get(str(path))

    def explain(self, path: str) -> Effect:
        """Return whether a change at a path puts the fingerprint in doubt, and by which rule, or why not."""
        place = Path(path)
        if rule := self.concerns(place):
            return Effect(acts=True, rule=rule)
        if not place.is_relative_to(self._rules.context):
            return Effect(acts=False, rule="outside the build context")
        name = place.relative_to(self._rules.context).as_posix()
        if self._ignored.excludes(name):
            return Effect(acts=False, rule=f"left out of the build context by {self._ignored.match(name)}")
        verdict = self._rules.verdict(name)
        return Effect(acts=False, rule=verdict.rule if verdict else "taken by no instruction")

    def _by_rules(self, path: Path) -> str | None:
        verdicts = [self._rules.wished(path)]
        if path.is_relative_to(self._rules.context):
            name = path.relative_to(self._rules.context).as_posix()
            verdicts += [] if self._ignored.excludes(name) else [self._rules.verdict(name)]
        return next((verdict.rule for verdict in verdicts if verdict and verdict.decides), None)


@dataclass(frozen=True, slots=True)
class Kept:
    """What the next search for the same image need not find once more, as far as it is the same then."""

    ignored: IgnoreRules
    selection: Selection
    said: list[object]
    contents: Mapping[str, object]
    fingerprint: Fingerprint
    """Of what is said, and of the contents: to compare these takes less time than to hash them."""

    def selected(self, ignored: IgnoreRules, context: Path) -> Selection | None:
        """Return what was selected, if it was from the same context and by the same ignore file."""
        is_same = self.ignored == ignored and self.selection.rules.context == context
        return self.selection if is_same else None

    @classmethod
    def of(
        cls,
        ignored: IgnoreRules,
        selection: Selection,
        search: Search,
        said: list[object],
        before: "Kept | None",
    ) -> "Kept":
        """Return what was found, with its fingerprint."""
        if before and before.said == said and before.contents == search.contents:
            fingerprint = before.fingerprint
        else:
            fingerprint = Fingerprint(_digest([said, sorted(search.contents.items())]))
        return cls(ignored, selection, said, search.contents, fingerprint)


def find_inputs(
    project: Project,
    image: ImageConfig,
    targets: Sequence[TargetConfig],
    workdir: str | None,
    hash_file: HashFile,
    read: Read = Path.read_bytes,
    before: Kept | None = None,
) -> Inputs:
    """Return the build inputs of an image.

    `targets` are those that run it. `workdir` is the WORKDIR of an image built earlier: it is used where the
    Dockerfile leaves it to its base; None: unknown, then a mount at the WORKDIR is not counted on. `before`,
    found by an earlier search, saves time and has no part in the answer.
    """
    context = Path(os.path.realpath(image.context))
    text, dockerfile, problems = _read_dockerfile(image, read)
    ignored, ignore_files = _read_ignore_file(image, context, read)
    if dockerfile:
        rules = input_rules(project, image, targets, dockerfile, workdir)
    else:
        rules = InputRules(context, project.root, _unknown_takes(text, image), inputs=image.inputs)
    said_takes = rules.takes
    rules = replace(rules, takes=(*said_takes, *_linked(context, said_takes)))
    earlier = before.selected(ignored, context) if before else None
    entries = list_entries(
        context,
        ignored,
        [path for take in rules.takes for path in listed(take)],
        lambda directory: any(enters(take, directory) for take in rules.takes),
        {entry.name: entry for entry in earlier.entries} if earlier else NONE_KNOWN,
    )
    known = _known({image.dockerfile: "the Dockerfile", **ignore_files})
    selection = select(rules, known, entries, earlier)
    search = Search(rules, known, hash_file, read, _given(image))
    search.take(selection)
    search.wish()
    missing = tuple(_missing(context, said_takes, entries, ignored))
    search.expect(context / source for source, _ in missing)
    bases = dockerfile.bases(image.stage, image.args) if dockerfile else ()
    said = [*_said(image, text, dockerfile), _ignoring(ignored) if selection.hides else ()]
    kept = Kept.of(ignored, selection, search, said, before)
    return Inputs(
        files=tuple(search.files.values()),
        fingerprint=kept.fingerprint,
        spelling=_spelling(said, search, missing, image),
        context=BuildContext(text, tuple((f.path, f.name) for f in search.files.values() if f.name), bases),
        watched=frozenset(search.reasons),
        problems=(
            *problems,
            *(Problem(problem) for problem in ignored.problems),
            *(problem for _, problem in missing),
            *search.problems,
        ),
        _reasons=search.reasons,
        _holders=_holders(search.reasons),
        _rules=rules,
        _ignored=ignored,
        kept=kept,
    )


def _spelling(
    said: list[object], search: Search, missing: Iterable[tuple[str, Problem]], image: ImageConfig
) -> Spelling:
    """Return what tells whether a build that failed is worth another try."""
    return Spelling(_digest([said, search.written(), [source for source, _ in missing], repr(image.session)]))


def _holders(reasons: dict[str, str]) -> dict[str, str]:
    """Return the directories that lead to files, each with the reason of the last of these."""
    found: dict[str, str] = {}
    for file, reason in reversed(reasons.items()):
        above = file.rpartition("/")[0] or "/"
        while above not in found:
            found[above] = reason
            above = above.rpartition("/")[0] or "/"
    return found


def prebuilt_inputs(project: Project, image: PrebuiltImage, workdir: str | None) -> Inputs:
    """Return the inputs of an image that others build: no file; `workdir` is its own, once it is known."""
    fingerprint = fingerprint_of(image)
    return Inputs(
        files=(),
        fingerprint=fingerprint,
        spelling=Spelling(fingerprint),
        context=BuildContext("", (), ()),
        watched=frozenset(),
        problems=(),
        _reasons={},
        _holders={},
        _rules=InputRules(project.root, project.root, runtime=Runtime(workdir)),
        _ignored=IgnoreRules(),
    )


def _read_dockerfile(image: ImageConfig, read: Read) -> tuple[str, Dockerfile | None, list[Problem]]:
    """Return the Dockerfile as text, and as what it means where that is understood."""
    try:
        text = read(image.dockerfile).decode("utf-8", "surrogateescape")
    except OSError as error:
        return "", None, [Problem(f"{image.dockerfile.name}: {error.strerror or error}")]
    if foreign_syntax(text, image.args):
        return text, None, []
    try:
        dockerfile = Dockerfile.parse(text, image.dockerfile.name)
        dockerfile.stage(image.stage)
    except DockerfileError as error:
        return text, None, [Problem(error.message, error.hint)]
    return text, dockerfile, []


def _known(files: Mapping[Path, str]) -> dict[str, str]:
    """Return files by the paths that are written, and by those at which they lie."""
    written = {str(file): reason for file, reason in files.items()}
    return written | {os.path.realpath(file): reason for file, reason in written.items()}


def _given(image: ImageConfig) -> dict[str, str]:
    """Return the files of secrets, as they are named and where they lie."""
    return _known({secret.file: f"the secret {secret.id}" for secret in image.session.secrets if secret.file})


def _read_ignore_file(image: ImageConfig, context: Path, read: Read) -> tuple[IgnoreRules, dict[Path, str]]:
    """Return the rules, and the files that decide on them: an own one of the Dockerfile goes first."""
    own = image.dockerfile.with_name(f"{image.dockerfile.name}.dockerignore")
    places: dict[Path, str] = {}
    for place in (own, context / ".dockerignore"):
        places[place] = "the ignore file of the build context"
        try:
            text = read(place).decode("utf-8", "surrogateescape")
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            return IgnoreRules(problems=(f"{place.name}: {error.strerror or error}",)), places
        return IgnoreRules.parse(text, place.name), places
    return IgnoreRules(), places


def _unknown_takes(text: str, image: ImageConfig) -> tuple[Take, ...]:
    """Return what a file takes that only another frontend understands: anything. A broken one: nothing."""
    syntax = foreign_syntax(text, image.args)
    return (Take(1, 0, "COPY", None, f"# syntax={syntax}", image.dockerfile.name),) if syntax else ()


def _linked(context: Path, takes: Sequence[Take]) -> Iterator[Take]:
    """Yield a further take for each source that symbolic links lead away from its name."""
    for take in takes:
        for source in listed(take):
            path = hops(context, source)
            if not is_wild(source) and len(path) > 1:
                yield replace(take, sources=path, destination=None, parents=False)


def _missing(
    context: Path, takes: Sequence[Take], entries: Sequence[Entry], ignored: IgnoreRules
) -> Iterator[tuple[str, Problem]]:
    """Yield what an instruction names and the context does not have, with the problem in words."""
    names = {entry.name for entry in entries}
    names |= _directories(names)
    for take in takes:
        for source in listed(take):
            if take.parents or is_wild(source) or _is_there(context, source, names):
                continue
            rule = ignored.match(source)
            cause = f"excluded by {rule}" if rule and not rule.negated else "not there"
            near = get_close_matches(source, [entry.name for entry in _siblings(context, source, ignored)])
            hint = f"there is {near[0]!r}" if near else ""
            yield source, Problem(f"{take}: {source!r} in the build context is {cause}", hint)


def _directories(names: Iterable[str]) -> set[str]:
    found = {""}
    for name in names:
        above = name.rpartition("/")[0]
        while above not in found:
            found.add(above)
            above = above.rpartition("/")[0]
    return found


def _is_there(context: Path, source: str, names: set[str]) -> bool:
    path = hops(context, source)
    return len(path) <= MOST_HOPS and path[-1] in names


def _siblings(context: Path, source: str, ignored: IgnoreRules) -> tuple[Entry, ...]:
    pattern = inside(f"{source}/../*")
    return list_entries(context, ignored, [pattern], lambda _directory: False)


def _said(image: ImageConfig, text: str, dockerfile: Dockerfile | None) -> list[object]:
    """Return what the Dockerfile and devrun.toml say, as far as it can have an effect."""
    platform = [image.platform] if image.platform else []
    if dockerfile:
        return [FINGERPRINT_VERSION, meaning(dockerfile, image.stage, image.args), *platform]
    return [FINGERPRINT_VERSION, text, sorted(image.args.items()), image.stage, *platform]


def _ignoring(ignored: IgnoreRules) -> list[str]:
    """Return what the ignore file says; where no rule takes another one back, their order is no matter.

    It counts by the files that it lets through; by itself only where some of those are no build inputs, so
    that an image can be rid of what the mount hides.
    """
    said = [str(rule.negated) + rule.pattern for rule in ignored.rules]
    return said if any(rule.negated for rule in ignored.rules) else sorted(set(said))


def _digest(content: object) -> str:
    # Names on disk may be no UTF-8; JSON writes them by escapes, so that they can be hashed.
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:FINGERPRINT_LENGTH]
