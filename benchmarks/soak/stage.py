"""A project under `devrun watch`, in a folder of its own, and the judges beside it.

It has a target for each depth of restart that is asked for; all of them serve the same program.
"""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from benchmarks.contenders import BrokenError, Place, background, first_answer, told
from benchmarks.served import PORT, SETS, Source
from benchmarks.soak.samples import Sampler
from devrun import Client
from devrun.config.find import root_key
from devrun.control.place import Place as StatePlace
from devrun.core.journal import Entry, EntryKind
from devrun.engine.labels import ROOT

WAIT_S = 60.0
TROUBLE = frozenset({EntryKind.FAILED.value, EntryKind.LOST.value, EntryKind.ENGINE_DOWN.value})
TARGET = """\
[targets.{name}]
script = "app.py"
ports = ["127.0.0.1:{port}:{inner}"]
reload = "{name}"
"""
DEVRUN = [sys.executable, "-m", "devrun"]


@dataclass(slots=True)
class Stage:
    """What a story plays on."""

    place: Place
    ports: Mapping[str, int]
    """At which a target serves: it is called as its depth is."""
    source: Source
    sampler: Sampler
    actions: Counter[str] = field(default_factory=Counter)
    """What the daemon has done: `RestartContainer warm`, for instance."""
    trouble: list[str] = field(default_factory=list)
    """What went wrong by the word of the daemon's journal."""
    _read: int = 0

    def client(self) -> Client:
        """Returns a client of the daemon that runs now."""
        return Client.find(self.place.folder)

    def sample(self) -> None:
        """Takes a sample once all is at rest, and takes down what was done since the last one."""
        client = self.client()
        outcome = client.wait(timeout_s=WAIT_S)
        if outcome.outcome != "ready":
            self.trouble.append(f"devrun wait: {outcome}")
        self._read_journal(client)
        self.sampler.take(client.holder.pid)

    def _read_journal(self, client: Client) -> None:
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
def stage(
    place: Place, ports: Mapping[str, int], files: Mapping[str, str], more: str = ""
) -> Iterator[Stage]:
    """Gives the stage once all targets answer, and leaves nothing behind; `more` ends the devrun.toml."""
    source = Source(place.folder)
    source.write(SETS["light"], flask=False)
    for name, text in files.items():
        (place.folder / name).write_text(text)
    settings = [TARGET.format(name=depth, port=port, inner=PORT) for depth, port in ports.items()]
    (place.folder / "devrun.toml").write_text("\n".join([*settings, more]))
    key = root_key(place.folder)
    here = [*DEVRUN, "-C", str(place.folder)]
    try:
        with background(place, [*here, "watch"]) as daemon:
            for port in ports.values():
                first_answer(replace(place, port=port))
            yield Stage(place, ports, source, Sampler(place.engine, key, StatePlace.of(key).state))
            if daemon.poll() is not None:
                raise BrokenError(f"{place.name}: it ended with {daemon.returncode}")
    finally:
        told(place, [*here, "down", "--images", "--volumes"])
    if left := leftovers(place, key):
        raise BrokenError(f"{place.name}: `devrun down` has left {', '.join(left)}")


def leftovers(place: Place, key: str) -> Sequence[str]:
    """Returns what of a project is still there for the engine."""
    label = {"label": f"{ROOT}={key}"}
    containers = [one["Names"][0] for one in place.engine.api.containers(all=True, filters=label)]
    images = [one["Id"] for one in place.engine.api.images(filters=label)]
    return [*containers, *images, *(one["Name"] for one in place.engine.api.networks(filters=label))]
