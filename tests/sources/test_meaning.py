"""Equal meaning is an equal fingerprint, and another meaning is another one: construct by construct."""

from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sources.list_meanings import (
    Installation,
    PyprojectWriter,
    Requirements,
    RequirementsWriter,
    changed_installations,
    changed_requirements,
    installations,
    requirement_files,
)
from tests.sources.meanings import Dockerfile, DockerfileWriter, changed_dockerfiles, dockerfiles
from tests.sources.test_inputs import inputs_of, place

Edit = Callable[[Path], None]

DOCKERFILE = """\
# A project with everything.
ARG PYTHON=python:3.13
ARG UNUSED=1
FROM node AS web
COPY index.js ./
RUN --mount=type=bind,source=web.json,target=/w  make && \\
    make  install
FROM alpine AS other
COPY other.txt /x
RUN true
FROM ${PYTHON}
ARG LEVEL=1
WORKDIR /app
COPY requirements.txt pyproject.toml uv.lock setup.cfg ./
RUN pip install -r requirements.txt . $LEVEL
COPY --from=web --chown=1:1 /out /static
COPY conf/*.ini /etc/app/
ADD https://example.org/a.tar /opt/
RUN <<EOF
echo one
EOF
COPY . .
CMD ["python", "hello.py"]
"""
PYPROJECT = """\
[build-system]
requires = ["hatchling>=1", "maturin"]
build-backend = "hatchling.build"

[project]
name = "p"
version = "1"
description = "words"
classifiers = ["A"]
requires-python = ">=3.10,<4"
dependencies = ["Flask>=2", "rich"]
dynamic = ["readme"]

[project.optional-dependencies]
Dev_Tools = ["pytest", "ruff"]

[project.scripts]
run = "p:main"

[project.urls]
Home = "https://example.org"

[dependency-groups]
test = ["pytest", {include-group = "base"}]
base = []

[tool.uv]
dev-dependencies = ["a", "b"]
[tool.uv.sources]
rich = { path = "../rich" }
[[tool.uv.index]]
url = "https://one.example.org"
[[tool.uv.index]]
url = "https://two.example.org"

[tool.poetry]
description = "words"
packages = [{include = "p"}]
[tool.poetry.dependencies]
python = "^3.10"
Flask = { version = "^2", extras = ["a", "b"] }
[tool.poetry.group.dev.dependencies]
pytest = "*"
[tool.poetry.scripts]
go = "p:go"
[[tool.poetry.source]]
name = "one"
url = "https://example.org"

[tool.pdm.resolution]
respect-source-order = true
[tool.pdm.publish]
repository = "x"

[tool.hatch.envs.default]
dependencies = ["x", "y"]
[tool.hatch.build.targets.wheel]
packages = ["p"]

[tool.setuptools.dynamic]
dependencies = { file = ["deps.list"] }

[tool.flit.module]
name = "p"

[tool.maturin]
features = ["a"]

[tool.ruff]
line-length = 100
[tool.devrun.image]
inputs = []
"""
SETUP_CFG = """\
[metadata]
name = p
description = words
[options]
install_requires =
    Flask
    rich
python_requires = >=3.10
[flake8]
max-line-length = 100
"""
REQUIREMENTS = "Flask>=2 ; python_version>'3'\nrich[a,b]==1\n-r more.txt\n-c limits.txt\n-i https://x\n"
FILES: Mapping[str, str] = {
    "hello.py": "1",
    "index.js": "1",
    "web.json": "{}",
    "other.txt": "1",
    "conf/a.ini": "1",
    "requirements.txt": REQUIREMENTS,
    "more.txt": "x\ny\n",
    "limits.txt": "x==1\n",
    "deps.list": "z\n",
    "pyproject.toml": PYPROJECT,
    "setup.cfg": SETUP_CFG,
    "setup.py": "setup()",
    "uv.lock": "1",
    ".dockerignore": "# none\n*.log\n*.tmp\n",
}


def edit(name: str, old: str, new: str) -> Edit:
    """Return the edit that replaces text in a file; an empty `old` means its end."""

    def change(root: Path) -> None:
        text = (root / name).read_text()
        assert old in text, old
        (root / name).write_bytes((text.replace(old, new, 1) if old else text + new).encode())

    return change


