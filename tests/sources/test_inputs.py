"""A change on the disk makes another fingerprint exactly where the image would be another one."""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest

from devrun.config.project import (
    Command,
    ImageCommand,
    ImageConfig,
    ImageName,
    Module,
    Mount,
    Program,
    Project,
    Script,
    TargetConfig,
    TargetName,
)
from devrun.config.session import Secret, Session, SshAgent
from devrun.sources.content import ContentHashes, stamp_of
from devrun.sources.inputs import Inputs, Kept, find_inputs

SCRIPT = """\
ARG PYTHON_IMAGE=python:3.13-slim
FROM ${PYTHON_IMAGE}

# The script becomes a part of the image.
COPY hello.py /
ENTRYPOINT ["python", "/hello.py"]
"""
FLASK = """\
FROM python
WORKDIR /app
RUN python -m pip install Flask
COPY hello.py .
CMD ["python", "./hello.py"]
"""
ALL = """\
FROM python
WORKDIR /app
COPY requirement.txt .
RUN python -m pip install -r requirement.txt
COPY . .
ENTRYPOINT ["python"]
CMD ["./hello.py"]
"""
VOLUME = ALL.replace("COPY . .\n", "")
VENV = VOLUME.replace("COPY req", 'RUN python -m venv /venv\nENV PATH="/venv/bin:$PATH"\nCOPY req')
MISTAKE = 'FROM python\nCOPY hello.py /\nENTRYPOINT ["python", "./example.py"]\n'
STAGES = """\
FROM node AS assets
WORKDIR /src
COPY web/ ./
RUN make
FROM python AS base
WORKDIR /app
COPY --from=assets /src/out /static
COPY . .
FROM base AS prod
COPY config.toml /etc/
"""

FILES = {
    "hello.py": "print(1)",
    "other.py": "print(2)",
    "requirement.txt": "Flask==2.0.2\n",
    "web/index.js": "1",
    "config.toml": "a=1",
    "pkg/__init__.py": "",
    "pkg/views.py": "1",
}


def place(root: Path, dockerfile: str, files: Mapping[str, str] = FILES) -> None:
    """Write a project."""
    for name, text in {**files, "Dockerfile": dockerfile}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def inputs_of(
    root: Path,
    *,
    programs: Iterable[Program] = (Script("hello.py"),),
    mounted: bool = True,
    path: str | None = None,
    keep: tuple[str, ...] = (),
    workdir: str | None = None,
    args: Mapping[str, str] | None = None,
    stage: str | None = None,
    globs: tuple[str, ...] = (),
    dockerfile: str = "Dockerfile",
    context: str = ".",
    platform: str | None = None,
    session: Session | None = None,
    before: Kept | None = None,
) -> Inputs:
    """Return the inputs of the project's one image."""
    image = ImageConfig(
        ImageName("default"),
        root / dockerfile,
        root / context,
        stage,
        args or {},
        globs,
        platform,
        session or Session(),
    )
    mount = Mount(root, path, keep) if mounted else None
    targets = [
        TargetConfig(TargetName(f"t{at}"), image.name, program, mount=mount)
        for at, program in enumerate(programs)
    ]
    project = Project(
        "p", "p-1", root, "1", None, {image.name: image}, {target.name: target for target in targets}
    )
    return find_inputs(project, image, targets, workdir, ContentHashes(), before=before)


Change = Callable[[Path], None]


def write(name: str, text: str) -> Change:
    """Return the change that writes a file."""

    def change(root: Path) -> None:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)

    return change


def remove(name: str) -> Change:
    """Return the change that removes a file."""
    return lambda root: (root / name).unlink()


def mode(name: str, bits: int) -> Change:
    """Return the change of a file's mode."""
    return lambda root: (root / name).chmod(bits)


def touch(name: str) -> Change:
    """Return the change of a file's times."""
    return lambda root: os.utime(root / name, (1, 1))


IN_WEB = "web/index.js"
REQ = "requirement.txt"

