"""Builds on the real engine that end early, or with another builder."""

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from devrun.engine.build import BuildRequest, build
from devrun.engine.cancellation import Cancellation
from devrun.engine.connection import Connection
from devrun.engine.context import ContextChangedError, pack
from devrun.engine.endpoints import Endpoint
from devrun.engine.failure import Recipe
from devrun.errors import BuildCancelledError, EngineError, EngineUnreachableError
from tests.engine.builds import FROM, IMAGE, LIMIT_S, Workshop, open_workshop, serve_proxy

pytestmark = pytest.mark.engine


@pytest.fixture
def workshop(tmp_path: Path, connection: Connection) -> Iterator[Workshop]:
    """A project folder on the real engine."""
    with open_workshop(tmp_path, connection) as opened:
        yield opened


def test_a_cancelled_build_ends_at_once_and_leaves_no_image(workshop: Workshop) -> None:
    """`cancel_build` from another thread ends an instruction that hangs."""
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(workshop.build, FROM + f"RUN echo {workshop.nonce}; sleep 300\n")
        assert workshop.on_progress.wait(LIMIT_S)
        workshop.cancel()
        with pytest.raises(BuildCancelledError):
            running.result(LIMIT_S)

    assert workshop.inspect() == ()
    # The next build of the image is not held up or given up by the last one's end.
    assert workshop.build(FROM).fingerprint == "f1"


def test_cancelling_without_a_build_does_nothing(workshop: Workshop) -> None:
    """The wish concerns a running build only, not the next one."""
    workshop.cancel()

    assert workshop.build(FROM).fingerprint == "f1"


def test_builds_of_several_images_run_beside_each_other(tmp_path: Path, connection: Connection) -> None:
    """Cancelling one leaves the other alone."""
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    with (
        open_workshop(folders[0], connection) as one,
        open_workshop(folders[1], connection) as two,
        ThreadPoolExecutor(2) as pool,
    ):
        hung = pool.submit(one.build, FROM + f"RUN echo {one.nonce}; sleep 300\n")
        assert one.on_progress.wait(LIMIT_S)
        done = threading.Event()
        other = pool.submit(two.build, FROM + f"RUN echo {two.nonce}\n")
        other.add_done_callback(lambda _: done.set())
        one.cancel()
        with pytest.raises(BuildCancelledError):
            hung.result(LIMIT_S)
        assert done.wait(LIMIT_S)
        assert other.result().fingerprint == "f1"


def engine_socket(connection: Connection) -> Path:
    """Return the real engine's socket."""
    return connection.endpoint.socket or pytest.skip("the engine has no unix socket")


@pytest.mark.skipif(sys.platform != "linux", reason="the proxy needs the engine's unix socket")
def test_the_classic_builder_serves_where_buildkit_is_refused(tmp_path: Path, connection: Connection) -> None:
    """Progress, output and the failing step are the same."""
    engine = engine_socket(connection)
    with serve_proxy(tmp_path / "engine.sock", engine, refuses_buildkit=True) as proxy:
        project = tmp_path / "project"
        project.mkdir()
        through = Connection(Endpoint(f"unix://{tmp_path}/engine.sock"))
        with open_workshop(project, connection, through=through) as workshop:
            workshop.write("app.py", "print(1)")
            built = workshop.build(FROM + "WORKDIR /classic\nRUN echo out; echo err >&2\nCOPY app.py .\n")
            error = workshop.failure(FROM + "RUN echo last; exit 3\n")
            missing = workshop.failure(FROM + "COPY missing.txt /\n")
            faulty = workshop.failure(FROM + "HELLO\n")

    assert built.workdir == "/classic"
    steps = {(told.step, told.instruction) for told in workshop.told}
    assert {(2, "WORKDIR /classic"), (3, "RUN echo out; echo err >&2")} <= steps
    assert {"out", "err"} <= set(workshop.lines())
    assert (error.message, error.output) == ("RUN echo last; exit 3: exit code 3", ("last",))
    assert missing.message == 'COPY missing.txt /: "missing.txt" is not in the build context'
    # Newer engines add what was probably meant.
    assert faulty.message.startswith("Dockerfile:2: unknown instruction: HELLO")
    assert any(b"version=1" in asked for asked in proxy.builds_asked)


