"""Warm starts: what is preloaded, what is left out, and when a fresh interpreter is taken instead."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from devrun.engine.quarters import CODE
from tests.agent.bench import NAME_OF_ZYGOTE, until
from tests.agent.conftest import Begin

INSTALLED = {
    "quiet": "VALUE = 100",
    "threaded": "import threading as t, time\nt.Thread(target=time.sleep, args=(99,), daemon=True).start()",
    "leaning": "import threaded",
    "loud": "print('loud')",
    "raising": "import os\nif 'x' not in globals(): raise RuntimeError",
    "leaving": "import os, socket\nkept = socket.socket()",
    "forking": "import subprocess\nchild = subprocess.Popen(['sleep', '1000'])",
    "wandering": "import sys\nsys.path.append('/nowhere')",
}


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A directory of modules beside the project."""
    made = tmp_path / "installed"
    made.mkdir()
    for name, text in INSTALLED.items():
        (made / f"{name}.py").write_text(f"{text}\n")
    return made


def test_what_does_not_keep_still_is_left_out(begin: Begin, installed: Path) -> None:
    """The rest is preloaded, and the program sees all of it as ever."""
    text = "import json, quiet, threaded, leaning, loud, leaving, forking, wandering\n"
    text += "try:\n    import raising\nexcept RuntimeError:\n    print('raised')\n"
    agent = begin(text, depth="warm", PYTHONPATH=str(installed))
    agent.running.wait_for("raised")
    agent.warm_up()
    agent.running.mark()
    run = agent.restart()
    agent.running.wait_for("raised")
    assert run["depth"] == "warm"
    assert agent.running.read()[0] == "loud\nraised\n"
    assert str(run["note"]).endswith(
        "modules preloaded; left out: threaded starts threads, loud writes output, "
        "leaving leaves files open, forking starts a process, ..."
    )


def test_an_installed_module_that_changed_is_loaded_anew(begin: Begin, installed: Path) -> None:
    """A fresh interpreter does it, and the note says which file; the start after it is warm again."""
    text = "import quiet, os\nprint('value', quiet.VALUE, flush=True)\n"
    agent = begin(text, depth="warm", PYTHONPATH=str(installed))
    agent.running.wait_for("value 100")
    agent.warm_up()
    (installed / "quiet.py").write_text("VALUE = 2000\n")
    run = agent.restart()
    assert (run["depth"], run["note"]) == ("process", f"{installed}/quiet.py changed")
    agent.running.wait_for("value 2000")
    agent.warm_up()
    assert agent.restart()["depth"] == "warm"


def test_a_directory_of_modules_in_which_a_tool_keeps_its_notes_is_the_same(
    begin: Begin, installed: Path
) -> None:
    """A file that can be no module changes the times of the directory alone; another module counts."""
    text = "import quiet, os\nprint('value', quiet.VALUE, flush=True)\n"
    agent = begin(text, depth="warm", PYTHONPATH=str(installed))
    agent.running.wait_for("value 100")
    agent.warm_up()
    (installed / ".coverage.1").touch()
    assert agent.restart()["depth"] == "warm"
    agent.warm_up()
    (installed / "other.py").touch()
    run = agent.restart()
    assert (run["depth"], run["note"]) == ("process", f"{installed} changed")


def test_a_module_of_the_project_comes_before_an_installed_one(
    begin: Begin, installed: Path, project: Path
) -> None:
    """Also where it was not there when the other one was preloaded."""
    agent = begin(
        "import quiet\nprint('value', quiet.VALUE, flush=True)\n", depth="warm", PYTHONPATH=str(installed)
    )
    agent.running.wait_for("value 100")
    agent.warm_up()
    (project / "quiet.py").write_text("VALUE = 'mine'\n")
    assert agent.restart()["note"] == "the project has a module quiet now"
    agent.running.wait_for("value mine")


def test_a_program_that_fails_warm_alone_is_warm_no_more(begin: Begin, installed: Path) -> None:
    """It is started once more with a fresh interpreter, and so from then on."""
    (installed / "moody.py").write_text("import os\nBORN = os.getpid()\n")
    text = (
        "import moody, os, sys\nprint('born', moody.BORN == os.getpid())\nsys.exit(moody.BORN != os.getpid())"
    )
    agent = begin(text, depth="warm", PYTHONPATH=str(installed))
    agent.running.wait_for("born True")
    agent.warm_up()
    agent.restart()
    agent.running.wait_for("born False")
    agent.wait(lambda run: "warm starts are off" in str(run["note"]))
    assert agent.run["number"] == 3
    assert agent.restart()["depth"] == "process"