ROWS: list[tuple[str, str, Change, bool]] = [
    # 1: a script copied to the root of the image, without a WORKDIR: nothing is mounted
    ("script: the copied script", SCRIPT, write("hello.py", "print(3)"), True),
    ("script: the same bytes", SCRIPT, write("hello.py", "print(1)"), False),
    ("script: touched", SCRIPT, touch("hello.py"), False),
    ("script: made executable", SCRIPT, mode("hello.py", 0o755), True),
    ("script: made unreadable to others", SCRIPT, mode("hello.py", 0o600), False),
    ("script: a script that is not copied", SCRIPT, write("other.py", "3"), False),
    ("script: removed", SCRIPT, remove("hello.py"), True),
    ("script: a new ignore file that changes nothing", SCRIPT, write(".dockerignore", "# none\n"), False),
    ("script: an ignore file for other files", SCRIPT, write(".dockerignore", "*.md\n"), False),
    ("script: an ignore file for the script", SCRIPT, write(".dockerignore", "*.py\n"), True),
    ("script: a comment", SCRIPT, write("Dockerfile", SCRIPT.replace("becomes", "is")), False),
    ("script: blank lines", SCRIPT, write("Dockerfile", "\n" + SCRIPT.replace("\n", "\n\n")), False),
    ("script: the default of an argument", SCRIPT, write("Dockerfile", SCRIPT.replace("3.13", "3.12")), True),
    ("script: an instruction", SCRIPT, write("Dockerfile", SCRIPT + "EXPOSE 80\n"), True),
    # 2: a script copied to where the project is mounted
    ("flask: the target's own script", FLASK, write("hello.py", "print(3)"), False),
    ("flask: a script that is not copied", FLASK, write("other.py", "3"), False),
    ("flask: the command", FLASK, write("Dockerfile", FLASK.replace("Flask", "rich")), True),
    ("flask: lower case keywords", FLASK, write("Dockerfile", FLASK.replace("COPY", "copy")), False),
    ("flask: a continued line", FLASK, write("Dockerfile", FLASK.replace("-m pip", "\\\n-m pip")), False),
    (
        "flask: another destination",
        FLASK,
        write("Dockerfile", FLASK.replace("hello.py .", "hello.py /")),
        True,
    ),
    # 3: everything copied, and mounted over
    ("all: the requirements", ALL, write(REQ, "Flask==2.0.3\n"), True),
    ("all: one more package", ALL, write(REQ, "Flask==2.0.2\nrich\n"), True),
    ("all: a comment in the requirements", ALL, write(REQ, "# web\nflask == 2.0.2  # ok\n"), False),
    ("all: the target's script", ALL, write("hello.py", "3"), False),
    ("all: another script", ALL, write("other.py", "3"), False),
    ("all: a new script", ALL, write("new.py", "3"), False),
    ("all: a module", ALL, write("pkg/views.py", "3"), False),
    ("all: a data file", ALL, write("config.toml", "a=2"), False),
    ("all: a file removed", ALL, remove("other.py"), False),
    ("all: byte code", ALL, write("__pycache__/hello.pyc", "3"), False),
    ("all: pyproject.toml comes", ALL, write("pyproject.toml", "[project]"), True),
    ("all: a lock comes", ALL, write("uv.lock", "1"), True),
    ("all: a constraint file deep down comes", ALL, write("pkg/constraints.txt", "x"), True),
    ("all: requirements are ignored", ALL, write(".dockerignore", REQ), True),
    ("all: an own ignore file comes", ALL, write("Dockerfile.dockerignore", "*.js"), True),
    # 4: only the requirements copied
    ("volume: the requirements", VOLUME, write(REQ, "Flask==2.0.3\n"), True),
    ("volume: their layout", VOLUME, write(REQ, "\nFLASK ==2.0.2"), False),
    ("volume: a script", VOLUME, write("hello.py", "3"), False),
    ("volume: requirements that are not copied", VOLUME, write("requirements.txt", "rich"), False),
    ("volume: a followed file comes", VOLUME, write(REQ, "Flask==2.0.2\n-r more.txt"), True),
    ("volume: devrun.toml", VOLUME, write("devrun.toml", "[project]"), False),
    ("volume: a file that was missing", VOLUME.replace(REQ, "two.txt"), write("two.txt", "b\na\n"), True),
    # 5: an environment outside of the mount
    ("venv: the requirements", VENV, write(REQ, "rich\n"), True),
    ("venv: a script", VENV, write("check-venv.py", "import sys"), False),
    ("venv: its variable", VENV, write("Dockerfile", VENV.replace("/venv/bin", "/v/bin")), True),
    # 6: the article's mistake
    ("mistake: the script", MISTAKE, write("hello.py", "3"), True),
    ("mistake: the file that is missing", MISTAKE, write("example.py", "3"), False),
    ("mistake: mended", MISTAKE, write("Dockerfile", MISTAKE.replace("example", "hello")), True),
    # 7: stages
    ("stages: for another stage", STAGES, write(IN_WEB, "2"), True),
    ("stages: new in another stage", STAGES, write("web/new.js", "2"), True),
    ("stages: named singly, elsewhere", STAGES, write("config.toml", "a=2"), True),
    ("stages: shown by the mount", STAGES, write("pkg/views.py", "2"), False),
    # 8: what names more or less than it seems
    ("a pattern", "FROM a\nCOPY *.toml /etc/\n", write("new.toml", "1"), True),
    ("a pattern that does not match", "FROM a\nCOPY *.toml /etc/\n", write("pkg/new.toml", "1"), False),
    ("a pattern over directories", "FROM a\nCOPY */*.js /x/\n", write(IN_WEB, "2"), True),
    ("a pattern in the mount", "FROM a\nWORKDIR /a\nCOPY *.py ./\n", write("hello.py", "2"), False),
    ("a directory elsewhere", "FROM a\nWORKDIR /a\nCOPY pkg /lib/pkg\n", write("pkg/views.py", "2"), True),
    ("a directory in its place", "FROM a\nWORKDIR /a\nCOPY pkg pkg\n", write("pkg/views.py", "2"), False),
    ("a directory spilt", "FROM a\nWORKDIR /a\nCOPY pkg ./\n", write("pkg/views.py", "2"), True),
    ("several, singly", "FROM a\nWORKDIR /a\nCOPY hello.py other.py ./\n", write("other.py", "2"), True),
    (
        "named by a RUN",
        "FROM a\nWORKDIR /a\nCOPY . .\nRUN python pkg/views.py\n",
        write("pkg/views.py", "2"),
        True,
    ),
    (
        "named by a heredoc",
        "FROM a\nWORKDIR /a\nCOPY . .\nRUN <<E\n./other.py\nE\n",
        write("other.py", "2"),
        True,
    ),
    ("a heredoc's text", "FROM a\nRUN <<E\nx\nE\n", write("Dockerfile", "FROM a\nRUN <<E\n# x\nE\n"), True),
    ("a bind mount", "FROM a\nRUN --mount=target=/s x\n", write("pkg/views.py", "2"), True),
    (
        "a bind mount of one file",
        "FROM a\nRUN --mount=source=a,target=/s x\n",
        write("pkg/views.py", "2"),
        False,
    ),
    ("an unpacked archive", "FROM a\nWORKDIR /a\nADD *.tar ./\n", write("x.tar", "2"), True),
    ("a variable of the base", "FROM a\nWORKDIR /a\nCOPY $X /x\n", write("other.py", "2"), True),
    ("a foreign frontend", "# syntax=example.org/x\nfrob\n", write("other.py", "2"), True),
    (
        "a foreign frontend's comment",
        "# syntax=example.org/x\nfrob\n",
        write("Dockerfile", "# syntax=example.org/x\nfrob #"),
        True,
    ),
    ("a broken Dockerfile", "FROM a\nFROB\n", write("other.py", "2"), False),
    ("a broken Dockerfile's comment", "FROM a\nFROB\n", write("Dockerfile", "FROM a\nFROB # x\n"), True),
    ("Docker's own frontend", FLASK, write("Dockerfile", "# syntax=docker/dockerfile:1\n" + FLASK), False),
    (
        "the Dockerfile copied with all",
        "FROM a\nCOPY . /x/\n",
        write("Dockerfile", "# c\nFROM a\nCOPY . /x/\n"),
        False,
    ),
    (
        "the Dockerfile copied singly",
        "FROM a\nCOPY Dockerfile /x\n",
        write("Dockerfile", "# c\nFROM a\nCOPY Dockerfile /x\n"),
        True,
    ),
    ("litter is copied", "FROM a\nCOPY . /x/\n", write(".git/HEAD", "2"), False),
    ("litter is asked for", "FROM a\nCOPY .git /x/\n", write(".git/HEAD", "2"), True),
    ("an empty directory comes", "FROM a\nCOPY . /x/\n", lambda root: (root / "empty").mkdir(), True),
]


