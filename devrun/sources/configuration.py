"""The configuration while devrun runs: which files make it up, and whether they say another one by now.

Another text is loaded whole, and counts as soon as all of it is valid; until then the last good one stays in
force. What may be half a file is given time: an editor writes it in pieces, and an emptied file would remove
every target. While a text is refused every look judges it anew, since what it misses may be another file.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path

from devrun.config.find import FILE_NAME
from devrun.config.grants import refuse_beyond
from devrun.config.load import load
from devrun.config.project import Project
from devrun.config.pyproject import PYPROJECT
from devrun.config.text_file import UnreadableError, read_bytes
from devrun.errors import ConfigError

CUT_OFF_S = 2.0
"""Editors and synchronizers that write in pieces are done by then; who empties a file on purpose can wait."""

MISSING = "does not exist"

Permit = Callable[[Project], None]
"""Raises ConfigError for a project that asks for what nobody granted to it."""
Content = bytes | str
"""What a file holds, or why it cannot be read."""


@dataclass(frozen=True, slots=True)
class Reload:
    """Another project than before, and the files that say it, as people know them."""

    project: Project
    by: tuple[str, ...]


class Configuration:
    """The project in force, and the files that say it. Owned by one thread."""

    def __init__(
        self,
        project: Project,
        environment: Mapping[str, str] = os.environ,
        permit: Permit = refuse_beyond,
    ) -> None:
        self.project = project
        self.notice = ""
        """What the user should know; empty: all is in force."""
        self._environment = environment
        self._permit = permit
        self._in_force = self._read()
        self._judged = self._in_force
        """What was loaded last, valid or not."""
        self._is_refused = False
        self._unfinished: Mapping[str, Content] | None = None
        """What seems to be cut off."""
        # The file was loaded some time ago, unless there is none: it may say something else by now.
        has_file = isinstance(self._in_force.get(str(project.file)), bytes)
        self.look_at = 0.0 if has_file else inf
        """When to look again without any hint."""

    def look(self, paths: Iterable[str], now: float) -> Reload | None:
        """Return what is in force from now on, where files among `paths` say another configuration."""
        is_due = now >= self.look_at
        if not is_due and not self._is_refused and self._in_force.keys().isdisjoint(paths):
            return None
        found = self._read()
        if self._is_cut_off(found):
            if found != self._unfinished:
                self._unfinished, self.look_at = found, now + CUT_OFF_S
            if now < self.look_at:
                return None
        self._unfinished, self.look_at = None, inf
        if found == self._judged and not is_due and not self._is_refused:
            return None
        return self._judge(found, now)

    def _judge(self, found: Mapping[str, Content], now: float) -> Reload | None:
        self._judged = found
        try:
            project = load(self._file, self._environment)
            self._permit(project)
        except ConfigError as error:
            self._is_refused = True
            self.notice = self._refusal(error)
            return None
        before, self.project = self.project, self._under_its_name(project)
        by = [path for path, content in found.items() if content != self._in_force.get(path)]
        self._is_refused, self._in_force = False, found
        self.notice = self._restart_notice(project)
        if found.keys() != {str(path) for path in self._files()}:
            self.look_at = now  # What a file contained that was not named before, nobody knows.
        if self.project == before:
            return None
        return Reload(self.project, tuple(map(self._shown, by)) or (self.project.file_name,))

    @property
    def _file(self) -> Path:
        return self.project.file or self.project.root / FILE_NAME

    def _files(self) -> tuple[Path, ...]:
        beside = [self._file.with_name(FILE_NAME)] if self._file.name == PYPROJECT else []
        return (self._file, *self.project.env_files, *beside)

    def _read(self) -> Mapping[str, Content]:
        return {str(path): _content(path) for path in self._files()}

    def _is_cut_off(self, found: Mapping[str, Content]) -> bool:
        return any(
            _may_be_half(content, (self._in_force.get(path), self._judged.get(path)))
            for path, content in found.items()
        )

    def _under_its_name(self, project: Project) -> Project:
        """Return a project by the name that its containers carry."""
        return replace(project, name=self.project.name, slug=self.project.slug)

    def _restart_notice(self, said: Project) -> str:
        """Return what only a restart can apply."""
        name = self.project.file_name
        if said.name != self.project.name:
            return f"{name}: the project has another name; restart devrun to apply the new name"
        if name == PYPROJECT and self._in_force[str(self._file.with_name(FILE_NAME))] != MISSING:
            return f"{FILE_NAME} counts before {PYPROJECT}; restart devrun to apply it"
        return ""

    def _refusal(self, error: ConfigError) -> str:
        lines = [f"{self.project.file_name} is not applied; the last valid configuration stays in force:"]
        lines += [self._shown(line) for line in error.message.splitlines()]
        lines += [f"  hint: {line}" for line in error.hint.splitlines()]
        return "\n".join(lines)

    def _shown(self, text: str) -> str:
        """Return what begins with a path as people know it."""
        return text.removeprefix(f"{self.project.root}{os.sep}")


def _content(path: Path) -> Content:
    try:
        return read_bytes(path)
    except UnreadableError as error:
        return error.reason


def _may_be_half(content: Content, known: tuple[Content | None, ...]) -> bool:
    """Tell whether a content may be another one that is being written, by what was there before."""
    if content in known:
        return False
    if content in {b"", MISSING}:
        return True
    if isinstance(content, str):
        return False
    texts = [text for text in known if isinstance(text, bytes)]
    if any(text.startswith(content) for text in texts):
        return True
    # A text that is cut within a line has no line end, whatever was changed before that place.
    return not content.endswith(b"\n") and any(text.endswith(b"\n") for text in texts)
