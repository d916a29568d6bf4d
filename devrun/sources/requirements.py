"""What a pip requirements file means, so that only a change of meaning rebuilds an image.

Comments, blank lines, quoting, the order of requirements, and the spelling of names are no meaning; the order
of options (indexes, for one) is. A line that `packaging` does not understand counts by its exact text. Files
that `-r` and `-c` name are followed, relative to the file that names them, as pip does.
"""

import hashlib
import json
import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

Read = Callable[[Path], bytes]
_Row = tuple[str, ...]

_NAMED = re.compile(r"(?:.*[-_.])?(?:requirements?|constraints?)(?:[-_.].*)?\.(?:txt|in|pip)", re.IGNORECASE)
_COMMENT = re.compile(r"(^|\s+)#.*$")
_OPTION = re.compile(r"(--?[a-zA-Z][\w-]*)(?:\s*=\s*|\s+|(?=[^\w\s-]))?(.*)", re.DOTALL)
_OF_REQUIREMENT = re.compile(r"\s+(?=--[a-z])")
_LOCAL = re.compile(r"(?:file:(?://)?)?([^\s;#\[]+\.(?:whl|tar\.gz|tar\.bz2|tgz|zip|tar))(?![\w.])")
_LONG = {
    "-r": "--requirement",
    "-c": "--constraint",
    "-e": "--editable",
    "-i": "--index-url",
    "--pypi-url": "--index-url",
    "-f": "--find-links",
}


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a requirements file asks for, with everything that it reaches."""

    canonical: bytes
    """Equal for two files that mean the same."""
    files: tuple[Path, ...]
    """The file itself, and all that it reaches by `-r` and `-c`, missing ones included."""
    named: tuple[Path, ...]
    """Archives and directories of archives on disk whose content is installed."""


@dataclass(slots=True)
class _Reading:
    """What was seen so far, of one file and all that it reaches."""

    read: Read
    files: list[Path] = field(default_factory=list)
    named: dict[Path, None] = field(default_factory=dict)


def is_requirements_file(path: str) -> bool:
    """Return whether a path names a requirements or constraints file by custom, also in the singular."""
    directory, name = posixpath.split(path)
    in_folder = posixpath.basename(directory) in ("requirements", "requirement", "constraints")
    return bool(_NAMED.fullmatch(name)) or (in_folder and name.endswith((".txt", ".in", ".pip")))


def meaning(path: Path, read: Read) -> Meaning:
    """Return the meaning of a requirements file; what cannot be read is a meaning too, never an error."""
    reading = _Reading(read)
    canonical = _file(path, reading)
    return Meaning(json.dumps(canonical).encode(), tuple(reading.files), tuple(reading.named))


def _file(path: Path, reading: _Reading) -> object:
    path = Path(posixpath.normpath(path))
    if path in reading.files:
        # Met again, or a circle: pip reads it once more and gains nothing by it.
        return ["met", reading.files.index(path)]
    reading.files.append(path)
    try:
        content = reading.read(path)
    except (OSError, ValueError) as error:  # A name with a NUL is a ValueError.
        return ["unreadable", type(error).__name__]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return ["bytes", hashlib.sha256(content).hexdigest()]
    requirements, options = set[_Row](), []
    for line in _lines(text):
        requirement = _requirement(line)
        if requirement is None:
            options.append(_option(line, path.parent, reading))
        else:
            requirements.add(requirement)
        reading.named.update(
            (path.parent / found, None) for found in _LOCAL.findall(line) if ":/" not in found
        )
    return ["file", sorted(requirements), options]


def _lines(text: str) -> Iterator[str]:
    """Yield what pip takes for lines: continued ones joined, comments and blank ones left out."""
    joined = ""
    for line in text.splitlines():
        # A comment ends a continued line, and is none of it.
        is_comment = _COMMENT.match(line) is not None
        if line.endswith("\\") and not is_comment:
            joined += line.removesuffix("\\")
            continue
        whole = _COMMENT.sub("", joined + (" " + line if is_comment else line)).strip()
        joined = ""
        if whole:
            yield whole
    if joined.strip():
        yield _COMMENT.sub("", joined).strip()


def _requirement(line: str) -> _Row | None:
    """Return one requirement in its canonical form; None if the line is something else."""
    wanted, *options = _OF_REQUIREMENT.split(line)
    try:
        found = Requirement(wanted)
    except InvalidRequirement:
        return None
    extras = ",".join(sorted({canonicalize_name(extra) for extra in found.extras}))
    versions = ",".join(sorted(str(one) for one in found.specifier))
    marker = str(found.marker) if found.marker else ""
    # Hashes are alternatives, so their order says nothing; the few other options may repeat as well.
    said = sorted({re.sub(r"\s*=\s*|\s+", "=", option.strip(), count=1) for option in options})
    return (canonicalize_name(found.name), extras, versions, found.url or "", marker, *said)


def _option(line: str, directory: Path, reading: _Reading) -> object:
    """Return an option with its value, or the exact text of what is none; follows files."""
    found = _OPTION.fullmatch(line)
    if not found:
        return line
    name, value = _LONG.get(found[1], found[1]), found[2].strip()
    short = found[1][:2]
    if not found[1].startswith("--") and len(found[1]) > 2:
        name, value = _LONG.get(short, short), f"{found[1][2:]}{found[2]}".strip()
    value = value.strip("\"'")
    if name in ("--requirement", "--constraint") and "://" not in value and "${" not in value:
        return [name, _file(directory / value, reading)]
    if name == "--find-links" and "://" not in value:
        reading.named[directory / value] = None
    return [name, value]
