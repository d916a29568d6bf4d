"""Which files restart a target, and what its digest tells."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devrun.config.project import Mount, RestartOn, TargetConfig
from devrun.sources.closure import Closure, Tie, mount_path, shown_source
from devrun.sources.reach import Reach
from tests.sources.live_disk import JOB, WEB, make_project, make_target

ROOT = Path("/p")


def reaching(*names: str) -> Reach:
    """Return the reach of a program that imports these files."""
    files = frozenset(str(ROOT / name) for name in names)
    return Reach(files, files)


KNOWN = reaching("web.py", "views.py")


def closure(
    target: TargetConfig,
    *others: TargetConfig,
    workdir: str | None = "/app",
    ignore: tuple[str, ...] = (),
    reach: Reach = KNOWN,
) -> Closure:
    """Return the closure of a target beside others."""
    scripts = frozenset(str(ROOT / f"{other.name}.py") for other in others)
    source = shown_source(target, workdir)
    return Closure.of(make_project(ROOT, target, *others, ignore=ignore), target, source, scripts, reach)


def full(path: str) -> str:
    """Return a path of the project as an absolute one."""
    return path if path.startswith("/") else str(ROOT / path)


def concerned(made: Closure, *paths: str, elsewhere: frozenset[str] = frozenset()) -> list[str]:
    """Return which paths count for a target; `elsewhere` are reached by others."""
    return [
        path
        for path in paths
        if made.judge(full(path), is_reached_elsewhere=path in elsewhere).tie is not None
    ]


def rule(made: Closure, path: str, *, is_reached_elsewhere: bool = False) -> str:
    """Return the rule for a path, in words."""
    return made.explain(full(path), is_reached_elsewhere=is_reached_elsewhere).rule


def test_what_a_target_reaches_counts_and_what_nobody_reaches() -> None:
    """Not what others reach, nor their scripts, nor text; of what nobody reaches no tests and documents."""
    made = closure(make_target(WEB, ROOT), make_target(JOB, ROOT))
    paths = ["web.py", "views.py", "job.py", "tasks.py", "lonely.py", "tests/a.py", "docs/conf.py", "a.txt"]

    assert concerned(made, *paths, elsewhere=frozenset({"tasks.py"})) == ["web.py", "views.py", "lonely.py"]


def test_every_python_file_counts_where_nobody_knows_what_a_target_loads() -> None:
    """Tests too, since it may be their runner; but no script of another target."""
    made = closure(make_target(WEB, ROOT), make_target(JOB, ROOT), reach=Reach())

    assert concerned(made, "a.py", "tests/a.py", "conftest.py", "job.py", "a.txt") == [
        "a.py",
        "tests/a.py",
        "conftest.py",
    ]
    assert made.guards(full("a.py")) is False
    made.admit(full("a.py"), Tie.REACHED, "1", 0.0)
    assert made.guards(full("a.py")) is True


def test_a_syntax_error_matters_in_what_is_imported_only() -> None:
    """A string that names a module may mean something else."""
    made = closure(
        make_target(WEB, ROOT), reach=Reach(reaching("web.py", "a.py").reached, reaching("web.py").reached)
    )

    assert made.guards(full("web.py"))
    assert not made.guards(full("a.py"))
    assert not made.guards(full("lonely.py"))


def test_each_verdict_names_its_rule() -> None:
    """For what counts, and for what does not."""
    reach = Reach(KNOWN.reached, KNOWN.imported, {full("views.py"): full("web.py")})
    target = make_target(WEB, ROOT, watch=("html/*",), ignore=("old/",))
    made = closure(target, make_target(JOB, ROOT), reach=reach)

    assert rule(made, "views.py") == "web <- web.py <- views.py"
    assert rule(made, "html/a.html") == "`watch` of devrun.toml"
    assert rule(made, "old/a.py") == "`ignore` of devrun.toml"
    assert rule(made, "job.py") == "the script of another target"
    assert rule(made, "a.txt") == "no Python file, and `watch` does not name it"
    assert rule(made, "a.py", is_reached_elsewhere=True) == "not reached by this target, but by another one"
    assert rule(made, "a.py") == "reached by no target, so that it counts for all that run"
    assert rule(made, "test_a.py") == "reached by no target, and a test, documentation or packaging"
    assert rule(made, "/elsewhere/a.py") == "outside the mount"
    none = closure(make_target(WEB, ROOT, mounted=False))
    assert rule(none, "web.py") == "nothing is mounted: the image carries its code"
    unknown = closure(target, reach=Reach())
    assert rule(unknown, "a.py") == "a Python file; what this target loads cannot be told"


def test_globs_of_watch_add_files_and_those_of_ignore_take_them_away() -> None:
    """What matches a directory matches all below it."""
    target = make_target(
        WEB, ROOT, watch=("html/**/*.html", "./conf", "[", "job.py"), ignore=("old/**", "html/x.html")
    )
    made = closure(target, make_target(JOB, ROOT), ignore=("gone",))

    paths = [
        "html/a.html",
        "html/b/c.html",
        "html/x.html",
        "conf/a/b.ini",
        "old/a.py",
        "gone/a.py",
        "[",
        "job.py",
    ]
    assert concerned(made, *paths) == ["html/a.html", "html/b/c.html", "conf/a/b.ini", "[", "job.py"]


@pytest.mark.parametrize(
    ("restart_on", "expected"),
    [
        (RestartOn.REACH, ["web.py", "w.txt"]),
        (RestartOn.ANY, ["web.py", "w.txt", "b.txt", "job.py"]),
        (RestartOn.NONE, []),
    ],
)
def test_restart_on_chooses_among_the_files(restart_on: RestartOn, expected: list[str]) -> None:
    """By reach, by any file of the mount, or never."""
    made = closure(
        make_target(WEB, ROOT, restart_on=restart_on, watch=("w.txt",), ignore=("i.*",)),
        make_target(JOB, ROOT),
    )

    assert concerned(made, "web.py", "w.txt", "b.txt", "job.py", "i.py") == expected


def test_only_what_the_mount_shows_concerns_a_target() -> None:
    """A sub folder, or a folder outside; a neighbour with a longer name is another one."""
    inside = closure(make_target(WEB, ROOT, mount=Mount(ROOT / "src")))
    outside = closure(
        make_target(
            WEB,
            ROOT,
            mount=Mount(Path("/elsewhere")),
            watch=("../elsewhere/*.txt",),
            ignore=("../elsewhere/i.py",),
        )
    )

    assert concerned(inside, "a.py", "src/a.py", "src2/a.py", "/elsewhere/a.py") == ["src/a.py"]
    assert concerned(
        outside, "a.py", "/elsewhere/a.py", "/elsewhere2/a.py", "/elsewhere/a.txt", "/elsewhere/i.py"
    ) == [
        "/elsewhere/a.py",
        "/elsewhere/a.txt",
    ]


@pytest.mark.parametrize(
    ("mount", "workdir", "expected"),
    [
        (None, "/app", None),
        (Mount(ROOT), None, None),
        (Mount(ROOT), "/", None),
        (Mount(ROOT), "//", None),
        (Mount(ROOT), "/app", "/app"),
        (Mount(ROOT, "/srv"), "/app", "/srv"),
        (Mount(ROOT, "/srv"), None, "/srv"),
    ],
)
def test_a_mount_is_at_its_path_or_the_workdir_and_never_at_the_root(
    mount: Mount | None, workdir: str | None, expected: str | None
) -> None:
    """The root cannot be mounted over; there, nothing of the disk is seen."""
    assert mount_path(mount, workdir) == expected
    made = closure(make_target(WEB, ROOT, mount=mount, mounted=mount is not None), workdir=workdir)
    made.admit("/p/a.py", Tie.REACHED, "content", 1.0)
    assert bool(made.digest) is (expected is not None)
    assert bool(concerned(made, "a.py")) is (expected is not None)


names = st.sampled_from(["a.py", "b.py", "pkg/c.py", "\udcff.py", "d\0"])
contents = st.one_of(st.none(), st.sampled_from(["1", "2", "3"]))
ties = st.sampled_from(list(Tie))
edits = st.lists(st.tuples(names, contents, ties), max_size=30)
Content = tuple[str, Tie]


def played(steps: list[tuple[str, str | None, Tie]]) -> tuple[Closure, dict[str, Content]]:
    """Return a closure after some edits, and what lies on the disk then."""
    made, disk = closure(make_target(WEB, ROOT)), dict[str, Content]()
    for name, content, tie in steps:
        if name in disk:
            made.dismiss(name, disk.pop(name)[0])
        if content is not None:
            made.admit(name, tie, content, 0.0)
            disk[name] = (content, tie)
    return made, disk


@given(edits, st.randoms())
def test_the_digest_tells_contents_and_paths_only(
    steps: list[tuple[str, str | None, Tie]], dice: random.Random
) -> None:
    """Whatever was edited in whatever order, and undone: equal files have an equal digest, others another."""
    made, disk = played(steps)
    shuffled = [(name, content, tie) for name, (content, tie) in disk.items()]
    dice.shuffle(shuffled)
    again, _ = played([*shuffled])
    other, _ = played([*shuffled, ("a.py", "another", Tie.REACHED)])
    beside, _ = played([*shuffled, ("new.py", "1", Tie.BESIDE)])

    assert made.digest == again.digest
    assert other.digest.closure != again.digest.closure
    assert beside.digest.closure != again.digest.closure
    assert beside.digest.reached == again.digest.reached


def test_equal_contents_at_other_places_are_another_digest() -> None:
    """A swap of two files is a change."""
    one, _ = played([("a.py", "1", Tie.REACHED), ("b.py", "2", Tie.REACHED)])
    other, _ = played([("a.py", "2", Tie.REACHED), ("b.py", "1", Tie.REACHED)])

    assert one.digest != other.digest


def test_the_newest_time_is_kept() -> None:
    """By it an adopted container is told to be up to date."""
    made = closure(make_target(WEB, ROOT))
    for name, newest in (("a", 3.0), ("b", 5.0), ("c", 4.0)):
        made.admit(name, Tie.REACHED, "1", newest)

    assert made.newest == 5.0
