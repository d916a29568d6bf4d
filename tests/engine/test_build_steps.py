"""The engine's stream, item by item: progress, output, and the step that failed."""

import base64
import json

import pytest

from devrun.engine.protocol import BuildProgress
from devrun.engine.steps import LINE_LIMIT, OUTPUT_LINES, BuildSteps
from tests.engine.test_buildkit_trace import TIME, field


class Story:
    """Feeds a build and keeps what it tells."""

    def __init__(self) -> None:
        self.told: list[BuildProgress] = []
        self.steps = BuildSteps(str, self.told.append)

    def item(self, **item: object) -> None:
        """Take one item of the stream."""
        self.steps.take(json.dumps(item).encode())

    def trace(self, message: bytes) -> None:
        """Take one message of BuildKit's trace."""
        self.item(id="moby.buildkit.trace", aux=base64.b64encode(message).decode())

    def text(self, *pieces: str) -> None:
        """Take pieces of the classic builder's stream."""
        for piece in pieces:
            self.item(stream=piece)

    def shown(self) -> list[str]:
        """Return the progress as text, one entry for each call."""
        return [_shown(told) for told in self.told]


def _shown(told: BuildProgress) -> str:
    cached, line = " (cached)" if told.cached else "", f": {told.line}" if told.line else ""
    return f"{told.step}/{told.steps} {told.instruction}{cached}{line}"


def vertex(digest: str, name: str, *more: bytes) -> bytes:
    """Return a vertex of a trace."""
    return field(1, field(1, digest) + field(3, name) + b"".join(more))


def wrote(digest: str, content: bytes, stream: int = 1) -> bytes:
    """Return a piece of output of a trace."""
    return field(3, field(1, digest) + field(3, stream) + field(4, content))


STARTED, COMPLETED, CACHED = field(5, TIME), field(6, TIME), field(4, 1)


@pytest.fixture
def story() -> Story:
    """A build that has just begun."""
    return Story()


def test_steps_are_counted_as_they_begin(story: Story) -> None:
    """The number of steps is known before the first one is told; stages are counted together."""
    story.trace(
        vertex("i", "[internal] load metadata", STARTED)
        + vertex("a", "[stage-1 1/2] FROM x", STARTED)
        + vertex("b", "[one 2/2] RUN one")
        + vertex("c", "[stage-1 2/2] COPY --from=one /x /")
    )
    story.trace(vertex("b", "[one 2/2] RUN one", STARTED))
    story.trace(vertex("c", "[stage-1 2/2] COPY --from=one /x /", STARTED))

    assert story.shown() == ["1/3 FROM x", "2/3 RUN one", "3/3 COPY --from=one /x /"]


def test_a_step_is_cached_even_where_it_is_said_late(story: Story) -> None:
    """`cached` may come after `started`."""
    story.trace(vertex("a", "[1/1] FROM x", STARTED))
    story.trace(vertex("a", "[1/1] FROM x", STARTED, CACHED, COMPLETED))

    assert story.shown() == ["1/1 FROM x", "1/1 FROM x (cached)"]


def test_lines_are_put_together_by_stream(story: Story) -> None:
    """Pieces are no lines, and the two streams interleave; what has no end comes with the step's end."""
    story.trace(vertex("a", "[1/1] RUN x", STARTED))
    story.trace(wrote("a", b"on") + wrote("a", b"err\n", 2) + wrote("a", b"e\ntwo"))
    story.trace(vertex("a", "[1/1] RUN x", STARTED, COMPLETED))

    assert [told.line for told in story.told if told.line] == ["err", "one", "two"]


def test_last_words_without_an_end_are_told_wherever_they_come(story: Story) -> None:
    """In the message of the step's end, and after it."""
    story.trace(vertex("a", "[1/1] RUN x", STARTED))
    story.trace(vertex("a", "[1/1] RUN x", STARTED, COMPLETED) + wrote("a", b"one"))
    assert story.told[-1].line == "one"

    story.trace(wrote("a", b"two"))
    story.steps.end()
    assert story.told[-1].line == "two"


@pytest.mark.parametrize(
    "error",
    [
        "executor failed running [/bin/sh -c make]: exit code: 2",
        'process "make" did not complete: exit code: 2',
    ],
)
def test_a_step_that_failed_for_another_build_is_the_one_that_the_error_quotes(
    story: Story, error: str
) -> None:
    """BuildKit tells one build alone how a step went that two of them have at the same time."""
    story.trace(vertex("a", "[1/2] FROM x", STARTED) + vertex("b", "[2/2] RUN --mount=type=ssh make"))
    before = story.steps.failed_elsewhere
    story.item(error=error)

    assert (before, story.steps.failed_elsewhere) == (False, True)
    assert story.steps.failed
    assert story.steps.failed.instruction == "RUN --mount=type=ssh make"


