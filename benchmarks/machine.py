"""Where a run was made."""

import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devrun import __version__


@dataclass(frozen=True, slots=True)
class Machine:
    """What a figure depends on beside the programs that are measured."""

    cores: int
    memory_gib: float
    processor: str
    kernel: str
    engine: str
    python: str
    devrun: str

    @property
    def kind(self) -> str:
        """A short name for files: machines of one kind replace each other's results."""
        return f"{self.cores}-cores-docker-{'.'.join(self.engine.split('.')[:2])}"

    def __str__(self) -> str:
        """The machine in one line."""
        return (
            f"{self.cores} cores ({self.processor}), {self.memory_gib:.0f} GiB, Linux {self.kernel}, "
            f"Docker {self.engine}, Python {self.python}, devrun {self.devrun}"
        )


def this_machine(engine: str) -> Machine:
    """This machine, with an engine of that version."""
    return Machine(
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        processor=processor(),
        kernel=".".join(re.findall(r"\d+", platform.release())[:3]),
        engine=re.split(r"[^\d.]", engine)[0],
        python=platform.python_version(),
        devrun=__version__,
    )


def processor() -> str:
    """The processor's name as the kernel says it, or the architecture's."""
    path = Path("/proc/cpuinfo")
    text = path.read_text() if path.is_file() else ""
    found = re.search(r"model name\s*: (.+)", text)
    return found.group(1).strip() if found else platform.machine()


def environment_of_children() -> Mapping[str, str]:
    """The environment of the programs that are measured: nothing of a measuring of lines slows them down."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
