"""Two hundred edits of every kind, one after the other: the engine sees what they need, and no more.

The judge is the engine's own stream of events: how often a container of each target was started, and how
often an image of each name was tagged.
"""

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from devrun.control.client import Client
from devrun.core.waiting import Ending
from devrun.engine.connection import Connection
from tests.e2e.conftest import Sandbox

pytestmark = pytest.mark.engine

EDITS = 200
ASK_S = 0.5
SERVE = "import signal\nsignal.pause()\n"
DOCKERFILE = (
    "ARG PYTHON_IMAGE\nFROM ${PYTHON_IMAGE}\nWORKDIR /app\nCOPY requirements-%s.txt .\nRUN cat *.txt\n"
)
FILES = {
    "devrun.toml": """\
[project]
name = "trace"

[images.web]
dockerfile = "Dockerfile.web"
args = { PYTHON_IMAGE = "${DEVRUN_PYTHON_IMAGE}" }

[images.jobs]
dockerfile = "Dockerfile.jobs"
args = { PYTHON_IMAGE = "${DEVRUN_PYTHON_IMAGE}" }

[targets]
api = { script = "api.py", image = "web", watch = ["pages/*.html"] }
admin = { script = "admin.py", image = "web" }
worker = { script = "worker.py", image = "jobs", env = { LEVEL = "0" } }
""",
    "Dockerfile.web": DOCKERFILE % "web",
    "Dockerfile.jobs": DOCKERFILE % "jobs",
    "requirements-web.txt": "flask\nsix\n",
    "requirements-jobs.txt": "celery\n",
    "api.py": f"import shop.views\n{SERVE}",
    "admin.py": f"from shop import models\nimport panel\n{SERVE}",
    "worker.py": f"import tasks\n{SERVE}",
    "shop/__init__.py": "",
    "shop/models.py": "N = 0\n",
    "shop/views.py": "from . import models\n",
    "panel.py": "N = 0\n",
    "tasks.py": "N = 0\n",
    "lonely.py": "N = 0\n",
    "tests/test_shop.py": "N = 0\n",
    "docs/conf.py": "N = 0\n",
    "pages/a.html": "0",
    "notes.txt": "0",
}
ALL = ("api", "admin", "worker")


@dataclass(frozen=True)
class Needed:
    """What an edit needs."""

    starts: tuple[str, ...] = ()
    builds: tuple[str, ...] = ()


@dataclass
class Editor:
    """Whoever edits: with the hands of people, editors and tools."""

    project: Sandbox
    dice: random.Random
    number: int = 0
    kinds: Counter[str] = field(default_factory=Counter)

    def text(self, name: str) -> str:
        return (self.project.folder / name).read_text()

    def fresh(self, name: str) -> str:
        """Return a new text for a file, of the same meaning but for a number."""
        self.number += 1
        lines = [line for line in self.text(name).splitlines() if not line.startswith("N = ")]
        return "\n".join([*lines[:1], f"N = {self.number}", *lines[1:], ""])

    def save(self, name: str, text: str) -> None:
        """Save as one of several editors does."""
        path = self.project.folder / name
        path.parent.mkdir(exist_ok=True)
        match self.dice.choice(["in place", "renamed", "vim"]):
            case "in place":
                path.write_text(text)
            case "renamed":
                (path.parent / f".{path.name}.tmp").write_text(text)
                (path.parent / f".{path.name}.tmp").replace(path)
            case _:
                (path.parent / "4913").touch()
                (path.parent / "4913").unlink()
                backup = path.parent / f"{path.name}~"
                if path.exists():
                    path.rename(backup)
                path.write_text(text)
                backup.unlink(missing_ok=True)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Let devrun see all that the block does as one batch."""
        assert self.project.daemon is not None
        os.kill(self.project.daemon.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.project.daemon.pid, signal.SIGCONT)

    def edit(self) -> tuple[str, Needed]:
        """Do one edit, and return its kind and what it needs."""
        kinds: dict[str, Callable[[], Needed]] = {
            "a module of one": lambda: self._code("shop/views.py", "api"),
            "a module of two": lambda: self._code("shop/models.py", "api", "admin"),
            "a script": lambda: self._code("worker.py", "worker"),
            "nobody's module": lambda: self._code("lonely.py", *ALL),
            "a test": lambda: self._code("tests/test_shop.py"),
            "documentation": lambda: self._code("docs/conf.py"),
            "a watched page": lambda: self._text("pages/a.html", "api"),
            "a note": lambda: self._text("notes.txt"),
            "a new file": self._new_file,
            "an import": self._import,
            "requirements": self._requirements,
            "a comment": self._comment,
            "an order": self._order,
            "both at once": self._both,
            "nothing": self._nothing,
            "an undo": self._undo,
            "a syntax error": self._syntax_error,
            "a setting": self._setting,
        }
        kind = self.dice.choice(list(kinds))
        self.kinds[kind] += 1
        return kind, kinds[kind]()

    def _code(self, name: str, *starts: str) -> Needed:
        self.save(name, self.fresh(name))
        return Needed(starts)

    def _text(self, name: str, *starts: str) -> Needed:
        self.number += 1
        self.save(name, str(self.number))
        return Needed(starts)

    def _new_file(self) -> Needed:
        self.number += 1
        folder = self.project.folder / f"new{self.number}"
        folder.mkdir()
        (folder / "module.py").write_text("N = 1\n")
        return Needed(ALL)

    def _import(self) -> Needed:
        """An import comes or goes: that restarts its file's target, and no other one."""
        text = self.text("admin.py")
        self.save("admin.py", f"import tasks\n{text}")
        Client.connect(self.project.place).wait()
        self.save("admin.py", text)
        return Needed(("admin", "admin"))

    def _requirements(self) -> Needed:
        self.number += 1
        self.save("requirements-jobs.txt", f"celery\npackage-{self.number}\n")
        return Needed(("worker",), ("jobs",))

    def _comment(self) -> Needed:
        self.number += 1
        name = self.dice.choice(
            ["requirements-web.txt", "requirements-jobs.txt", "Dockerfile.web", "devrun.toml"]
        )
        self.save(name, f"{self.text(name).rstrip()}\n# {self.number}\n")
        return Needed()

    def _order(self) -> Needed:
        lines = [line for line in self.text("requirements-web.txt").splitlines() if not line.startswith("#")]
        self.save("requirements-web.txt", "\n".join([*reversed(lines), ""]))
        return Needed()

    def _both(self) -> Needed:
        self.number += 1
        with self.at_once():
            self.save("requirements-web.txt", f"flask\nsix\npackage-{self.number}\n")
            self.save("shop/models.py", self.fresh("shop/models.py"))
        return Needed(("api", "admin"), ("web",))

    def _nothing(self) -> Needed:
        name = self.dice.choice(
            ["api.py", "shop/models.py", "requirements-web.txt", "Dockerfile.jobs", "devrun.toml"]
        )
        (self.project.folder / name).touch()
        self.save(name, self.text(name))
        (self.project.folder / "shop" / "__pycache__").mkdir(exist_ok=True)
        (self.project.folder / "shop" / "__pycache__" / "x.cpython-311.pyc").write_bytes(b"\0")
        return Needed()

    def _undo(self) -> Needed:
        before = self.text("tasks.py")
        with self.at_once():
            self.save("tasks.py", self.fresh("tasks.py"))
            self.save("tasks.py", before)
        return Needed()

    def _syntax_error(self) -> Needed:
        before = self.text("panel.py")
        self.save("panel.py", "def broken(:\n")
        assert Client.connect(self.project.place).wait().outcome == Ending.FAILED.value
        self.save("panel.py", before)
        return Needed()

    def _setting(self) -> Needed:
        self.number += 1
        lines = [line for line in self.text("devrun.toml").splitlines() if not line.startswith("worker = ")]
        worker = f'worker = {{ script = "worker.py", image = "jobs", env = {{ LEVEL = "{self.number}" }} }}'
        self.save("devrun.toml", "\n".join([*lines, worker, ""]))
        return Needed(("worker",))