@pytest.mark.skipif(sys.platform != "linux", reason="the proxy needs the engine's unix socket")
def test_an_engine_that_dies_in_a_build_is_unreachable(tmp_path: Path, connection: Connection) -> None:
    """That is no failure of the build: nobody knows how it would have ended."""
    engine = engine_socket(connection)
    project = tmp_path / "project"
    project.mkdir()
    with serve_proxy(tmp_path / "engine.sock", engine) as proxy, ThreadPoolExecutor(1) as pool:
        through = Connection(Endpoint(f"unix://{tmp_path}/engine.sock"))
        with open_workshop(project, connection, through=through) as workshop:
            dockerfile = FROM + f"RUN echo {workshop.nonce}; sleep 300\n"
            running = pool.submit(workshop.build, dockerfile)
            assert workshop.on_progress.wait(LIMIT_S)
            proxy.stop()
            with pytest.raises(EngineUnreachableError):
                running.result(LIMIT_S)


def test_two_builds_of_one_failing_instruction_both_know_why(
    tmp_path: Path, connection: Connection, workshop: Workshop
) -> None:
    """The engine runs it once, and tells its output to one of them."""
    folder = tmp_path / "other"
    folder.mkdir()
    dockerfile = f"{FROM}COPY app.py .\nRUN : {workshop.nonce}; echo begun; sleep 2; echo why; exit 3\n"
    workshop.write("app.py")
    with open_workshop(folder, connection) as other, ThreadPoolExecutor(1) as pool:
        other.write("app.py")
        first = pool.submit(workshop.failure, dockerfile)
        assert workshop.on_progress.wait(LIMIT_S)
        second = other.failure(dockerfile)

    assert second.message == first.result().message
    assert second.output == first.result().output == ("begun", "why")
    assert "begun" in other.lines()


def send(workshop: Workshop, body: Callable[[], Iterator[bytes]]) -> str:
    """Build what `body` gives, and return the image's id."""
    request = BuildRequest(
        tag=f"devrun/{workshop.project.slug}-default:sent",
        dockerfile="Dockerfile",
        recipe=Recipe("Dockerfile", FROM, "the project folder"),
        body=body,
        labels=workshop.images.labels(IMAGE),
        args={},
    )
    return build(workshop.connection, request, Cancellation(), workshop.told.append)


def test_a_context_that_changes_is_sent_again(workshop: Workshop) -> None:
    """An editor that replaces a file is done soon; no torn file is built from."""
    tries: list[int] = []

    def body() -> Iterator[bytes]:
        tries.append(1)
        yield from pack("Dockerfile", FROM, ())
        if len(tries) == 1:
            raise ContextChangedError("app.py", "it became shorter")

    assert send(workshop, body).startswith("sha256:")
    assert len(tries) == 2


def test_a_context_that_never_rests_is_an_error(workshop: Workshop) -> None:
    """A file that is written to all the time is named."""

    def body() -> Iterator[bytes]:
        yield from pack("Dockerfile", FROM, ())
        raise ContextChangedError("app.log", "it was written to")

    with pytest.raises(EngineError, match=r"^build context: app\.log: it was written to, each time"):
        send(workshop, body)


def test_a_context_that_cannot_be_read_is_an_error(workshop: Workshop) -> None:
    """The path is named, with the system's words."""
    workshop.write("file")
    below = workshop.root / "file" / "key"
    with pytest.raises(EngineError, match=r"^build context: key: Not a directory$"):
        send(workshop, lambda: pack("Dockerfile", FROM, [(below, "key")]))
