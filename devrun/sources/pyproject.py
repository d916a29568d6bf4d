"""What a pyproject.toml says about an installation, so that the settings of linters rebuild nothing.

The tables of packaging's own standards count, less the words for people; so do those of tools that install,
and of whatever takes part in the build by `build-system`. Requirements count in their canonical form, in any
order.
A file that is no TOML counts by its bytes.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import tomli
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from devrun.sources.requirements import Meaning, Read, canonical_requirement, local_archives
from devrun.sources.requirements import meaning as requirements_meaning

_Path = tuple[str, ...]

_FOR_PEOPLE = frozenset(
    {
        "description",
        "readme",
        "license",
        "license-files",
        "authors",
        "maintainers",
        "keywords",
        "classifiers",
        "urls",
        "homepage",
        "repository",
        "documentation",
    }
)
"""Keys of `project` and `tool.poetry` on which nothing that is installed depends."""
_FLIT_FOR_PEOPLE = _FOR_PEOPLE | {
    "author",
    "author-email",
    "maintainer",
    "maintainer-email",
    "home-page",
    "description-file",
}
_FOR_PUBLISHING = frozenset({"publish", "publish-url", "check-url", "trusted-publishing"})
_LEFT_OUT: Mapping[_Path, frozenset[str]] = {
    ("project",): _FOR_PEOPLE,
    ("tool", "poetry"): _FOR_PEOPLE,
    ("tool", "flit", "metadata"): _FLIT_FOR_PEOPLE,
    ("tool", "uv"): _FOR_PUBLISHING,
    ("tool", "pdm"): _FOR_PUBLISHING,
    ("tool", "hatch"): _FOR_PUBLISHING,
}
_STANDARD = ("build-system", "project", "dependency-groups")
_INSTALLERS = frozenset(
    {
        "uv",
        "poetry",
        "pdm",
        "hatch",
        "setuptools",
        "flit",
        "rye",
        "pixi",
        "pipenv",
        "pip",
        "pip-tools",
        "setuptools-scm",
        "poetry-dynamic-versioning",
        "distutils",
    }
)
"""Tools whose tables decide an installation, also where `build-system` does not name them."""
_REQUIREMENTS: tuple[_Path, ...] = (
    ("build-system", "requires"),
    ("project", "dependencies"),
    ("project", "optional-dependencies", "*"),
    ("dependency-groups", "*"),
    ("tool", "uv", "dev-dependencies"),
    ("tool", "uv", "constraint-dependencies"),
    ("tool", "uv", "override-dependencies"),
    ("tool", "uv", "build-constraint-dependencies"),
    ("tool", "poetry", "extras", "*"),
    ("tool", "poetry", "dependencies", "*", "extras"),
    ("tool", "poetry", "dev-dependencies", "*", "extras"),
    ("tool", "poetry", "group", "*", "dependencies", "*", "extras"),
    ("tool", "pdm", "dev-dependencies", "*"),
    ("tool", "hatch", "envs", "*", "dependencies"),
    ("tool", "hatch", "envs", "*", "extra-dependencies"),
    ("tool", "hatch", "envs", "*", "features"),
    ("tool", "flit", "metadata", "requires"),
    ("tool", "flit", "metadata", "requires-extra", "*"),
)
"""Lists of requirements: a `*` stands for any key."""
_NAMES: tuple[_Path, ...] = (
    ("project", "optional-dependencies"),
    ("dependency-groups",),
    ("tool", "uv", "sources"),
    ("tool", "poetry", "dependencies"),
    ("tool", "poetry", "dev-dependencies"),
    ("tool", "poetry", "group"),
    ("tool", "poetry", "group", "*", "dependencies"),
    ("tool", "poetry", "extras"),
    ("tool", "pdm", "dev-dependencies"),
)
"""Tables whose keys are names of packages, extras and groups."""
_VERSIONS: tuple[_Path, ...] = (
    ("project", "requires-python"),
    ("tool", "flit", "metadata", "requires-python"),
)
_LISTS_OF_FILES: tuple[_Path, ...] = (
    ("tool", "setuptools", "dynamic", "dependencies", "file"),
    ("tool", "setuptools", "dynamic", "optional-dependencies", "*", "file"),
    ("tool", "hatch", "metadata", "hooks", "requirements_txt", "filename"),
    ("tool", "hatch", "metadata", "hooks", "requirements_txt", "files"),
    ("tool", "hatch", "metadata", "hooks", "requirements_txt", "optional-dependencies", "*"),
)
"""Where requirement files are named that stand in for lists."""
_FILES_BY_BYTES: tuple[_Path, ...] = (
    ("tool", "setuptools", "dynamic", "version", "file"),
    ("tool", "setuptools", "dynamic", "entry-points", "file"),
    ("tool", "hatch", "version", "path"),
)
"""Where files are named whose text becomes a part of what is installed."""
_FIND_LINKS: tuple[_Path, ...] = (("tool", "uv", "find-links"), ("tool", "uv", "pip", "find-links"))


def meaning(path: Path, read: Read) -> Meaning:
    """Return what the file decides of an installation; raises OSError if it cannot be read."""
    content = read(path)
    try:
        data: dict[str, object] = tomli.loads(content.decode())
        tables = _tables(data)
        said = json.dumps(_canonical(tables, ()), sort_keys=True, default=repr)
    except (ValueError, RecursionError):  # No UTF-8 and no TOML are ValueErrors both.
        return Meaning(hashlib.sha256(content).hexdigest().encode(), (path,), ())
    followed = [
        requirements_meaning(path.parent / name, read)
        for at, name in _strings(tables, ())
        if _is_one_of(at, _LISTS_OF_FILES)
    ]
    named = dict.fromkeys(
        [*_archives(tables, path.parent), *(one for each in followed for one in each.named)]
    )
    canonical = json.dumps([said, [one.canonical.decode() for one in followed]])
    files = dict.fromkeys([path, *(file for one in followed for file in one.files)])
    return Meaning(canonical.encode(), tuple(files), tuple(named))


def canonical_versions(text: str) -> str:
    """Return a version specifier in one spelling; what is none, as it is."""
    try:
        return ",".join(sorted(str(one) for one in SpecifierSet(text)))
    except InvalidSpecifier:
        return text


def canonical_list(lines: Iterable[str]) -> list[list[str]]:
    """Return requirements in one spelling and order, each once; what is none, as it is."""
    return sorted(map(list, {canonical_requirement(line) or ("as it is", line) for line in lines}))


def _tables(data: Mapping[str, object]) -> dict[str, object]:
    """Return the tables that decide an installation, without those that lie below and do not."""
    tools = data.get("tool")
    found = {name: data[name] for name in _STANDARD if name in data}
    if isinstance(tools, dict):
        known = _INSTALLERS | _builders(data.get("build-system"))
        kept = {name: table for name, table in tools.items() if _takes_part(name, known)}
        # A first table that does not count leaves the file as if there were none.
        found |= {"tool": kept} if kept else {}
    return found


def _builders(build_system: object) -> frozenset[str]:
    """Return the names of what takes part in building the project."""
    requires = build_system.get("requires") if isinstance(build_system, dict) else None
    names = set[str]()
    for text in requires if isinstance(requires, list) else ():
        try:
            names.add(canonicalize_name(Requirement(str(text)).name))
        except InvalidRequirement:
            continue
    return frozenset(names)


def _takes_part(tool: str, known: frozenset[str]) -> bool:
    """Return whether a table is of a known tool; `scikit-build-core` reads `tool.scikit-build`, for one."""
    name = canonicalize_name(tool)
    return any(one == name or one.startswith(f"{name}-") for one in known)


def _canonical(value: object, at: _Path) -> object:
    if isinstance(value, dict):
        return _canonical_table(value, at)
    if isinstance(value, str) and _is_one_of(at, _VERSIONS):
        return canonical_versions(value)
    if not isinstance(value, list):
        return value
    if at == ("project", "dynamic"):
        return sorted({str(name) for name in value} - _FOR_PEOPLE)
    if not _is_one_of(at, _REQUIREMENTS):
        return [_canonical(one, (*at, "[]")) for one in value]
    others = [_included(one) for one in value if not isinstance(one, str)]
    return [canonical_list(one for one in value if isinstance(one, str)), sorted(others, key=repr)]


def _canonical_table(table: Mapping[str, object], at: _Path) -> dict[str, object]:
    left_out = _LEFT_OUT.get(at, frozenset())
    kept = {key: _canonical(value, (*at, key)) for key, value in table.items() if key not in left_out}
    if not _is_one_of(at, _NAMES):
        return kept
    renamed: dict[str, object] = {canonicalize_name(key): value for key, value in kept.items()}
    # Two spellings of one name are a mistake, which is the installer's to find.
    return renamed if len(renamed) == len(kept) else kept


def _included(entry: object) -> object:
    """Return an entry of a dependency group that is no requirement."""
    if isinstance(entry, dict) and isinstance(group := entry.get("include-group"), str):
        return {**entry, "include-group": canonicalize_name(group)}
    return entry


def _archives(tables: Mapping[str, object], directory: Path) -> Iterator[Path]:
    """Yield the files, and the directories of archives, whose content is installed."""
    for at, text in _strings(tables, ()):
        yield from (directory / found for found in local_archives(text))
        # A version that stands in code changes with the code: then the mount's is the one that counts.
        if _is_one_of(at, _FILES_BY_BYTES) and not text.endswith(".py"):
            yield directory / text
        if _is_one_of(at, _FIND_LINKS) and "://" not in text:
            yield directory / text


def _strings(value: object, at: _Path) -> Iterator[tuple[_Path, str]]:
    """Yield all strings, each with the keys that lead to it; those of a list stand at the list's key."""
    if isinstance(value, str):
        yield at, value
    elif isinstance(value, dict):
        for key, below in value.items():
            yield from _strings(below, (*at, key))
    elif isinstance(value, list):
        for below in value:
            yield from _strings(below, at)


def _is_one_of(at: _Path, patterns: Iterable[_Path]) -> bool:
    return any(
        len(pattern) == len(at) and all(one in ("*", key) for one, key in zip(pattern, at, strict=True))
        for pattern in patterns
    )
