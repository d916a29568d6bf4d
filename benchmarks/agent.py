"""How long the agent takes from a wish to a server that answers, and what thousands of wishes leave behind.

    .venv/bin/python benchmarks/agent.py [--python PYTHON] [--restarts 2000] [--rounds 40]

It needs no engine: the agent is run on this machine, as a container's main process would be. The server is a
script of the standard library, alone ("light") or with what a larger program imports ("heavy"); in turn with
it is measured how long `python app.py` itself takes. A long run then edits a module without a change of size,
many times a second, and checks that each start runs the newest text.
"""

import argparse
import json
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

AGENT = Path(__file__).parents[1] / "devrun" / "engine" / "agent"
HEAVY = "import asyncio, ssl, decimal, email.message, xml.dom.minidom, sqlite3, logging.config\n"
HEAVY += "import urllib.request, unittest.mock\n"
SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"VERSION")
    def log_message(self, *_):
        pass
class Server(http.server.ThreadingHTTPServer):
    def server_bind(self):
        super(http.server.HTTPServer, self).server_bind()
        self.server_name, self.server_port = "", PORT
Server(("127.0.0.1", PORT), Handler).serve_forever()
"""
LOOPED = """
import json, signal, part, sys
print(part.VALUE, sys.implementation.cache_tag, flush=True)
signal.pause()
"""
LIMIT_S = 60.0
SETTLED = 100
"""Restarts after which nothing may grow any more."""


def main() -> None:
    """Measures, and prints a line for each kind."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--restarts", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=40)
    wished = parser.parse_args()
    for weight, text in (("light", SERVER), ("heavy", HEAVY + SERVER)):
        print(f"{weight}: {cold(wished.python, text, wished.rounds)} by python app.py itself, to its answer")
        for depth in ("process", "warm"):
            print(f"{weight}: {answers(wished.python, text, depth, wished.rounds)}")
    for depth in ("process", "warm"):
        print(loop(wished.python, depth, wished.restarts))


class Agent:
    """An agent that runs, and the connection with it."""

    def __init__(self, folder: Path, python: str, depth: str) -> None:
        place = folder / "control" / "agent.sock"
        place.parent.mkdir()
        self.output = folder / "output"
        words = ["--socket", str(place), "--depth", depth, "--source", str(folder / "app"), "--program", "1"]
        command = [python, "-I", "-S", "-B", str(AGENT), *words, "--", python, "app.py"]
        with self.output.open("wb") as file:
            self.process = subprocess.Popen(
                command, cwd=folder / "app", stdout=file, stderr=subprocess.STDOUT
            )
        while not place.exists():
            time.sleep(0.001)
        self.peer = socket.socket(socket.AF_UNIX)
        while self.peer.connect_ex(str(place)):
            time.sleep(0.001)
        self.file = self.peer.makefile("rb")
        self.run: dict[str, object] = {}

    def read(self) -> dict[str, object]:
        """Returns the next message."""
        message: dict[str, object] = json.loads(self.file.readline())
        run = message.get("run")
        self.run = run if isinstance(run, dict) else self.run
        return message

    def restart(self, *stale: str) -> None:
        """Returns when the new program was started."""
        self.peer.sendall(json.dumps({"id": 1, "do": "restart", "stale": stale}).encode() + b"\n")
        while "id" not in self.read():
            pass

    def warm_up(self, depth: str) -> None:
        """Waits until the next start is a warm one."""
        while depth == "warm" and "for the next start" not in str(self.run.get("note")):
            self.read()


