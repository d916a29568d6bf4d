"""A project under `devrun watch`, in a folder of its own, and the judges beside it."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from benchmarks.contenders import BrokenError, Place, first_answer
from benchmarks.ours import called, ours
from benchmarks.served import SETS, Source
from benchmarks.soak.samples import Sampler
from devrun import Client
from devrun.config.find import root_key
from devrun.control.place import Place as StatePlace
from devrun.core.journal import Entry, EntryKind

WAIT_S = 60.0
TROUBLE = frozenset({EntryKind.FAILED.value, EntryKind.LOST.value, EntryKind.ENGINE_DOWN.value})


@dataclass(slots=True)
class Stage:
    """What a story plays on."""

    place: Place
    source: Source
    sampler: Sampler
    actions: Counter[str] = field(default_factory=Counter)
    """What the daemon has done: `RestartContainer warm`, for instance."""
    trouble: list[str] = field(default_factory=list)
    """What its journal tells of that went wrong, and that its daemon keeps from it."""
    _read: int = 0

    def client(self) -> Client:
        """Returns a client of the daemon that runs now."""
        return Client.find(self.place.folder)

    def sample(self) -> None:
        """Takes a sample once all is at rest, and takes down what was done since the last one."""
        client = self.client()
        outcome = client.wait(timeout_s=WAIT_S)
        if outcome.outcome != "ready":
            self.trouble.append(f"devrun wait: {outcome.outcome}")
        self.read_journal(client)
        self.sampler.take(client.holder.pid)

    def read_journal(self, client: Client) -> None:
        """Takes down what the journal tells since it was read last."""
        for entry in client.events(after=self._read):
            if not isinstance(entry, Entry):
                self.trouble.append(f"the journal has lost {entry.lost} entries")
                continue
            self._read = entry.number
            if entry.kind in TROUBLE:
                self.trouble.append(f"{entry.kind}: {entry.subject}: {entry.action}: {entry.text}")
            elif entry.kind == EntryKind.DONE.value and entry.is_of_interest:
                self.actions[f"{entry.action} {entry.reload}".strip()] += 1


@contextmanager
def stage(place: Place, depth: str, served: str) -> Iterator[Stage]:
    """Gives the stage once the program answers, and leaves nothing behind."""
    contender = next(one for one in ours()[0] if one.name == called(depth))
    source = Source(place.folder)
    source.write(SETS[served], flask=False)
    with ExitStack() as stack:
        stack.enter_context(contender.runs(place))
        first_answer(place)
        key = root_key(place.folder)
        made = Stage(place, source, Sampler(place.engine, key, StatePlace.of(key).state))
        yield made
    left = leftovers(place, key)
    if left:
        raise BrokenError(f"{place.name}: `devrun down` has left {', '.join(left)}")


def leftovers(place: Place, key: str) -> list[str]:
    """Returns what of a project is still there for the engine."""
    label = {"label": f"dev.devrun.root={key}"}
    containers = [one["Names"][0] for one in place.engine.api.containers(all=True, filters=label)]
    images = [one["Id"] for one in place.engine.api.images(filters=label)]
    return [*containers, *images, *(one["Name"] for one in place.engine.api.networks(filters=label))]
