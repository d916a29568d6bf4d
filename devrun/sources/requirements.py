"""What a pip requirements file means, so that only a change of meaning rebuilds an image.

Comments, blank lines, quoting, the order of requirements, and the spelling of names are no meaning; the order
of options (indexes, for one) is. A line that `packaging` does not understand counts by its exact text. Files
that `-r` and `-c` name are followed, relative to the file that names them, as pip does; in which of them a
requirement stands is no meaning, whether it is a constraint is.
"""

import codecs
import hashlib
import json
import posixpath
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

Read = Callable[[Path], bytes]
_Row = tuple[str, ...]

_NAMED = re.compile(r"(?:.*[-_.])?(?:requirements?|constraints?)(?:[-_.].*)?\.(?:txt|in|pip)", re.IGNORECASE)
_ENDINGS = (".txt", ".in", ".pip")
_COMMENT = re.compile(r"(^|\s+)#.*$")
_ENCODING = re.compile(rb"#.*?coding[:=]\s*([-\w.]+)")
_OF_REQUIREMENT = re.compile(r"\s+(?=--[a-z])")
_LOCAL = re.compile(r"(?:file:(?://)?)?([^\s;#\[]+\.(?:whl|tar\.gz|tar\.bz2|tgz|zip|tar))(?![\w.])")
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    # Those of UTF-32 begin with those of UTF-16.
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_LONG = {
    "-r": "--requirement",
    "-c": "--constraint",
    "-e": "--editable",
    "-i": "--index-url",
    "--pypi-url": "--index-url",
    "-f": "--find-links",
}
_FOLLOWED = frozenset({"--requirement", "--constraint"})
_IN_ANY_ORDER = _FOLLOWED | {"--pre", "--prefer-binary", "--require-hashes", "--trusted-host"}


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a file of dependencies asks for, with everything that it reaches."""

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
    top: Path
    """The directory of the first file."""
    files: list[Path] = field(default_factory=list)
    named: dict[Path, None] = field(default_factory=dict)
    seen: set[tuple[Path, bool]] = field(default_factory=set)
    rows: set[_Row] = field(default_factory=set)
    """What is asked for, in any order."""
    options: list[_Row] = field(default_factory=list)
    """What counts in the order of its lines."""

    def place(self, path: Path) -> str:
        """Return a path as it is seen from the first file's directory."""
        return posixpath.relpath(path, self.top)


def is_requirements_file(path: str) -> bool:
    """Return whether a path names a requirements or constraints file by custom, also in the singular."""
    if not path.lower().endswith(_ENDINGS):
        return False
    directory, name = posixpath.split(path)
    in_folder = posixpath.basename(directory) in ("requirements", "requirement", "constraints")
    return bool(_NAMED.fullmatch(name)) or (in_folder and name.endswith(_ENDINGS))


def meaning(path: Path, read: Read) -> Meaning:
    """Return the meaning of a requirements file; what cannot be read is a meaning too, never an error."""
    path = Path(posixpath.normpath(path))
    reading = _Reading(read, path.parent)
    _follow(path, reading, constraint=False)
    canonical = [sorted(reading.rows), reading.options]
    return Meaning(json.dumps(canonical).encode(), tuple(reading.files), tuple(reading.named))


def canonical_requirement(text: str) -> _Row | None:
    """Return one requirement (with its options) so that spelling is no matter; None if it is none."""
    wanted, *options = _OF_REQUIREMENT.split(text.strip())
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


def local_archives(text: str) -> Iterator[str]:
    """Yield the paths of archives on this disk that a line names."""
    return (found for found in _LOCAL.findall(text) if ":/" not in found)


def _follow(path: Path, reading: _Reading, *, constraint: bool) -> None:
    path = Path(posixpath.normpath(path))
    if (path, constraint) in reading.seen:
        return  # Met again, or a circle: pip reads it once more and gains nothing by it.
    reading.seen.add((path, constraint))
    reading.files += [] if path in reading.files else [path]
    try:
        content = reading.read(path)
    except (OSError, ValueError) as error:  # A name with a NUL is a ValueError.
        reading.rows.add(("unreadable", reading.place(path), type(error).__name__))
        return
    text, is_sure = _decoded(content)
    if not is_sure:
        reading.rows.add(("bytes", reading.place(path), hashlib.sha256(content).hexdigest()))
    for line in _lines(text):
        _take(line, path.parent, reading, constraint=constraint)


def _take(line: str, directory: Path, reading: _Reading, *, constraint: bool) -> None:
    """Take note of one line, and follow the file that it names."""
    kind = "constraint" if constraint else "requirement"
    reading.named.update((directory / found, None) for found in local_archives(line))
    requirement = canonical_requirement(line)
    if requirement is not None:
        reading.rows.add((kind, *requirement))
        return
    for name, value in _options(line):
        _take_option(kind, name, value, directory, reading)


def _take_option(kind: str, name: str, value: str, directory: Path, reading: _Reading) -> None:
    if name in _FOLLOWED and "://" not in value and "${" not in value:
        _follow(directory / value, reading, constraint=name == "--constraint")
    elif name in _IN_ANY_ORDER:
        reading.rows.add((name, value))
    else:
        # Relative paths may be meant from the directory of the file that has the line.
        reading.options.append((kind, name, value, reading.place(directory)))
        if name == "--find-links" and "://" not in value:
            reading.named[directory / value] = None


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


def _options(line: str) -> Iterator[tuple[str, str]]:
    """Yield the options of a line by their long names; the exact text, without a name, of what has none."""
    try:
        words = shlex.split(line) if line.startswith("-") else []
    except ValueError:  # A quote is open: pip refuses the line.
        words = []
    if not words:
        yield "", line
    while words:
        name, value = _option(words.pop(0))
        takes_next = not value and words and not words[0].startswith("-")
        yield name, words.pop(0) if takes_next else value


def _option(word: str) -> tuple[str, str]:
    """Return the long name of an option, and the value that is glued to it."""
    if word.startswith("--") or len(word) == 2:
        name, _, value = word.partition("=")
    else:
        name, value = word[:2], word[2:].removeprefix("=")
    return _LONG.get(name, name), value


def _decoded(content: bytes) -> tuple[str, bool]:
    """Return the text as pip decodes it, and whether that is sure."""
    mark = next((mark for mark in _BYTE_ORDER_MARKS if content.startswith(mark)), b"")
    text, is_sure = _text(content.removeprefix(mark), _BYTE_ORDER_MARKS.get(mark, "utf-8"))
    declared = next(filter(None, map(_ENCODING.match, content.split(b"\n", 2)[:2])), None)
    return text, is_sure and (bool(mark) or declared is None or declared[1].lower() in (b"utf-8", b"utf8"))


def _text(content: bytes, encoding: str) -> tuple[str, bool]:
    try:
        return content.decode(encoding), True
    except UnicodeDecodeError:
        return content.decode(encoding, "replace"), False