@pytest.mark.parametrize(
    ("text", "change", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_a_change_decides_or_does_not(tmp_path: Path, text: str, change: Change, *, expected: bool) -> None:
    """The fingerprint differs exactly if the change makes another image."""
    place(tmp_path, text)
    before = inputs_of(tmp_path).fingerprint

    change(tmp_path)

    assert (inputs_of(tmp_path).fingerprint != before) is expected


@pytest.mark.parametrize(("text", "change"), [row[1:3] for row in ROWS], ids=[row[0] for row in ROWS])
def test_an_earlier_search_has_no_part_in_the_answer(tmp_path: Path, text: str, change: Change) -> None:
    """It saves time, whatever changed since: files, rules, the ignore file or nothing."""
    place(tmp_path, text)
    before = inputs_of(tmp_path).kept

    change(tmp_path)
    after = inputs_of(tmp_path)

    assert inputs_of(tmp_path, before=before) == after == inputs_of(tmp_path, before=after.kept)


def test_a_list_of_files_is_kept_for_its_context_alone(tmp_path: Path) -> None:
    """Another context has other files of the same names."""
    place(tmp_path, "FROM a\nCOPY . .\n", {"a/x": "1", "b/x": "2", "b/.dockerignore": "y", "b/y": "3"})
    before = inputs_of(tmp_path, context="a").kept

    assert inputs_of(tmp_path, context="b", before=before) == inputs_of(tmp_path, context="b")


@pytest.mark.parametrize(
    ("text", "change", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_a_change_that_decides_is_watched_for(
    tmp_path: Path, text: str, change: Change, *, expected: bool
) -> None:
    """Whatever can make another fingerprint is told before it happens, also where the file is new."""
    place(tmp_path, text)
    inputs, before = inputs_of(tmp_path), states(tmp_path)

    change(tmp_path)
    changed = {path for path, _ in before ^ states(tmp_path)}

    assert not expected or any(inputs.concerns(path) for path in changed)


def states(root: Path) -> set[tuple[Path, tuple[bytes, int] | None]]:
    """Return all files with content and mode, and all directories."""
    return {
        (path, (path.read_bytes(), path.stat().st_mode) if path.is_file() else None)
        for path in root.rglob("*")
    }


SETTINGS: list[tuple[str, str, dict[str, object], dict[str, object], bool]] = [
    ("a declared argument", SCRIPT, {}, {"args": {"PYTHON_IMAGE": "x"}}, True),
    ("an argument that nobody declares", SCRIPT, {}, {"args": {"OTHER": "x"}}, False),
    ("a predefined argument", SCRIPT, {}, {"args": {"HTTP_PROXY": "x"}}, True),
    ("a stage", STAGES, {"stage": "prod"}, {"stage": "base"}, True),
    ("a target more", FLASK, {}, {"programs": (Script("hello.py"), Script("other.py"))}, False),
    ("no mount", FLASK, {}, {"mounted": False}, True),
    ("a mount elsewhere", FLASK, {}, {"path": "/src"}, True),
    ("a platform", FLASK, {}, {"platform": "linux/arm64"}, True),
    ("a platform of a foreign frontend", "# syntax=a/b\n", {}, {"platform": "linux/arm64"}, True),
    ("a secret", FLASK, {}, {"session": Session((Secret("token", Path("/token")),))}, False),
    ("an agent and a cache", FLASK, {}, {"session": Session((), (SshAgent(),), ("a/b",))}, False),
]


@pytest.mark.parametrize(
    ("text", "one", "two", "expected"), [row[1:] for row in SETTINGS], ids=[row[0] for row in SETTINGS]
)
def test_settings_decide_where_they_have_an_effect(
    tmp_path: Path, text: str, one: dict[str, object], two: dict[str, object], *, expected: bool
) -> None:
    """What devrun.toml says counts as far as the image depends on it."""
    place(tmp_path, text)

    first, second = (inputs_of(tmp_path, **settings) for settings in (one, two))  # type: ignore[arg-type]

    assert (first.fingerprint != second.fingerprint) is expected


def rules(inputs: Inputs) -> dict[str, tuple[bool, str]]:
    """Return what was decided on each file, and why."""
    return {file.name or str(file.path): (file.decides, file.rule) for file in inputs.files}


def test_each_file_knows_its_rule(tmp_path: Path) -> None:
    """The rule names the line of the Dockerfile and says why."""
    place(tmp_path, ALL, {"hello.py": "1", REQ: "-r more.txt", "more.txt": "x", ".git/HEAD": "x"})

    assert rules(inputs_of(tmp_path)) == {
        ".git/HEAD": (False, "Dockerfile:5 COPY . .: ignored, built in:1 (**/.git)"),
        "Dockerfile": (True, "the Dockerfile"),
        "hello.py": (False, "Dockerfile:5 COPY . .: shown by the mount instead"),
        "more.txt": (True, f"reached by -r or -c from {REQ}"),
        REQ: (True, f"Dockerfile:3 COPY {REQ} . (dependency file)"),
    }


@pytest.mark.parametrize(
    ("text", "settings", "name", "why"),
    [
        (ALL, {"mounted": False}, "other.py", "(a target has no mount)"),
        (ALL, {"path": "/src"}, "other.py", "(not shown by the mount)"),
        (ALL, {"keep": ("pkg",)}, "pkg/views.py", "(not shown by the mount)"),
        (STAGES, {}, "web/index.js", "(for another stage)"),
        ("FROM a\nWORKDIR /a\nCOPY other.py .\n", {}, "other.py", "(named singly)"),
        ("FROM a\nRUN --mount=target=/x x\n", {}, "other.py", "(read by the build)"),
        ("FROM a\nCOPY . .\n", {"workdir": None}, "other.py", "(a target has no mount)"),
        ("FROM a\nCOPY . .\n", {"workdir": "/"}, "other.py", "(a target has no mount)"),
    ],
)
def test_a_file_that_decides_says_why(
    tmp_path: Path, text: str, settings: dict[str, object], name: str, why: str
) -> None:
    """The mount takes a file out of the fingerprint only where it surely shows it."""
    place(tmp_path, text)

    decides, rule = rules(inputs_of(tmp_path, **settings))[name]  # type: ignore[arg-type]

    assert decides
    assert rule.endswith(why)


@pytest.mark.parametrize(
    "program",
    [
        Script("hello.py"),
        Module("hello"),
        ImageCommand(),
        Command(("python", "hello.py")),
        Command(("python", "/app/hello.py")),
    ],
)
def test_a_targets_own_script_is_seen_through_the_mount(tmp_path: Path, program: Program) -> None:
    """It decides nothing even where an instruction names it, however the target starts it."""
    place(tmp_path, FLASK)

    assert rules(inputs_of(tmp_path, programs=(program,)))["hello.py"][0] is False


def test_a_relative_destination_is_below_the_workdir_of_the_base(tmp_path: Path) -> None:
    """Where no WORKDIR is said at all, `COPY . .` goes where the mount shows the same files."""
    (tmp_path / "Dockerfile").write_text("FROM a\nCOPY . .\n")
    for name in ("other.py", "requirements.txt"):
        (tmp_path / name).write_text("")

    found = rules(inputs_of(tmp_path, workdir="/srv"))
    assert found["other.py"][0] is False
    assert found["requirements.txt"][0] is True


def test_the_workdir_of_an_earlier_image_counts_where_the_base_decides(tmp_path: Path) -> None:
    """With it the mount is known to show what was copied; a WORKDIR of the Dockerfile's own goes first."""
    place(tmp_path, "FROM a\nCOPY . /srv/\n")

    assert rules(inputs_of(tmp_path, workdir="/srv"))["other.py"][0] is False
    assert rules(inputs_of(tmp_path, workdir="/other"))["other.py"][0] is True


def test_inputs_of_devrun_toml_decide(tmp_path: Path) -> None:
    """Files that its globs name decide, copied or not, and new ones are expected."""
    place(tmp_path, VOLUME, {REQ: "x", "schema/a.sql": "1", "schema/deep/b.sql": "1"})
    inputs = inputs_of(tmp_path, globs=("schema/*.sql",))

    (tmp_path / "schema/a.sql").write_text("2")

    assert inputs_of(tmp_path, globs=("schema/*.sql",)).fingerprint != inputs.fingerprint
    assert inputs.concerns(tmp_path / "schema/new.sql") == "`inputs` of devrun.toml: 'schema/*.sql'"
    assert inputs.concerns(tmp_path / "schema/deep/b.sql") is None


def test_only_what_is_taken_is_sent(tmp_path: Path) -> None:
    """The context has the files of the instructions, under their names, with the bases to pull."""
    place(tmp_path, SCRIPT)

    context = inputs_of(tmp_path, args={"PYTHON_IMAGE": "mine"}).context

    assert context.files == ((tmp_path / "hello.py", "hello.py"),)
    assert (context.dockerfile, context.bases) == (SCRIPT, ("mine",))


def test_the_ignore_file_holds_things_back(tmp_path: Path) -> None:
    """The Dockerfile's own ignore file goes before that of the context."""
    place(tmp_path, "FROM a\nCOPY . /x/\n", {"a.py": "", "b.py": "", ".dockerignore": "a.py"})
    assert "a.py" not in rules(inputs_of(tmp_path))

    (tmp_path / "Dockerfile.dockerignore").write_text("b.py")

    assert {"a.py", "b.py"} & set(rules(inputs_of(tmp_path))) == {"a.py"}


def test_a_source_that_is_not_there_is_told(tmp_path: Path) -> None:
    """The problem names the line, the cause, and a name that is near."""
    place(
        tmp_path,
        "FROM a\nCOPY requirements.txt hello.py /\nCOPY *.nothing /\n",
        {REQ: "", "hello.py": "", ".dockerignore": "*.py"},
    )

    first, second = inputs_of(tmp_path).problems

    assert first.error == (
        "Dockerfile:2 COPY requirements.txt hello.py /: 'requirements.txt' in the build context is not there"
    )
    assert first.hint == "there is 'requirement.txt'"
    assert second.error.endswith("'hello.py' in the build context is excluded by .dockerignore:1 (*.py)")


@pytest.mark.parametrize(
    ("text", "stage", "problem"),
    [
        ("FROM a\nFROB\n", None, "Dockerfile:2: unknown instruction 'FROB'"),
        ("FROM a\n", "dev", "Dockerfile: stage 'dev' is not in it"),
        (None, None, "Dockerfile: No such file or directory"),
    ],
)
def test_a_dockerfile_that_is_not_understood_is_told(
    tmp_path: Path, text: str | None, stage: str | None, problem: str
) -> None:
    """It counts by its bytes, and nothing crashes."""
    place(tmp_path, text or "")
    if text is None:
        (tmp_path / "Dockerfile").unlink()

    inputs = inputs_of(tmp_path, stage=stage)

    assert [one.error for one in inputs.problems] == [problem]
    assert inputs.concerns(tmp_path / "Dockerfile") == "the Dockerfile"
    assert inputs.concerns(tmp_path / "hello.py") is None


def test_a_bad_line_of_the_ignore_file_is_told(tmp_path: Path) -> None:
    """Docker would refuse it."""
    place(tmp_path, "FROM a\n", {".dockerignore": "a[\n"})

    assert [one.error for one in inputs_of(tmp_path).problems] == [
        ".dockerignore:1: bad pattern 'a[': brackets"
    ]


def test_links_are_followed_inside_the_context(tmp_path: Path) -> None:
    """A link counts by where it leads, and what it leads to counts and is sent as well."""
    place(tmp_path, "FROM a\nWORKDIR /a\nCOPY link/file.txt .\n", {"real/file.txt": "1"})
    (tmp_path / "link").symlink_to("hop")
    (tmp_path / "hop").symlink_to("real")
    inputs = inputs_of(tmp_path)

    (tmp_path / "real/file.txt").write_text("2")

    assert [name for _, name in inputs.context.files] == ["hop", "link", "real/file.txt"]
    assert inputs.problems == ()
    assert inputs_of(tmp_path).fingerprint != inputs.fingerprint
    assert inputs.concerns(tmp_path / "real/file.txt")


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "loop"])
def test_a_link_that_leads_nowhere_is_told(tmp_path: Path, target: str) -> None:
    """Docker follows links inside the context only, and so nothing outside is read or sent."""
    (tmp_path / "outside").write_text("secret")
    root = tmp_path / "project"
    place(root, "FROM a\nCOPY loop /x\n", {})
    (root / "loop").symlink_to(target)

    inputs = inputs_of(root)

    assert [name for _, name in inputs.context.files] == ["loop"]
    assert [one.error for one in inputs.problems] == [
        "Dockerfile:2 COPY loop /x: 'loop' in the build context is not there"
    ]


def test_links_in_a_copied_directory_stay_links(tmp_path: Path) -> None:
    """They count by their text; what they lead to does not matter."""
    outside = tmp_path / "outside"
    outside.write_text("1")
    root = tmp_path / "project"
    place(root, "FROM a\nCOPY . /x/\n", {})
    (root / "link").symlink_to(outside)
    before = inputs_of(root).fingerprint

    outside.write_text("2")
    same = inputs_of(root).fingerprint
    (root / "link").unlink()
    (root / "link").symlink_to("elsewhere")

    assert (same == before, inputs_of(root).fingerprint == before) == (True, False)


def test_what_cannot_be_sent_is_left_out(tmp_path: Path) -> None:
    """A fifo in the context is passed over, a name that is no UTF-8 is not."""
    place(tmp_path, "FROM a\nCOPY . /x/\n", {})
    os.mkfifo(tmp_path / "fifo")
    strange = os.fsdecode(b"caf\xe9.txt")
    (tmp_path / strange).write_text("1")

    names = [name for _, name in inputs_of(tmp_path).context.files]

    assert names == ["Dockerfile", strange]


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """It counts as unreadable, so that its fingerprint changes when it can be read."""
    place(tmp_path, SCRIPT)

    def refuse(path: Path, _stamp: object) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    image = ImageConfig(ImageName("default"), tmp_path / "Dockerfile", tmp_path)
    project = Project("p", "p-1", tmp_path, "1", None, {image.name: image}, {})

    refused = find_inputs(project, image, (), None, refuse)

    assert [one.error for one in refused.problems] == ["build input 'hello.py': Permission denied"]
    assert refused.fingerprint != find_inputs(project, image, (), None, ContentHashes()).fingerprint


def test_the_context_may_lie_outside_of_the_project(tmp_path: Path) -> None:
    """What the mount does not show decides; the Dockerfile may lie elsewhere too."""
    root = tmp_path / "project"
    place(root, "FROM a\nWORKDIR /app\nCOPY . .\n", {})
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/lib.py").write_text("1")

    inputs = inputs_of(root, context="../shared")

    assert rules(inputs) == {"lib.py": (True, "Dockerfile:3 COPY . . (not shown by the mount)")}
    assert inputs.concerns(tmp_path / "shared/new.py")
    assert inputs.concerns(root / "new.py") is None


def test_a_context_behind_a_link_is_the_same(tmp_path: Path) -> None:
    """Files are named by their real paths, as the watcher names them."""
    root = tmp_path / "project"
    place(root, FLASK)
    (root / "link").symlink_to(".")

    assert rules(inputs_of(root, context="link"))["hello.py"][0] is False


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Dockerfile", "the Dockerfile"),
        ("Dockerfile.dockerignore", "the ignore file of the build context"),
        (".dockerignore", "the ignore file of the build context"),
        (REQ, f"Dockerfile:3 COPY {REQ} . (dependency file)"),
        ("more.txt", f"reached by -r or -c from {REQ}"),
        ("w/x.whl", f"installed by {REQ}"),
        ("w", f"installed by {REQ}"),
        ("poetry.lock", "Dockerfile:5 COPY . . (dependency file)"),
        ("new.py", None),
        ("hello.py", None),
        ("requirements.pyc", None),
    ],
)
def test_a_change_is_told_by_its_rule(tmp_path: Path, name: str, expected: str | None) -> None:
    """Files that are not there yet are judged as those that are, and directories by what they hold."""
    place(tmp_path, ALL, {"hello.py": "1", REQ: "-r more.txt\n./w/x.whl\n"})

    assert inputs_of(tmp_path).concerns(tmp_path / name) == expected


