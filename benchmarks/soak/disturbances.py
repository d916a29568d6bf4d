"""What people, editors, git and others do to a project that runs; each leaves a tree that is right."""

import contextlib
import random
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import docker.errors

from benchmarks.served import text
from benchmarks.soak.crowd import Crowd
from benchmarks.soak.stage import Stage
from devrun.engine.labels import ROLE, ROLE_TARGET, ROOT

BRANCHES = ("main", "feature")
STAMP = re.compile(r'^STAMP = "(\w+)"$', re.MULTILINE)
BUILT = re.compile(r"^ENV BUILT=(\w+)$", re.MULTILINE)
FILES = 40
"""By how many a branch differs: git writes them while devrun looks."""
NOISE = """\
import time

number = 0
while True:
    number += 1
    print(f"line {number} " + "x" * 150, flush=True)
    time.sleep(0.02)
"""


@dataclass(slots=True)
class Disturber:
    """Does these things, by dice."""

    stage: Stage
    dice: random.Random
    crowd: Crowd
    built: int = 0
    done: dict[str, int] = field(default_factory=dict)

    def disturb(self) -> str:
        """Does one of them, and returns its name."""
        (act,) = self.dice.choices(list(ACTS), weights=list(ACTS.values()))
        self.done[act.__name__] = self.done.get(act.__name__, 0) + 1
        act(self)
        return act.__name__

    def edit(self) -> None:
        """A save."""
        self.stage.source.save(self.stage.source.number % 2)

    def edit_all(self) -> None:
        """Saves that concern every target: what was killed is started by no other."""
        self.edit()
        (self.stage.place.folder / "noise.py").write_text(f"{NOISE}# {self.stage.source.number}\n")

    def burst(self) -> None:
        """Saves while devrun is at work."""
        for _ in range(self.dice.randint(2, 6)):
            self.edit()
            time.sleep(self.dice.uniform(0, 0.2))

    def break_and_mend(self) -> None:
        """A module that does not parse, for a while."""
        which = self.stage.source.number % 2
        self.stage.source.path(which).write_text(text("broken")[:-2])
        time.sleep(self.dice.uniform(0, 0.3))
        self.stage.source.save(which)

    def checkout(self) -> None:
        """Another branch: other modules, other files, another image."""
        self.git("checkout", "--quiet", "--force", self.dice.choice(BRANCHES))
        one, other = (STAMP.findall(self.stage.source.path(which).read_text())[0] for which in (0, 1))
        self.stage.source.stamps = (one, other)

    def build(self) -> None:
        """An image that was never there."""
        self.built += 1
        self._write_dockerfile(f"b{self.built}", f"RUN echo {self.built} > /built")

    def build_twice(self) -> None:
        """A build that is given up for another one."""
        self.built += 1
        self._write_dockerfile(f"b{self.built}", f"RUN sleep 0.5; echo {self.built} > /built")
        time.sleep(self.dice.uniform(0.05, 0.5))
        self.build()

    def build_back(self) -> None:
        """An image that may still be there."""
        number = max(1, self.built - 1)
        self._write_dockerfile(f"b{number}", f"RUN echo {number} > /built")

    def tree(self) -> None:
        """A folder of files that comes, or goes."""
        folder = self.stage.place.folder / "extra" / "deep"
        if folder.exists():
            shutil.rmtree(folder.parent)
            return
        folder.mkdir(parents=True)
        for number in range(self.dice.randint(1, FILES)):
            (folder / f"m{number}.py").write_text(f"A = {number}\n")

    def kill(self) -> None:
        """A container that is killed by hand: devrun leaves it so until the next save."""
        for container in self._some_container(running=True):
            self.stage.place.engine.api.kill(container)
        self.edit_all()

    def kill_inside(self) -> None:
        """The program in a container is killed, or the agent that leads it."""
        for container in self._some_container(running=True):
            made = self.stage.place.engine.api.exec_create(container, ["sh", "-c", "kill -9 -1"])
            self.stage.place.engine.api.exec_start(made["Id"])
        self.edit_all()

    def remove(self) -> None:
        """A container that is removed by hand: a target's, or one that has the network of a target."""
        for container in self._some_container(running=False):
            self.stage.place.engine.api.remove_container(container, force=True)
        self.edit_all()

    def restart(self) -> None:
        """A wish, by the socket."""
        self.stage.client().restart(self.dice.choice(list(self.stage.ports)))

    def stop_and_start(self) -> None:
        """Two wishes that contradict each other."""
        name = self.dice.choice(list(self.stage.ports))
        self.stage.client().stop(name)
        time.sleep(self.dice.uniform(0, 0.3))
        self.stage.client().start(name)

    def follow(self) -> None:
        """A client that never reads."""
        self.crowd.follow(self.dice)

    def command(self) -> None:
        """A client that will be killed."""
        self.crowd.command(self.dice)

    def prepare(self) -> None:
        """Makes the two branches."""
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("add", ".")
        self._commit("first")
        self.git("checkout", "--quiet", "-b", "feature")
        self.tree()
        self.stage.source.save(0)
        self.build()
        self.git("add", ".")
        self._commit("second")

    def git(self, *words: str) -> None:
        """Runs git in the project."""
        subprocess.run(["git", *words], cwd=self.stage.place.folder, check=True, stdin=subprocess.DEVNULL)

    def _commit(self, subject: str) -> None:
        who = ("-c", "user.name=soak", "-c", "user.email=soak@example.org")
        self.git(*who, "commit", "--quiet", "--no-verify", "--message", subject)

    def _write_dockerfile(self, name: str, line: str) -> None:
        (self.stage.place.folder / "Dockerfile").write_text(dockerfile(self.stage.place.image, name, line))

    def _some_container(self, *, running: bool) -> list[str]:
        """Returns a container of the project, or none; whoever asks need not mind that devrun removes it."""
        labels = [f"{ROOT}={self.stage.client().place.state.name}"]
        labels += [f"{ROLE}={ROLE_TARGET}"] if running else []
        found = self.stage.place.engine.api.containers(all=not running, filters={"label": labels})
        return [self.dice.choice(found)["Id"]] if found else []


def dockerfile(image: str, name: str, line: str = "") -> str:
    """Returns the text of one whose name the containers of its image bear."""
    return f"FROM {image}\nENV BUILT={name}\nWORKDIR /app\n{line}\n"


def tolerant(act: Callable[[Disturber], None]) -> Callable[[Disturber], None]:
    """Returns the act, whatever the engine says: devrun may have removed the container at that moment."""

    def done(self: Disturber) -> None:
        with contextlib.suppress(docker.errors.APIError):
            act(self)
            return
        self.edit_all()

    done.__name__ = act.__name__
    return done


ACTS: dict[Callable[[Disturber], None], int] = {
    Disturber.edit: 12,
    Disturber.burst: 4,
    Disturber.break_and_mend: 2,
    Disturber.checkout: 3,
    Disturber.build: 2,
    Disturber.build_twice: 1,
    Disturber.build_back: 1,
    Disturber.tree: 3,
    tolerant(Disturber.kill): 2,
    tolerant(Disturber.kill_inside): 2,
    tolerant(Disturber.remove): 2,
    Disturber.restart: 2,
    Disturber.stop_and_start: 2,
    Disturber.follow: 4,
    Disturber.command: 4,
}
"""How often each comes."""
