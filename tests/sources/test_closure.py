"""Which files restart a target, and what its digest tells."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devrun.config.project import Mount, Project, RestartOn, TargetConfig
from devrun.sources.closure import Closure, mount_path
from tests.sources.live_disk import JOB, WEB, make_project, make_target

ROOT = Path("/p")


def closure(
    target: TargetConfig, *others: TargetConfig, workdir: str | None = "/app", ignore: tuple[str, ...] = ()
) -> Closure:
    """Return the closure of a target beside others."""
    return Closure.of(project(target, *others, ignore=ignore), target, workdir)


def project(*targets: TargetConfig, ignore: tuple[str, ...] = ()) -> Project:
    """Return a project that exists on paper only."""
    return make_project(ROOT, *targets, ignore=ignore)


def concerned(made: Closure, *paths: str) -> list[str]:
    """Return which paths concern a target."""
    return [path for path in paths if made.concerns(str(ROOT / path) if not path.startswith("/") else path)]


def test_python_files_of_the_mount_concern_all_but_scripts_of_others() -> None:
    """A script of another target concerns that one only; text is nobody's source."""
    made = closure(make_target(WEB, ROOT), make_target(JOB, ROOT))

    paths = ["web.py", "job.py", "lib.py", "pkg/job.py", "a.txt", "Dockerfile", "a.pyc"]
    assert concerned(made, *paths) == ["web.py", "lib.py", "pkg/job.py"]


def test_targets_that_share_a_script_are_all_concerned_by_it() -> None:
    """It is another target's script, and theirs."""
    made = closure(make_target(WEB, ROOT), make_target(JOB, ROOT, script="web.py"))

    assert concerned(made, "web.py") == ["web.py"]


def test_globs_of_watch_add_files_and_those_of_ignore_take_them_away() -> None:
    """The rule says which; what matches a directory matches all below it."""
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
    assert made.concerns("/p/conf/a") == "`watch` of devrun.toml"
    assert made.concerns("/p/a.py") == "a Python file of the mount"


@pytest.mark.parametrize(
    ("restart_on", "expected"),
    [
        (RestartOn.REACH, ["a.py", "w.txt"]),
        (RestartOn.ANY, ["a.py", "w.txt", "b.txt", "job.py"]),
        (RestartOn.NONE, []),
    ],
)
def test_restart_on_chooses_among_the_files(restart_on: RestartOn, expected: list[str]) -> None:
    """By reach, by any file of the mount, or never."""
    made = closure(
        make_target(WEB, ROOT, restart_on=restart_on, watch=("w.txt",), ignore=("i.*",)),
        make_target(JOB, ROOT),
    )

    assert concerned(made, "a.py", "w.txt", "b.txt", "job.py", "i.py") == expected


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
    made.update("/p/a.py", None, "content", 1.0)
    assert (made.digest == "") is (expected is None)
    assert bool(concerned(made, "a.py")) is (expected is not None)


names = st.sampled_from(["a.py", "b.py", "pkg/c.py", "\udcff.py", "d\0"])
contents = st.one_of(st.none(), st.sampled_from(["1", "2", "3"]))
edits = st.lists(st.tuples(names, contents), max_size=30)


def played(steps: list[tuple[str, str | None]]) -> tuple[Closure, dict[str, str]]:
    """Return a closure after some edits, and what lies on the disk then."""
    made, disk = closure(make_target(WEB, ROOT)), dict[str, str]()
    for name, content in steps:
        made.update(name, disk.pop(name, None), content, 0.0)
        disk |= {name: content} if content is not None else {}
    return made, disk


@given(edits, st.randoms())
def test_the_digest_tells_contents_and_paths_only(
    steps: list[tuple[str, str | None]], dice: random.Random
) -> None:
    """Whatever was edited in whatever order, and undone: equal files have an equal digest, others another."""
    made, disk = played(steps)
    shuffled = list(disk.items())
    dice.shuffle(shuffled)
    again, _ = played([*shuffled])
    other, _ = played([*shuffled, ("a.py", "another")])

    assert made.digest == again.digest
    assert other.digest != again.digest


def test_equal_contents_at_other_places_are_another_digest() -> None:
    """A swap of two files is a change."""
    one, _ = played([("a.py", "1"), ("b.py", "2")])
    other, _ = played([("a.py", "2"), ("b.py", "1")])

    assert one.digest != other.digest


def test_the_newest_time_is_kept() -> None:
    """By it an adopted container is told to be up to date."""
    made = closure(make_target(WEB, ROOT))
    for newest in (3.0, 5.0, 4.0):
        made.update("/p/a.py", None, "1", newest)

    assert made.newest == 5.0
