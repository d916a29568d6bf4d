"""The live view on a terminal: what the screen shows, and what the keys do."""

import re
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator

import pexpect
import pyte
import pytest

from devrun.control.lock import read
from tests.e2e.conftest import BASE, LIMIT_S, Sandbox

pytestmark = pytest.mark.engine

COLUMNS, LINES = 100, 30
SLOW_BUILD = f"FROM {BASE}\nWORKDIR /app\nRUN echo one\nRUN sleep 4\nCOPY web.py job.py ./\n"
WEB = "import http.server\nprint('serves', flush=True)\nhttp.server.test(bind='0.0.0.0', port=8000)\n"


class Screen:
    """A terminal with `devrun watch` on it."""

    def __init__(self, project: Sandbox, *arguments: str) -> None:
        command = [sys.executable, "-m", "devrun", "-C", str(project.folder), "watch", *arguments]
        environment = {
            **project.environment,
            "TERM": "xterm-256color",
            "BROWSER": f"{project.folder.parent / 'browser'} %s",
        }
        for name in ("NO_COLOR", "LINES", "COLUMNS"):  # the last two are of the runner of these tests
            environment.pop(name, None)
        self.child = pexpect.spawn(
            command[0], command[1:], env=environment, dimensions=(LINES, COLUMNS), timeout=LIMIT_S
        )
        self.child.delayafterread = None
        self.settings = termios.tcgetattr(self.child.child_fd)
        self._screen = pyte.Screen(COLUMNS, LINES)
        self._stream = pyte.ByteStream(self._screen)

    @property
    def rows(self) -> list[str]:
        """What stands on the screen, without what is empty."""
        return [row.rstrip() for row in self._screen.display if row.strip()]

    @property
    def text(self) -> str:
        return "\n".join(self.rows)

    @property
    def footer(self) -> list[str]:
        """What stands below the line; times are left out."""
        rule = next((index for index, row in enumerate(self.rows) if row.startswith("───")), len(self.rows))
        return [re.sub(r" \d+[smh]\b", " *", row) for row in self.rows[rule + 1 :]]

    def read(self) -> None:
        """Take what was written."""
        try:
            self._stream.feed(self.child.read_nonblocking(65536, timeout=0.05))
        except (pexpect.TIMEOUT, pexpect.EOF):
            threading.Event().wait(0.02)

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until the screen shows it."""
        limit = time.monotonic() + LIMIT_S
        while not holds():
            assert time.monotonic() < limit, f"{what}\n{self.text}"
            self.read()

    def shows(self, text: str) -> None:
        """Wait until a text stands somewhere."""
        self.until(lambda: text in self.text, f"shows {text!r}")

    def press(self, key: str) -> None:
        self.child.send(key)

    def close(self) -> None:
        self.child.close(force=True)


@pytest.fixture
def project(sandbox: Callable[[str], Sandbox]) -> Sandbox:
    made = sandbox("01-script")
    made.write("Dockerfile", f"FROM {BASE}\nWORKDIR /app\n")
    made.write("web.py", WEB)
    browser = made.folder.parent / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {made.folder.parent}/opened\n')
    browser.chmod(0o755)
    made.write("job.py", "print('\\033[31mdone\\033[0m')\n")
    made.write(
        "devrun.toml",
        f'[project]\nname = "live"\n[targets]\njob = "job.py"\n'
        f'web = {{ script = "web.py", ports = ["{made.port}:8000"] }}\n',
    )
    return made


@pytest.fixture
def show(project: Sandbox) -> Iterator[Callable[..., Screen]]:
    screens: list[Screen] = []

    def begin(*arguments: str) -> Screen:
        screens.append(Screen(project, *arguments))
        return screens[-1]

    yield begin
    for screen in screens:
        screen.close()


KEYS = " r restart   b rebuild   l filter   o open   e explain   q quit   ? help"


def at_rest(project: Sandbox) -> list[str]:
    return [" job  exited 0", f" web  running *  http://127.0.0.1:{project.port}", KEYS]


def test_the_footer_stays_below_what_is_written(project: Sandbox, show: Callable[..., Screen]) -> None:
    """A line for each target, and the keys; the lines above scroll, in their colours."""
    screen = show()
    screen.until(lambda: screen.footer == at_rest(project), "the footer")

    assert f"devrun: watching {project.folder}"[:COLUMNS] in screen.text
    assert "job | done" in screen.rows
    assert "web | serves" in screen.rows
    row = next(y for y, text in enumerate(screen._screen.display) if text.startswith("job | done"))
    assert screen._screen.buffer[row][6].fg == "red"
    project.write("web.py", WEB.replace("serves", "serves again"))
    screen.shows("devrun: web: restarting (web.py changed)")
    screen.shows("web | serves again")
    screen.until(lambda: screen.footer == at_rest(project), "the footer again")


def test_keys_restart_filter_explain_open_and_help(project: Sandbox, show: Callable[..., Screen]) -> None:
    """Each acts at once, without Enter."""
    screen = show()
    screen.until(lambda: screen.footer == at_rest(project), "the footer")
    screen.press("l")
    screen.shows("shows the output of job")
    assert "l filter: job" in screen.footer[-1]
    screen.press("r")
    screen.shows("devrun: job: restarting (asked to restart)")
    assert "web: restarting" not in screen.text
    screen.press("ll")
    screen.shows("shows the output of all targets")
    screen.press("o")
    screen.shows(f"devrun: opening http://127.0.0.1:{project.port}")
    opened = project.folder.parent / "opened"
    screen.until(lambda: opened.exists() and opened.read_text() != "", "the browser")
    assert opened.read_text() == f"http://127.0.0.1:{project.port}\n"
    screen.press("e")
    screen.shows("nothing changed since devrun started")
    screen.press("?")
    screen.shows("q  stop the containers and quit (or Ctrl-C)")
    screen.press("b")
    screen.shows("devrun: image default: building (asked to rebuild)")
    screen.until(lambda: screen.footer == at_rest(project), "the footer again")


def test_a_build_has_a_progress_bar(project: Sandbox, show: Callable[..., Screen]) -> None:
    """With the step that runs, until it is done."""
    project.write("Dockerfile", SLOW_BUILD.replace("echo one", f"echo {time.time()}"))
    screen = show()
    screen.until(lambda: any("RUN sleep 4" in row and "━" in row for row in screen.footer), "the bar")
    (row,) = [row for row in screen.footer if "━" in row]
    assert re.fullmatch(r" image default  ━{16} \*  \d/5 RUN sleep 4", row)
    screen.until(lambda: screen.footer == at_rest(project), "the end of it")


def test_q_stops_the_containers_and_gives_the_terminal_back(
    project: Sandbox, show: Callable[..., Screen]
) -> None:
    """As it was: its settings, its cursor, and nothing of the footer."""
    screen = show()
    screen.until(lambda: screen.footer == at_rest(project), "the footer")
    assert termios.tcgetattr(screen.child.child_fd) != screen.settings
    screen.press("q")
    screen.until(lambda: not screen.child.isalive(), "the end")
    screen.read()

    assert screen.child.exitstatus == 0
    assert "devrun: web: stopped in " in screen.text
    assert screen.footer == []
    assert not screen._screen.cursor.hidden
    assert termios.tcgetattr(screen.child.child_fd) == screen.settings
    assert read(project.place) is None


def test_a_second_ctrl_c_ends_at_once_and_gives_the_terminal_back(
    project: Sandbox, show: Callable[..., Screen]
) -> None:
    """Even where a container takes its time."""
    project.write("web.py", "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + WEB)
    project.edit("devrun.toml", "ports =", "stop-timeout = 60, ports =")
    screen = show()
    screen.until(lambda: screen.footer == at_rest(project), "the footer")
    screen.press("\x03")
    screen.shows("devrun: web: stopping (devrun ends)")
    screen.press("\x03")
    screen.until(lambda: not screen.child.isalive(), "the end")
    screen.read()

    assert screen.child.exitstatus == 130
    assert not screen._screen.cursor.hidden
    assert termios.tcgetattr(screen.child.child_fd) == screen.settings
    project.edit("devrun.toml", "stop-timeout = 60, ", "")


def test_a_flood_of_output_is_shown_and_the_footer_lives(
    project: Sandbox, show: Callable[..., Screen]
) -> None:
    """The newest lines stand above it, and keys act."""
    project.write("job.py", "for number in range(30000):\n    print('line', number)\n")
    screen = show()
    screen.shows("job | line 29999")
    screen.press("?")
    screen.shows("q  stop the containers and quit (or Ctrl-C)")
    screen.until(lambda: screen.footer == at_rest(project), "the footer")


def test_a_small_terminal_shows_less(project: Sandbox, show: Callable[..., Screen]) -> None:
    """Never more than half of it."""
    targets = "".join(f'job{n} = "job.py"\n' for n in range(9))
    project.write("devrun.toml", f'[project]\nname = "live"\n[targets]\n{targets}')
    screen = show()
    screen.child.setwinsize(12, COLUMNS)
    screen._screen.resize(12, COLUMNS)
    screen.until(lambda: "  and 6 more: devrun status" in screen.footer, "the footer")

    assert len(screen.footer) == 5


def test_an_attached_view_has_the_same_footer(project: Sandbox, show: Callable[..., Screen]) -> None:
    """And leaves the daemon running."""
    assert project.devrun("watch", "-d").returncode == 0
    screen = show("--attach")
    screen.until(lambda: screen.footer == at_rest(project), "the footer")
    screen.press("r")
    screen.shows("devrun: web: restarted in ")
    screen.press("q")
    screen.until(lambda: not screen.child.isalive(), "the end")
    screen.read()

    assert "left; devrun goes on" in screen.text
    assert read(project.place) is not None