def save(name: str, text: str) -> Edit:
    """Return the edit that writes a file."""
    return lambda root: place_one(root / name, text)


def place_one(path: Path, text: str) -> None:
    """Write a file, in a directory that may be new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def docker(old: str, new: str) -> Edit:
    """Return an edit of the Dockerfile."""
    return edit("Dockerfile", old, new)


def project(old: str, new: str) -> Edit:
    """Return an edit of pyproject.toml."""
    return edit("pyproject.toml", old, new)


def needs(old: str, new: str) -> Edit:
    """Return an edit of the requirements."""
    return edit("requirements.txt", old, new)


SAME: dict[str, Edit] = {
    # the Dockerfile
    "a comment": docker("everything", "all"),
    "a comment in a continued line": docker("&& \\\n", "&& \\\n# why\n\n"),
    "the layout of a continued line": docker("&& \\\n    make  install", "\\\n  && make \\\n install"),
    "white space between words": docker(
        "COPY --from=web --chown=1:1 /out", "COPY   --from=web\t--chown=1:1  /out"
    ),
    "the case of keywords": docker("FROM node AS web", "from node as web"),
    "the case of a stage's name": docker("--from=web", "--from=WEB"),
    "a stage by its number": docker("--from=web", "--from=0"),
    "the order of flags": docker("--from=web --chown=1:1", "--chown=1:1 --from=web"),
    "an instruction of a stage that nobody needs": docker("RUN true", "RUN false"),
    "a file for a stage that nobody needs": save("other.txt", "2"),
    "the base of a stage that nobody needs": docker("FROM alpine", "FROM busybox"),
    "a stage that nobody needs more": docker("FROM alpine", "FROM x AS y\nFROM alpine"),
    "a stage that nobody needs less": docker("FROM alpine AS other\nCOPY other.txt /x\nRUN true\n", ""),
    "an argument that nobody uses": docker("UNUSED=1", "UNUSED=2"),
    "an argument in place of its value": docker("FROM ${PYTHON}", "FROM python:3.13"),
    "blank lines": docker("ARG LEVEL=1\n", "ARG LEVEL=1\n\n\n"),
    "indented instructions": docker("ARG LEVEL=1\n", "  ARG LEVEL=1\n"),
    "the layout of the JSON form": docker('["python", "hello.py"]', '[ "python" ,"hello.py" ]'),
    "the JSON form of a COPY": docker("COPY conf/*.ini /etc/app/", 'COPY ["conf/*.ini", "/etc/app/"]'),
    "a directive that says what is so anyway": docker("# A project", "# escape=\\\n# A project"),
    "Docker's own frontend": docker("# A project", "# syntax=docker/dockerfile:1.7\n# A project"),
    "line ends": docker("ARG LEVEL=1\n", "ARG LEVEL=1\r\n"),
    "the key of a mount in other letters": docker("--mount=type=bind", "--mount=TYPE=bind"),
    "a file that a pattern does not match": save("conf/a.toml", "1"),
    "a file below what a pattern matches": save("conf/deep/a.ini", "1"),
    "a file that the mount shows": save("hello.py", "2"),
    # the ignore file
    "the ignore file's comment": edit(".dockerignore", "none", "some"),
    "the ignore file's order": edit(".dockerignore", "*.log\n*.tmp", "*.tmp\n\n*.log"),
    # requirements
    "a requirement's comment": needs("rich", "# why\n\nrich"),
    "the order of requirements": save(
        "requirements.txt", "".join(sorted(REQUIREMENTS.splitlines(keepends=True), reverse=True))
    ),
    "the spelling of a name": needs("Flask", "flask"),
    "the order of extras": needs("[a,b]", "[B, A]"),
    "the quotes of a marker": needs("python_version>'3'", 'python_version > "3"'),
    "a line twice": needs("rich", "rich[a,b]==1\nrich"),
    "windows line ends": edit("requirements.txt", "", "\r\n\r\n"),
    "a comment further down": edit("more.txt", "", "# why\n"),
    "the order of constraints": edit("limits.txt", "x==1", "\nX == 1"),
    "a requirement in another file": save("more.txt", "y\nX\n"),
    # pyproject.toml
    "a comment in pyproject.toml": project("[project]", "# why\n[project]"),
    "quotes in pyproject.toml": project('"Flask>=2", "rich"', "'rich', 'flask >= 2',"),
    "the description": project('description = "words"', 'description = "others"'),
    "classifiers": project('["A"]', '["A", "B"]'),
    "urls": project("https://example.org", "https://example.com"),
    "the settings of a linter": project("line-length = 100", "line-length = 90"),
    "a table of a linter more": project("[tool.ruff]", "[tool.mypy]\nstrict = true\n[tool.ruff]"),
    "devrun's own settings": project("inputs = []", "inputs = ['x']"),
    "the order of versions": project(">=3.10,<4", "< 4, >= 3.10"),
    "the name of an extra": project("Dev_Tools", "dev-tools"),
    "the order of tables": project(
        '[tool.flit.module]\nname = "p"\n\n[tool.maturin]\nfeatures = ["a"]\n',
        '[tool.maturin]\nfeatures = ["a"]\n[tool.flit.module]\nname = "p"\n',
    ),
    "a quoted key": project('run = "p:main"', "'run' = 'p:main'"),
    "uv: the order of development requirements": project('["a", "b"]\n[tool.uv.s', '["b", "a"]\n[tool.uv.s'),
    "poetry: the description": project('[tool.poetry]\ndescription = "words"', "[tool.poetry]"),
    "poetry: the spelling of a name": project("Flask = {", "flask = {"),
    "poetry: the order of extras": project('extras = ["a", "b"]', 'extras = ["b", "a"]'),
    "pdm: where to publish": project('repository = "x"', 'repository = "y"'),
    "hatch: the order of requirements": project('["x", "y"]', '["y", "x"]'),
    "a comment in a list that pyproject.toml names": edit("deps.list", "", "# why\n"),
    # setup.cfg
    "a linter in setup.cfg": edit("setup.cfg", "100", "90"),
    "the description in setup.cfg": edit("setup.cfg", "words", "others"),
    "the layout of setup.cfg": edit("setup.cfg", "    Flask\n    rich", "\n  rich\n  flask\n# why\n"),
}

OTHER: dict[str, Edit] = {
    # the Dockerfile
    "an instruction": docker("ARG LEVEL=1", "ARG LEVEL=1\nUSER 1"),
    "the order of instructions": docker("WORKDIR /app\n", "WORKDIR /x\nWORKDIR /app\n"),
    "a word of a continued line": docker("make  install", "make  test"),
    "a heredoc": docker("echo one", "echo  one"),
    "another base": docker("PYTHON=python:3.13", "PYTHON=python:3.12"),
    "the base of a needed stage": docker("FROM node", "FROM node:20"),
    "the platform of a stage": docker("FROM node", "FROM --platform=linux/arm64 node"),
    "a needed stage": docker("make  install", "make  all"),
    "a file for a needed stage": save("index.js", "2"),
    "a file of a bind mount": save("web.json", "[]"),
    "a stage that becomes needed": docker("--from=web", "--from=other"),
    "a stage that BuildKit may refuse": docker("COPY other.txt", "COPY --frob other.txt"),
    "an image in place of a stage": docker("--from=web", "--from=webs"),
    "the owner of what is copied": docker("--chown=1:1", "--chown=2:2"),
    "an argument's default": docker("LEVEL=1", "LEVEL=2"),
    "an argument less": docker("ARG LEVEL=1\n", ""),
    "the shell form": docker('CMD ["python", "hello.py"]', "CMD python hello.py"),
    "the directive for the escape sign": docker("# A project", "# escape=`\n# A project"),
    "the source of a bind mount": docker("source=web.json", "source=index.js"),
    "a URL that is added": docker("example.org/a.tar", "example.org/b.tar"),
    "a file that a pattern matches": save("conf/b.ini", "1"),
    "a file that a pattern matched": save("conf/a.ini", "2"),
    "what a pattern matches": docker("conf/*.ini", "conf/?.ini"),
    "a line that is not understood": docker("RUN true", "FROB true"),
    # the ignore file
    "an ignored build input": edit(".dockerignore", "", "conf/a.ini\n"),
    "an ignored pattern where the mount hides files": edit(".dockerignore", "", "*.md\n"),
    "a pattern that takes another back": edit(".dockerignore", "*.log", "!x.log"),
    "an ignore file of the Dockerfile's own": save("Dockerfile.dockerignore", "index.js\n"),
    # requirements
    "a package more": needs("rich", "attrs\nrich"),
    "an extra more": needs("[a,b]", "[a,b,c]"),
    "another version": needs("==1", "==2"),
    "another marker": needs(">'3'", "<'3'"),
    "another index": needs("https://x", "https://y"),
    "the order of indexes": needs("-i https://x", "-i https://y\n-i https://x"),
    "a hash more": needs("==1", "==1 --hash=sha256:1"),
    "a package further down": edit("more.txt", "", "z\n"),
    "a constraint": edit("limits.txt", "x==1", "x==2"),
    "a constraint in place of a requirement": needs("-c limits.txt", "-r limits.txt"),
    # pyproject.toml
    "a build requirement": project('"hatchling>=1"', '"hatchling>=2"'),
    "the build backend": project("hatchling.build", "p.build"),
    "the project's version": project('version = "1"', 'version = "2"'),
    "the project's name": project('[project]\nname = "p"', '[project]\nname = "q"'),
    "a dependency": project('"rich"', '"rich>1"'),
    "an optional dependency": project('"ruff"', '"mypy"'),
    "a group's requirement": project("base = []", 'base = ["x"]'),
    "a group's group": project('"base"}', '"other"}'),
    "requires-python": project(">=3.10", ">=3.11"),
    "a script": project("p:main", "p:run"),
    "what is dynamic": project('["readme"]', '["readme", "entry-points"]'),
    "uv: a source": project("../rich", "../poor"),
    "uv: the order of indexes": project("https://one.example.org", "https://two.example.org"),
    "poetry: a dependency": project('"^2"', '"^3"'),
    "poetry: a group": project('pytest = "*"', 'pytest = "^8"'),
    "poetry: a source": project('name = "one"', 'name = "two"'),
    "poetry: a script": project("p:go", "p:run"),
    "poetry: packages": project('{include = "p"}', '{include = "q"}'),
    "pdm: the resolution": project("= true", "= false"),
    "hatch: an environment": project('["x", "y"]', '["x"]'),
    "hatch: the build": project('packages = ["p"]', 'packages = ["q"]'),
    "flit: the module": project('[tool.flit.module]\nname = "p"', '[tool.flit.module]\nname = "q"'),
    "a table of what builds the project": project('features = ["a"]', 'features = ["b"]'),
    "a list that pyproject.toml names": edit("deps.list", "z", "y"),
    "a file that is no TOML": project("[project]", "[[["),
    # other files
    "a lock": save("uv.lock", "1 "),
    "setup.py": save("setup.py", "setup( )"),
    "setup.cfg: a requirement": edit("setup.cfg", "rich", "poor"),
    "setup.cfg: the name": edit("setup.cfg", "name = p", "name = q"),
    "setup.cfg: Python": edit("setup.cfg", "3.10", "3.11"),
    "setup.cfg: what is not understood": edit("setup.cfg", "[metadata]", "metadata"),
}


def fingerprint_of(root: Path, **given: object) -> str:
    """Return the fingerprint of the project's one image."""
    return inputs_of(root, **given).fingerprint  # type: ignore[arg-type]


