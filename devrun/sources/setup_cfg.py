"""What a setup.cfg says about an installation: other tools' settings there count for nothing.

A file that `configparser` does not read counts by its bytes, as setuptools would refuse it.
"""

import configparser
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from devrun.sources.pyproject import canonical_list, canonical_versions
from devrun.sources.requirements import Meaning, Read, local_archives
from devrun.sources.requirements import meaning as requirements_meaning

_METADATA = frozenset({"name", "version", "requires_dist", "setup_requires_dist", "requires_python"})
_SECTION = re.compile(
    r"options(?:\..+)?|global|files|entry_points|pbr|versioneer|dist_info|egg_info|develop|easy_install"
    r"|(?:build|install|bdist)(?:_.+)?"
)
"""Of setuptools, of pbr, and the commands that an installation runs."""
_REQUIREMENTS = frozenset({"install_requires", "setup_requires", "tests_require", "requires_dist"})


def meaning(path: Path, read: Read) -> Meaning:
    """Return what the file decides of an installation; raises OSError if it cannot be read."""
    content = read(path)
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(content.decode())
    except (UnicodeDecodeError, configparser.Error):
        return Meaning(hashlib.sha256(content).hexdigest().encode(), (path,), ())
    # The defaults stand in for what other sections do not say.
    sections = {name: dict(parser.items(name)) for name in parser.sections()}
    said = {name: dict(_said(name, section)) for name, section in sections.items()}
    canonical = {name: section for name, section in said.items() if section}
    values = [value for name in canonical for value in sections[name].values()]
    followed = [
        requirements_meaning(path.parent / name, read) for value in values for name in _files_of(value)
    ]
    archives = (path.parent / found for value in values for found in local_archives(value))
    return Meaning(
        json.dumps([canonical, [one.canonical.decode() for one in followed]], sort_keys=True).encode(),
        tuple(dict.fromkeys([path, *(file for one in followed for file in one.files)])),
        tuple(dict.fromkeys([*archives, *(one for each in followed for one in each.named)])),
    )


def _said(name: str, section: Mapping[str, str]) -> Iterator[tuple[str, object]]:
    """Yield what counts of a section, each value in one spelling."""
    if name != "metadata" and not _SECTION.fullmatch(name):
        return
    for key, value in section.items():
        plain = key.replace("-", "_")
        if name == "metadata" and plain not in _METADATA:
            continue
        lines = [line.strip() for line in value.splitlines() if line.strip()]
        if plain in _REQUIREMENTS or name == "options.extras_require":
            # Markers have semicolons too: only several lines are surely one requirement each.
            yield plain, canonical_list(lines) if len(lines) > 1 or ";" not in value else lines
        elif plain in ("python_requires", "requires_python"):
            yield plain, canonical_versions(value)
        else:
            yield plain, lines


def _files_of(value: str) -> Iterator[str]:
    """Yield the files that `file: one.txt, two.txt` names."""
    if value.strip().startswith("file:"):
        names = value.strip().removeprefix("file:").replace("\n", ",").split(",")
        yield from (name.strip() for name in names if name.strip())
