"""Order and health of targets on a real engine: what is needed first, what is healthy, what runs before."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from devrun.engine.connection import Connection
from devrun.errors import ExitCode
from tests.e2e.conftest import Sandbox

pytestmark = pytest.mark.engine

SERVER = """\
import http.server, pathlib

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        ok = pathlib.Path("data/healthy").exists()
        self.send_response(200 if ok else 503)
        self.end_headers()
        self.wfile.write(pathlib.Path("data/table").read_bytes())

    def log_message(self, *_):
        pass

http.server.HTTPServer(("0.0.0.0", {port}), Handler).serve_forever()
"""
FILES = {
    ".gitignore": "data/\n",
    "Dockerfile": "ARG PYTHON_IMAGE\nFROM ${PYTHON_IMAGE}\nWORKDIR /app\n",
    "devrun.toml": """\
[project]
name = "ordered"
ignore = "data"
[image]
args = { PYTHON_IMAGE = "${DEVRUN_PYTHON_IMAGE}" }
[targets.web]
script = "web.py"
ports = ["${PORT}:5000"]
healthcheck = "/health"
before-start = "python3 migrate.py"
depends-on = { db = "healthy", seed = "completed" }
[targets.seed]
script = "seed.py"
depends-on = ["db"]
autostart = false
[targets.db]
script = "db.py"
healthcheck = 5432
autostart = false
""",
    "web.py": SERVER.format(port=5000),
    "migrate.py": "import pathlib\nopen('data/table', 'a').write('table ')\nprint('migrated')\n",
    "seed.py": "import socket\nsocket.create_connection(('db', 5432), 5).close()\n",
    "db.py": """\
import pathlib, socket, time
while not pathlib.Path("data/disk").exists():
    time.sleep(0.02)
with socket.create_server(("0.0.0.0", 5432)) as server:
    while True:
        server.accept()[0].close()
""",
}


@pytest.fixture
def project(tmp_path: Path, connection: Connection) -> Iterator[Sandbox]:
    """A web server with a database that takes its time, and what is done between the two."""
    folder = tmp_path / "ordered"
    (folder / "data").mkdir(parents=True)
    made = Sandbox(folder, connection)
    for file, text in FILES.items():
        made.write(file, text)
    yield made
    made.close()


def serve(project: Sandbox) -> None:
    """Watch the project, and wait until the page is there."""
    project.write("data/disk", "")
    project.write("data/healthy", "")
    project.watch()
    project.until(lambda report: report.targets["web"].ready, "the first start")
    assert project.page() == "table "


def test_targets_start_one_after_the_other_and_are_waited_for(project: Sandbox) -> None:
    """A port that is listened on, a program that ended well, a command before the start, an answer of 200."""
    project.watch()
    project.until(lambda report: bool(report.targets["db"].unready), "the database that does not listen")
    report = project.status()
    assert report.targets["db"].unready == "nothing listens on port 5432"
    assert report.targets["seed"].doing == "waiting for db: not healthy yet"
    assert report.targets["web"].doing == "waiting for db: not healthy yet"
    assert project.containers() == [report.targets["db"].container]

    project.write("data/disk", "")
    report = project.until(
        lambda report: "answers 503" in report.targets["web"].unready, "the server's answer"
    )
    assert report.targets["web"].unready == "GET /health answers 503"
    assert report.targets["seed"].exit_code == 0
    waited = project.devrun("wait", "--timeout", "1")
    assert waited.returncode == ExitCode.TIMED_OUT
    assert "error: web: GET /health answers 503" in waited.stderr

    project.write("data/healthy", "")
    waited = project.devrun("wait", "--timeout", "60")
    assert waited.returncode == ExitCode.OK, waited.stderr
    assert project.page() == "table "


def test_a_command_runs_before_each_start(project: Sandbox) -> None:
    """A failure is shown with its lines while the program goes on; nothing is left of it."""
    serve(project)
    before = project.target("web")
    project.write("web.py", SERVER.format(port=5000) + "# changed\n")
    project.restarted("web", before, "the second start")
    assert project.page() == "table table "

    run = project.start_of("web")
    project.write("migrate.py", "raise SystemExit('no such column')\n")
    project.write("web.py", SERVER.format(port=5000) + "# changed again\n")
    waited = project.devrun("wait", "--timeout", "60")
    assert waited.returncode == ExitCode.TARGET_FAILED
    assert waited.stderr.startswith('error: web: before-start "python3 migrate.py" exits with 1\n')
    assert "no such column" in waited.stderr
    assert project.start_of("web") == run
    assert project.page() == "table table "

    project.write("migrate.py", FILES["migrate.py"])
    assert project.devrun("wait", "--timeout", "60").returncode == ExitCode.OK
    assert project.page() == "table table table "
    assert not [name for name in project.containers() if "before" in name]


def test_the_command_before_a_start_ends_with_devrun(project: Sandbox) -> None:
    """The container whose restart waited for it is stopped, and none is left running."""
    serve(project)
    project.write("migrate.py", "import time\nopen('data/begun', 'w').close()\ntime.sleep(600)\n")
    project.write("web.py", SERVER.format(port=5000) + "# changed\n")
    project.until(lambda _: (project.folder / "data" / "begun").exists(), "the command")

    assert project.target("web").doing.startswith("restarting")
    assert project.kill(signal.SIGINT) == ExitCode.INTERRUPTED
    labels = [f"dev.devrun.root={project.key}"]
    assert project.engine.containers(filters={"label": labels}) == []
    assert not [name for name in project.containers() if "before" in name]


def test_what_a_chosen_target_needs_is_watched_with_it(project: Sandbox) -> None:
    """By `devrun watch seed`: `web` is not started."""
    project.write("data/disk", "")
    project.watch("seed")
    report = project.until(lambda report: report.targets["seed"].exit_code == 0, "the end of the seed")

    assert {name: target.state for name, target in report.targets.items()} == {
        "web": "missing",
        "seed": "exited",
        "db": "running",
    }