def test_a_program_that_is_broken_stays_warm(begin: Begin, project: Path) -> None:
    """It fails with a fresh interpreter, too; once it is repaired, its start is a warm one."""
    works = "import json\nprint('works', flush=True)\n"
    agent = begin(works, depth="warm")
    agent.running.wait_for("works")
    agent.warm_up()
    (project / "app.py").write_text("import json\nbroken\n")
    agent.restart()
    agent.wait(lambda run: run["number"] == 3 and run["state"] == "ended")
    (project / "app.py").write_text(works)
    assert agent.restart()["depth"] == "warm"


@pytest.mark.parametrize(
    ("words", "note"),
    [
        (("-I", "app.py"), "python -I reads no PYTHONPATH"),
        (("-W", "error", "-uS", "app.py"), "python -S runs without site"),
        (("-m", "pdb", "app.py"), "pdb follows what is loaded"),
    ],
)
def test_what_cannot_be_warm_says_why(begin: Begin, words: tuple[str, ...], note: str) -> None:
    """It gets a fresh interpreter."""
    agent = begin("print('ran')\n", depth="warm", words=words)
    assert (agent.run["depth"], agent.run["note"]) == ("process", note)


def test_a_program_of_a_package_that_has_to_come_first_is_not_warm(begin: Begin, installed: Path) -> None:
    """It patches what is loaded after it."""
    (installed / "gevent.py").touch()
    agent = begin("import gevent, json\nprint('ran', flush=True)\n", depth="warm", PYTHONPATH=str(installed))
    agent.wait(lambda run: run["state"] == "ended")
    run = agent.restart()
    assert (run["depth"], run["note"]) == ("process", "gevent patches modules as they are loaded")


def zygotes(project: Path) -> list[int]:
    """Returns the zygotes of a project."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            here = (place / "cwd").readlink() == project
            if here and (place / "comm").read_text().strip() == NAME_OF_ZYGOTE:
                found.append(int(place.name))
        except OSError:
            continue
    return found


def test_a_lost_zygote_is_replaced(begin: Begin, project: Path) -> None:
    """The start in between has a fresh interpreter."""
    agent = begin("import json\nprint('ran', flush=True)\n", depth="warm")
    agent.warm_up()
    until(lambda: len(zygotes(project)) == 1, lambda: f"{zygotes(project)}")
    os.kill(zygotes(project)[0], signal.SIGKILL)
    until(lambda: not zygotes(project), lambda: "it lives")
    assert agent.restart()["depth"] == "process"
    agent.warm_up()
    assert agent.restart()["depth"] == "warm"


def test_a_zygote_ends_with_its_agent(begin: Begin, project: Path) -> None:
    """Also when that is killed."""
    agent = begin("import json\nprint('ran', flush=True)\n", depth="warm")
    agent.warm_up()
    assert zygotes(project)
    agent.running.process.kill()
    until(lambda: not zygotes(project), lambda: "it lives")


PATIENCE = """
import sys, warmth
from arguments import read_arguments

class Timer:
    def __init__(self, seconds): self.seconds, self.call = seconds, True
    def cancel(self): self.call = None

class Loop:
    timers = []
    def watch(self, *_, **__): pass
    def forget(self, _): pass
    def after(self, seconds, call):
        self.timers.append(Timer(seconds))
        return self.timers[-1]

class Zygote:
    pid = 0
    def __init__(self, loop, command, environment, names, plan, hear): self.names = names
    def __getattr__(self, name): return lambda *_: None

def waits():
    print([timer.seconds for timer in Loop.timers if timer.call and timer.seconds >= warmth.FORK_S])

warmth.Zygote = Zygote
words = ["--socket", f"{sys.argv[1]}/socket", "--depth", "warm", "--", "python", "app.py"]
kept = warmth.Warmth(Loop(), read_arguments(words), {}, lambda: None, lambda _: None)
kept._learnt = True
for name in ("json", "csv"):
    kept._names[name] = None
    kept._quiet(); waits()  # another one is prepared
    kept.ask(); waits()  # and has to wait, since the program is started
"""


def test_an_interpreter_that_has_to_wait_is_not_taken_for_a_slow_one(tmp_path: Path) -> None:
    """Starts in a row keep it from its work: only the time in which it could work counts."""
    done = subprocess.run(
        [sys.executable, "-c", PATIENCE, tmp_path],
        env={**os.environ, "PYTHONPATH": str(CODE)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.splitlines() == ["[60.0]", "[]", "[60.0]", "[]"]