@contextmanager
def agent(python: str, text: str, depth: str) -> Iterator[tuple[Agent, Path]]:
    """Runs an agent for a program."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place).resolve()
        (folder / "app").mkdir()
        (folder / "app" / "app.py").write_text(text)
        (folder / "app" / "part.py").write_text("VALUE = 1000000\n")
        begun = Agent(folder, python, depth)
        try:
            yield begun, folder / "app"
        finally:
            begun.process.terminate()
            begun.process.wait()
            begun.peer.close()


def cold(python: str, text: str, rounds: int) -> str:
    """Measures the interpreter alone."""
    port, times = free_port(), []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "app.py"
        for number in range(rounds):
            file.write_text(text.replace("PORT", str(port)).replace("VERSION", str(number)))
            began = time.perf_counter()
            process = subprocess.Popen([python, file])
            wait_for_answer(port, str(number))
            times.append(time.perf_counter() - began)
            process.kill()
            process.wait()
    return told(times[1:])


def answers(python: str, text: str, depth: str, rounds: int) -> str:
    """Measures from the line on the socket to the start, and to the new code's answer."""
    port = free_port()
    text = text.replace("PORT", str(port))
    starts, times = [], []
    with agent(python, text.replace("VERSION", "none"), depth) as (begun, folder):
        wait_for_answer(port, "none")
        begun.warm_up(depth)
        for number in range(rounds):
            (folder / "app.py").write_text(text.replace("VERSION", str(number)))
            began = time.perf_counter()
            begun.restart()
            starts.append(time.perf_counter() - began)
            wait_for_answer(port, str(number))
            times.append(time.perf_counter() - began)
            # What is prepared beside a program is prepared when it is quiet.
            time.sleep(0.05)
        got = f"{begun.run['depth']}, {begun.run['note']}" if depth == "warm" else depth
    return f"{got}: started {told(starts)}, answers {told(times)}"


def loop(python: str, depth: str, restarts: int) -> str:
    """Edits and restarts, and returns what has grown."""
    began = time.perf_counter()
    with agent(python, LOOPED, depth) as (begun, folder):
        _, tag = wait_for_line(begun, 0)
        begun.warm_up(depth)
        warm = 0
        seen = [0, 0, 0]
        for number in range(1, restarts + 1):
            (folder / "part.py").write_text(f"VALUE = {1000000 + number}\n")
            begun.restart(str(folder / "__pycache__" / f"part.{tag}.pyc"))
            value, _ = wait_for_line(begun, number)
            assert value == str(1000000 + number), f"{value} ran instead of {1000000 + number}"
            warm += begun.run["depth"] == "warm"
            if number == min(SETTLED, restarts):
                seen = footprint(begun)
        after = footprint(begun)
    took = time.perf_counter() - began
    grown = ", ".join(
        f"{what} {then} -> {now}"
        for what, then, now in zip(("kB", "descriptors", "processes"), seen, after, strict=True)
    )
    return f"{depth}: {restarts} restarts, {warm} of them warm, all right, in {took:.0f} s: {grown}"


def footprint(begun: Agent) -> list[int]:
    """Returns memory and descriptors of the agent and its zygote, and the number of its children."""
    pid = begun.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    memory = descriptors = 0
    for each in [str(pid), *(child for child in children if child != str(begun.run["pid"]))]:
        with suppress(OSError):
            status = Path(f"/proc/{each}/status").read_text()
            memory += int(status.partition("VmRSS:")[2].split()[0])
            descriptors += len(list(Path(f"/proc/{each}/fd").iterdir()))
    return [memory, descriptors, len(children)]


def wait_for_line(begun: Agent, number: int) -> tuple[str, str]:
    """Returns the words of a line of output."""
    ends = time.monotonic() + LIMIT_S
    while time.monotonic() < ends:
        lines = begun.output.read_text().splitlines(keepends=True)
        if len(lines) > number and lines[number].endswith("\n"):
            value, tag = lines[number].split()
            return value, tag
        time.sleep(0.0005)
    raise AssertionError(begun.output.read_text()[-1000:])


def wait_for_answer(port: int, wanted: str) -> None:
    """Asks until the wanted version answers."""
    ends = time.monotonic() + LIMIT_S
    while time.monotonic() < ends:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as peer:
            peer.sendall(b"GET / HTTP/1.0\r\n\r\n")
            received = b""
            while more := peer.recv(4096):
                received += more
            if received.endswith(f"\r\n\r\n{wanted}".encode()):
                return
        time.sleep(0.0005)
    raise AssertionError(f"no answer {wanted}")


def free_port() -> int:
    """Returns a port that nobody has."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def told(times: list[float]) -> str:
    """Returns median and 90th percentile."""
    ordered = sorted(times)
    median, late = statistics.median(ordered), ordered[int(len(ordered) * 0.9)]
    return f"{median * 1000:.1f} ms (p90 {late * 1000:.1f}, best {ordered[0] * 1000:.1f})"


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    main()
