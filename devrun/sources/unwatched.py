"""What devrun never looks at, whatever the project: caches, environments, editors' litter.

A name counts only where it cannot be a user's own: a package may well be called `env`, `build` or `dist`, so
those directories are told by what lies in them.
"""

import re
from collections.abc import Collection

from devrun.sources.ignore import IgnoreRules

# `.env` is a file that programs read, and `*.so` and `*.pyd` are extension modules that a target may import:
# they are watched. Names of an editor's safe-save are those of vim, Emacs, Kate, GIO and JetBrains.
BUILT_IN = IgnoreRules.parse(
    """\
**/.git
**/.hg
**/.svn
**/.jj
**/__pycache__
**/*.pyc
**/*.pyo
**/node_modules
**/.venv
**/.direnv
**/.tox
**/.nox
**/.eggs
**/*.egg-info
**/*.dist-info
**/.mypy_cache
**/.pytest_cache
**/.ruff_cache
**/.hypothesis
**/.ipynb_checkpoints
**/.coverage
**/.coverage.*
**/.idea
**/.vscode
**/.DS_Store
**/4913
**/*~
**/#*#
**/.#*
**/*.swp
**/*.swo
**/*.swx
**/*.tmp
**/*.kate-swp
**/.goutputstream-*
**/*___jb_tmp___
**/*___jb_old___
""",
    origin="built in",
)

_OUTPUT = {
    "build": re.compile(r"lib|lib\..+|bdist\..+|temp\..+|scripts-.+"),
    "dist": re.compile(r".+\.(whl|tar\.gz|zip|egg)|\.gitignore"),
}
"""What packaging tools leave in the directories of these names, and nobody writes by hand."""


def generated(name: str, children: Collection[str]) -> str | None:
    """Return why a directory is no source, told by its name and the names in it; None: it may be one."""
    if "pyvenv.cfg" in children or "conda-meta" in children:
        return "a virtual environment"
    if "CACHEDIR.TAG" in children:
        return "a cache"
    output = _OUTPUT.get(name)
    if output and children and all(output.fullmatch(child) for child in children):
        return "output of a packaging tool"
    return None