@pytest.mark.parametrize("change", SAME.values(), ids=SAME.keys())
def test_what_means_the_same_has_the_same_fingerprint(tmp_path: Path, change: Edit) -> None:
    """Nothing that is installed or built depends on it."""
    place(tmp_path, DOCKERFILE, FILES)
    before = fingerprint_of(tmp_path)

    change(tmp_path)

    assert fingerprint_of(tmp_path) == before


@pytest.mark.parametrize("change", OTHER.values(), ids=OTHER.keys())
def test_what_means_something_else_has_another_fingerprint(tmp_path: Path, change: Edit) -> None:
    """The image that it makes may be another one; and the file is watched for it."""
    place(tmp_path, DOCKERFILE, FILES)
    before = fingerprint_of(tmp_path)

    change(tmp_path)

    assert fingerprint_of(tmp_path) != before


HERE = "FROM a\nWORKDIR /app\n"
BUILDER = "FROM a AS b\nWORKDIR /src\nCOPY pyproject.toml .\nRUN pip wheel .\nFROM a\nWORKDIR /app\n"
WHERE: dict[str, tuple[str, Mapping[str, object], bool]] = {
    # the Dockerfile; settings; whether the settings of a linter count
    "named singly, and mounted over": (HERE + "COPY pyproject.toml .\nRUN uv sync\n", {}, False),
    "copied with all, and mounted over": (HERE + "COPY . .\nRUN uv sync\n", {}, False),
    "a bind mount for an installer": (
        HERE + "RUN --mount=source=pyproject.toml,target=pyproject.toml uv sync\n",
        {},
        False,
    ),
    "copied for the build": (HERE + "COPY pyproject.toml /tmp/\nRUN uv pip install /tmp\n", {}, False),
    "for another stage": (BUILDER + "COPY --from=b /src/dist /dist\n", {}, False),
    "handed on to where the mount is": (BUILDER + "COPY --from=b /src /app\n", {}, False),
    "no mount": (HERE + "COPY pyproject.toml .\nRUN uv sync\n", {"mounted": False}, True),
    "another mount": (HERE + "COPY pyproject.toml .\nRUN uv sync\n", {"path": "/srv"}, True),
    "kept from the mount": (HERE + "COPY pyproject.toml .\n", {"keep": ("pyproject.toml",)}, True),
    "no target": (HERE + "COPY pyproject.toml .\nRUN uv sync\n", {"programs": ()}, True),
    "copied elsewhere": (HERE + "COPY pyproject.toml /etc/\n", {}, True),
    "copied twice": (HERE + "COPY pyproject.toml .\nCOPY pyproject.toml /etc/\n", {}, True),
    "handed on to another place": (BUILDER + "COPY --from=b /src /opt/\n", {}, True),
    "handed on nobody knows where": (BUILDER + "COPY --from=b /src $X\n", {}, True),
    "a bind mount for anything else": (
        HERE + "RUN --mount=source=pyproject.toml,target=x cat x > /y\n",
        {},
        True,
    ),
    "named by another program": (HERE + "COPY pyproject.toml .\nRUN cat pyproject.toml > /y\n", {}, True),
    "moved by a RUN": (HERE + "COPY . .\nRUN cp -r . /srv && pip install .\n", {}, True),
    "an input by itself": (HERE + "COPY . .\n", {"globs": ("*.toml",)}, True),
}


