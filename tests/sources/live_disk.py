"""A Disk at work on a real folder: what it posts and says can be waited for."""

import queue
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from devrun.config.project import (
    AnyImage,
    ImageConfig,
    ImageName,
    Mount,
    Program,
    Project,
    RestartOn,
    Script,
    TargetConfig,
    TargetName,
)
from devrun.core.events import DiskRead, FilesChanged, GitEnded, GitStarted, ProjectChanged
from devrun.core.values import Digest
from devrun.sources.disk import Disk, Told
from devrun.sources.settling import LIMITS, Limits

LIMIT_S = 120.0
"""Long for a machine under load; the time that a stopped process is stopped counts too."""
IMAGE = ImageName("default")
WEB = TargetName("web")
JOB = TargetName("job")
DOCKERFILE = (
    "FROM python\nWORKDIR /app\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\nCOPY . .\n"
)
FILES = {
    "Dockerfile": DOCKERFILE,
    "requirements.txt": "flask\n",
    "web.py": "web = 1\n",
    "job.py": "job = 1\n",
}


def write(root: Path, files: Mapping[str, str]) -> None:
    """Write files, with their folders."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def make_target(
    name: TargetName,
    root: Path,
    *,
    script: str = "",
    program: Program | None = None,
    env: Mapping[str, str] | None = None,
    mount: Mount | None = None,
    mounted: bool = True,
    watch: tuple[str, ...] = (),
    ignore: tuple[str, ...] = (),
    restart_on: RestartOn = RestartOn.REACH,
    image: ImageName = IMAGE,
) -> TargetConfig:
    """Return a target that runs the script of its name, with the project mounted."""
    return TargetConfig(
        name,
        image,
        program or Script(script or f"{name}.py"),
        env=env or {},
        mount=(mount or Mount(root)) if mounted else None,
        watch=watch,
        ignore=ignore,
        restart_on=restart_on,
    )


def make_project(
    root: Path,
    *targets: TargetConfig,
    ignore: tuple[str, ...] = (),
    images: tuple[AnyImage, ...] = (),
    env_files: tuple[Path, ...] = (),
) -> Project:
    """Return a project of two targets with one image, unless others are named."""
    chosen = targets or (make_target(WEB, root), make_target(JOB, root))
    known: tuple[AnyImage, ...] = images or (ImageConfig(IMAGE, root / "Dockerfile", root),)
    return Project(
        "p",
        "p-1",
        root,
        "1",
        root / "devrun.toml",
        {image.name: image for image in known},
        {target.name: target for target in chosen},
        ignore,
        env_files,
    )


class Live:
    """What came of a disk so far."""

    def __init__(self, project: Project, limits: Limits = LIMITS) -> None:
        self.project = project
        self.root = project.root
        self.deaths: queue.SimpleQueue[tuple[str, BaseException]] = queue.SimpleQueue()
        self.said: dict[str, str] = {}
        self.disk = Disk(
            project, self._take, self._notice, lambda part, error: self.deaths.put((part, error)), limits
        )
        self.digests: dict[TargetName, Digest] = {}
        self._batches: queue.SimpleQueue[FilesChanged] = queue.SimpleQueue()
        self.read: queue.SimpleQueue[tuple[list[FilesChanged], tuple[int, ...]]] = queue.SimpleQueue()
        """What each barrier came after, and its number."""
        self.reloads: list[ProjectChanged] = []
        """The configurations that came into force, in their order."""
        self.told: queue.SimpleQueue[Told] = queue.SimpleQueue()
        """All of it, in its order."""
        self._changed = threading.Condition()
        self._barriers = 0

    def write(self, name: str, text: str) -> None:
        """Write one file."""
        write(self.root, {name: text})

    def batch(self) -> FilesChanged:
        """Return the next batch."""
        try:
            return self._batches.get(timeout=LIMIT_S)
        except queue.Empty:
            raise AssertionError(f"nothing was posted; said: {self.said}") from None

    def paths(self, target: TargetName = WEB) -> tuple[str, ...]:
        """Return what the next batch names for a target."""
        found = self.batch().sources.get(target)
        return found.paths if found else ()

    def until(self, *names: str) -> list[FilesChanged]:
        """Return all batches until each of the names was in one."""
        batches: list[FilesChanged] = []
        missing = set(names)
        while missing:
            batch = self.batch()
            batches.append(batch)
            seen = {path for change in batch.sources.values() for path in change.paths}
            missing -= seen | {path for paths in batch.inputs.values() for path in paths}
        return batches

    def rest(self) -> list[FilesChanged]:
        """Return what was posted until now.

        A file that is written now is in the batch after that, and alone: so nothing else is yet to come.
        """
        self._barriers += 1
        name = f"barrier_{self._barriers}.py"
        self.write(name, "")
        *before, last = self.until(name)
        assert last.sources[WEB].paths == (name,)
        return before

    def settle(self) -> None:
        """Wait until the disk's last digest is what a new look at the disk gives."""
        expected = digest_from_scratch(self.project)
        while self.digests.get(WEB) != expected:
            self.batch()

    def told_until(self, last: type[Told]) -> list[Told]:
        """Return all that was told and not taken from here yet, until something of a kind was."""
        events: list[Told] = []
        while not (events and isinstance(events[-1], last)):
            try:
                events.append(self.told.get(timeout=LIMIT_S))
            except queue.Empty:
                raise AssertionError(f"no {last.__name__} after {events}; said: {self.said}") from None
        return events

    def await_notice(self, subject: str, text: str) -> None:
        """Wait until a subject's notice contains a text; the empty text: until there is no notice."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._says(subject, text), LIMIT_S), self.said

    def _says(self, subject: str, text: str) -> bool:
        said = self.said.get(subject, "")
        return text in said if text else not said

    def _take(self, event: Told) -> None:
        self.told.put(event)
        if isinstance(event, GitStarted | GitEnded):
            return
        if isinstance(event, DiskRead):
            self.read.put((self._posted(), event.barriers))
            return
        if isinstance(event, ProjectChanged):
            self.reloads.append(event)
            event = event.files
        self.digests |= {name: change.digest for name, change in event.sources.items()}
        self._batches.put(event)

    def _posted(self) -> list[FilesChanged]:
        batches: list[FilesChanged] = []
        while not self._batches.empty():
            batches.append(self._batches.get())
        return batches

    def _notice(self, subject: str, text: str) -> None:
        with self._changed:
            self.said[subject] = text
            self._changed.notify_all()


@contextmanager
def live(project: Project, limits: Limits = LIMITS) -> Iterator[Live]:
    """A disk that watches, its first batch taken; at the end its thread has ended, and nothing died."""
    made = Live(project, limits)
    made.disk.start()
    made.batch()
    try:
        yield made
    finally:
        made.disk.close()
    assert made.deaths.empty(), made.deaths.get()


@contextmanager
def watching(root: Path, files: Mapping[str, str] = FILES, limits: Limits = LIMITS) -> Iterator[Live]:
    """A disk on a folder of two scripts, which watches already."""
    write(root, files)
    with live(make_project(root), limits) as made:
        made.rest()
        yield made


def digest_from_scratch(project: Project, target: TargetName = WEB) -> Digest:
    """Return the digest that a new look at the disk gives."""
    found: list[Told] = []
    disk = Disk(project, found.append, lambda _subject, _text: None, lambda _part, _error: None)
    disk.start()
    disk.close()
    first = found[0]
    assert isinstance(first, FilesChanged)
    return first.sources[target].digest