def test_a_progress_bar_shows_its_last_state_and_no_escapes(story: Story) -> None:
    """What a terminal would obey is left out."""
    story.trace(vertex("a", "[1/1] RUN x", STARTED))
    story.trace(wrote("a", b"10%\r50%\r\x1b[32m100%\x1b[0m\r\n\x1b]0;title\x07ti\x07tle\n"))

    assert [told.line for told in story.told if told.line] == ["100%", "title"]


def test_a_line_without_an_end_is_cut(story: Story) -> None:
    """Memory stays bounded, whatever a program writes."""
    story.trace(vertex("a", "[1/1] RUN x", STARTED))
    for _ in range(100):
        story.trace(wrote("a", b"x" * 10_000))
    story.trace(wrote("a", b"\n"))

    assert len(story.told[-1].line) == LINE_LIMIT


def test_the_failed_step_is_the_one_that_says_why(story: Story) -> None:
    """Steps that were cancelled with it are not the cause; its last lines are kept."""
    story.trace(
        vertex("a", "[one 1/1] RUN a", STARTED, field(7, "context canceled"))
        + vertex("b", "[two 1/1] RUN b", STARTED)
    )
    story.trace(wrote("b", b"".join(b"%d\n" % number for number in range(100))))
    story.trace(vertex("b", "[two 1/1] RUN b", STARTED, COMPLETED, field(7, "exit code: 7")))
    story.item(error="exit code: 7", errorDetail={"message": "exit code: 7"})

    failed = story.steps.failed
    assert failed is not None
    assert (failed.instruction, story.steps.error, story.steps.exit_code) == ("RUN b", "exit code: 7", None)
    assert list(failed.output) == [str(number) for number in range(100 - OUTPUT_LINES, 100)]


def test_the_export_is_told_once_for_each_part(story: Story) -> None:
    """It can take long, and is no instruction."""
    story.trace(vertex("a", "[1/1] FROM x", STARTED) + vertex("e", "exporting to image", STARTED))
    for _ in range(2):
        story.trace(field(2, field(1, "exporting layers") + field(2, "e")))

    assert story.shown() == ["1/1 FROM x", "1/1 exporting to image: exporting layers"]


def test_the_classic_builder_is_understood(story: Story) -> None:
    """Its noise is left out, colours of the error stream too."""
    story.text(
        "Step 1/3 : FROM x", "\n", " ---> 0713\n", "Step 2/3 : WORKDIR /a", "\n", " ---> Using cache\n"
    )
    story.text(" ---> 1f1f\n", "Step 3/3 : RUN echo o", "\n", " ---> Running in 42\n", "o", "ut\n")
    story.text("\x1b[91merr\n\x1b[0m", "Removing intermediate container 42\n")
    story.item(aux={"ID": "sha256:1"})
    story.text("Successfully built 1\n")

    assert story.shown() == [
        "1/3 FROM x",
        "2/3 WORKDIR /a",
        "2/3 WORKDIR /a (cached)",
        "3/3 RUN echo o",
        "3/3 RUN echo o: out",
        "3/3 RUN echo o: err",
    ]
    assert story.steps.image == "sha256:1"


def test_podman_s_stream_is_understood(story: Story) -> None:
    """It answers in the classic way, in capitals."""
    story.text("STEP 1/2: FROM x\n", "STEP 2/2: RUN false\n")
    story.item(error="exit status 1", errorDetail={"code": 1})

    failed = story.steps.failed
    assert failed is not None
    assert (failed.instruction, story.steps.exit_code) == ("RUN false", 1)


@pytest.mark.parametrize(
    "line",
    [b"", b"no json", b"[]", b'{"id": "moby.buildkit.trace", "aux": "&"}', b'{"stream": 1}', b'{"aux": {}}'],
)
def test_what_cannot_be_understood_is_left_out(story: Story, line: bytes) -> None:
    """A broken line neither ends the build nor fails it."""
    story.steps.take(line)
    story.item(id="moby.image.id", aux={"ID": "sha256:2"})

    assert (story.steps.image, story.steps.error, story.told) == ("sha256:2", "", [])
