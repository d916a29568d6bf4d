"""VS Code's `.vscode/launch.json`: an entry for each target that has a debugger to attach to.

The file is the user's. What stands there stays as it is, but for the address in an entry of ours; a file that
cannot be written back as it was, with comments for one, is not touched.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from devrun.config.project import AnyImage, PrebuiltImage, Project, TargetConfig
from devrun.errors import ConfigError
from devrun.sources.closure import mount_path
from devrun.sources.dockerfile import Dockerfile
from devrun.sources.dockerfile_syntax import DockerfileError

PLACE = Path(".vscode/launch.json")
HOST = "127.0.0.1"
VERSION = "0.2.0"
"""Of the file's format; there is no other."""
UNKNOWN_ROOT = "."
"""For debugpy: the folder in which the program works."""

_INDENT = re.compile(r"^([ \t]+)\"", re.MULTILINE)

Entry = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Launch:
    """What became of the file."""

    path: Path
    names: tuple[str, ...]
    """Of our entries."""
    is_written: bool = False
    to_add: str = ""
    """What its user has to add to `configurations`, where we cannot."""


class _NotOursError(Exception):
    """The file says something that would be lost if it were written anew."""


def write_launch(project: Project) -> Launch | None:
    """Have the file attach to each target with a debugger, and return what became of it; None: there is none.

    Raises ConfigError where the file cannot be read or written.
    """
    entries = [attach_entry(project, target) for target in project.targets.values() if target.debug_port]
    if not entries:
        return None
    path = project.root / PLACE
    launch = Launch(path, tuple(str(entry["name"]) for entry in entries))
    try:
        before = path.read_text("utf-8") if path.exists() else ""
        after = merged(before, entries)
        if after is None:
            return Launch(path, launch.names, to_add=json.dumps(entries, indent=4)[1:-1].strip("\n"))
        if after != before:
            _write(path, after)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(f"{path}: {reason}") from error
    return Launch(path, launch.names, is_written=after != before)


def attach_entry(project: Project, target: TargetConfig) -> Entry:
    """Return the entry by which VS Code attaches to a target's debugger."""
    source = target.mount.source if target.mount else project.root
    workdir = _workdir(project.images[target.image])
    place = mount_path(target.mount, workdir) if target.mount else workdir
    return {
        "name": f"devrun: {target.name}",
        "type": "debugpy",
        "request": "attach",
        "connect": {"host": HOST, "port": target.debug_port},
        "pathMappings": [
            {"localRoot": _in_workspace(source, project.root), "remoteRoot": place or UNKNOWN_ROOT}
        ],
    }


def merged(text: str, entries: Sequence[Entry]) -> str | None:
    """Return the file's text with the entries in it; None where something of it would be lost."""
    try:
        content = json.loads(text, object_pairs_hook=_unique) if text.strip() else {"version": VERSION}
        configurations = _configurations(content)
    except (ValueError, RecursionError, _NotOursError):
        return None
    known = {str(one.get("name")): one for one in configurations if isinstance(one, dict)}
    changed = False
    for entry in entries:
        found = known.get(str(entry["name"]))
        if found is None:
            configurations.append(dict(entry))
        elif found.get("connect") != entry["connect"]:
            found["connect"] = entry["connect"]
        else:
            continue
        changed = True
    return _written(content, text) if changed else text


def _configurations(content: object) -> list[object]:
    """Return the list in the file that the entries belong to."""
    found = content.setdefault("configurations", []) if isinstance(content, dict) else None
    if not isinstance(found, list):
        raise _NotOursError
    return found


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) < len(pairs):
        raise _NotOursError
    return dict(pairs)


def _written(content: object, before: str) -> str:
    """Return the content in the layout that the file had."""
    indent = _INDENT.search(before)
    text = json.dumps(content, indent=indent[1] if indent else 4, ensure_ascii=False)
    return text if before and not before.endswith("\n") else f"{text}\n"


def _workdir(image: AnyImage) -> str | None:
    """Return where the image works, None where no Dockerfile says it."""
    if isinstance(image, PrebuiltImage):
        return None
    try:
        text = image.dockerfile.read_bytes().decode("utf-8", "surrogateescape")
        return Dockerfile.parse(text, image.dockerfile.name).workdir(image.stage, image.args)
    except (OSError, DockerfileError):
        return None


def _in_workspace(folder: Path, root: Path) -> str:
    """Return a folder as VS Code takes it: the workspace is the project's folder."""
    if not folder.is_relative_to(root):
        return str(folder)
    return "/".join(("${workspaceFolder}", *folder.relative_to(root).parts))


def _write(path: Path, text: str) -> None:
    """Write all of it or nothing; a link stays a link."""
    place = path.resolve()
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_name(f".{place.name}.devrun")
    try:
        draft.write_text(text, "utf-8")
        if place.exists():
            draft.chmod(place.stat().st_mode)
        draft.replace(place)
    finally:
        draft.unlink(missing_ok=True)