class Judge:
    """The engine's events of one project since they were last asked for."""

    def __init__(self, project: Sandbox) -> None:
        self._project = project
        self._since = time.time()
        self._starts: list[str] = []
        self._builds: list[str] = []
        self._asking = threading.Lock()
        self._stop = threading.Event()
        # The engine remembers its last 256 events only, of all projects: so it is asked all the time.
        self._thread = threading.Thread(target=self._ask_on, name="judge", daemon=True)
        self._thread.start()

    def seen(self) -> Needed:
        """Return the starts and the builds since the last call."""
        with self._asking:
            self._ask()
            starts, self._starts = self._starts, []
            builds, self._builds = self._builds, []
        return Needed(tuple(sorted(starts)), tuple(sorted(builds)))

    def close(self) -> None:
        """Ask no more."""
        self._stop.set()
        self._thread.join()

    def _ask_on(self) -> None:
        while not self._stop.wait(ASK_S):
            with self._asking:
                self._ask()

    def _ask(self) -> None:
        until = time.time()
        since, wanted = f"{self._since:.9f}", {"type": ["container", "image"]}
        # The engine takes fractions of seconds; the stubs know of whole ones only.
        events = self._project.engine.events(  # type: ignore[call-overload]
            since=since, until=f"{until:.9f}", decode=True, filters=wanted
        )
        self._since = until
        for event in events:
            attributes = event["Actor"]["Attributes"]
            mine = attributes.get("dev.devrun.root") == self._project.key
            if event["Type"] == "container" and event["Action"] == "start" and mine:
                self._starts += [attributes["dev.devrun.target"]] if "dev.devrun.target" in attributes else []
            elif event["Type"] == "image" and event["Action"] == "tag":
                name = attributes.get("name", "").partition(":")[0]
                self._builds += [name.rpartition("-")[2]] if name.startswith("devrun/trace-") else []


def test_two_hundred_edits_lead_to_what_they_need_and_to_nothing_else(
    tmp_path: Path, connection: Connection
) -> None:
    """No needless build, no needless restart, and none missed."""
    folder = tmp_path / "trace"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    project = Sandbox(folder, connection)
    try:
        project.watch().settled("the first start")
        client, judge = Client.connect(project.place), Judge(project)
        editor = Editor(project, random.Random(7))
        for number in range(EDITS):
            kind, needed = editor.edit()
            outcome = client.wait(timeout_s=60)
            seen = judge.seen()
            expected = Needed(tuple(sorted(needed.starts)), needed.builds)
            assert (outcome.outcome, seen) == (Ending.READY.value, expected), (number, kind, project.output())
        assert len(editor.kinds) == 18, editor.kinds
        judge.close()
    finally:
        project.close()
