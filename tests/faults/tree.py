"""The files of a story: what each of them says in which version, and what a program loads of them.

The engine's programs load by the rules below, which know nothing of devrun's: `import` at the beginning of a
line, from the project's folder. A module that is missing or broken ends its program.
"""

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from devrun.sources.snapshot import look_at

SERVE = "import signal\nsignal.pause()\n"
BROKEN = "def (:\n"
GONE = "raise SystemExit(3)\n"
LONELY = "lonely.py"
"""What nobody imports: it counts for every target that goes on."""
TEMPLATE = "templates/a.html"
DOCKERFILE = "Dockerfile"
REQUIREMENTS = "requirement.txt"
CONFIGURATION = "devrun.toml"
SCRIPTS = {"web": "web.py", "tool": "tool.py", "job": "job.py"}

REST_S = 0.05
RESTS = 8
"""Programs load some time after their start: what was there between two looks only is gone by then."""

_IMPORT = re.compile(r"^( *)import ([\w.]+)$", re.MULTILINE)
_OPTIONAL = "try:\n    import {0}\nexcept ImportError:\n    pass\n"
_HEADS = {
    "web.py": f"import views\nimport pkg.core\n{_OPTIONAL.format('deep.a.b.mod')}{SERVE}",
    "views.py": f"import models\n{_OPTIONAL.format('extra')}",
    "tool.py": f"import pkg.core\n{SERVE}",
    "job.py": "import models\n",
}
_MODULES = ("web.py", "views.py", "models.py", "pkg/__init__.py", "pkg/core.py", "tool.py", "job.py")
NAMES = (*_MODULES, LONELY, TEMPLATE, DOCKERFILE, REQUIREMENTS)
NEEDED = (*_MODULES, DOCKERFILE, REQUIREMENTS)
"""Without these nothing runs well."""
EXTRA = ("extra.py", "deep/a/b/mod.py")
"""What may be there."""

_PACKAGES = ("flask\n", "flask\nsix\n", "attrs\nflask\n")
_DOCKERFILE = """\
FROM python
ARG LEVEL={}
ENV LEVEL=$LEVEL
WORKDIR /app
COPY requirement.txt .
RUN pip install -r requirement.txt
"""
_CHECK = 'healthcheck = { command = ["true"], interval = 0.02 }\n'
_WEB = f'[targets.web]\nscript = "web.py"\n{_CHECK}'
_TOOL = f'[targets.tool]\nscript = "tool.py"\nwatch = ["templates/**"]\n{_CHECK}'
_JOB = '[targets.job]\nscript = "job.py"\n'
_CONFIGURATIONS = (
    _WEB + _TOOL + _JOB,
    _WEB + 'env = { LEVEL = "1" }\n' + _TOOL + _JOB,
    _WEB + _JOB,
    '[project]\nignore = ["generated/"]\n' + _TOOL + _WEB,
    '[image]\nargs = { LEVEL = "7" }\n' + _JOB + _WEB + _TOOL,
    _JOB + _TOOL + _WEB + 'depends-on = { tool = "healthy" }\n',
)
_REFUSED = ("[targets\n", "[targets.web]\nscript = 3\n", '[targets.web]\nscrpt = "web.py"\n')

Record = Mapping[str, str]
"""The contents that somebody has read, as hashes by path."""


def text_of(path: str, number: int) -> str:
    """Return what a file says in a version; what another version means may be the same."""
    match path:
        case "requirement.txt":
            return f"# {number}\n" * (number % 5 == 4) + _PACKAGES[number % len(_PACKAGES)]
        case "Dockerfile":
            return _DOCKERFILE.format(number % 3)
        case "devrun.toml":
            return f"# {number}\n{_CONFIGURATIONS[number % len(_CONFIGURATIONS)]}"
        case "templates/a.html":
            return f"<p>{number}</p>\n"
        case _:
            return f"{_HEADS.get(path, '')}V = {number}\n"


