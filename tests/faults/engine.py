"""The fake engine with what stories need: calls that take time, what images were made of, and witnesses."""

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

from devrun.config.project import AnyImage, ImageConfig, Project, TargetName
from devrun.core.values import BuildContext, Built, Container, ContainerId, Fingerprint, ImageId, Phase
from devrun.engine.protocol import BuildProgress, Engine
from devrun.errors import EngineError, EngineUnreachableError
from tests.engine.fake_program import Box
from tests.fake_engine import LIMIT_S, FakeEngine
from tests.faults.tree import REQUIREMENTS, SCRIPTS, Record, meaning_of, record_of, source_of

IMAGE = "default"
SLOW = {"build_image": 3.0, "recreate": 1.0, "restart": 1.0, "stop": 0.5, "inspect_target": 0.3}
"""How much of the slowness each call has."""
CHANGING = frozenset({"build_image", "recreate", "restart", "stop"})
"""What nobody may do twice at once for one target or image."""


class StoryEngine(FakeEngine):
    """Remembers what was done that must never be done."""

    def __init__(self, project: Project, seed: int) -> None:
        super().__init__(project, source=source_of(project.root))
        self.breaches: list[str] = []
        self.made_of: dict[ImageId, str] = {}
        """What decided an image when it was built."""
        self.refused_of: dict[str, Record] = {}
        """What a target would have loaded by the last start that was refused."""
        self.slowness_s = 0.0
        self.layers = self._read_context
        self._chance = random.Random(seed)
        self._contexts: dict[Fingerprint, BuildContext] = {}
        self._arguments: dict[Fingerprint, Mapping[str, str]] = {}
        self._taken: dict[Fingerprint, str] = {}
        self._busy: Counter[tuple[str, str]] = Counter()
        self._inside = 0

    # Steering

    def heal(self) -> None:
        """Answer well and at once from now on."""
        self.slowness_s = 0.0
        with self._changed:
            self._failures.clear()
        self.go_up()

    def strand(self, target: TargetName) -> None:
        """Leave a second container, as an interrupted swap does."""
        with self._changed:
            boxes = self._of(target)
            if len(boxes) == 1:
                seen = replace(boxes[0].seen, id=self._next_id(), phase=Phase.CREATED, started=0.0)
                self._boxes[seen.id] = Box(boxes[0].target, replace(seen, name=f"{seen.name}-next"))

    def unpause(self) -> None:
        """Let all go on that somebody has paused."""
        with self._changed:
            for box in self._boxes.values():
                if box.seen.phase is Phase.PAUSED:
                    box.seen = replace(box.seen, phase=Phase.RUNNING)
                    self._tell(box.target.name)

    def let_go(self) -> None:
        """End all connections, and take others up."""
        self.close()
        with self._changed:
            assert self._changed.wait_for(lambda: not self._inside, LIMIT_S), "calls do not end"
            self._closed = False

    def look(self, target: TargetName) -> tuple[Container, str] | None:
        """Return the container of a target that counts, with what its program loaded."""
        with self._changed:
            boxes = sorted(self._of(target), key=lambda box: (box.runs, box.seen.started))
            return (boxes[-1].seen, boxes[-1].content) if boxes else None

    # The protocol

    def build_image(
        self,
        image: AnyImage,
        fingerprint: Fingerprint,
        context: BuildContext,
        progress: Callable[[BuildProgress], None],
        *,
        no_cache: bool = False,
        pull: bool = False,
    ) -> Built:
        """Build of what lies on the disk in that moment."""
        self._contexts[fingerprint] = context
        self._arguments[fingerprint] = image.args if isinstance(image, ImageConfig) else {}
        return super().build_image(image, fingerprint, context, progress, no_cache=no_cache, pull=pull)

    def watch_events(self, connected: Callable[[], None], emit: Callable[..., None]) -> None:
        """Deliver, and count as a call that goes on."""
        with self._counted():
            super().watch_events(connected, emit)

    # What it is made of

    @contextmanager
    def _entered(
        self, method: str, what: str = "", gives_up: Callable[[], bool] = lambda: False
    ) -> Iterator[None]:
        with self._counted(), self._alone(method, what), super()._entered(method, what, gives_up):
            self._linger(method, gives_up)
            yield
            self._count_running()
            self._linger(method, gives_up)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._changed:
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @contextmanager
    def _alone(self, method: str, what: str) -> Iterator[None]:
        subject = ("image" if method == "build_image" else "target", what)
        if method not in CHANGING:
            yield
            return
        with self._changed:
            self._busy[subject] += 1
            if self._busy[subject] > 1:
                self.breaches.append(f"{method} {what}: another action of it runs")
        try:
            yield
        finally:
            with self._changed:
                self._busy[subject] -= 1

    def _enter(self, method: str, what: str = "", gives_up: Callable[[], bool] = lambda: False) -> None:
        try:
            super()._enter(method, what, gives_up)
        except EngineUnreachableError:
            raise
        except EngineError:
            if method in {"restart", "recreate"}:
                self.refused_of[what] = record_of(self._source(SCRIPTS[what]))
            raise

    def _linger(self, method: str, gives_up: Callable[[], bool]) -> None:
        seconds = self.slowness_s / 2 * SLOW.get(method, 0.1) * self._chance.random()
        if seconds:
            self._changed.wait_for(lambda: self._ended() or gives_up(), seconds)
            self._refuse_when_down(method)

    def _count_running(self) -> None:
        running = Counter(box.target.name for box in self._boxes.values() if box.runs)
        self.breaches += [f"{count} containers of {name} run" for name, count in running.items() if count > 1]

    def _read_context(self, fingerprint: Fingerprint) -> str:
        """Return what an image is made of, as it is in this moment."""
        context = self._contexts[fingerprint]
        places = {place: path for path, place in context.files}
        try:
            requirements = Path(places.get(REQUIREMENTS, self.project.root / REQUIREMENTS)).read_text()
        except OSError as error:
            raise EngineError(f"build: {error}") from error
        self._taken[fingerprint] = meaning_of(context.dockerfile, requirements, self._arguments[fingerprint])
        taken = self._taken[fingerprint]
        # Whoever asked may not hear of it any more: the image is there all the same.
        self.made_of[ImageId(f"sha256:{hashlib.sha256(f'{IMAGE} {taken}'.encode()).hexdigest()}")] = taken
        return taken

    def _next_id(self) -> ContainerId:
        self._made += 1
        return ContainerId(f"{self._made:064x}")


class Line:
    """What one daemon has of the engine: it is dead when the daemon is."""

    def __init__(self, engine: StoryEngine) -> None:
        self.is_alive = True
        self._engine = engine

    def __getattr__(self, name: str) -> object:
        if not self.is_alive and name == "close":
            return lambda: None
        if not self.is_alive:
            raise EngineUnreachableError(f"{name}: this daemon was killed")
        return getattr(self._engine, name)

    def as_engine(self) -> Engine:
        """Return it for what it stands for."""
        return cast("Engine", self)
