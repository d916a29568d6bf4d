"""The part of docs/performance.md that a run's JSON makes, so that the page never disagrees with the data."""

from benchmarks.figures import Run
from benchmarks.tables import tables

BEGIN = "<!-- made by benchmarks/run --render -->"
END = "<!-- made until here -->"


def with_figures(page: str, run: Run, source: str) -> str:
    """Returns the page with its part made anew; raises ValueError where it has none."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no part between {BEGIN!r} and {END!r}")
    return f"{before}{begin}\n\n{part(run, source)}\n\n{end}{after}"


def part(run: Run, source: str) -> str:
    """The picture, machine and date, all tables, and what the run left out."""
    date = run.made[:10]
    paragraphs = [
        "![From a save to the answer of the new code](performance.svg)",
        f"{date}, {run.machine}. All samples: [{source.rpartition('/')[2]}](../{source}).",
        *(table.as_markdown() for table in tables(run)),
    ]
    if run.skipped:
        paragraphs.append("Not measured: " + "; ".join(run.skipped) + ".")
    return "\n\n".join(paragraphs)