@pytest.mark.parametrize(("text", "given", "expected"), WHERE.values(), ids=WHERE.keys())
def test_tables_decide_alone_where_only_an_installer_reads_the_file(
    tmp_path: Path, text: str, given: Mapping[str, object], *, expected: bool
) -> None:
    """Where something else may read the image's own copy, all of it counts."""
    place(tmp_path, text, FILES)
    before = fingerprint_of(tmp_path, **given)

    edit("pyproject.toml", "line-length = 100", "line-length = 90")(tmp_path)
    others = fingerprint_of(tmp_path, **given)
    edit("pyproject.toml", "Flask>=2", "Flask>=3")(tmp_path)

    assert (others != before) is expected
    assert fingerprint_of(tmp_path, **given) != others


def test_stages_in_a_circle_end(tmp_path: Path) -> None:
    """BuildKit refuses them; here the search for where a file lies must come to an end."""
    circle = (
        "FROM a AS b\nCOPY pyproject.toml /x/\nCOPY --from=c /x /x/x\nFROM b AS c\nCOPY --from=b /x /x/x\n"
    )
    place(tmp_path, circle, FILES)

    assert fingerprint_of(tmp_path)


SHELL: dict[str, tuple[str, str, bool]] = {
    "blanks between words": ("a   b", "a b", True),
    "blanks in single quotes": ("a 'b   c'", "a 'b c'", False),
    "blanks in double quotes": ('a "b   c"', 'a "b c"', False),
    "blanks beside quotes": ("a   'b  c'", "a 'b  c'", True),
    "blanks that are escaped": ("a\\   b", "a\\  b", False),
    "blanks behind an escaped quote": ('a \\"b   c\\" "d  e"', 'a \\"b c\\" "d  e"', True),
    "blanks between escaped quotes and strings": ('a \\"b\\" "d  e"', 'a \\"b\\" "d e"', False),
    "quotes in a substitution": ('a "$(b "c  d")"', 'a "$(b "c d")"', False),
    "a default value": ("x=${y:-a  b}", "x=${y:-a b}", False),
    "an open quote": ("a 'b   c", "a 'b c", False),
}


