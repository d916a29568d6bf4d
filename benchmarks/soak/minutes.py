"""A story: minutes of all that happens to a project, and in between the question whether it is right.

Some disturbances follow each other at once, then all has to come to rest by itself: `devrun wait` has to say
`ready`, every page has to be that of the tree, and every container of the image that the Dockerfile says.
"""

import random
import statistics
import time
from dataclasses import dataclass, field

import docker.errors

from benchmarks.client import answers
from benchmarks.contenders import BrokenError
from benchmarks.progress import say
from benchmarks.soak.crowd import Crowd
from benchmarks.soak.disturbances import BUILT, Disturber
from benchmarks.soak.outcome import Outcome
from benchmarks.soak.stage import WAIT_S, Stage
from devrun.core.journal import Entry, Missed
from devrun.engine.labels import ROLE, ROLE_TARGET, ROOT

SERVED_S = 20.0
SAMPLES = 100
AT_ONCE = 4
BETWEEN_S = (0.0, 0.3)
TOLD = 12
"""How many entries of the journal say what led to a fault."""


@dataclass(slots=True)
class Judge:
    """Asks whether all is as the tree says."""

    stage: Stage
    faults: list[str] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)
    """How long the status took."""

    def judge(self, acts: list[str]) -> None:
        """Takes down what is wrong after these acts; raises BrokenError where a restart mends nothing."""
        found = self._wrong()
        if not found:
            return
        self.faults.append(f"after {', '.join(acts)}: {found}\n  " + "\n  ".join(self._told()))
        say(self.faults[-1])
        for name in self.stage.client().status().targets:
            self.stage.client().restart(name)
        if still := self._wrong():
            raise BrokenError(f"a restart did not mend it: {still}\n" + "\n".join(self._told()))

    def _wrong(self) -> str:
        client = self.stage.client()
        began = time.perf_counter()
        client.status_bytes()
        self.times_s.append(time.perf_counter() - began)
        outcome = client.wait(timeout_s=WAIT_S)
        if outcome.outcome != "ready":
            return f"devrun wait: {[(one.subject, one.error) for one in outcome.problems] or outcome}"
        return self._wrong_pages() or self._wrong_images()

    def _wrong_pages(self) -> str:
        wanted, began = self.stage.source.stamps, time.perf_counter()
        for name, port in self.stage.ports.items():
            found = (answer.stamps == wanted for _, answer in answers(port, began, SERVED_S))
            if not any(found):
                return f"{name} does not serve {wanted}"
        return ""

    def _wrong_images(self) -> str:
        """Targets are told from others by their label, and what an image has set from the engine's word."""
        (wanted,) = BUILT.findall((self.stage.place.folder / "Dockerfile").read_text())
        engine = self.stage.place.engine.api
        labels = [f"{ROOT}={self.stage.client().place.state.name}", f"{ROLE}={ROLE_TARGET}"]
        try:
            environments = [
                engine.inspect_container(one["Id"])["Config"]["Env"]
                for one in engine.containers(filters={"label": labels})
            ]
        except docker.errors.NotFound as gone:
            return f"a container went after the end of the wait: {gone}"
        right = sum(f"BUILT={wanted}" in environment for environment in environments)
        expected = len(self.stage.client().status().targets)
        return "" if right == len(environments) == expected else f"{right} of {expected} run BUILT={wanted}"

    def _told(self) -> list[str]:
        status = self.stage.client().status()
        targets = [f"{name}: {one.state}, {one.doing}, {one.note}" for name, one in status.targets.items()]
        return [*targets, *(_line(entry) for entry in self.stage.client().events(tail=TOLD))]


def _line(entry: Entry | Missed) -> str:
    if isinstance(entry, Missed):
        return f"{entry.lost} entries are lost"
    return f"{entry.at:.3f} {entry.kind} {entry.subject}: {entry.action} {entry.text} {entry.reload}".rstrip()


def play(stage: Stage, minutes: float, seed: int) -> Outcome:
    """Disturbs for some minutes, and returns what came of it."""
    dice, crowd = random.Random(seed), Crowd(stage)
    disturber, judge = Disturber(stage, dice, crowd), Judge(stage)
    began = sampled = time.monotonic()
    try:
        disturber.prepare()
        judge.judge(["the beginning"])
        while time.monotonic() < began + minutes * 60:
            judge.judge(_disturbed(disturber))
            if time.monotonic() > sampled + minutes * 60 / SAMPLES:
                sampled = time.monotonic()
                crowd.leave()
                stage.sample()
    finally:
        crowd.leave()
    disturber.edit()
    judge.judge(["the end"])
    stage.sample()
    return Outcome.of(
        f"{minutes:g} minutes, seed {seed}",
        time.monotonic() - began,
        {**disturber.done, **stage.actions, "trouble told": len(stage.trouble), **_judged(judge)},
        stage.sampler.samples,
        judge.faults,
    )


def _disturbed(disturber: Disturber) -> list[str]:
    """Disturbs some times, and returns how."""
    return [_once(disturber) for _ in range(disturber.dice.randint(1, AT_ONCE))]


def _once(disturber: Disturber) -> str:
    name = disturber.disturb()
    time.sleep(disturber.dice.uniform(*BETWEEN_S))
    return name


def _judged(judge: Judge) -> dict[str, float]:
    times = sorted(judge.times_s)
    return {
        "judged": len(times),
        "status median ms": round(statistics.median(times) * 1000, 1),
        "status p99 ms": round(times[int(len(times) * 0.99)] * 1000, 1),
    }
