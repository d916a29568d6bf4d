"""The disk as the daemon sees it: batches of changed contents, fingerprints, build contexts.

One thread watches, looks and posts. Hints of the system only wake it; what counts is the difference between
two looks, and of that only what differs in content. Whoever learns of a change from elsewhere wakes it too.
"""

import threading
import time
from collections.abc import Callable, Iterable, Set
from dataclasses import replace
from pathlib import Path

from devrun.config.cautions import cautions
from devrun.config.grants import refuse_beyond
from devrun.config.project import ImageName, Project, TargetName
from devrun.core.events import DiskRead, FilesChanged, GitEnded, GitStarted, ProjectChanged, SourceChange
from devrun.core.explanation import Explanation, LastBatch
from devrun.core.values import BuildContext, Digest, Fingerprint
from devrun.errors import DevrunError
from devrun.sources.barriers import Barriers
from devrun.sources.closures import Closures
from devrun.sources.configuration import Configuration, Permit, Reload
from devrun.sources.content import ContentHashes
from devrun.sources.contents import Contents
from devrun.sources.explanations import History, explain
from devrun.sources.fingerprints import Fingerprints
from devrun.sources.input_rules import Runtime
from devrun.sources.inputs import Inputs
from devrun.sources.lookout import JOIN_S, LARGE_BATCH, Hints, Lookout
from devrun.sources.roots import find_roots
from devrun.sources.settling import LIMITS, Limits, Settling
from devrun.sources.snapshot import RootMissingError, Snapshot, is_shown
from devrun.sources.watch_rules import ignore_file

SAME_BATCH_S = 0.1
"""Files that are saved together are rarely seen by one look: what follows so soon is of the same batch."""

MOST_LOOKS = 3
"""At files that are written all the time."""

SHOWN_PATHS = 3

Told = FilesChanged | ProjectChanged | DiskRead | GitStarted | GitEnded
Post = Callable[[Told], None]
Notice = Callable[[str, str], None]
"""Takes a subject, and what there is to say of it; an empty text takes back what was said."""
Died = Callable[[str, BaseException], None]