@pytest.mark.parametrize(("one", "two", "same"), SHELL.values(), ids=SHELL.keys())
def test_blanks_between_the_words_of_a_shell_are_layout(
    tmp_path: Path, one: str, two: str, *, same: bool
) -> None:
    """Wherever a quote or a sign may make them more than that, they count."""
    found = []
    for line in (one, two):
        place(tmp_path, f"FROM a\nRUN {line}\n", {})
        found.append(fingerprint_of(tmp_path))

    assert (found[0] == found[1]) is same


def test_blanks_count_for_another_shell(tmp_path: Path) -> None:
    """What SHELL names may see more in them."""
    found = set()
    for blank in (" ", "  "):
        place(tmp_path, f'FROM a\nSHELL ["python", "-c"]\nRUN x{blank}y\n', {})
        found.add(fingerprint_of(tmp_path))

    assert len(found) == 2


@pytest.mark.parametrize("text", ["ENV A=1 B=\\$A\n", "COPY <<E /x\n\\$A\nE\n"])
def test_an_escape_sign_counts_where_words_have_one(tmp_path: Path, text: str) -> None:
    """The same words say something else under another one."""
    found = set()
    for head in ("", "# escape=`\n"):
        place(tmp_path, f"{head}FROM a\n{text}", {})
        found.add(fingerprint_of(tmp_path))

    assert len(found) == 2


