"""The saves of a run as an SVG: a bar for each contender's median, a line to its p95, a mark for its goal.

Its colours follow the reader's choice of light or dark. It is written by hand: a few rectangles and words
need no library, and stay readable in a diff.
"""

from xml.sax.saxutils import escape, quoteattr

from benchmarks.figures import SAVE, Run, Series, readable
from benchmarks.goals import goal

WIDTH = 760
LEFT = 235
"""Where the bars begin, behind the names."""
RIGHT = 70
"""What is kept free for the figure behind the longest bar."""
TOP = 34
ROW = 26
BAR = 14
GAP = 22
FOOT = 26
STYLE = """
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
.title { font-weight: 600 }
.note { font-size: 11px; fill: #59636e }
.ours { fill: #0969da }
.name.ours { font-weight: 600 }
.bar.peer { fill: #afb8c1 }
.p95 { stroke: #59636e; stroke-width: 1.5 }
.goal { stroke: #bf3989; stroke-width: 2.5 }
.axis { stroke: #d1d9e0 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .note { fill: #9198a1 }
  .ours { fill: #4493f8 }
  .bar.peer { fill: #656c76 }
  .p95 { stroke: #9198a1 }
  .goal { stroke: #f778ba }
  .axis { stroke: #3d444d }
}
"""


def plot(run: Run) -> str:
    """Returns the SVG; one panel for each program that was served."""
    panels = [(name, _drawn(run.of(name))) for name in run.names() if name.startswith(f"{SAVE},")]
    longest = max((series.p95 for _, panel in panels for series in panel), default=1.0)
    scale = (WIDTH - LEFT - RIGHT) / longest
    y = 0
    parts = []
    for name, panel in panels:
        parts += [f'<text class="title" x="0" y="{y + 18}">{escape(_title(name))}</text>']
        for number, series in enumerate(panel):
            parts += _row(series, y + TOP + number * ROW, scale)
        bottom = y + TOP + len(panel) * ROW
        parts += [_line("axis", LEFT, y + TOP - 4, LEFT, bottom)]
        y = bottom + GAP
    where = f"{run.made[:10]}, {run.machine.cores} cores, Docker {run.machine.engine}"
    note = f"bar: median, line: p95, mark: goal. {where}"
    parts += [f'<text class="note" x="0" y="{y + 4}">{escape(note)}</text>']
    return _document(y + FOOT, parts)


def _drawn(panel: list[Series]) -> list[Series]:
    """The series that have anything to draw."""
    return [series for series in panel if series.samples]


def _title(name: str) -> str:
    kind = name.removeprefix(f"{SAVE}, ")
    return f"From a save to the answer of the new code: {kind}"


def _row(series: Series, y: int, scale: float) -> list[str]:
    """One contender's line."""
    kind = "ours" if series.who.startswith("devrun") else "peer"
    middle = y + ROW / 2
    end, late = LEFT + series.median * scale, LEFT + series.p95 * scale
    most = goal(series)
    data = f'data-who={quoteattr(series.who)} data-median="{series.median:.6f}" data-p95="{series.p95:.6f}"'
    bar = f'x="{LEFT}" y="{middle - BAR / 2:.1f}" width="{end - LEFT:.1f}" height="{BAR}" rx="2"'
    parts = [
        f"<g {data}>",
        _text(f"name {kind}", LEFT - 8, middle, series.who, ' text-anchor="end"'),
        f'<rect class="bar {kind}" {bar}/>',
        _line("p95", end, middle, late, middle),
    ]
    if most is not None:
        at = LEFT + most * scale
        parts.append(_line("goal", at, middle - BAR / 2 - 3, at, middle + BAR / 2 + 3))
    furthest = max(late, LEFT + (most or 0) * scale)
    return [*parts, _text("figure", furthest + 7, middle, readable(series.median, "s")), "</g>"]


def _text(kind: str, x: float, middle: float, words: str, more: str = "") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{middle + 4:.1f}"{more}>{escape(words)}</text>'


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _document(height: int, parts: list[str]) -> str:
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    label = 'role="img" aria-label="Time from a save to the answer of the new code"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} {label}>'
    return "\n".join([head, f"<style>{STYLE}</style>", *parts, "</svg>", ""])
