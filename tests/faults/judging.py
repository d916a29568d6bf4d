"""Whether a story has ended well: what runs is what lies on the disk, and nothing else.

The judge asks the engine what each program has loaded and what its image was made of, and the disk what is
there; devrun is believed only where it says that something failed that the story made fail.
"""

import time
from collections.abc import Iterator

from devrun.config.project import ImageConfig, TargetName
from devrun.core.decide import Decision, Hold, HoldKind, decide_image, decide_target
from devrun.core.values import Phase
from tests.faults.telling import Teller
from tests.faults.tree import difference, meaning_of, read, record_of
from tests.faults.yard import pause

WAIT_S = 12.0
"""A wait that lasts longer has no end: nothing in a story takes so long."""
PATIENCE_S = 6.0
"""Within which a save is served though nobody asks: two looks at everything that follow a lost hint."""
POLL_S = 0.01

EXCUSES = {
    HoldKind.CRASHED: {"crash", "down", "outage", "vanish", "break", "delete", "move", "move-folder", "kill"}
    | {"checkout", "slow-edit", "backup", "vim", "remove-folder", "kill-and-forget", "flip", "flap", "end"},
    HoldKind.EXITED: {"crash", "down", "outage"},
    HoldKind.FAILED: {"fail", "vanish", "delete", "move"},
    HoldKind.PAUSED: {"pause-container"},
    HoldKind.FLAPPING: {"flap", "flip", "edit", "slow-edit", "atomic", "backup", "vim", "burst"},
}
"""The ends that are not good, and the steps that may rightly lead there."""


