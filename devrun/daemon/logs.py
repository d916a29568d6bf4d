"""What targets and builds wrote: the newest of each, for readers of the socket."""

from devrun.config.project import ImageName
from devrun.control.feed import Feed
from devrun.core.journal import LogLine
from devrun.engine.protocol import BuildProgress, OutputLine

MOST_LINES = 10_000
MOST_BYTES = 4 * 1024 * 1024
"""Of each target: a flood pushes out only its own past."""
LINE_WEIGHT = 100
"""Bytes that a line takes beside its text."""
NS = 1_000_000_000


class Logs:
    """Takes lines from any thread."""

    def __init__(self) -> None:
        self.targets: Feed[LogLine] = Feed(most_items=MOST_LINES, most_weight=MOST_BYTES)
        self.builds: Feed[LogLine] = Feed(most_items=MOST_LINES, most_weight=MOST_BYTES)

    def add(self, line: OutputLine) -> LogLine:
        """Keep a line of a target."""
        return _put(self.targets, line.at_ns / NS, line.target, line.stream, line.text)

    def add_progress(self, image: ImageName, news: BuildProgress, at: float) -> None:
        """Keep what a build says: its instructions, and what they write."""
        place = f"[{news.step}/{news.steps}] " if news.steps else ""
        text = news.line or f"{place}{news.instruction}{' (cached)' if news.cached else ''}"
        _put(self.builds, at, image, "build", text)


def _put(feed: Feed[LogLine], at: float, name: str, stream: str, text: str) -> LogLine:
    weight = len(text) + LINE_WEIGHT
    return feed.put(name, at, lambda number: LogLine(at, name, stream, text, number), weight=weight)
