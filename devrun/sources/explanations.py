"""What a change of a file would do, asked of everything that decides on it."""

import os
from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from devrun.config.project import Project
from devrun.core.explanation import Effect, Explanation, LastBatch
from devrun.sources.closures import Closures
from devrun.sources.contents import Change
from devrun.sources.exclusion import exclusion
from devrun.sources.fingerprints import Fingerprints

MOST_REMEMBERED = 50
"""Paths of a kind: a person reads no more."""


def explain(project: Project, fingerprints: Fingerprints, closures: Closures, path: str) -> Explanation:
    """Return what a change of a file would do, be it there or not; a path is relative to the project."""
    place = os.path.normpath(project.root / path)
    images = {str(one.name): fingerprints.of(one.name).explain(place) for one in project.built_images}
    ignored = exclusion(project, place)
    if ignored:
        targets = {str(name): Effect(acts=False, rule=ignored) for name in project.targets}
    else:
        verdicts = closures.explain(place).items()
        targets = {str(name): Effect(found.tie is not None, found.rule) for name, found in verdicts}
    return Explanation(closures.shown(place), ignored, images, targets)


class History:
    """The last batch of changes, and what else was heard of since then."""

    def __init__(self) -> None:
        self._at = 0.0
        self._changed: dict[str, None] = {}
        self._heard: dict[str, None] = {}

    def note(self, at: float, changes: Sequence[Change]) -> None:
        """Take note of a look that found changes; one without any leaves the last batch as it is."""
        if changes:
            self._at = at
            self._changed = dict.fromkeys(change.path for change in changes)
            self._heard.clear()

    def hear(self, paths: Iterable[str]) -> None:
        """Take note of what the system, or a look at everything, named in the same look or in a later one."""
        for path in paths:
            if len(self._heard) >= MOST_REMEMBERED:
                return
            # The system names the folder of a file too.
            if path not in self._changed and not os.path.isdir(path):  # noqa: PTH112
                self._heard[path] = None

    def told(self, explain: Callable[[str], Explanation]) -> LastBatch:
        """Return it in words."""
        heard = {found.path: _passed_over(found) for found in map(explain, self._heard)}
        changed = islice(self._changed, MOST_REMEMBERED)
        return LastBatch(self._at, tuple(map(explain, changed)), heard)


def _passed_over(found: Explanation) -> str:
    if found.ignored:
        return found.ignored
    return "its content is the same" if found.acts else "nothing depends on it"
