"""The client that judges an answer, and the program that gives it."""

import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from benchmarks.client import Taken, answer_to_save, ask, free_port
from benchmarks.ours import DEPTHS, enums_of
from benchmarks.served import SETS, Answer, Source

LATER = time.time_ns() + 10**15


@contextmanager
def serving(bodies: Iterator[str]) -> Iterator[int]:
    """Serve one body after the other, on the port that is given."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(next(bodies).encode())

        def log_message(self, *_args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def taken(folder: Path, bodies: Callable[[str], list[str]]) -> Taken:
    """Save once, and judge what is answered then."""
    source = Source(folder)
    source.write([], flask=False)
    source.save(0)
    answered = bodies(" ".join(source.stamps))
    with serving(itertools.chain(answered, itertools.repeat(answered[-1]))) as port:
        return answer_to_save(port, source, time.perf_counter(), time.time_ns(), 0.5)


def test_the_old_process_may_answer_until_the_new_one_does(tmp_path: Path) -> None:
    """Its answers are no fault; half an answer is none."""
    result = taken(tmp_path, lambda new: ["1 v000000 v000000", "", "1 v0000", f"{LATER} {new}"])
    assert result.seconds is not None
    assert result.wrong == 0


def test_old_code_in_a_process_begun_after_the_save_is_wrong(tmp_path: Path) -> None:
    """Each such answer counts, also where the new code comes in the end."""
    old = f"{LATER} v000000 v000000"
    result = taken(tmp_path, lambda new: [old, old, f"{LATER} {new}"])
    assert result.seconds is not None
    assert result.wrong == 2


def test_a_save_that_never_answers_has_no_time(tmp_path: Path) -> None:
    """It is lost, not slow."""
    assert taken(tmp_path, lambda _: ["1 v000000 v000000"]).seconds is None


def test_nobody_on_the_port_is_no_answer() -> None:
    """A refused connection is the answer of a program that does not run yet."""
    assert ask(free_port()) is None


def test_saves_keep_the_size_and_never_repeat_a_content(tmp_path: Path) -> None:
    """So that size and second alone tell nothing, and no old answer is taken for a new one."""
    source = Source(tmp_path)
    source.write([], flask=False)
    seen = set()
    for number in range(20):
        source.save(number % 2)
        seen.add(source.stamps)
    assert len(seen) == 20
    assert {path.stat().st_size for path in tmp_path.glob("stamp*.py")} == {len('STAMP = "v000000"\n')}


def test_the_served_program_tells_what_is_saved(tmp_path: Path) -> None:
    """What it imports more does not matter to its answer."""
    source = Source(tmp_path)
    source.write(SETS["heavy"][:1], flask=False)
    source.save(1)
    command = [sys.executable, "-c", "import app; print(app.page())"]
    printed = subprocess.run(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, check=True).stdout
    answer = Answer.of(printed)
    assert answer is not None
    assert answer.stamps == source.stamps
    assert 0 <= time.time_ns() - answer.began_ns < 10**11


def test_the_depths_that_devrun_knows_are_read_from_its_schema() -> None:
    """The key may name its values itself or by a reference, beside null; another key's do not count."""
    other = {"size": {"enum": ["warm"]}}
    direct: dict[str, object] = {
        "$defs": {"T": {"properties": {"reload": {"anyOf": [{"enum": list(DEPTHS)}, {"type": "null"}]}}}}
    }
    named: dict[str, object] = {
        "$defs": {
            "Reload": {"enum": ["container", "process"]},
            "T": {"properties": {"reload": {"anyOf": [{"$ref": "#/$defs/Reload"}, {"type": "null"}]}}},
        }
    }
    assert enums_of("reload", direct) == set(DEPTHS)
    assert enums_of("reload", named) == {"container", "process"}
    assert enums_of("reload", {"properties": other}) == set()