class Disk:
    """The files of one project. `start` looks for the first time; from then on a thread posts batches."""

    def __init__(
        self,
        project: Project,
        post: Post,
        notice: Notice,
        died: Died,
        limits: Limits = LIMITS,
        parsed: Path | None = None,
        permit: Permit = refuse_beyond,
    ) -> None:
        """`parsed` is the file that keeps what was parsed, from run to run; `permit` judges reloads."""
        self.project = project
        self._post = post
        self._notice = notice
        self._said: dict[str, str] = {}
        self._saying = threading.Lock()
        self._fingerprints = Fingerprints(project)
        self._snapshot = Snapshot(())
        self._contents = Contents(self._snapshot, ContentHashes(), str(project.root))
        self._parsed = parsed
        self._runtimes: dict[ImageName, Runtime] = {}
        """Those that the closures were worked out with."""
        self._configuration = Configuration(project, permit=permit)
        self._is_read = False
        self.counts = (0, 0)
        """How many files and directories are watched, by the last look."""
        self._batch = 0
        self._posted_at = 0.0
        self._told: dict[ImageName, Fingerprint] = {}
        """What was last answered, by the thread that did."""
        self._learned: dict[ImageName, threading.Event] = {}
        self._learning = threading.Lock()
        self._barriers = Barriers()
        self._history = History()
        self._looking = threading.RLock()
        """Held while the disk is looked at, and while what is known of it is asked for."""
        self._lookout = Lookout(
            lambda: self._snapshot.directories,
            self._look,
            lambda text: self._say("watcher", text),
            lambda error: died("watcher", error),
        )
        self._settling = Settling(project.root, self._snapshot, post, self._lookout.stop.wait, limits)

    @classmethod
    def read_once(cls, project: Project) -> "Disk":
        """Return the disk as it is now, which nobody watches; raises RootMissingError."""
        disk = cls(project, lambda _event: None, lambda _subject, _text: None, lambda _part, _error: None)
        disk.read()
        return disk

    def start(self) -> None:
        """Look at everything, post the first batch, and begin to watch; raises RootMissingError."""
        self.read()
        self._post(self._first_batch())
        self._lookout.start()

    def read(self) -> None:
        """Look at everything for the first time; raises RootMissingError."""
        self._snapshot.roots = find_roots(self.project)
        self._say("cautions", "\n".join(cautions(self.project)))
        self._scan()
        for path in self._snapshot.missing:
            raise RootMissingError(path)
        self._runtimes = {image: self._find(image).runtime for image in self.project.images}
        if self._parsed:
            self._contents.recall(self._parsed)
        self._close_over(self._snapshot.files.keys())
        if self._parsed:
            self._contents.keep(self._parsed)
        self._is_read = True
        self._count()

    def close(self) -> None:
        """End the thread."""
        self._lookout.close()

    def look(self) -> None:
        """Look at everything soon, hints or not."""
        self._lookout.wake()

    def barrier(self, number: int) -> None:
        """Have DiskRead posted with this number, after all that follows from what was saved before."""
        self._barriers.ask(number)
        self._lookout.wake()

    def hash_inputs(self, image: ImageName) -> Fingerprint:
        """Return the fingerprint of an image's build inputs as they are now."""
        found = self._find(image)
        if self._lookout.is_alive and found.runtime != self._runtimes.get(image):
            # Where the closures follow from it, they come before the fingerprint does.
            self._ask_to_learn(image).wait(JOIN_S)
        self._told[image] = found.fingerprint
        return found.fingerprint

    def _find(self, image: ImageName) -> Inputs:
        found = self._fingerprints.find(image)
        self._say(f"image {image}", "; ".join(problem.error for problem in found.problems))
        return found

    def inputs(self, image: ImageName) -> Inputs:
        """Return what the last `hash_inputs` found."""
        return self._fingerprints.of(image)

    def build_context(self, image: ImageName) -> BuildContext:
        """Return what a build of the last fingerprint takes."""
        return self.inputs(image).context

    def learn_workdir(self, image: ImageName, workdir: str) -> None:
        """Take note of a built image's WORKDIR: where the Dockerfile says none, the mount depends on it.

        Returns when what follows from it is posted.
        """
        is_new = self._fingerprints.learn_workdir(image, workdir)
        runtime = self._runtimes.get(image)
        is_other = runtime is None or workdir != runtime.workdir
        if is_other and (is_new or self.inputs(image).runtime != runtime):
            self._ask_to_learn(image).wait(JOIN_S)

    def explain(self, path: str) -> Explanation:
        """Return what a change of a file would do; any other thread waits while the disk is looked at."""
        if not self._is_read:
            raise DevrunError("the files are being read for the first time", hint="ask again in a moment")
        with self._looking:
            return explain(self.project, self._fingerprints, self._closures, path)

    def reached(self, target: TargetName) -> frozenset[str]:
        """Return the files that a target loads, as far as it can be told; empty where it cannot."""
        return self._closures.reached(target)

    def last_batch(self) -> LastBatch:
        """Return what the last batch of changes did, and what was passed over since."""
        with self._looking:
            return self._history.told(self.explain)

    def _ask_to_learn(self, image: ImageName) -> threading.Event:
        with self._learning:
            done = self._learned.setdefault(image, threading.Event())
        self._lookout.wake()
        return done

    def _say(self, subject: str, text: str) -> None:
        """Say something of a subject once; from any thread."""
        with self._saying:
            if self._said.get(subject, "") != text:
                self._said[subject] = text
                self._notice(subject, text)

    # What follows runs in `start` first, and in the thread from then on.

    def _close_over(self, paths: Set[str]) -> None:
        """Work out the closures of all targets anew, from some files with the contents that are known.

        Other files are not touched: what changed in them would never be told.
        """
        self._closures = Closures(self.project, self._contents, self._runtimes, paths)
        for image in self.project.images:
            for file in self.inputs(image).watched:
                if file in paths:
                    self._contents.learn(file)

    def _first_batch(self) -> FilesChanged:
        """Everything is new, and no byte code is to be trusted before it is known what was loaded."""
        python = [path for path in self._snapshot.files if path.endswith(".py")]
        sources = {name: self._closures.whole(name, python) for name in self.project.targets}
        return FilesChanged(time.time(), self._batch, sources, dict.fromkeys(self.project.images, ()))

    def _look(self, hints: Hints) -> bool:
        """Look at what is hinted at, or at everything; False if the project is not there."""
        asked: tuple[int, ...] = ()
        if hints is None or len(hints) > LARGE_BATCH:
            asked = self._barriers.take()  # before the look: what comes during it may be too late for it
            paths = self._scan_to_rest()
        else:
            paths = self._snapshot.look(hints)
            self._lookout.look_again_soon()
        with self._settling.whole(paths, self._scan, self._matters) as whole:
            missing = ", ".join(self._snapshot.missing)
            held = f"{missing} is not there; containers are kept until it is back" if missing else ""
            self._say("root", held)
            with self._looking:
                self._deliver(whole)
                self._history.hear(hints or whole)
        self._count()
        self._pass(asked)
        return not missing

    def _count(self) -> None:
        self.counts = len(self._snapshot.files), len(self._snapshot.directories)

    def _pass(self, barriers: tuple[int, ...]) -> None:
        """Tell that a look at everything was delivered, with all that came until it was whole."""
        if barriers:
            self._post(DiskRead(time.time(), barriers))

    def _scan_to_rest(self) -> set[str]:
        """Look at everything until nothing is new: a look may have passed by what was saved meanwhile."""
        paths = self._scan()
        for _ in range(MOST_LOOKS):
            if not (paths and self._settling.look_again(paths, self._scan)):
                break
        return paths

    def _scan(self) -> set[str]:
        began = time.monotonic()
        paths = self._snapshot.scan()
        self._lookout.scanned(time.monotonic() - began)
        unreadable = sorted(map(self._contents.shown, self._snapshot.unreadable))
        more = ", ..." if len(unreadable) > SHOWN_PATHS else ""
        names = ", ".join(unreadable[:SHOWN_PATHS]) + more
        self._say("unreadable", f"{names} cannot be read: changes there are not seen" if unreadable else "")
        return paths

    def _deliver(self, paths: set[str]) -> None:
        """Post what changed in content among `paths`, and what follows from a learned WORKDIR."""
        self._fingerprints.overhear(paths)
        reload = self._configuration.look(paths, time.monotonic())
        self._lookout.look_at(self._configuration.look_at)
        self._say("configuration", self._configuration.notice)
        doubts = self._adopt(reload) if reload else {}
        asked = set(doubts)
        bases: dict[TargetName, Digest] = {}
        if reload or str(ignore_file(self.project)) in paths:
            bases = self._look_anew(paths)
        mattering = sorted(path for path in paths if self._matters(path))
        changes = self._contents.changes(mattering, self._closures.may_load)
        for change in changes:
            # Where the configuration is another one, that is the cause, whatever else is new by it.
            for image in set(self._fingerprints.concerned(change.path)) - asked:
                doubts[image] = (*doubts.get(image, ()), self._contents.shown(change.path))
        self._doubt_glimpses(mattering, doubts)
        self._history.note(time.time(), changes)
        sources = self._closures.change([change for change in changes if change.is_content])
        for name, base in bases.items():
            change_of = sources.get(name) or self._closures.whole(name)
            sources[name] = replace(change_of, was=change_of.was or base)
        learned = self._take_learned()
        self._apply_learned(learned, doubts, sources)
        if sources or doubts or reload:
            now = time.time()
            self._batch += 1 if now - self._posted_at > SAME_BATCH_S else 0
            self._posted_at = now
            files = FilesChanged(now, self._batch, sources, doubts)
            self._post(ProjectChanged(files.at, reload.project, files, reload.by) if reload else files)
        for done in learned.values():
            done.set()

    def _adopt(self, reload: Reload) -> dict[ImageName, tuple[str, ...]]:
        """Go by another configuration; returns the images that have another fingerprint by it."""
        before = {image: self.inputs(image).fingerprint for image in self.project.images}
        self.project = reload.project
        self._say("cautions", "\n".join(cautions(self.project)))
        self._fingerprints.adopt(reload.project)
        for image in before.keys() - reload.project.images.keys():
            self._say(f"image {image}", "")
        found = {image: self._find(image) for image in reload.project.images}
        self._runtimes = {image: inputs.runtime for image, inputs in found.items()}
        return {name: reload.by for name, inputs in found.items() if inputs.fingerprint != before.get(name)}

    def _look_anew(self, paths: set[str]) -> dict[TargetName, Digest]:
        """Look by the rules as they are now, and add what changed to `paths`.

        Returns the digests of all closures as they were if nothing had changed but the rules: what these
        alone show or hide is no change.
        """
        before = self._snapshot.roots
        self._snapshot.roots = find_roots(self.project)
        paths |= self._scan()
        self._fingerprints.overhear(paths)
        moved = {path for path in paths if is_shown(before, path) != is_shown(self._snapshot.roots, path)}
        self._contents.forget(moved)
        paths -= moved
        known = self._contents.hashes.keys()
        self._close_over(known | (self._snapshot.files.keys() - paths))
        return {name: self._closures.digest(name) for name in self.project.targets}

    def _matters(self, path: str) -> bool:
        if path in self._contents.hashes:
            return True
        return self._closures.matters(path) or bool(self._fingerprints.concerned(path))

    def _doubt_glimpses(self, paths: Iterable[str], doubts: dict[ImageName, tuple[str, ...]]) -> None:
        """Doubt what was hashed while a file had a content that was there between two looks only."""
        glimpsed: dict[ImageName, str] = {}
        for path in paths:
            for image in self._fingerprints.concerned(path):
                if image not in doubts and image in self._told:
                    glimpsed.setdefault(image, path)
        for image, path in glimpsed.items():
            if self._fingerprints.find(image).fingerprint != self._told[image]:
                doubts[image] = (self._contents.shown(path),)

    def _take_learned(self) -> dict[ImageName, threading.Event]:
        with self._learning:
            learned, self._learned = self._learned, {}
            return learned

    def _apply_learned(
        self,
        learned: Iterable[ImageName],
        doubts: dict[ImageName, tuple[str, ...]],
        sources: dict[TargetName, SourceChange],
    ) -> None:
        found = {image: self._fingerprints.find(image).runtime for image in learned}
        others = {image: runtime for image, runtime in found.items() if runtime != self._runtimes.get(image)}
        if not others:
            return
        for image in others:
            doubts.setdefault(image, ())
        self._runtimes |= others
        before = {name: self._closures.digest(name) for name in self.project.targets}
        self._close_over(self._snapshot.files.keys())
        for name, target in self.project.targets.items():
            whole = self._closures.whole(name)
            if name in sources:
                sources[name] = replace(
                    sources[name], digest=whole.digest, newest=whole.newest, broken=whole.broken, was=None
                )
            elif target.image in others:
                sources[name] = whole
            elif whole.digest != before[name]:
                sources[name] = replace(whole, was=whole.digest)