def test_the_same_disk_has_the_same_fingerprint(tmp_path: Path) -> None:
    """It does not depend on where the project lies, nor on the order of its files."""
    here, there = tmp_path / "here", tmp_path / "there"
    place(here, "FROM a\nCOPY . /x/\n")
    place(there, "FROM a\nCOPY . /x/\n", dict(reversed(FILES.items())))

    assert inputs_of(here).fingerprint == inputs_of(there).fingerprint


def test_arguments_stay_out_of_sight(tmp_path: Path) -> None:
    """A build argument may be a secret."""
    place(tmp_path, SCRIPT)

    assert "s3cret" not in repr(inputs_of(tmp_path, args={"PYTHON_IMAGE": "x", "TOKEN": "s3cret"}))


class Reads:
    """Reads files, and notes which."""

    def __init__(self) -> None:
        self.paths: list[Path] = []

    def __call__(self, path: Path) -> bytes:
        self.paths.append(path)
        return path.read_bytes()


def test_a_file_at_rest_is_hashed_once(tmp_path: Path) -> None:
    """Its hash is kept until its stat changes."""
    file, reads = tmp_path / "a", Reads()
    file.write_text("1")
    hashes = ContentHashes(reads, lambda: 2**62)

    first, again = hashes(file), hashes(file)
    file.write_text("two")

    assert (first == again, hashes(file) == first) == (True, False)
    assert reads.paths == [file, file]


def test_a_file_that_changed_since_it_was_looked_at_is_hashed_again(tmp_path: Path) -> None:
    """What was read belongs to no stat that is older."""
    file, reads = tmp_path / "a", Reads()
    file.write_text("1")
    hashes, seen = ContentHashes(reads, lambda: 2**62), stamp_of(file.stat())
    file.write_text("two")

    assert hashes(file, seen) == hashes(file)
    assert reads.paths == [file, file]


def test_a_file_changed_just_now_is_hashed_again(tmp_path: Path) -> None:
    """Two changes within one tick of the clock may leave the same stat."""
    file, reads = tmp_path / "a", Reads()
    file.write_text("1")
    hashes = ContentHashes(reads, lambda: file.stat().st_mtime_ns)

    assert hashes(file) == hashes(file)
    assert reads.paths == [file, file]
