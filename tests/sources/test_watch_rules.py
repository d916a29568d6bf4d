"""What is watched, and what costs nothing."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from devrun.config.project import Command, ImageConfig, Module, Mount, Program, Project
from devrun.config.session import Secret, Session
from devrun.sources.roots import find_roots
from devrun.sources.snapshot import Snapshot
from devrun.sources.watch_rules import watch_rules
from tests.sources.live_disk import FILES, IMAGE, WEB, Live, make_project, make_target, watching, write


def project_with(
    root: Path,
    text: str,
    *,
    program: Program | None = None,
    mount: Mount | None = None,
    **said: tuple[str, ...],
) -> Project:
    """Return a project with an ignore file, and one target."""
    write(root, {**FILES, ".dockerignore": text})
    target = make_target(WEB, root, watch=said.get("watch", ()), mount=mount)
    target = replace(target, program=program) if program else target
    image = ImageConfig(IMAGE, root / "Dockerfile", root, inputs=said.get("inputs", ()))
    return make_project(root, target, ignore=said.get("ignore", ()), images=(image,))


def left_out(project: Project, *paths: str) -> list[str]:
    """Return which paths are left out; a name that ends with a slash is a directory."""
    rules = watch_rules(project, project.root)
    return [
        path for path in paths if (rules.prunes(path[:-1]) if path.endswith("/") else rules.ignores(path))
    ]


def test_litter_and_what_the_build_ignores_is_left_out(tmp_path: Path) -> None:
    """Each by its rule, which says where it stands."""
    project = project_with(tmp_path, "data\n*.log\n", ignore=("notes/**",))

    paths = ["a.py", "data/", "data/x.py", "x.log", "notes/x.py", "__pycache__/", ".git/", "a.swp"]
    assert left_out(project, *paths) == paths[1:]
    rules = watch_rules(project, tmp_path)
    assert str(rules.rule("x.log")) == ".dockerignore:2 (*.log)"
    assert str(rules.rule("notes/x")) == "`ignore` of devrun.toml:1 (notes/**)"
    assert str(rules.rule("b.swp")).startswith("built in:")


@pytest.mark.parametrize("everything", ["*", "**", "**/*", "*/**", "./*", "*/*"])
def test_a_pattern_for_everything_says_nothing_about_the_watch(tmp_path: Path, everything: str) -> None:
    """It means that the build takes only what is named after it."""
    project = project_with(tmp_path, f"{everything}\n!requirements.txt\nsecret\n")

    assert left_out(project, "a.py", "pkg/", "pkg/a.py", "secret") == ["secret"]


@pytest.mark.parametrize(
    ("program", "wanted"),
    [
        (None, "web.py"),
        (Module("app.main"), "app/main.py"),
        (Module("app.main"), "app/main/__main__.py"),
        (Command(("python", "tool/run.py")), "tool/run.py"),
    ],
)
def test_what_a_target_runs_is_never_left_out_by_the_build(
    tmp_path: Path, program: Program | None, wanted: str
) -> None:
    """The image need not have it: the mount shows it."""
    write(tmp_path, {"tool/run.py": ""})
    project = project_with(tmp_path, "*.py\n*/*.py\napp\ntool\n", program=program)

    assert left_out(project, wanted, "other.py", "app/sub.py") == ["other.py", "app/sub.py"]
    folder = wanted.rpartition("/")[0]
    assert left_out(project, *([f"{folder}/"] if folder else [])) == []


def test_what_a_target_watches_is_never_left_out_by_the_build(tmp_path: Path) -> None:
    """A directory is entered where a glob may match below it."""
    project = project_with(tmp_path, "html\ntext\nsite\n", watch=("html/**", "*/deep/*.txt"))

    paths = ["html/", "html/a/", "html/a/x.html", "text/", "text/deep/", "text/deep/a.txt"]
    assert left_out(project, *paths) == []
    assert left_out(project, "text/a.txt", "text/other/", "site/x.txt") == [
        "text/a.txt",
        "text/other/",
        "site/x.txt",
    ]


def test_what_a_build_is_told_by_is_never_left_out(tmp_path: Path) -> None:
    """Many ignore files name themselves and the Dockerfile; globs of `inputs` go on counting."""
    project = project_with(tmp_path, "**/.dockerignore\n**/Dockerfile*\nsql\n*.toml\n", inputs=("sql/*.sql",))

    assert left_out(project, ".dockerignore", "Dockerfile", "sql/", "sql/a.sql", "devrun.toml") == []
    assert left_out(project, "sub/Dockerfile", "sql/a.txt") == ["sub/Dockerfile", "sql/a.txt"]


def test_a_mount_at_a_folder_that_the_build_ignores_is_watched(tmp_path: Path) -> None:
    """It is there to be seen by the target."""
    project = project_with(tmp_path, "src\n", mount=Mount(tmp_path / "src", "/app"))

    assert left_out(project, "src/", "src/a.py") == []


def test_devrun_toml_leaves_out_what_it_names_whoever_runs_it(tmp_path: Path) -> None:
    """`ignore` is meant for the watch, so nothing goes before it; its `!` takes back what is built in."""
    project = project_with(tmp_path, "", ignore=("web.py", "!keep.tmp"))

    assert left_out(project, "web.py", "keep.tmp", "other.tmp") == ["web.py", "other.tmp"]


def test_an_own_ignore_file_of_a_dockerfile_makes_the_other_one_silent(tmp_path: Path) -> None:
    """That image may take what the common file leaves out."""
    write(tmp_path, {"Dockerfile.dockerignore": "x\n"})
    project = project_with(tmp_path, "data\n")

    assert left_out(project, "data/") == []


def test_a_folder_elsewhere_has_only_the_built_in_rules(tmp_path: Path) -> None:
    """A mount outside; and above the project its own rules hold inside it."""
    project = project_with(tmp_path / ".venv/p", "data\n")
    outside = watch_rules(project, tmp_path / "lib")
    above = watch_rules(project, tmp_path)

    assert [outside.ignores("a.py"), outside.ignores("data/x"), outside.prunes(".git")] == [
        False,
        False,
        True,
    ]
    assert [above.prunes(".venv"), above.prunes(".venv/p"), above.prunes(".venv/p/data")] == [
        False,
        False,
        True,
    ]
    assert [above.prunes(".venv/lib"), above.ignores("data/x")] == [True, False]


def test_what_is_left_out_costs_no_watch(tmp_path: Path) -> None:
    """Neither do environments, which are told by their content."""
    project = project_with(tmp_path, "data\n")
    write(
        tmp_path,
        dict.fromkeys(["data/a/b/c", "node_modules/a/b", "env/pyvenv.cfg", "env/lib/x.py", "src/a.py"], ""),
    )
    snapshot = Snapshot(find_roots(project))
    snapshot.scan()

    assert snapshot.directories.keys() == {str(tmp_path), str(tmp_path / "src")}


def test_files_elsewhere_that_devrun_toml_names_are_watched_alone(tmp_path: Path) -> None:
    """A Dockerfile, an env file and a secret outside the project: their folders may be large, or go."""
    write(
        tmp_path,
        {
            "docker/Dockerfile": "FROM a\n",
            "docker/other": "",
            "p/web.py": "",
            "env/.env": "",
            "env/x/y": "",
            "home/token": "",
            "home/other": "",
        },
    )
    image = ImageConfig(
        IMAGE,
        tmp_path / "p/../docker/Dockerfile",
        tmp_path / "p",
        session=Session((Secret("token", tmp_path / "home/token"), Secret("npm", variable="NPM"))),
    )
    project = make_project(
        tmp_path / "p", make_target(WEB, tmp_path / "p"), images=(image,), env_files=(tmp_path / "env/.env",)
    )
    snapshot = Snapshot(find_roots(project))
    snapshot.scan()

    names = {str(Path(path).relative_to(tmp_path)) for path in snapshot.files}
    assert names == {"p/web.py", "docker/Dockerfile", "env/.env", "home/token"}


def test_a_secret_is_watched_where_all_else_is_left_out(tmp_path: Path) -> None:
    """A build that failed for want of it goes on when it comes."""
    image = ImageConfig(
        IMAGE,
        tmp_path / "Dockerfile",
        tmp_path,
        session=Session((Secret("token", tmp_path / "data/token"),)),
    )
    project = replace(project_with(tmp_path, "data\n"), images={IMAGE: image})

    assert left_out(project, "data/", "data/x", "data/token") == ["data/x"]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Live]:
    """A disk with a folder that the build ignores."""
    with watching(tmp_path, {**FILES, ".dockerignore": "data\n", "data/d.py": "", "code/c.py": ""}) as made:
        yield made


def test_an_edit_of_the_ignore_file_takes_effect_while_it_runs(disk: Live) -> None:
    """What it no longer names is seen from then on, and what it names now is not; no file has changed."""
    disk.write("data/d.py", "1\n")
    assert disk.rest() == []
    disk.write(".dockerignore", "code\n")
    change = disk.batch().sources[WEB]
    assert change.paths == ()
    assert change.was == change.digest

    disk.write("data/d.py", "2\n")
    disk.until("data/d.py")
    disk.write("code/c.py", "2\n")
    assert disk.rest() == []

    (disk.root / ".dockerignore").unlink()
    assert disk.batch().sources[WEB].paths == ()
    disk.write("code/c.py", "3\n")
    disk.until("code/c.py")


def test_an_environment_that_is_made_while_it_runs_is_not_seen(disk: Live) -> None:
    """Its folders come before the file that tells what they are."""
    (disk.root / "env/lib").mkdir(parents=True)
    (disk.root / "env/lib/early.py").write_text("")
    (disk.root / "env/pyvenv.cfg").write_text("")
    disk.settle()
    disk.rest()
    write(disk.root, {"env/lib/late.py": "", "env/more/late.py": ""})

    assert disk.rest() == []
