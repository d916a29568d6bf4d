"""What devrun takes at a moment, as the kernel and the engine say it.

It needs Linux, and an engine on this machine, so that the processes in containers are seen.
"""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import docker

from devrun.engine.labels import ROLE, ROLE_TARGET, ROOT

PROC = Path("/proc")
OWN = "Pss_Anon"
"""What is no file's, in shares: of files, a share grows when another Python of the machine ends."""


@dataclass(frozen=True, slots=True)
class Sample:
    """All figures of one moment, in the units that their names tell."""

    at_s: float
    """Since the sampler began."""
    figures: dict[str, float]


class Sampler:
    """Looks at a daemon, at the containers of its project, and at its state directory."""

    def __init__(self, engine: docker.DockerClient, key: str, state: Path) -> None:
        self.samples: list[Sample] = []
        self._engine = engine
        self._label = {"label": f"{ROOT}={key}"}
        self._state = state
        self._began = time.monotonic()

    def take(self, daemon: int) -> Sample:
        """Keeps and returns what there is now; `daemon` is the pid of the present one."""
        figures = {**self._of_daemon(daemon), **self._of_containers(), **self._of_rest()}
        self.samples.append(Sample(round(time.monotonic() - self._began, 1), figures))
        return self.samples[-1]

    def _of_daemon(self, pid: int) -> dict[str, float]:
        return {
            "daemon RSS MiB": memory_mib(pid, "Rss"),
            "daemon own MiB": memory_mib(pid, OWN),
            "daemon descriptors": descriptors(pid),
            "daemon threads": threads(pid),
            "daemon children": len(list(descendants(pid))),
        }

    def _of_containers(self) -> dict[str, float]:
        """The processes of targets: the first one below the engine's init is the agent, or the program."""
        targets = {"label": [self._label["label"], f"{ROLE}={ROLE_TARGET}"]}
        found = self._engine.api.containers(filters=targets)
        inside = [list(descendants(self._pid(one["Id"]))) for one in found]
        pids = [pid for each in inside for pid in each]
        return {
            "agent RSS MiB": sum(memory_mib(each[0], "Rss") for each in inside if each),
            "agent descriptors": sum(descriptors(each[0]) for each in inside if each),
            "agent threads": sum(threads(each[0]) for each in inside if each),
            "target own MiB": sum(memory_mib(pid, OWN) for pid in pids),
            "target processes": len(pids),
        }

    def _of_rest(self) -> dict[str, float]:
        return {
            "containers": len(self._engine.api.containers(all=True, filters=self._label)),
            "images": len(self._engine.api.images(filters=self._label)),
            "networks": len(self._engine.api.networks(filters=self._label)),
            "volumes": len(self._engine.api.volumes(filters=self._label)["Volumes"] or ()),
            "state KiB": sum(one.stat().st_size for one in self._state.rglob("*") if one.is_file()) / 1024,
        }

    def _pid(self, container: str) -> int:
        with contextlib.suppress(docker.errors.NotFound):
            return int(self._engine.api.inspect_container(container)["State"]["Pid"])
        return 0


def memory_mib(pid: int, kind: str) -> float:
    """Returns a process's memory of a kind that the kernel tells, 0 where it has ended."""
    with contextlib.suppress(OSError):
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
        return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{kind}:")), 0.0)
    return 0.0


def descriptors(pid: int) -> int:
    """Returns how many a process has open, 0 where it has ended."""
    with contextlib.suppress(OSError):
        return len(list((PROC / str(pid) / "fd").iterdir()))
    return 0


def threads(pid: int) -> int:
    """Returns how many a process has, 0 where it has ended."""
    with contextlib.suppress(OSError):
        return len(list((PROC / str(pid) / "task").iterdir()))
    return 0


def descendants(pid: int) -> Iterator[int]:
    """Yields the processes below one, parents first; none of them need be there any more."""
    with contextlib.suppress(OSError):
        for task in (PROC / str(pid) / "task").iterdir():
            for child in (task / "children").read_text().split():
                yield int(child)
                yield from descendants(int(child))