PAIRS: dict[str, tuple[str, str, bool]] = {
    # two Dockerfiles, and whether they mean the same
    "an outer argument that a stage asks for": (
        "ARG A=1\nFROM a\nARG A\n",
        "ARG A=2\nFROM a\nARG A\n",
        False,
    ),
    "an outer argument that a stage sets anew": (
        "ARG A=1\nFROM a\nARG A=3\n",
        "ARG A=2\nFROM a\nARG A=3\n",
        True,
    ),
    "an outer argument that is not known here": (
        "ARG A=1\nARG B=$TARGETARCH-$A\nFROM a\nARG B\n",
        "ARG A=2\nARG B=$TARGETARCH-$A\nFROM a\nARG B\n",
        False,
    ),
    "a base that is not known here": (
        "ARG A=1\nFROM a-$TARGETARCH-$A\n",
        "ARG A=2\nFROM a-$TARGETARCH-$A\n",
        False,
    ),
    "the case of a health check's kind": ("FROM a\nHEALTHCHECK cmd x\n", "FROM a\nHEALTHCHECK CMD x\n", True),
    "a health check": ("FROM a\nHEALTHCHECK NONE\n", "FROM a\nHEALTHCHECK CMD x\n", False),
    "what is held back": ("FROM a\nONBUILD RUN x\n", "FROM a\nONBUILD RUN y\n", False),
    "the order of independent stages": (
        "FROM a AS x\nFROM b AS y\nFROM c\nCOPY --from=x /x /\nCOPY --from=y /x /\n",
        "FROM b AS y\nFROM a AS x\nFROM c\nCOPY --from=x /x /\nCOPY --from=y /x /\n",
        True,
    ),
    "stages that change places": (
        "FROM a AS x\nFROM b AS y\nFROM c\nCOPY --from=x /x /\nCOPY --from=y /x /\n",
        "FROM b AS x\nFROM a AS y\nFROM c\nCOPY --from=x /x /\nCOPY --from=y /x /\n",
        False,
    ),
    "a stage whose name the build is told": (
        "FROM a AS b\nARG TARGETSTAGE\n",
        "FROM a AS b\nARG TARGETSTAGE\n",
        True,
    ),
    "the base of a stage that may be refused": ("FROM $X AS y\nFROM a\n", "FROM $Z AS y\nFROM a\n", False),
}


@pytest.mark.parametrize(("one", "two", "same"), PAIRS.values(), ids=PAIRS.keys())
def test_dockerfiles_that_mean_the_same_are_told_from_others(
    tmp_path: Path, one: str, two: str, *, same: bool
) -> None:
    """Values and stages count by what they are, not by where they are said."""
    found = []
    for text in (one, two):
        place(tmp_path, text, {})
        found.append(fingerprint_of(tmp_path))

    assert (found[0] == found[1]) is same


