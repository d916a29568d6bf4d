"""The source closures of all targets: what an edit means for each of them.

Which files count is worked out from the imports of what the targets run. An edit may change both, contents
and which files count. The two are told apart, because a file that merely begins or ceases to count is no
reason to restart a program: what it has loaded is still what is there.
"""

from collections.abc import Iterable, Mapping, Sequence

from devrun.config.project import ImageName, Project, TargetConfig, TargetName
from devrun.core.events import SourceChange
from devrun.core.values import Digest, Saved
from devrun.sources.closure import Closure, Verdict, shown_source
from devrun.sources.contents import Change, Contents
from devrun.sources.entry import entry_of, script_of
from devrun.sources.input_rules import Runtime
from devrun.sources.modules import PYTHON
from devrun.sources.reach import Entry, ReachGraph

Changes = Mapping[str, Change]


class Closures:
    """Owned by whoever looks at the disk."""

    def __init__(
        self,
        project: Project,
        contents: Contents,
        runtimes: Mapping[ImageName, Runtime],
        paths: Iterable[str],
    ) -> None:
        """Work everything out from the files at `paths`; `runtimes` says how containers of images start."""
        files = tuple(paths)
        self._project = project
        self._contents = contents
        self._scripts = frozenset(filter(None, (script_of(project, one) for one in project.targets.values())))
        self._graph = ReachGraph(contents.imports, self._scripts)
        for path in filter(self._is_python, files):
            self._graph.add(path)
        self._entries: dict[TargetName, Entry] = {}
        self._closures: dict[TargetName, Closure] = {}
        for name, target in project.targets.items():
            self._begin(name, target, runtimes[target.image])
        self._anywhere = self._reached_anywhere()
        self._stale: dict[TargetName, set[str]] = {name: set() for name in project.targets}
        for path in files:
            self._admit(path)

    def matters(self, path: str) -> bool:
        """Return whether a change of a file has to be looked into."""
        return any(
            closure.shows(path) and (self._is_python(path) or self._judge(closure, path).tie)
            for closure in self._closures.values()
        )

    def may_load(self, path: str) -> bool:
        """Return whether a syntax error in a file could end a program."""
        return any(closure.guards(path) for closure in self._closures.values())

    def explain(self, path: str) -> dict[TargetName, Verdict]:
        """Return for each target whether a file counts, and by which rule."""
        return {
            name: closure.explain(path, is_reached_elsewhere=path in self._anywhere)
            for name, closure in self._closures.items()
        }

    def reached(self, name: TargetName) -> frozenset[str]:
        """Return the files that a target reaches."""
        return self._closures[name].reach.reached

    def shown(self, path: str) -> str:
        """Return a path as people know it."""
        return self._contents.shown(path)

    def digest(self, name: TargetName) -> Digest:
        """Return the digest of a target's closure."""
        return self._closures[name].digest

    def whole(self, name: TargetName, stale: Iterable[str] = ()) -> SourceChange:
        """Return a target's closure as it is, with nothing changed in it."""
        return self._told(name, [], stale=stale)

    def change(self, changes: Sequence[Change]) -> dict[TargetName, SourceChange]:
        """Take note of changed contents, and return what they mean for the targets that they concern."""
        by_path = {change.path: change for change in changes}
        moved = self._follow_imports(changes)
        told = {}
        for name, closure in self._closures.items():
            before = closure.digest
            self._move(closure, {*by_path, *moved}, by_path)
            was = closure.digest
            mine = [change for change in changes if self._apply(closure, change)]
            self._stale[name].update(c.path for c in changes if c.is_stale and closure.shows(c.path))
            if mine or was != before:
                stale, self._stale[name] = self._stale[name], set()
                told[name] = self._told(name, mine, stale=stale, was=was if was != before else None)
        return told

    def _begin(self, name: TargetName, target: TargetConfig, runtime: Runtime) -> None:
        source = shown_source(target, runtime.workdir)
        entry = entry_of(self._project, target, runtime, source)
        others = self._scripts - {script_of(self._project, target)}
        self._entries[name] = entry
        self._closures[name] = Closure.of(
            self._project, target, source, others, self._graph.reach(entry), frozenset(entry.others)
        )

    def _is_python(self, path: str) -> bool:
        """Return whether a file can be imported, or is run: a script may have a name of any kind."""
        return path.endswith(PYTHON) or path in self._scripts

    def _reached_anywhere(self) -> frozenset[str]:
        """Return what any target reaches and sees."""
        closures = self._closures.values()
        return frozenset(path for c in closures if c.source for path in c.reach.reached if c.shows(path))

    def _judge(self, closure: Closure, path: str) -> Verdict:
        return closure.judge(path, is_reached_elsewhere=path in self._anywhere)

    def _admit(self, path: str) -> None:
        for closure in self._closures.values():
            tie = self._judge(closure, path).tie
            # Python that does not count now may do so later, with what is in it now.
            is_kept = tie or (self._is_python(path) and closure.shows(path))
            content = self._contents.learn(path) if is_kept else None
            if tie and content is not None:
                closure.admit(path, tie, content, self._newest(path))

    def _newest(self, path: str) -> float:
        entry = self._contents.snapshot.files.get(path)
        return entry.newest_s if entry else 0.0

    def _follow_imports(self, changes: Sequence[Change]) -> set[str]:
        """Work out the reach of all targets anew, and return the paths for which it is another one."""
        for change in changes:
            if self._is_python(change.path):
                self._note(change)
        moved = set[str]()
        for name, closure in self._closures.items():
            before, closure.reach = closure.reach, self._graph.reach(self._entries[name])
            if closure.reach is not before:
                moved |= before.reached ^ closure.reach.reached
                if before.is_known != closure.reach.is_known:
                    moved.update(filter(self._is_python, self._contents.snapshot.files))
        if moved:
            self._anywhere = self._reached_anywhere()
        return moved

    def _note(self, change: Change) -> None:
        if change.after is None:
            self._graph.remove(change.path)
            return
        if change.before is None:
            self._graph.add(change.path)
        self._graph.changed(change.path)

    def _move(self, closure: Closure, paths: Iterable[str], changes: Changes) -> None:
        """Let files begin or cease to count with the contents that they had before."""
        for path in paths:
            change, tie = changes.get(path), self._judge(closure, path).tie
            if change is not None and change.after is None:
                continue  # What went away counted as it did: nothing can reach it any more.
            old = closure.members.get(path)
            if tie is old:
                continue
            content = self._contents.learn(path) if change is None else change.before
            if old and content is not None:
                closure.dismiss(path, content)
            if tie and content is not None:
                closure.admit(path, tie, content, self._newest(path))

    def _apply(self, closure: Closure, change: Change) -> bool:
        """Give a file its new content; returns whether it counts."""
        tie = closure.members.get(change.path)
        if tie and change.before is not None:
            closure.dismiss(change.path, change.before)
        if tie is None and change.after is not None:
            tie = self._judge(closure, change.path).tie
        if tie and change.after is not None:
            closure.admit(change.path, tie, change.after, change.newest)
        if tie:
            closure.newest = max(closure.newest, change.newest)
        return tie is not None

    def _told(
        self, name: TargetName, mine: Sequence[Change], *, stale: Iterable[str], was: Digest | None = None
    ) -> SourceChange:
        closure, shown = self._closures[name], self._contents.shown
        guarded = [change for change in mine if change.after is not None and closure.guards(change.path)]
        broken = (self._contents.broken(path) for path in self._contents.errors if closure.guards(path))
        is_guarding = self._project.syntax_guard
        return SourceChange(
            digest=closure.digest,
            paths=tuple(shown(change.path) for change in mine),
            newest=closure.newest,
            broken=frozenset(one for one in broken if one and is_guarding),
            edited=frozenset(
                Saved(shown(change.path), change.after or "") for change in guarded if is_guarding
            ),
            stale=tuple(shown(path) for path in sorted(stale) if closure.shows(path)),
            was=was,
        )
