"""Both forms in which docker's buildx tells of a build are the same to whoever listens."""

import base64
import json
from collections.abc import Callable, Iterable, Iterator

import pytest

from devrun.engine.buildkit import Trace
from devrun.engine.buildx_output import Told, read_plain, read_rawjson
from devrun.engine.protocol import BuildProgress
from devrun.engine.steps import BuildSteps

TIME = "2026-01-01T00:00:00Z"
ERROR = 'process "/bin/sh -c exit 7" did not complete successfully: exit code: 7'
MESSAGES: list[dict[str, object]] = [
    {"vertexes": [{"digest": "a", "name": "[internal] load metadata", "started": TIME, "completed": TIME}]},
    {
        "vertexes": [
            {"digest": "b", "name": "[1/3] FROM base", "started": TIME, "completed": TIME, "cached": True},
            {"digest": "c", "name": "[2/3] RUN echo one"},
            {"digest": "d", "name": "[3/3] RUN exit 7"},
        ]
    },
    {"vertexes": [{"digest": "c", "name": "[2/3] RUN echo one", "started": TIME}]},
    {"logs": [{"vertex": "c", "stream": 1, "data": base64.b64encode(b"one\n").decode(), "timestamp": TIME}]},
    {"vertexes": [{"digest": "c", "name": "[2/3] RUN echo one", "started": TIME, "completed": TIME}]},
    {"vertexes": [{"digest": "d", "name": "[3/3] RUN exit 7", "started": TIME}]},
    {
        "vertexes": [
            {"digest": "d", "name": "[3/3] RUN exit 7", "started": TIME, "completed": TIME, "error": ERROR}
        ]
    },
    {"statuses": [{"id": "exporting layers", "vertex": "unknown", "current": 0}]},
]
PLAIN = f"""\
#0 building with "default" instance using docker driver

#1 [internal] load metadata
#1 DONE 0.0s

#2 [1/3] FROM base
#2 CACHED

#3 [2/3] RUN echo one
#3 0.201 one
#3 DONE 0.3s

#4 [3/3] RUN exit 7
#4 ERROR: {ERROR}
------
 > [3/3] RUN exit 7:
------
ERROR: failed to solve: {ERROR}
"""


def listen(told: Iterable[Told]) -> tuple[BuildSteps, list[BuildProgress], list[str]]:
    """Return what becomes known of a build."""
    heard: list[BuildProgress] = []
    steps = BuildSteps(str, heard.append)
    words = []
    for one in told:
        if isinstance(one, Trace):
            steps.take_trace(one)
        else:
            words.append(one)
    return steps, heard, words


def pretty(messages: Iterable[object]) -> Iterator[str]:
    """Yield lines as buildx 0.13 writes them."""
    for message in messages:
        yield from json.dumps(message, indent=2).split("\n")


def compact(messages: Iterable[object]) -> Iterator[str]:
    """Yield lines as they may be written some day."""
    yield from map(json.dumps, messages)


@pytest.mark.parametrize("form", [pretty, compact])
def test_json_is_read_in_either_layout(form: Callable[[Iterable[object]], Iterator[str]]) -> None:
    """Words between the objects are the client's own."""
    steps, heard, words = listen(
        read_rawjson(["WARNING: x", *form(MESSAGES), f"ERROR: failed to solve: {ERROR}"])
    )

    assert [(one.step, one.steps, one.instruction, one.line, one.cached) for one in heard] == [
        (1, 3, "FROM base", "", True),
        (2, 3, "RUN echo one", "", False),
        (2, 3, "RUN echo one", "one", False),
        (3, 3, "RUN exit 7", "", False),
    ]
    assert steps.failed
    assert (steps.failed.instruction, steps.failed.error) == ("RUN exit 7", ERROR)
    assert words == ["WARNING: x", f"ERROR: failed to solve: {ERROR}"]


@pytest.mark.parametrize(
    "line", ["{", "{}x", '{"vertexes": 3}', '{"vertexes": [3, {}]}', '{"logs": [{"data": "x"}]}', "[]"]
)
def test_what_is_no_json_of_ours_does_no_harm(line: str) -> None:
    """Nothing is told of it, and what is no object is the client's own."""
    steps, heard, _ = listen(read_rawjson([line]))

    assert (steps.failed, heard) == (None, [])


def test_lines_for_people_tell_the_same() -> None:
    """All but how many steps there will be."""
    steps, heard, words = listen(read_plain(PLAIN.splitlines()))

    assert [(one.step, one.instruction, one.line, one.cached) for one in heard] == [
        (1, "FROM base", "", False),
        (1, "FROM base", "", True),
        (2, "RUN echo one", "", False),
        (2, "RUN echo one", "one", False),
        (3, "RUN exit 7", "", False),
    ]
    assert steps.failed
    assert (steps.failed.instruction, steps.failed.error) == ("RUN exit 7", ERROR)
    assert words[-1] == f"ERROR: failed to solve: {ERROR}"