@pytest.mark.parametrize(
    "text",
    [
        "[project]\nrequires-python = 'nonsense'",
        "[build-system]\nrequires = ['==']",
        "[build-system]\nrequires = 1",
        "[dependency-groups]\na = [1, {x = 1}]",
        "[project.optional-dependencies]\na-b = []\na_b = ['x']",
        "project = 1\ntool = 2",
        "[tool.uv]\nx = 2020-01-01",
        "[tool.uv]\nfind-links = ['wheels', 'https://e.org']",
    ],
)
def test_a_pyproject_that_no_installer_takes_has_a_meaning(tmp_path: Path, text: str) -> None:
    """It is never an error, and it counts."""
    found = set()
    for content in (text, ""):
        place(tmp_path, HERE + "COPY pyproject.toml .\n", {"pyproject.toml": content})
        found.add(fingerprint_of(tmp_path))

    assert len(found) == 2


@pytest.mark.parametrize("name", ["pyproject.toml", "setup.cfg"])
def test_lists_and_archives_that_a_file_names_are_watched(tmp_path: Path, name: str) -> None:
    """Their content is installed, whatever their names are."""
    texts = {
        "pyproject.toml": PYPROJECT + '[tool.poetry.dependencies.w]\npath = "w/w-1.whl"\n',
        "setup.cfg": "[options]\ninstall_requires = file: deps.list\nx = ./w/w-1.whl\n",
    }
    place(tmp_path, HERE + f"COPY {name} .\nRUN pip install .\n", {**FILES, name: texts[name]})

    inputs = inputs_of(tmp_path)

    assert inputs.concerns(tmp_path / "deps.list") == f"named by {name}"
    assert inputs.concerns(tmp_path / "w/w-1.whl") == f"installed by {name}"


PROPERTY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
"""The directory may be shared: each example writes all of its files."""
seeds = st.integers(0, 2**32)


@pytest.mark.usefixtures("unmeasured")
@PROPERTY
@given(st.data(), dockerfiles(), seeds)
def test_dockerfiles_of_one_meaning_have_one_fingerprint(
    tmp_path: Path, data: st.DataObject, dockerfile: Dockerfile, seed: int
) -> None:
    """Written in two ways they are the same; one change away they are so exactly if their meaning is."""
    other = data.draw(changed_dockerfiles(dockerfile))
    writer = DockerfileWriter(Random(seed))

    def found(one: Dockerfile) -> str:
        place(tmp_path, writer.write(one), {"x": "1", "y": "1"})
        return fingerprint_of(tmp_path, args=one.args)

    first = found(dockerfile)

    assert found(dockerfile) == first
    assert (found(other) == first) is (other.meaning() == dockerfile.meaning())


@pytest.mark.usefixtures("unmeasured")
@PROPERTY
@given(st.data(), requirement_files(), seeds)
def test_requirements_of_one_meaning_have_one_fingerprint(
    tmp_path: Path, data: st.DataObject, wanted: Requirements, seed: int
) -> None:
    """Written in two ways, in several files, they are the same, and only then."""
    other = data.draw(changed_requirements(wanted))
    writer = RequirementsWriter(Random(seed))

    def found(one: Requirements) -> str:
        place(tmp_path, HERE + "COPY requirements.txt .\n", writer.write(one))
        return fingerprint_of(tmp_path)

    first = found(wanted)

    assert found(wanted) == first
    assert (found(other) == first) is (other == wanted)


@pytest.mark.usefixtures("unmeasured")
@PROPERTY
@given(st.data(), installations(), seeds)
def test_installations_of_one_meaning_have_one_fingerprint(
    tmp_path: Path, data: st.DataObject, said: Installation, seed: int
) -> None:
    """Two texts of pyproject.toml are the same exactly if they say the same of an installation."""
    other = data.draw(changed_installations(said))
    writer = PyprojectWriter(Random(seed))

    def found(one: Installation) -> str:
        place(tmp_path, HERE + "COPY pyproject.toml .\n", {"pyproject.toml": writer.write(one)})
        return fingerprint_of(tmp_path)

    first = found(said)

    assert found(said) == first
    assert (found(other) == first) is (other == said)
