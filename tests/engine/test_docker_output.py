"""The output of containers of the real engine."""

from dataclasses import replace

import pytest

from devrun.config.project import TargetConfig
from devrun.engine.connection import Connection
from devrun.engine.protocol import OutputLine
from tests.engine.bench import GOES_ON, Bench, make_target, texts, written

pytestmark = pytest.mark.engine


@pytest.fixture
def target(real_bench: Bench) -> TargetConfig:
    """A target whose script goes on."""
    real_bench.write("app.py", GOES_ON)
    return make_target(real_bench.root)


def test_a_terminal_s_output_has_plain_line_ends(real_bench: Bench, target: TargetConfig) -> None:
    """With a terminal there is one stream, and no carriage return at its lines' ends."""
    body = "print(sys.stdout.isatty())\nprint('x' * 40000)\nprint('err', file=sys.stderr)\n"

    assert written(real_bench, replace(target, tty=True), body) == ["True", "x" * 40000, "err"]


def test_long_lines_are_whole_up_to_a_limit(real_bench: Bench, target: TargetConfig) -> None:
    """The engine's pieces become one line again, in both streams at once; beyond 64 KiB it is cut."""
    body = (
        "for stream in (sys.stdout, sys.stderr):\n"
        "    print('я' * 20000, file=stream)\n"
        "    print('y' * 1000000, file=stream)\n"
        "    print('end', file=stream)\n"
    )
    real_bench.write("app.py", body)
    lines = real_bench.output(real_bench.start(target))

    for stream in ("stdout", "stderr"):
        first, second, last = [line.text for line in lines if line.stream == stream]
        assert first == "я" * 20000
        assert second.startswith("y" * 65536 + " …")
        assert len(second) < 66000
        assert last == "end"


def test_no_line_is_lost_or_repeated_over_restarts(real_bench: Bench, target: TargetConfig) -> None:
    """A reader that resumes after the last line it had sees every line of every run once."""
    real_bench.write("app.py", "for number in range(500):\n    print(number)\n")
    container = real_bench.start(target)
    seen: list[OutputLine] = []
    for _ in range(3):
        seen += real_bench.output(container, since_ns=seen[-1].at_ns if seen else 0)
        container = real_bench.engine.restart(target, container.id, ())
    seen += real_bench.output(container, since_ns=seen[-1].at_ns)

    assert texts(seen) == [str(number) for number in range(500)] * 4


def test_reading_ends_with_a_container_that_is_removed(
    real_bench: Bench, target: TargetConfig, connection: Connection
) -> None:
    """Somebody may remove it with its log while it is read: what came is what there was."""
    real_bench.write("app.py", f'print("one")\n{GOES_ON}')
    container = real_bench.start(target)

    with real_bench.following(container) as lines:
        lines.until(lambda items: len(items) == 1)
        connection.client.remove_container(container.id, force=True)

    assert texts(lines.items) == ["one"]
