"""How a story went, as it is written and as a person reads it."""

from dataclasses import dataclass

from pydantic import TypeAdapter

from benchmarks.machine import Machine
from benchmarks.soak.growth import TOLERANCES, Growth, growths
from benchmarks.soak.samples import Sample


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a story went; without faults, it went well."""

    name: str
    seconds: float
    counts: dict[str, float]
    samples: list[Sample]
    growths: list[Growth]
    faults: list[str]

    @classmethod
    def of(
        cls, name: str, seconds: float, counts: dict[str, float], samples: list[Sample], faults: list[str]
    ) -> "Outcome":
        """How a story went that had these faults: growth is one more."""
        grown = growths(samples)
        too_much = [f"grew: {one}" for one in grown if one.is_too_much]
        return cls(name, round(seconds, 1), counts, samples, grown, [*faults, *too_much])

    def __str__(self) -> str:
        counts = ", ".join(f"{what} {value:g}" for what, value in self.counts.items())
        lines = [f"{self.name}, in {self.seconds:.0f} s", counts, ""]
        lines += [f"{'':22}{'first':>10}{'last':>10}{'highest':>10}{'may grow':>10}"]
        for one in self.growths:
            figures = (one.first, one.last, one.highest, TOLERANCES.get(one.what, 0))
            lines.append(f"{one.what:22}" + "".join(f"{figure:>10,.1f}" for figure in figures))
        return "\n".join([*lines, "", *(f"WRONG: {fault}" for fault in self.faults)]).rstrip()


@dataclass(frozen=True, slots=True)
class Soak:
    """A run: when and where, and how it went."""

    made: str
    machine: Machine
    outcome: Outcome

    def to_json(self) -> bytes:
        """The run with all samples."""
        return TypeAdapter(Soak).dump_json(self, indent=1) + b"\n"
