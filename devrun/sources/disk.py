"""The disk as the daemon sees it: batches of changed contents, fingerprints, build contexts.

One thread watches, looks and posts. Hints of the system only wake it; what counts is the difference between
two looks, and of that only what differs in content. Whoever learns of a change from elsewhere wakes it too.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from devrun.config.project import ImageName, Project, TargetConfig, TargetName
from devrun.core.events import FilesChanged, SourceChange
from devrun.core.values import BuildContext, Fingerprint
from devrun.sources.closure import Closure
from devrun.sources.content import ContentHashes
from devrun.sources.contents import Change, Contents
from devrun.sources.inputs import Inputs, find_inputs
from devrun.sources.snapshot import Root, RootMissingError, Snapshot
from devrun.sources.watch_rules import ignore_file, watch_rules
from devrun.sources.watcher import Watcher, WatcherError

log = logging.getLogger(__name__)

LARGE_BATCH = 1000
"""So many hints are likely to be not all of them."""

RESCAN_S = 20.0
"""How long a lost hint can stay unnoticed; a look costs a few milliseconds."""
RESCAN_SHARE = 200
"""Looking takes at most this fraction of the time, however large the project is."""

POLL_S = 1.0
"""Between looks where nothing can be watched, or while the project is not there."""

JOIN_S = 5.0

Post = Callable[[FilesChanged], None]
Notice = Callable[[str, str], None]
"""Takes a subject, and what there is to say of it; an empty text takes back what was said."""
Died = Callable[[str, BaseException], None]


class Disk:
    """The files of one project. `start` looks for the first time; from then on a thread posts batches."""

    def __init__(self, project: Project, post: Post, notice: Notice, died: Died) -> None:
        self.project = project
        self._post = post
        self._notice = notice
        self._died = died
        self._lock = threading.Lock()
        """Guards what workers use beside the thread: `_inputs`, `_workdirs` and the hashes."""
        self._inputs: dict[ImageName, Inputs] = {}
        self._workdirs: dict[ImageName, str] = {}
        self._content_hashes = ContentHashes()
        self._snapshot = Snapshot(())
        self._contents = Contents(self._snapshot, self._hash)
        self._closures: dict[TargetName, Closure] = {}
        self._batch = 0
        self._rescan_pause_s = RESCAN_S
        self._learned: set[ImageName] = set()
        self._learning_done = threading.Event()
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)

    def start(self) -> None:
        """Look at everything, post the first batch, and begin to watch; raises RootMissingError."""
        self.read()
        self._post(self._first_batch())
        self._thread.start()

    def read(self) -> None:
        """Look at everything for the first time; raises RootMissingError."""
        self._read_rules()
        for image in self.project.images:
            self.hash_inputs(image)
        self._snapshot.scan()
        self._close_over(self.project.targets)

    def close(self) -> None:
        """End the thread."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(JOIN_S)

    def look(self) -> None:
        """Look at everything soon, hints or not."""
        self._wake.set()

    @property
    def counts(self) -> tuple[int, int]:
        """How many files and directories are watched."""
        return len(self._snapshot.files), len(self._snapshot.directories)

    def hash_inputs(self, image: ImageName) -> Fingerprint:
        """Return the fingerprint of an image's build inputs as they are now."""
        config = self.project.images[image]
        targets = [target for target in self.project.targets.values() if target.image == image]
        with self._lock:
            workdir = self._workdirs.get(image)
            found = find_inputs(self.project, config, targets, workdir, self._content_hashes)
            self._inputs[image] = found
        self._notice(f"image {image}", "; ".join(problem.error for problem in found.problems))
        return found.fingerprint

    def inputs(self, image: ImageName) -> Inputs:
        """Return what the last `hash_inputs` found."""
        with self._lock:
            return self._inputs[image]

    def build_context(self, image: ImageName) -> BuildContext:
        """Return what a build of the last fingerprint takes."""
        return self.inputs(image).context

    def learn_workdir(self, image: ImageName, workdir: str) -> None:
        """Take note of a built image's WORKDIR: where the Dockerfile says none, the mount depends on it.

        Returns when what follows from it is posted.
        """
        with self._lock:
            is_new = self._workdirs.get(image) != workdir
            self._workdirs[image] = workdir
            is_told = self._inputs[image].workdir is not None
        if is_new and not is_told:
            self._learned.add(image)
            self._learning_done.clear()
            self._wake.set()
            self._learning_done.wait(JOIN_S)

    def explain(self, path: str) -> dict[TargetName, str | None]:
        """Return the rule by which a file concerns each target."""
        return {name: closure.concerns(path) for name, closure in self._closures.items()}

    def _hash(self, path: Path) -> str:
        with self._lock:
            return self._content_hashes(path)

    # What follows runs in `start` first, and in the thread from then on.

    def _read_rules(self) -> None:
        mounts = {Path(os.path.realpath(t.mount.source)) for t in self.project.targets.values() if t.mount}
        contexts = {image.context for image in self.project.images.values()}
        wanted = sorted({self.project.root, *mounts, *contexts}, key=lambda path: len(path.parts))
        outermost = [path for path in wanted if not any(other in path.parents for other in wanted)]
        self._snapshot.roots = tuple(self._root(path) for path in outermost)

    def _root(self, path: Path) -> Root:
        rules = watch_rules(self.project, path)
        return Root(str(path), rules.ignores, rules.prunes)

    def _close_over(self, names: Iterable[TargetName]) -> None:
        """Work out the closures of targets anew, from the snapshot."""
        closures = {name: self._closure(self.project.targets[name]) for name in names}
        for path, entry in self._snapshot.files.items():
            for closure in closures.values():
                if closure.concerns(path):
                    closure.update(path, None, self._contents.learn(path), entry.newest_s)
        self._closures |= closures
        for found in map(self.inputs, self.project.images):
            for file in found.watched:
                self._contents.learn(str(file))

    def _closure(self, target: TargetConfig) -> Closure:
        return Closure.of(self.project, target, self.inputs(target.image).workdir)

    def _first_batch(self) -> FilesChanged:
        """Everything is new, and no byte code is to be trusted before it is known what was loaded."""
        python = [path for path in self._contents.hashes if path.endswith(".py")]
        sources = {name: self._source_change(name, (), python) for name in self._closures}
        return FilesChanged(time.time(), self._batch, sources, dict.fromkeys(self.project.images, ()))

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._watch()
        except Exception as error:
            log.exception("the watcher died")
            self._died("watcher", error)

    def _watch(self) -> None:
        """Watch the directories that there are now, until there are others."""
        watched = dict(self._snapshot.directories)
        try:
            watcher = Watcher(watched)
        except WatcherError as error:
            self._notice("watcher", f"{error}; looking every second instead")
            self._pause()
            return
        try:
            # What happened between the last look and the first watch is seen by this one.
            if not self._look(None):
                self._pause()
                return
            while not self._stopping and self._snapshot.directories == watched:
                hints = watcher.wait(self._rescan_pause_s, self._wake)
                self._wake.clear()
                if not self._stopping:
                    self._look(hints)
            self._notice("watcher", "")
        except WatcherError as error:
            # A name that is no UTF-8 ends every watcher that meets it; looking goes on all the same.
            log.warning("the watcher ended: %s", error)
            self._pause()
        finally:
            watcher.close()

    def _pause(self) -> None:
        self._wake.wait(POLL_S)
        self._wake.clear()
        if not self._stopping:
            self._look(None)

    def _look(self, hints: frozenset[str] | None) -> bool:
        """Look at what is hinted at, or at everything; False if the project is not there."""
        began = time.monotonic()
        try:
            if hints is None or len(hints) > LARGE_BATCH:
                paths = self._snapshot.scan()
                self._rescan_pause_s = max(RESCAN_S, RESCAN_SHARE * (time.monotonic() - began))
            else:
                paths = self._snapshot.look(hints)
        except RootMissingError as error:
            self._notice("root", f"{error} is not there; its containers are kept until it is back")
            return False
        self._notice("root", "")
        self._deliver(paths)
        return True

    def _deliver(self, paths: set[str]) -> None:
        """Post what changed in content among `paths`, and what follows from a learned WORKDIR."""
        if str(ignore_file(self.project)) in paths:
            self._read_rules()
            paths |= self._snapshot.scan()
        self._tell_of_configuration(paths)
        changes = self._contents.changes(sorted(path for path in paths if self._matters(path)))
        doubts: dict[ImageName, tuple[str, ...]] = {}
        for change in changes:
            for image in self._concerned_images(change.path):
                doubts[image] = (*doubts.get(image, ()), self._shown(change.path))
        sources = self._change_sources(changes)
        self._apply_learned(doubts, sources)
        if sources or doubts:
            self._batch += 1
            self._post(FilesChanged(time.time(), self._batch, sources, doubts))

    def _matters(self, path: str) -> bool:
        if path in self._contents.hashes:
            return True
        is_source = any(closure.concerns(path) for closure in self._closures.values())
        return is_source or bool(self._concerned_images(path))

    def _concerned_images(self, path: str) -> list[ImageName]:
        return [image for image in self.project.images if self.inputs(image).concerns(Path(path))]

    def _change_sources(self, changes: Sequence[Change]) -> dict[TargetName, SourceChange]:
        sources: dict[TargetName, SourceChange] = {}
        for name, closure in self._closures.items():
            mine = [change for change in changes if closure.concerns(change.path)]
            for change in mine:
                closure.update(change.path, change.before, change.after, change.newest)
            if mine:
                stale = [change.path for change in mine if change.is_stale]
                sources[name] = self._source_change(name, [change.path for change in mine], stale)
        return sources

    def _source_change(self, name: TargetName, paths: Iterable[str], stale: Iterable[str]) -> SourceChange:
        closure = self._closures[name]
        broken = (
            self._contents.broken(path, self._shown(path))
            for path in self._contents.errors
            if closure.concerns(path)
        )
        return SourceChange(
            digest=closure.digest,
            paths=tuple(self._shown(path) for path in paths),
            newest=closure.newest,
            broken=frozenset(one for one in broken if one),
            stale=tuple(self._shown(path) for path in stale if closure.concerns(path)),
        )

    def _apply_learned(
        self, doubts: dict[ImageName, tuple[str, ...]], sources: dict[TargetName, SourceChange]
    ) -> None:
        learned, self._learned = self._learned, set()
        for image in learned:
            self.hash_inputs(image)
            doubts.setdefault(image, ())
            names = [name for name, target in self.project.targets.items() if target.image == image]
            self._close_over(names)
            sources |= {name: self._source_change(name, (), ()) for name in names}
        if learned:
            self._learning_done.set()

    def _tell_of_configuration(self, paths: set[str]) -> None:
        for file in {str(self.project.file), *map(str, self.project.env_files)} & paths:
            self._notice("configuration", f"{self._shown(file)} changed; restart devrun to apply it")

    def _shown(self, path: str) -> str:
        """Return a path as people know it: relative to the project where it lies inside."""
        return path.removeprefix(f"{self.project.root}/")
