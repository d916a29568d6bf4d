"""What a run found as tables, for the terminal and for a page: of saves, and one for each other figure."""

from dataclasses import dataclass

from benchmarks.figures import AGAIN, SAVE, Run, Series, ratio, readable
from benchmarks.goals import goal, verdict

YARDSTICK = "docker restart by a script"
"""What the ratios are taken to: what everybody can do without any tool."""


@dataclass(frozen=True, slots=True)
class Table:
    """Words in rows, below their heads."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def as_text(self) -> str:
        """The table for a terminal."""
        lines = [self.head, *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.head))]
        return "\n".join([self.title, *(_aligned(line, widths) for line in lines)])

    def as_markdown(self) -> str:
        """The table for a page, without its title."""
        rule = ("---", *("---:" for _ in self.head[1:]))
        return "\n".join(f"| {' | '.join(line)} |" for line in (self.head, rule, *self.rows))


def _aligned(line: tuple[str, ...], widths: list[int]) -> str:
    first, *others = zip(line, widths, strict=True)
    words = [first[0].ljust(first[1]), *(word.rjust(width) for word, width in others)]
    return "  " + "  ".join(words).rstrip()


def tables(run: Run) -> list[Table]:
    """All tables of a run."""
    names = run.names()
    served = [name for name in names if name.startswith(f"{SAVE},")]
    found = [saves(run, served)] if served else []
    kept = (name for name in names if not name.startswith((f"{SAVE},", f"{AGAIN},")))
    return [*found, *(plain(name, run.of(name)) for name in kept)]


def saves(run: Run, served: list[str]) -> Table:
    """From a save to the answer of the new code: a line for each contender, the quickest first."""
    kinds = [name.removeprefix(f"{SAVE}, ").removesuffix(" program") for name in served]
    head = ["from save to answer"]
    for kind in kinds:
        head += [f"{kind}: median", "p95", "times as fast"]
    rows = [tuple(_save(run, served, who)) for who in (series.who for series in run.of(served[0]))]
    return Table("from a save to the answer of the new code", (*head, "goal", "old code"), tuple(rows))


def _save(run: Run, served: list[str], who: str) -> list[str]:
    row = [who]
    most = None
    for name in served:
        by_who = {series.who: series for series in run.of(name)}
        series = by_who.get(who)
        if series is None:
            row += ["-", "-", "-"]
            continue
        times = ratio(series, by_who.get(YARDSTICK))
        row += [readable(series.median, "s"), readable(series.p95, "s"), f"{times:.1f}" if times else "-"]
        most = goal(series)
    return [*row, "-" if most is None else readable(most, "s"), _old_code(run, who)]


def _old_code(run: Run, who: str) -> str:
    """How many saves led to old code, or to no answer, of how many."""
    mine = [series for series in run.series if series.who == who and series.what.startswith((SAVE, AGAIN))]
    bad = sum(series.wrong + series.lost for series in mine)
    return f"{bad} of {sum(len(series.samples) + series.lost for series in mine)}"


def plain(what: str, found: list[Series]) -> Table:
    """A line for each contender of any other series."""
    rows = []
    for series in found:
        most = goal(series, found)
        goals = "-" if most is None else f"{readable(most, series.unit)}: {verdict(series, found)}"
        rows.append(
            (series.who, readable(series.median, series.unit), readable(series.p95, series.unit), goals)
        )
    return Table(what, (what, "median", "p95", "goal"), tuple(rows))


def faults(run: Run) -> list[str]:
    """What devrun did wrong, whatever time it took; a peer's faults are figures."""
    return [
        f"{series.who}: {series.what}: {series.wrong} with old code, {series.lost} without an answer"
        for series in run.series
        if series.who.startswith("devrun") and (series.wrong or series.lost)
    ]
