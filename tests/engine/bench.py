"""What the tests of engines work with: a project on disk, an engine for it, and collections to wait on."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

from devrun.config.find import root_key
from devrun.config.names import project_slug
from devrun.config.project import (
    ImageConfig,
    ImageName,
    Mount,
    Program,
    Project,
    Script,
    TargetConfig,
    TargetName,
)
from devrun.core.values import Container, ImageId
from devrun.engine.docker import connect
from devrun.engine.protocol import Engine, OutputLine

LIMIT_S = 20.0
"""Long for a machine under load; whoever waits for it waits for something that does not come."""
WAIT = "import signal, sys\n"
GOES_ON = "signal.pause()\n"

Item = TypeVar("Item")


class Collected(Generic[Item]):
    """What came so far, for one thread that adds and one that waits."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.items: list[Item] = []

    def add(self, item: Item) -> None:
        """Add what came."""
        with self._changed:
            self.items.append(item)
            self._changed.notify_all()

    def until(self, enough: Callable[[list[Item]], bool]) -> list[Item]:
        """Return what came, as soon as it is enough; fails with what came by then at the limit."""
        with self._changed:
            assert self._changed.wait_for(lambda: enough(self.items), LIMIT_S), f"came so far: {self.items}"
            return list(self.items)


@dataclass(frozen=True)
class Bench:
    """A project on disk, an engine, and an image that has a Python and works in /app."""

    engine: Engine
    project: Project
    image: ImageId
    take_name: Callable[[str], None]
    """Lets a container that is not devrun's have a name."""

    @property
    def root(self) -> Path:
        return self.project.root

    def write(self, name: str, body: str) -> None:
        """Write a script: the imports that the tests' scripts need, then `body`."""
        (self.root / name).write_text(WAIT + body)

    def start(self, target: TargetConfig) -> Container:
        """Start a target for the first time."""
        return self.engine.recreate(target, self.image, None)

    @contextmanager
    def following(
        self, container: Container, since_ns: int = 0, last: int | None = None
    ) -> Iterator[Collected[OutputLine]]:
        """Read a container's output in a thread, which has ended when the block ends."""
        lines: Collected[OutputLine] = Collected()
        name = TargetName("web")
        with running(lambda: self.engine.follow_output(name, container.id, since_ns, lines.add, last=last)):
            yield lines

    def output(self, container: Container, since_ns: int = 0, last: int | None = None) -> list[OutputLine]:
        """Return the output of a container that has ended, or ends."""
        with self.following(container, since_ns, last) as lines:
            pass
        return lines.items


@contextmanager
def running(work: Callable[[], None]) -> Iterator[threading.Thread]:
    """Do something in a thread, which must have ended soon after the block; its error is raised here."""
    errors: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again in the test's own thread
            errors.append(error)

    thread = threading.Thread(target=guarded, name="test", daemon=True)
    thread.start()
    yield thread
    thread.join(LIMIT_S)
    assert not thread.is_alive(), "the stream did not end"
    if errors:
        raise errors[0]


def texts(lines: list[OutputLine]) -> list[str]:
    """Return what lines say."""
    return [line.text for line in lines]


def written(bench: Bench, target: TargetConfig, body: str) -> list[str]:
    """Return what a script writes that ends by itself."""
    bench.write("app.py", body)
    return texts(bench.output(bench.start(target)))


def await_line(bench: Bench, container: Container, text: str, since_ns: int = 0) -> OutputLine:
    """Return the first line with a text, of a program that goes on."""
    lines: Collected[OutputLine] = Collected()
    reader = connect(bench.project)
    with running(lambda: reader.follow_output(TargetName("web"), container.id, since_ns, lines.add)):
        found = next(line for line in lines.until(lambda items: text in texts(items)) if line.text == text)
        reader.close()
    return found


def make_project(root: Path, **targets: TargetConfig) -> Project:
    """Return a project in a folder."""
    image = ImageConfig(ImageName("default"), root / "Dockerfile", root)
    named = {TargetName(name): target for name, target in targets.items()}
    slug = project_slug("bench", root)
    return Project("bench", slug, root.resolve(), root_key(root), None, {image.name: image}, named)


def make_target(root: Path, program: Program | None = None, name: str = "web") -> TargetConfig:
    """Return a target that runs `app.py` with the folder mounted."""
    script = program or Script("app.py")
    return TargetConfig(TargetName(name), ImageName("default"), script, mount=Mount(root.resolve()))


def without_init(target: TargetConfig, program: Program) -> TargetConfig:
    """Return a target whose program the engine itself starts, and so refuses if there is none."""
    return replace(target, program=program, init=False)