def refused(number: int) -> str:
    """Return a text of devrun.toml that is not valid."""
    return f"# {number}\n{_REFUSED[number % len(_REFUSED)]}"


def first_files() -> dict[str, str]:
    """Return the project as a story begins."""
    return {path: text_of(path, 0) for path in (*NAMES, CONFIGURATION)}


def source_of(root: Path) -> Callable[[str], str]:
    """Return what the engine's programs load: a script, with a record of all that it reads beside it."""

    def source(path: str) -> str:
        texts = _closure(root, path)
        for _ in range(RESTS):
            if not _is_young(root, [*texts, LONELY, TEMPLATE]):
                break
            threading.Event().wait(REST_S / 2)
            texts = _closure(root, path)
        record = json.dumps({name: hash_of(text) for name, text in texts.items() | _beside(root).items()})
        is_missing = any(name not in texts for name in _wanted(texts, path))
        is_broken = any(text.startswith(BROKEN) for text in texts.values())
        begin = BROKEN if is_broken else GONE if is_missing else texts[path]
        return f"{begin}# record: {record}\n"

    return source


def record_of(content: str) -> Record:
    """Return what a program has loaded, by what the engine has kept of it."""
    said: Record = json.loads(content.rpartition("# record: ")[2] or "{}")
    return said


def difference(root: Path, target: str, loaded: Record, *, has_ended: bool) -> dict[str, tuple[str, str]]:
    """Return what a program has loaded otherwise than it is now, by path: loaded, and there."""
    now = {name: hash_of(text) for name, text in _closure(root, SCRIPTS[target]).items()}
    others = () if has_ended else (LONELY, TEMPLATE) if target == "tool" else (LONELY,)
    beside = {name: hash_of(text) for name, text in _beside(root).items() if name in others}
    return {
        name: (loaded.get(name, "-"), content)
        for name, content in (now | beside).items()
        if loaded.get(name, "-") != content
    }


def meaning_of(dockerfile: str, requirements: str, arguments: Mapping[str, str]) -> str:
    """Return what decides an image, comments and order left out."""
    if "LEVEL" in arguments:  # What stands in the file is only for those who say nothing.
        dockerfile = re.sub(r"(?m)^ARG LEVEL=.*$", "ARG LEVEL", dockerfile)
    lines = sorted(line for line in requirements.splitlines() if not line.startswith("#"))
    return f"{dockerfile}{lines}{sorted(arguments.items())}"


def read(root: Path, name: str) -> str | None:
    """Return the text of a file, None where it cannot be read."""
    try:
        return (root / name).read_text()
    except OSError:
        return None


def _closure(root: Path, script: str) -> dict[str, str]:
    """Return the texts of a script and of all that it imports, in turn."""
    found: dict[str, str] = {}
    pending = [script]
    while pending:
        name = pending.pop()
        text = read(root, name) if name not in found else None
        if text is not None:
            found[name] = text
            pending += [path for _, module in _IMPORT.findall(text) for path in _paths(module)]
    return found


def _is_young(root: Path, names: list[str]) -> bool:
    """Tell whether something was written just now."""
    seen = [look.newest_s for name in names if (look := look_at(str(root / name)))]
    return max(seen, default=0.0) > time.time() - REST_S


def _wanted(texts: Mapping[str, str], script: str) -> list[str]:
    """Return what a program cannot do without."""
    imports = [found for text in texts.values() for found in _IMPORT.findall(text)]
    modules = [module for indent, module in imports if not indent and module != "signal"]
    return [script, *(_paths(module)[-1] for module in modules)]


def _paths(module: str) -> list[str]:
    parts = module.split(".")
    packages = ["/".join(parts[:end]) + "/__init__.py" for end in range(1, len(parts))]
    return [*packages, "/".join(parts) + ".py"]


def _beside(root: Path) -> dict[str, str]:
    return {name: text for name in (LONELY, TEMPLATE) if (text := read(root, name)) is not None}


def hash_of(text: str) -> str:
    """Return by what a content is known."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]