class Judge:
    """Judges the end of one story."""

    def __init__(self, teller: Teller, *, asks: bool) -> None:
        """`asks`: by a wait; otherwise all has to come to rest by itself."""
        self._teller = teller
        self._yard = teller.yard
        self._asks = asks
        self.glimpses = 0
        """How often that was found which devrun cannot see: a content that was there between two looks."""

    def verdict(self) -> list[str]:
        """Return what is wrong."""
        self._teller.mend()
        wrong = self._rest()
        if not wrong:
            self._teller.unsure.clear()
            self._teller.stopped.clear()
            self._teller.happened.clear()
            desk = self._yard.running.daemon.desk
            desk.rebuild(["default"])
            desk.restart(sorted(self._yard.targets))
            wrong = [f"after a restart: {one}" for one in self._come_to_rest(asks=True)]
        return [*self._yard.engine.breaches, *wrong]

    def _rest(self) -> list[str]:
        return self._come_to_rest(asks=self._asks)

    def _come_to_rest(self, *, asks: bool) -> list[str]:
        if asks:
            self._await_engine()
            outcome = self._yard.running.wait(WAIT_S)
            if outcome is None:
                return [f"the wait is not answered: {self._holds()}"]
            if outcome.outcome not in {"ready", "failed"}:
                return [f"the wait ends with {outcome}: {self._holds()}"]
            if outcome.outcome == "ready" and (wrong := [*self._unserved(), *self._bad_holds()]):
                return [f"the wait says ready, but {one}" for one in wrong]
        until = time.monotonic() + PATIENCE_S
        while wrong := self._unrest() or list(self._wrong()):
            if time.monotonic() > until:
                return wrong
            pause(POLL_S)
        return []

    def _await_engine(self) -> None:
        """Let devrun find the engine again: while it has none, a wait says so at once."""
        until = time.monotonic() + PATIENCE_S
        while not self._yard.running.daemon.report().engine_up and time.monotonic() < until:
            pause(POLL_S)

    def _unrest(self) -> list[str]:
        rests = all(
            isinstance(decision, Hold) and (decision.is_final or self._waits_rightly(decision))
            for decision in self._decisions().values()
        )
        return [] if rests else [f"no rest: {self._holds()}"]

    def _waits_rightly(self, decision: Hold) -> bool:
        """Tell whether a target waits for what the story has stopped, or for a build that it made fail."""
        happened = self._teller.happened
        if decision.kind is HoldKind.WAITING:
            return bool(happened & (EXCUSES[HoldKind.CRASHED] | {"stop", "fail", "pause-container"}))
        return decision.kind is HoldKind.WAITING_FOR_IMAGE and "fail" in happened and self._lacks_image()

    def _is_excused(self, subject: str, decision: Hold) -> bool:
        kind, _, name = subject.partition(" ")
        if kind == "image":
            return False
        if "fail" in self._teller.happened and self._lacks_image():
            return True
        is_glimpse = decision.kind is HoldKind.EXITED and self._is_glimpse(name)
        return is_glimpse or self._waits_rightly(decision)

    def _lacks_image(self) -> bool:
        """Tell whether a build has failed: what runs may go on in an older image."""
        decisions = self._decisions().items()
        return any(
            subject.startswith("image ") and isinstance(decision, Hold) and decision.kind is HoldKind.FAILED
            for subject, decision in decisions
        )

    def _decisions(self) -> dict[str, Decision]:
        state = self._yard.running.daemon._state
        return {
            **{f"image {name}": decide_image(state, name) for name in state.images},
            **{f"target {name}": decide_target(state, name) for name in state.targets},
        }

    def _holds(self) -> str:
        return "; ".join(f"{subject}: {decision}" for subject, decision in self._decisions().items())

    def _bad_holds(self) -> list[str]:
        bad = {HoldKind.CRASHED, HoldKind.FAILED, HoldKind.PAUSED, HoldKind.FLAPPING, HoldKind.SYNTAX_ERROR}
        return [
            f"{subject}: {decision.kind.value}"
            for subject, decision in self._decisions().items()
            if isinstance(decision, Hold) and decision.kind in bad
        ]

    def _unserved(self) -> Iterator[str]:
        """Yield what runs and is not what is there."""
        for subject, decision in self._decisions().items():
            kind, _, name = subject.partition(" ")
            if kind == "target" and isinstance(decision, Hold) and decision.kind is HoldKind.UP_TO_DATE:
                yield from self._wrong_target(name)

    def _wrong(self) -> Iterator[str]:
        for subject, decision in self._decisions().items():
            if isinstance(decision, Hold) and self._is_excused(subject, decision):
                continue
            if not isinstance(decision, Hold) or not decision.is_final:
                yield f"{subject} is not at rest: {decision}"
            elif decision.kind in EXCUSES and not EXCUSES[decision.kind] & self._teller.happened:
                if not (subject == "target job" and decision.kind is HoldKind.EXITED):
                    yield f"{subject}: {decision.text}"
            elif decision.kind is HoldKind.FAILED and subject.startswith("target "):
                yield from self._wrong_failure(subject.removeprefix("target "), decision)
            elif decision.kind is HoldKind.SYNTAX_ERROR:
                yield f"{subject}: {decision.text}, though all parses"
            elif subject.startswith("target ") and decision.kind in {HoldKind.UP_TO_DATE, HoldKind.EXITED}:
                yield from self._wrong_target(subject.removeprefix("target "))
            elif decision.kind is HoldKind.STOPPED:
                yield from self._wrong_stop(subject.removeprefix("target "))
        names = {subject for subject in self._decisions() if subject.startswith("target ")}
        if "fail" not in self._teller.happened and names != {f"target {name}" for name in self._yard.targets}:
            yield f"there are {sorted(names)}, wanted are {sorted(self._yard.targets)}"

    def _wrong_failure(self, name: str, decision: Hold) -> Iterator[str]:
        refused = self._yard.engine.refused_of.get(name)
        if refused and difference(self._yard.root, name, refused, has_ended=True):
            yield f"target {name} is held by a failure of other source: {decision.text}"

    def _is_glimpse(self, name: str) -> bool:
        """Tell whether a program has loaded, beside what is there, what was there for a moment only."""
        seen = self._yard.engine.look(TargetName(name))
        loaded = record_of(seen[1]) if seen else {}
        wrong = difference(self._yard.root, name, loaded, has_ended=True) if loaded else {}
        known = {(path, before) for path, (before, _) in wrong.items() if before != "-"}
        is_one = bool(known) and known <= self._teller.glimpses
        self.glimpses += is_one
        return is_one

    def _wrong_stop(self, name: str) -> Iterator[str]:
        if name not in self._teller.stopped and name not in self._teller.unsure:
            yield f"target {name} is stopped, though nobody asked for it"
        seen = self._yard.engine.look(TargetName(name))
        if seen and seen[0].phase is Phase.RUNNING:
            yield f"target {name} runs, though it is stopped"

    def _wrong_target(self, name: str) -> Iterator[str]:
        if name in self._teller.stopped and name not in self._teller.unsure:
            yield f"target {name} is not stopped, though somebody asked for it"
        seen = self._yard.engine.look(TargetName(name))
        if seen is None:
            yield f"target {name} has no container, and is said to be well"
            return
        container, content = seen
        has_ended = container.phase is Phase.EXITED and container.exit_code == 0
        loaded = record_of(content)
        wrong = difference(self._yard.root, name, loaded, has_ended=has_ended)
        if wrong and not self._is_glimpse(name):
            yield f"target {name} has loaded what is not there: {wrong}"
        if container.phase is not Phase.RUNNING and not has_ended:
            yield f"target {name} is {container.phase.value}, and is said to be well"
        image = self._yard.running.daemon._state.project.images[
            self._yard.running.daemon._state.targets[TargetName(name)].image
        ]
        assert isinstance(image, ImageConfig)
        texts = [read(self._yard.root, file) or "" for file in ("Dockerfile", "requirement.txt")]
        wanted = meaning_of(texts[0], texts[1], image.args)
        if (made_of := self._yard.engine.made_of.get(container.image)) != wanted:
            yield f"target {name} runs in an image of {made_of!r}, not of {wanted!r}"
