"""Tells a story: does each of its steps to real files, a running daemon and its engine.

Every step can be done in every situation, if only by doing nothing, so that any of them can be left out.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from devrun.config.project import TargetName
from devrun.errors import ConfigError, DevrunError, EngineError, EngineUnreachableError
from tests.faults.steps import Step
from tests.faults.tree import BROKEN, CONFIGURATION, EXTRA, NAMES, NEEDED, hash_of, read, refused, text_of
from tests.faults.yard import Yard, pause
from tests.sources.live_disk import write

GLIMPSE_S = 0.5
"""What is there for so short a time may be loaded without devrun's having seen it, on a busy machine."""
FLOOD = 9_000
"""So many times two hints are more than the kernel keeps."""
BURST = 24
GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "core.fsync=none", "-c", "gc.auto=0")


class Teller:
    """Tells one story. What its end may rightly look like is remembered for the judge."""

    def __init__(self, yard: Yard) -> None:
        self.yard = yard
        self.edits = 0
        self.stopped: set[str] = set()
        """What the user has stopped, by the last command."""
        self.unsure: set[str] = set()
        """Targets whose last command may not have been heard."""
        self.happened: set[str] = set()
        """The kinds of steps so far."""
        self.has_git = False
        self.glimpses: set[tuple[str, str]] = {(name, hash_of("")) for name in (*NAMES, *EXTRA)}
        """Contents that lay on the disk for a moment only, by path."""
        self._saved: dict[str, tuple[str, float]] = {}

    def tell(self, steps: Sequence[Step]) -> None:
        """Do all steps, one after the other."""
        if any(step.what == "checkout" for step in steps):
            self._begin_git()
        for step in steps:
            self.happened.add(step.what)
            self._meaning(step)(step)
            pause(step.ms / 1000)
            report = self.yard.running.daemon.report()
            if not report.pid or self.yard.running.ended is not None:
                self.yard.engine.breaches.append(f"no daemon after {step}: {self.yard.running.ended!r}")

    def _meaning(self, step: Step) -> Callable[[Step], None]:
        meaning: Callable[[Step], None] = getattr(self, f"do_{step.what.replace('-', '_')}")
        return meaning

    def mend(self) -> None:
        """Have everything valid at last, and the engine well, as people do in the end."""
        self.yard.engine.heal()
        self.yard.engine.unpause()
        self._mend_files()

    def _mend_files(self) -> None:
        for name in (*NEEDED, *EXTRA):
            text = read(self.yard.root, name)
            if (text is None and name in NEEDED) or (text or "").startswith(BROKEN):
                self._put(name, text_of(name, 1))
        if not self._is_valid():
            self._put(CONFIGURATION, text_of(CONFIGURATION, 1))

    def _is_valid(self) -> bool:
        text = read(self.yard.root, CONFIGURATION) or ""
        number = text.removeprefix("# ").partition("\n")[0]
        return number.isdigit() and text == text_of(CONFIGURATION, int(number))

    # Edits

    def _path(self, name: str) -> Path:
        path = self.yard.root / name
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _put(self, name: str, text: str) -> None:
        self._note(name, text)
        self._path(name).write_text(text)

    def _note(self, name: str, text: str) -> None:
        """Count an edit, and remember what it soon takes the place of."""
        self.edits += 1
        now = time.monotonic()
        before, since = self._saved.get(name, ("", 0.0))
        if now - since < GLIMPSE_S:
            self.glimpses.add((name, before))
        self._saved[name] = (hash_of(text), now)

    def do_edit(self, step: Step) -> None:
        self._put(step.path, text_of(step.path, step.number))

    def do_slow_edit(self, step: Step) -> None:
        self._write_slowly(step.path, text_of(step.path, step.number), step.inner_ms)

    def _write_slowly(self, name: str, text: str, ms: int) -> None:
        self._note(name, text)
        self.glimpses.add((name, hash_of(text[: len(text) // 2])))
        with self._path(name).open("w") as file:
            pause(ms / 2000)
            file.write(text[: len(text) // 2])
            file.flush()
            pause(ms / 2000)
            file.write(text[len(text) // 2 :])

    def do_atomic(self, step: Step) -> None:
        self._note(step.path, text_of(step.path, step.number))
        draft = self._path(f"{step.path}.tmp{step.number}")
        draft.write_text(text_of(step.path, step.number))
        draft.replace(self.yard.root / step.path)

    def do_backup(self, step: Step) -> None:
        self._note(step.path, text_of(step.path, step.number))
        self.glimpses.add((step.path, "-"))
        path = self._path(step.path)
        backup = path.with_name(f"{path.name}~")
        if path.exists():
            path.rename(backup)
        pause(step.inner_ms / 5000)
        path.write_text(text_of(step.path, step.number))
        backup.unlink(missing_ok=True)

    def do_vim(self, step: Step) -> None:
        probe = self._path(step.path).with_name("4913")
        probe.touch()
        probe.unlink()
        self.do_backup(step)

    def do_flip(self, step: Step) -> None:
        """Change a file, and take it back soon."""
        before = read(self.yard.root, step.path)
        self._put(step.path, text_of(step.path, step.number))
        pause(step.inner_ms / 1000)
        if before is not None:
            self._put(step.path, before)

    def do_flap(self, step: Step) -> None:
        """There and back, and there again, and back."""
        for times in range(2 + step.number % 3):
            self.do_flip(step)
            pause(step.inner_ms * times / 1000)

    # What else happens to files

    def do_touch(self, step: Step) -> None:
        if (self.yard.root / step.path).is_file():
            os.utime(self.yard.root / step.path)

    def do_delete(self, step: Step) -> None:
        self.edits += 1
        (self.yard.root / step.path).unlink(missing_ok=True)

    def do_move(self, step: Step) -> None:
        """Move a file away and back, or leave it there."""
        path = self.yard.root / step.path
        if not path.exists():
            return
        self.edits += 1
        self.glimpses.add((step.path, "-"))
        path.rename(path.with_name("moved.py"))
        pause(step.inner_ms / 1000)
        if step.number % 3:
            path.with_name("moved.py").rename(path)

    def do_move_folder(self, step: Step) -> None:
        """Move a folder away and back, with another content."""
        folder = self.yard.root / step.path
        away = folder.with_name("away")
        if not folder.is_dir() or away.exists():
            return
        self.edits += 1
        self.glimpses |= {("pkg/core.py", "-"), ("pkg/__init__.py", "-")}
        folder.rename(away)
        pause(step.inner_ms / 1000)
        if step.number % 2:
            (away / "core.py").write_text(text_of("pkg/core.py", step.number))
        away.rename(folder)

    def do_make_folders(self, step: Step) -> None:
        """Make folders with a file in them at once, or move them in as a whole."""
        self.edits += 1
        if step.number % 3 == 0 and not (self.yard.root / "deep").exists():
            outside = self.yard.root.parent / "outside"
            write(outside, {step.path: text_of(step.path, step.number)})
            (outside / "deep").rename(self.yard.root / "deep")
            return
        if step.number % 3 == 1:
            shutil.rmtree(self.yard.root / "deep", ignore_errors=True)
        write(self.yard.root, {step.path: text_of(step.path, step.number)})

    def do_remove_folder(self, step: Step) -> None:
        self.edits += 1
        shutil.rmtree(self.yard.root / step.path, ignore_errors=True)

    def do_burst(self, step: Step) -> None:
        """Save many files at once, as a formatter does."""
        for number in range(BURST):
            self._put(f"many/file_{number}.py", f"V = {step.number}\n")
        self.do_edit(step)

    def do_break(self, step: Step) -> None:
        """Save what does not parse."""
        if step.path.endswith(".py"):
            self._put(step.path, f"{BROKEN}{step.number}\n")

    def _begin_git(self) -> None:
        """Make a repository of two branches that differ in some files."""
        other = ("views.py", "models.py", "pkg/core.py", "extra.py", "requirement.txt", *NAMES[:1])
        self._git("init", "-q", "-b", "main")
        (self.yard.root / ".git" / "info" / "exclude").write_text("deep/\nmany/\n")
        self._git("add", ".")
        self._git("commit", "-q", "-m", "main")
        self._git("checkout", "-q", "-b", "other")
        write(self.yard.root, {name: text_of(name, 500) for name in other})
        self._git("add", ".")
        self._git("commit", "-q", "-m", "other")
        self.has_git = True

    def _git(self, *words: str) -> None:
        subprocess.run([*GIT, *words], cwd=self.yard.root, check=False, capture_output=True)

    def do_checkout(self, step: Step) -> None:
        """Check a branch out, or there and back."""
        if self.has_git:
            self.edits += 1
            names = ("main", "other") if step.number % 2 else ("other", "main")
            self._git("checkout", "-q", "-f", names[0])
            pause(step.inner_ms / 1000)
            if step.number % 4 > 1:
                self._git("checkout", "-q", "-f", names[1])

    # The configuration

    def _forget_absent(self, text: str) -> None:
        """A target that leaves the file for a moment may come back as a new one."""
        self.unsure |= {name for name in self.stopped if f"targets.{name}]" not in text}

    def do_configure(self, step: Step) -> None:
        text = text_of(CONFIGURATION, step.number)
        self._forget_absent(text)
        self._put(CONFIGURATION, text)

    def do_configure_slowly(self, step: Step) -> None:
        text = text_of(CONFIGURATION, step.number)
        self.unsure |= self.stopped
        self._write_slowly(CONFIGURATION, text, step.inner_ms)

    def do_misconfigure(self, step: Step) -> None:
        self._put(CONFIGURATION, refused(step.number))

    def do_unconfigure(self, step: Step) -> None:
        """Let the file be away for a moment."""
        path = self.yard.root / CONFIGURATION
        if path.exists():
            self.edits += 1
            path.rename(path.with_name("devrun.old"))
            pause(step.inner_ms / 1000)
            path.with_name("devrun.old").rename(path)

    # Commands

    def _wish(self, wish: Callable[[list[str]], None], name: str) -> bool:
        try:
            wish([name])
        except DevrunError:
            return False  # The configuration has no such target now.
        return True

    def do_restart(self, step: Step) -> None:
        if self._wish(self.yard.running.daemon.desk.restart, step.path):
            self.stopped.discard(step.path)

    def do_start(self, step: Step) -> None:
        if self._wish(self.yard.running.daemon.desk.start, step.path):
            self.stopped.discard(step.path)

    def do_stop(self, step: Step) -> None:
        if self._wish(self.yard.running.daemon.desk.stop, step.path):
            self.stopped.add(step.path)

    def do_rebuild(self, step: Step) -> None:
        self.yard.running.daemon.desk.rebuild(["default"], no_cache=bool(step.number % 2))

    def do_wait(self, step: Step) -> None:
        if self.yard.running.wait(step.inner_ms / 1000) is None:
            self.yard.engine.breaches.append("a wait with a limit was not answered")

    def do_second_daemon(self, step: Step) -> None:
        if not self.yard.is_alone():
            self.yard.engine.breaches.append("a second daemon runs for the project")

    # Faults

    def _next_daemon(self) -> None:
        self.unsure |= set(self.happened & {"stop", "start", "restart"} and ("web", "tool", "job"))
        try:
            self.yard.begin()
        except ConfigError:
            self._mend_files()
            self.yard.begin()

    def do_kill(self, step: Step) -> None:
        self.yard.running.kill()
        pause(step.inner_ms / 1000)
        self._next_daemon()

    def do_kill_and_forget(self, step: Step) -> None:
        self.yard.running.kill()
        self.yard.place.cache.unlink(missing_ok=True)
        self._next_daemon()

    def do_end(self, step: Step) -> None:
        self.yard.engine.go_up()
        self.yard.running.end()
        pause(step.inner_ms / 1000)
        self._next_daemon()

    def do_down(self, step: Step) -> None:
        self.yard.engine.go_down(containers_end=bool(step.number % 2))

    def do_outage(self, step: Step) -> None:
        self.do_down(step)
        pause(step.inner_ms / 1000)
        self.yard.engine.go_up()

    def do_up(self, step: Step) -> None:
        self.yard.engine.go_up()

    def do_fail(self, step: Step) -> None:
        self.yard.engine.fail(step.path, EngineError("by chance"))

    def do_lose(self, step: Step) -> None:
        self.yard.engine.fail(step.path, EngineUnreachableError("by chance"))

    def _harm(self, harm: Callable[[TargetName], None], name: str) -> None:
        try:
            harm(TargetName(name))
        except StopIteration:
            return  # Nothing of it runs.

    def do_crash(self, step: Step) -> None:
        self._harm(self.yard.engine.crash, step.path)

    def do_vanish(self, step: Step) -> None:
        self._harm(self.yard.engine.vanish, step.path)

    def do_cut_off(self, step: Step) -> None:
        self._harm(lambda name: self.yard.engine.cut_off(name, "its network is gone"), step.path)

    def do_pause_container(self, step: Step) -> None:
        self._harm(self.yard.engine.pause, step.path)

    def do_strand(self, step: Step) -> None:
        self.yard.engine.strand(TargetName(step.path))

    def do_slow(self, step: Step) -> None:
        self.yard.engine.slowness_s = (0.0, 0.02, 0.1, 0.25)[step.number % 4]

    def do_overflow(self, step: Step) -> None:
        """Let more happen than the kernel keeps, while a look at the disk takes long."""
        with self.yard.running.daemon._disk._looking:
            self._put("views.py", text_of("views.py", step.number))
            self.do_edit(step)
            pause(0.01)
            for _ in range(FLOOD):
                os.utime(self.yard.root / "views.py")
                os.utime(self.yard.root / "devrun.toml")
            self._put("pkg/core.py", text_of("pkg/core.py", step.number))
