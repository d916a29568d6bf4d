"""An engine in memory, for tests of what stands on the protocol; the contract suite keeps it like the real.

Scripts do what tests.engine.fake_program says. Modules, and commands that do not begin with `/no/such`, go on
until they are stopped. What is run beside a program, or before it, ends as `answers` says.
"""

import hashlib
import shlex
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from devrun.config.names import slugify
from devrun.config.project import (
    AnyImage,
    Command,
    Depth,
    ImageName,
    PrebuiltImage,
    Project,
    Script,
    TargetConfig,
    TargetName,
)
from devrun.config.surroundings import NamedVolume
from devrun.core.values import (
    Broken,
    BuildContext,
    Built,
    Container,
    ContainerId,
    Fingerprint,
    ImageId,
    Phase,
    Saved,
)
from devrun.engine.protocol import BuildProgress, OutputLine, Removal, Touched
from devrun.errors import BuildCancelledError, DevrunError, EngineError, EngineUnreachableError
from tests.engine.fake_program import Box, ports_of, run, syntax_error

LIMIT_S = 30.0
"""A test that holds something longer has lost its way."""
STOPPED = 143


class Hold:
    """A method that waits at its beginning. `reached` is set when something arrived there."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.released = False


class FakeEngine:
    """Implements devrun.engine.protocol.Engine; what tests steer it with comes first."""

    def __init__(
        self,
        project: Project,
        *,
        source: Callable[[str], str] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.project = project
        self.calls: list[str] = []
        """Each action as it was asked for, such as `restart web`."""
        self.starts: list[tuple[TargetName, str]] = []
        """Each start of a program, with the source that it loaded."""
        self.layers: Callable[[Fingerprint], str] = str
        """What an image consists of: fingerprints with equal layers give one image id."""
        self.workdir = "/app"
        self.answers: dict[str, int | None] = {"true": 0, "false": 1, "sleep": None}
        """What commands end with, by their first word; None: they go on."""
        self.listening: frozenset[tuple[str, int]] | None = None
        """Where programs listen; None: on the ports that are published."""
        self.reaches = True
        """Whether this machine reaches the containers."""
        self._source = source or (lambda path: (project.root / path).read_text())
        self._clock = clock
        self._changed = threading.Condition(threading.RLock())
        self._last_ns = 0
        self._made = 0
        self._up = True
        self._closed = False
        self._boxes: dict[ContainerId, Box] = {}
        self._images: dict[tuple[ImageName, Fingerprint], Built] = {}
        self._prebuilt: set[ImageName] = set()
        self._volumes: set[str] = set()
        self._foreign: set[str] = set()
        self._failures: dict[str, deque[DevrunError]] = {}
        self._holds: dict[str, Hold] = {}
        self._cancelled: set[ImageName] = set()
        self._starts_no_more = False
        self._subscribers: list[deque[Touched]] = []

    # Steering

    def fail(self, method: str, error: DevrunError) -> None:
        """Let the next call of a method raise, before it does anything."""
        with self._changed:
            self._failures.setdefault(method, deque()).append(error)

    @contextmanager
    def hold(self, method: str) -> Iterator[Hold]:
        """Let calls of a method wait at their beginning, until the block ends."""
        hold = Hold()
        with self._changed:
            self._holds[method] = hold
        try:
            yield hold
        finally:
            with self._changed:
                hold.released = True
                del self._holds[method]
                self._changed.notify_all()

    def go_down(self, *, containers_end: bool = False) -> None:
        """End all streams and refuse all calls, with or without the containers' end."""
        with self._changed:
            self._up = False
            for box in self._boxes.values():
                if containers_end:
                    self._lose_ports(box)
                if containers_end and box.runs:
                    box.seen = replace(box.seen, phase=Phase.EXITED, exit_code=255)
            self._changed.notify_all()

    def go_up(self) -> None:
        """Answer again."""
        with self._changed:
            self._up = True
            self._changed.notify_all()

    def crash(self, target: TargetName, exit_code: int = 1) -> None:
        """End the running program of a target."""
        with self._changed:
            self._end_by_itself(self._running(target), exit_code)

    def cut_off(self, target: TargetName, why: str) -> None:
        """Let a target lose its network, whatever somebody outside did to it."""
        with self._changed:
            box = self._running(target)
            self._lose_ports(box)
            box.seen = replace(box.seen, cut_off=why)
            self._tell(target)

    def silence(self, target: TargetName) -> None:
        """Let the agent of a target's container answer no more."""
        with self._changed:
            self._running(target).is_silent = True
            self._tell(target)

    def pause(self, target: TargetName) -> None:
        """Pause the container of a target, as somebody outside may."""
        with self._changed:
            box = self._running(target)
            box.seen = replace(box.seen, phase=Phase.PAUSED)
            self._tell(target)

    def vanish(self, target: TargetName) -> None:
        """Remove the containers of a target, as somebody outside may."""
        with self._changed:
            for box in self._of(target):
                del self._boxes[box.seen.id]
            self._tell(target)

    def emit(self, target: TargetName, text: str, stream: str = "stdout") -> None:
        """Let the running program of a target write a line."""
        with self._changed:
            self._write(self._running(target), stream, text)

    def write_late(self, target: TargetName, text: str) -> None:
        """Let a line come of a program that has ended in a container that goes on."""
        with self._changed:
            self._write(next(box for box in self._of(target) if box.seen.idle), "stdout", text)

    def take_name(self, name: str) -> None:
        """Let a container that is not devrun's have a name."""
        with self._changed:
            self._foreign.add(name)

    def loaded(self, target: TargetName) -> str:
        """Return the source that the running program of a target loaded."""
        with self._changed:
            return self._running(target).content

    # The protocol

    def ping(self) -> None:
        """Return if the engine answers."""
        self._enter("ping")

    def describe(self) -> str:
        """Return its name."""
        return "Fake 1.0"

    def inspect_image(self, image: AnyImage) -> tuple[Built, ...]:
        """Return all images under this name, newest first."""
        with self._entered("inspect_image", image.name):
            found = [built for (name, _), built in self._images.items() if name == image.name]
            return tuple(sorted(found, key=lambda built: built.tagged, reverse=True))

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
        """Build or pull at once, after one step."""
        with self._changed:
            self._cancelled.discard(image.name)
            if isinstance(image, PrebuiltImage):
                self._prebuilt.add(image.name)
        progress(BuildProgress(1, 1, "FROM base"))
        with self._entered("build_image", image.name, gives_up=lambda: image.name in self._cancelled):
            if image.name in self._cancelled:
                raise BuildCancelledError(f"build image {image.name}: given up")
            content = hashlib.sha256(f"{image.name} {self.layers(fingerprint)}".encode()).hexdigest()
            built = Built(fingerprint, ImageId(f"sha256:{content}"), self._now_ns() / 1e9, self.workdir)
            self._images[image.name, fingerprint] = built
            self._post(Touched(image=image.name))
            return built

    def cancel_build(self, image: ImageName) -> None:
        """Let the running build give up."""
        with self._entered("cancel_build", image):
            self._cancelled.add(image)
            self._changed.notify_all()

    def remove_image(self, image: ImageName, fingerprint: Fingerprint) -> None:
        """Untag."""
        with self._entered("remove_image", image):
            if self._images.pop((image, fingerprint), None):
                self._post(Touched(image=image))

    def known_targets(self) -> tuple[TargetName, ...]:
        """Return the names of all targets that have a container."""
        with self._entered("known_targets"):
            return tuple(sorted({box.target.name for box in self._boxes.values()}))

    def tidy(self) -> None:
        """Do nothing: nothing is left behind."""

    def wake(self, targets: Collection[TargetName]) -> None:
        """Keep the networks of stopped containers ready."""
        for target in targets:
            with self._entered("wake", target):
                pass

    def inspect_target(self, target: TargetName) -> tuple[Container, ...]:
        """Return all containers of a target."""
        with self._entered("inspect_target", target):
            return tuple(self._seen(box) for box in self._of(target))

    def listeners(self, container: ContainerId) -> frozenset[tuple[str, int]]:
        """Return that the ports which are published are listened on."""
        with self._entered("listeners"):
            ports = self._box(container).target.published
            if self.listening is not None:
                return self.listening
            return frozenset(("0.0.0.0", port.container_port) for port in ports)

    def probe(self, container: ContainerId, argv: Sequence[str], timeout_s: float) -> int | None:
        """Return what a command ends with, at once."""
        with self._entered("probe", argv[0]):
            if not self._box(container).runs:
                raise EngineError(f"look into the container: {container[:12]} is not running")
            if argv[0] not in self.answers:
                raise EngineError(f'the program "{argv[0]}" is not in the container')
            return self.answers[argv[0]]

    def address(self, container: ContainerId) -> str:
        """Return this machine's own: containers are not apart from it."""
        with self._entered("address"):
            self._box(container)
            return "127.0.0.1" if self.reaches else ""

    def check_syntax(self, container: ContainerId, files: Iterable[Saved]) -> frozenset[Broken]:
        """Return the files that do not parse as they are now."""
        with self._entered("check_syntax"):
            self._box(container)
            errors = {file: syntax_error(self._source(file.path)) for file in files}
            return frozenset(
                Broken(file.path, error.lineno or 1, error.msg, file.content)
                for file, error in errors.items()
                if error
            )

    def explain(self, target: TargetConfig, image: ImageId) -> tuple[str, ...]:
        """Return what would be started."""
        program = target.program
        return (f"starts {program.path if isinstance(program, Script) else program}",)

    def recreate(self, target: TargetConfig, image: ImageId, old: ContainerId | None) -> Container:
        """Swap the containers; a program that cannot be started leaves the old one as it was."""
        with self._entered("recreate", target.name):
            name = f"{self.project.slug}-{slugify(target.name)}"
            if name in self._foreign:
                raise EngineError(f'the name "{name}" is taken by a container that is not devrun\'s')
            if image not in {built.id for built in self._images.values()}:
                raise EngineError(f'create container "{name}": no such image: {image}')
            self._run_before(target)
            self._refuse_program(target, name)
            for box in self._of(target.name):
                if box.seen.id == old or box.seen.name == name:
                    self._end(box, STOPPED)
                    del self._boxes[box.seen.id]
            self._made += 1
            made = ContainerId(f"{self._made:064x}")
            seen = Container(made, name, image, target.spec, Phase.CREATED)
            self._boxes[made] = Box(target, seen)
            self._volumes |= self._volumes_of(target)
            return self._run(self._boxes[made])

    def cancel_before(self) -> None:
        """Refuse the starts that have a command before them."""
        with self._changed:
            self._starts_no_more = True
            self._changed.notify_all()

    def restart(self, target: TargetConfig, container: ContainerId, stale: tuple[str, ...]) -> Container:
        """End the program and start it again."""
        with self._entered("restart", target.name):
            box = self._box(container)
            self._run_before(target)
            if box.has_agent and box.seen.is_up:
                return self._run_by_agent(box)
            why = "it does not answer" if box.is_silent and box.seen.is_up else ""
            self._end(box, STOPPED)
            box.is_silent = False
            self._run(box)
            box.seen = replace(box.seen, fallback=why)
            return box.seen

    def stop(self, target: TargetConfig | None, container: ContainerId) -> Container:
        """End the program."""
        with self._entered("stop", target.name if target else ""):
            box = self._box(container)
            self._end(box, STOPPED)
            return box.seen

    def remove(self, containers: Iterable[ContainerId]) -> None:
        """Remove what is there."""
        with self._entered("remove"):
            for box in [self._boxes.pop(container) for container in containers if container in self._boxes]:
                self._end(box, STOPPED)
                self._tell(box.target.name)

    def remove_network(self) -> None:
        """Do nothing: there is no network."""
        self._enter("remove_network")

    def remove_everything(self) -> tuple[str, ...]:
        """Remove all containers; returns their names."""
        with self._changed:
            boxes = list(self._boxes.values())
        self.remove([box.seen.id for box in boxes])
        return tuple(sorted(box.seen.name for box in boxes))

    def remove_images(self) -> Removal:
        """Remove what was built; returns the tags."""
        with self._entered("remove_images"):
            built = sorted(key for key in self._images if key[0] not in self._prebuilt)
            for key in built:
                del self._images[key]
            slug = self.project.slug
            return Removal(tuple(f"image devrun/{slug}-{slugify(name)}:{tag}" for name, tag in built))

    def remove_volumes(self) -> Removal:
        """Remove the named volumes; those that a container has are left."""
        with self._entered("remove_volumes"):
            users = {name: box for box in self._boxes.values() for name in self._volumes_of(box.target)}
            removed, self._volumes = self._volumes - users.keys(), self._volumes & users.keys()
            left = (f"volume {name}: container {users[name].seen.name} uses it" for name in users)
            return Removal(tuple(f"volume {name}" for name in sorted(removed)), tuple(sorted(left)))

    def follow_output(
        self,
        target: TargetName,
        container: ContainerId,
        since_ns: int,
        emit: Callable[[OutputLine], None],
        *,
        last: int | None = None,
    ) -> None:
        """Deliver lines until the program ends or the engine does."""
        with self._entered("follow_output"):
            self._box(container)
        while True:
            with self._changed:
                box = self._boxes.get(container)
                if box is None or self._ended():
                    return
                lines = [line for line in box.output if line.at_ns > since_ns]
                if not lines and not box.seen.is_up:
                    return
                if not lines:
                    self._changed.wait(LIMIT_S)
            lines, last = lines if last is None else lines[-last:], None
            for line in lines:
                emit(line)
                since_ns = line.at_ns

    def watch_events(self, connected: Callable[[], None], emit: Callable[[Touched], None]) -> None:
        """Deliver until the engine ends."""
        self._enter("watch_events")
        queue: deque[Touched] = deque()
        with self._changed:
            self._subscribers.append(queue)
        connected()
        try:
            while self._await_event(queue):
                emit(queue.popleft())
        finally:
            with self._changed:
                self._subscribers.remove(queue)

    def close(self) -> None:
        """End all streams; what is asked later is refused."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    # What it is made of

    @contextmanager
    def _entered(
        self, method: str, what: str = "", gives_up: Callable[[], bool] = lambda: False
    ) -> Iterator[None]:
        with self._changed:
            self._enter(method, what, gives_up)
            yield
            self._changed.notify_all()

    def _enter(self, method: str, what: str = "", gives_up: Callable[[], bool] = lambda: False) -> None:
        with self._changed:
            if method != "ping":
                self.calls.append(f"{method} {what}".strip())
            self._refuse_when_down(method)
            hold = self._holds.get(method)
            if hold:
                hold.reached.set()
                self._changed.wait_for(lambda: hold.released or self._ended() or gives_up(), LIMIT_S)
                self._refuse_when_down(method)
            if self._failures.get(method):
                raise self._failures[method].popleft()

    def _refuse_when_down(self, method: str) -> None:
        if self._ended():
            raise EngineUnreachableError(f"{method}: the engine does not answer", hint="start it")

    def _ended(self) -> bool:
        return self._closed or not self._up

    def _await_event(self, queue: deque[Touched]) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: bool(queue) or self._ended())
            return bool(queue) and not self._ended()

    def _of(self, target: TargetName) -> list[Box]:
        return [box for box in self._boxes.values() if box.target.name == target]

    def _running(self, target: TargetName) -> Box:
        return next(box for box in self._of(target) if box.runs)

    def _box(self, container: ContainerId) -> Box:
        if container not in self._boxes:
            raise EngineError(f"inspect container {container[:12]}: it is gone")
        return self._boxes[container]

    def _run_before(self, target: TargetConfig) -> None:
        if not target.before_start:
            return
        words = f'before-start "{shlex.join(target.before_start)}"'
        code = self.answers[target.before_start[0]]
        if code is None:
            self._changed.wait_for(lambda: self._starts_no_more or self._ended(), LIMIT_S)
            self._refuse_when_down(words)
        if self._starts_no_more:
            raise EngineError(f"{words}: given up, because devrun ends")
        if code:
            raise EngineError(f"{words} exits with {code}", output=(f"said {target.before_start[0]}",))

    def _volumes_of(self, target: TargetConfig) -> set[str]:
        named = (one for one in target.surroundings.volumes if isinstance(one, NamedVolume))
        return {f"{self.project.slug}-{one.name}" for one in named}

    def _refuse_program(self, target: TargetConfig, name: str) -> None:
        program = target.program
        if isinstance(program, Command) and program.argv[0].startswith("/no/such"):
            raise EngineError(f'start container "{name}": the image has no program "{program.argv[0]}"')

    def _run(self, box: Box) -> Container:
        """Start a box, and its program, which does at once what it does by itself."""
        at = self._now_ns() / 1e9
        box.seen = replace(
            box.seen, booted=at if box.has_agent else 0.0, number=0, depth=box.depth, fallback=""
        )
        if box.depth is Depth.CONTAINER:
            box.seen = replace(box.seen, note="it runs in a terminal", number=1)
        return self._run_program(box, at)

    def _run_by_agent(self, box: Box) -> Container:
        """Start a box's program anew, and not the box."""
        if box.runs:
            self._end_by_itself(box, STOPPED)
        return self._run_program(box, self._now_ns() / 1e9)

    def _run_program(self, box: Box, at: float) -> Container:
        program = box.target.program
        box.content = self._source(program.path) if isinstance(program, Script) else ""
        number = box.seen.number + 1 if box.has_agent else 1
        box.seen = replace(
            box.seen,
            phase=Phase.RUNNING,
            started=at,
            exit_code=0,
            idle=False,
            number=number,
            ports=ports_of(box.target),
            keeps_network=False,
        )
        self.starts.append((box.target.name, box.content))
        self._tell(box.target.name)
        if isinstance(program, Script):
            done = run(box.content)
            for stream, text in done.lines:
                self._write(box, stream, text)
            if done.exit_code is not None:
                self._end_by_itself(box, done.exit_code)
        return box.seen

    def _seen(self, box: Box) -> Container:
        if not box.is_silent or not box.seen.is_up:
            return box.seen
        note = "its agent is silent: it does not answer"
        return replace(box.seen, phase=Phase.RUNNING, idle=False, depth=Depth.CONTAINER, note=note)

    def _end_by_itself(self, box: Box, exit_code: int) -> None:
        """End a program whose agent goes on, or whose target's network stays: its next start is quick."""
        ports = box.seen.ports
        self._end(box, exit_code)
        if box.has_agent:
            box.seen = replace(box.seen, ports=ports, idle=True)
        elif box.target.network_sandbox:
            box.seen = replace(box.seen, ports=ports, keeps_network=True)

    def _lose_ports(self, box: Box) -> None:
        box.seen = replace(box.seen, ports=(), keeps_network=False)

    def _end(self, box: Box, exit_code: int) -> None:
        """End a box, and its program where that runs."""
        held = box.seen.holds_ports
        self._lose_ports(box)
        if box.runs:
            box.seen = replace(box.seen, phase=Phase.EXITED, exit_code=exit_code)
        box.seen = replace(box.seen, idle=False)
        if held:
            self._tell(box.target.name)

    def _write(self, box: Box, stream: str, text: str) -> None:
        box.output.append(OutputLine(box.target.name, stream, text, self._now_ns(), box.seen.id))
        self._changed.notify_all()

    def _tell(self, target: TargetName) -> None:
        self._post(Touched(target=target))

    def _post(self, touched: Touched) -> None:
        for queue in self._subscribers:
            queue.append(touched)
        self._changed.notify_all()

    def _now_ns(self) -> int:
        """Return a time later than all before, so that no two lines share one."""
        self._last_ns = max(self._last_ns + 1000, int(self._clock() * 1e9))
        return self._last_ns
