"""What an edit means for each target: which of them it restarts, and whose digest only takes another name."""

import os
from dataclasses import replace
from pathlib import Path

from devrun.config.project import Command, Module, Mount
from devrun.sources.closure import Tie
from tests.sources.closure_desk import Desk, desk
from tests.sources.live_disk import (
    JOB,
    WEB,
    digest_from_scratch,
    make_project,
    make_target,
    watching,
    write,
)

TWO = {"web.py": "import a", "job.py": "import b", "a.py": "", "b.py": "", "lone.py": ""}


def test_an_edit_restarts_whom_it_reaches(tmp_path: Path) -> None:
    """One target, both, or all for what nobody reaches."""
    made = desk(tmp_path, TWO)

    assert made.paths({"a.py": "x = 1"}) == {"web": ("a.py",)}
    assert made.paths({"job.py": "import b  # again"}) == {"job": ("job.py",)}
    assert made.paths({"lone.py": "x = 1"}) == {"web": ("lone.py",), "job": ("lone.py",)}
    assert made.paths({"test_a.py": "x = 1", "notes.txt": "x"}) == {}


def test_an_import_that_is_added_restarts_its_target_and_renames_the_other(tmp_path: Path) -> None:
    """What nobody reached counted for both; now it is one's alone, and the other has loaded what is there."""
    made = desk(tmp_path, TWO)
    before = made.closures.digest(JOB)

    told = made.edit({"web.py": "import a, lone"})
    assert told["web"].paths == ("web.py",)
    job = told["job"]
    assert (job.paths, job.was) == ((), job.digest)
    assert job.digest.closure != before.closure
    assert job.digest.reached == before.reached
    assert made.paths({"lone.py": "x = 2"}) == {"web": ("lone.py",)}
    assert made.rule("lone.py") == "web <- web.py <- lone.py"


def test_an_import_that_is_removed_restarts_its_target_alone(tmp_path: Path) -> None:
    """What it led to is nobody's then, and counts for all."""
    made = desk(tmp_path, TWO)

    told = made.edit({"web.py": ""})
    assert told["web"].paths == ("web.py",)
    assert told["job"].paths == ()
    assert told["job"].was == told["job"].digest
    assert made.paths({"a.py": "x = 1"}) == {"web": ("a.py",), "job": ("a.py",)}


def test_an_import_and_the_file_itself_may_change_at_once(tmp_path: Path) -> None:
    """Both are named; what the other target no longer counts is not."""
    made = desk(tmp_path, TWO)

    told = made.edit({"web.py": "import a, lone", "lone.py": "x = 3"})
    assert told["web"].paths == ("lone.py", "web.py")
    assert told["job"].paths == ()
    assert told["job"].was == told["job"].digest


def test_a_module_that_is_removed_restarts_whom_it_reached(tmp_path: Path) -> None:
    """And when it is back, again."""
    made = desk(tmp_path, TWO)
    before = made.closures.digest(WEB)

    assert made.paths({"a.py": None}) == {"web": ("a.py",)}
    assert made.paths({"a.py": ""}) == {"web": ("a.py",)}
    assert made.closures.digest(WEB) == before


def test_a_module_that_was_missing_is_reached_when_it_appears(tmp_path: Path) -> None:
    """With all that it imports."""
    made = desk(tmp_path, {"web.py": "import c.d", "job.py": "", "e.py": ""})

    assert made.paths({"c/d.py": "import e"}) == {"web": ("c/d.py",), "job": ()}
    assert made.rule("e.py") == "web <- web.py <- c/d.py <- e.py"
    assert made.paths({"c/__init__.py": ""}) == {"web": ("c/__init__.py",)}
    assert made.paths({"c/f.py": ""}) == {"web": ("c/f.py",), "job": ("c/f.py",)}


def test_a_file_that_does_not_parse_reaches_what_it_reached(tmp_path: Path) -> None:
    """An import half typed moves nothing; the target is told what is broken."""
    made = desk(tmp_path, TWO)

    told = made.edit({"web.py": "import a\nimport "})
    assert told.keys() == {"web"}
    assert [(one.path, one.line) for one in told["web"].broken] == [("web.py", 2)]
    assert made.rule("a.py") == "web <- web.py <- a.py"
    told = made.edit({"web.py": "import a, lone"})
    assert told["web"].broken == frozenset()
    assert made.rule("lone.py") == "web <- web.py <- lone.py"


def test_what_does_not_parse_holds_only_those_that_import_it(tmp_path: Path) -> None:
    """A string may mean something else, and what nobody reaches is loaded by nobody."""
    made = desk(tmp_path, {**TWO, "web.py": "import a\nx = 'named'", "named.py": ""})

    assert made.edit({"named.py": "def"})["web"].broken == frozenset()
    lone = made.edit({"lone.py": "def"})
    assert [change.broken for change in lone.values()] == [frozenset(), frozenset()]
    told = made.edit({"a.py": "return 1"})
    assert [str(one) for one in told["web"].broken] == ["a.py:1: 'return' outside function"]
    assert made.edit({"b.py": "x = 1"})["job"].broken == frozenset()


def test_what_was_broken_is_told_when_it_is_reached_and_only_then(tmp_path: Path) -> None:
    """Whether it was mended meanwhile counts."""
    made = desk(tmp_path, {**TWO, "lone.py": "def"})

    told = made.edit({"web.py": "import a, lone"})
    assert [one.path for one in told["web"].broken] == ["lone.py"]
    assert made.edit({"web.py": "import a"})["web"].broken == frozenset()
    made.edit({"lone.py": "x = 1"})
    assert made.edit({"web.py": "import a, lone"})["web"].broken == frozenset()
    made.edit({"web.py": "import a"})
    made.edit({"lone.py": "def again"})
    assert [one.path for one in made.edit({"web.py": "import lone"})["web"].broken] == ["lone.py"]


def test_without_the_guard_nothing_is_said_to_be_broken(tmp_path: Path) -> None:
    """Nor is anything handed on that the container's Python would judge."""
    write(tmp_path, TWO)
    made = Desk(tmp_path, project=replace(make_project(tmp_path), syntax_guard=False))

    told = made.edit({"a.py": "def"})["web"]
    assert (told.paths, told.broken, told.edited) == (("a.py",), frozenset(), frozenset())


def test_edited_are_the_imported_files_that_were_saved(tmp_path: Path) -> None:
    """With their contents; not what is gone, no text, and nothing that only a string names."""
    made = desk(
        tmp_path,
        {**TWO, "web.py": "import a, c\nx = 'named'", "c.py": "", "named.py": "", "page.html": ""},
        make_target(WEB, tmp_path, watch=("*.html",)),
    )

    told = made.edit({"a.py": "x = 1", "c.py": None, "named.py": "x = 1", "page.html": "x"})["web"]
    assert told.paths == ("a.py", "c.py", "named.py", "page.html")
    (saved,) = told.edited
    assert (saved.path, len(saved.content)) == ("a.py", 64)


def test_an_extension_module_that_is_built_anew_restarts_and_is_no_syntax_error(tmp_path: Path) -> None:
    """Nobody takes it for Python."""
    made = desk(
        tmp_path, {"web.py": "import fast", "job.py": "", "fast.cpython-313.so": "\0ELF", "libz.so": ""}
    )

    told = made.edit({"fast.cpython-313.so": "\0ELF 2", "libz.so": "\0"})
    assert told.keys() == {"web"}
    assert told["web"].paths == ("fast.cpython-313.so",)
    assert (told["web"].broken, told["web"].edited) == (frozenset(), frozenset())


def test_a_script_may_have_any_name(tmp_path: Path) -> None:
    """It is Python: it counts, its imports are followed, and its errors are told."""
    web = make_target(WEB, tmp_path, script="bin/serve")
    made = desk(
        tmp_path, {"bin/serve": "import a", "bin/a.py": "", "bin/b.py": "", "job.py": "import b"}, web
    )

    assert made.rule("bin/a.py") == "web <- bin/serve <- bin/a.py"
    assert [one.path for one in made.edit({"bin/serve": "import a\ndef"})["web"].broken] == ["bin/serve"]
    told = made.edit({"bin/serve": "import b"})["web"]
    assert (told.paths, told.broken) == (("bin/serve",), frozenset())
    assert made.rule("bin/b.py") == "web <- bin/serve <- bin/b.py"


def test_a_shell_script_that_is_run_counts(tmp_path: Path) -> None:
    """What it loads cannot be told: every Python file counts."""
    web = make_target(WEB, tmp_path, program=Command(("sh", "start.sh")))
    made = desk(
        tmp_path, {"start.sh": "exec python app.py", "other.sh": "", "app.py": "", "test_a.py": ""}, web
    )

    assert made.counting() == {"start.sh", "app.py", "test_a.py"}
    assert made.rule("start.sh") == "what this target runs"
    told = made.edit({"start.sh": "exec python app.py --debug"})["web"]
    assert (told.paths, told.edited) == (("start.sh",), frozenset())


def test_a_start_that_is_found_or_lost_changes_what_counts(tmp_path: Path) -> None:
    """Where it is unknown every Python file counts, tests too; the texts among them are not judged."""
    web = make_target(WEB, tmp_path, program=Module("app.main"), watch=("*.html",))
    files = {"a.py": "", "tests/a.py": "", "page.html": "", "job.py": ""}
    made = desk(tmp_path, files, web, make_target(JOB, tmp_path))
    assert made.counting() == {"a.py", "tests/a.py", "page.html"}

    told = made.edit({"app/main.py": "import a"})
    assert told["web"].paths == ("app/main.py",)
    assert told["web"].was is not None
    assert made.counting() == {"app/main.py", "a.py", "page.html"}
    told = made.edit({"app/main.py": None, "page.html": "x"})
    assert told["web"].paths == ("app/main.py", "page.html")
    assert made.counting() == {"a.py", "tests/a.py", "page.html"}
    assert {saved.path for saved in made.edit({"page.html": "y", "a.py": "x = 1"})["web"].edited} == {"a.py"}


def test_what_a_target_reaches_but_does_not_see_is_not_taken_from_others(tmp_path: Path) -> None:
    """It is still nobody's, so that it counts for those that see it."""
    web = make_target(WEB, tmp_path, script="site/web.py", mount=Mount(tmp_path / "site"))
    files = {"site/web.py": "import extra", "site/extra.py": "", "extra.py": "", "job.py": ""}
    made = desk(tmp_path, files, web, make_target(JOB, tmp_path))
    (tmp_path / "site" / "web.py").write_text("from ..extra import x")

    assert made.paths({"site/web.py": "from .. import extra"}) == {"web": ("site/web.py",), "job": ()}
    assert made.paths({"extra.py": "x = 1"}) == {"job": ("extra.py",)}


def test_stale_byte_code_is_told_with_the_next_change_that_concerns_a_target(tmp_path: Path) -> None:
    """A file that does not count now may be loaded later."""
    made = desk(tmp_path, {**TWO, "test_a.py": "x = 1"})
    before = (tmp_path / "test_a.py").stat()
    (tmp_path / "test_a.py").write_text("x = 2")
    os.utime(tmp_path / "test_a.py", ns=(before.st_mtime_ns, before.st_mtime_ns))
    assert made.edit({}) == {}

    told = made.edit({"a.py": "x = 1"})["web"]
    assert told.stale == ("test_a.py",)
    assert made.edit({"a.py": "x = 22"})["web"].stale == ()


def test_verdicts_of_a_target_that_reaches_by_a_string_say_so_by_their_chain(tmp_path: Path) -> None:
    """And what no import leads to has a chain of one."""
    web = replace(make_target(WEB, tmp_path, env={"SETTINGS": "conf.live"}))
    made = desk(tmp_path, {"web.py": "x = 'named'", "named.py": "", "conf/live.py": ""}, web)

    assert made.rule("named.py") == "web <- web.py <- named.py"
    assert made.rule("conf/live.py") == "web <- conf/live.py"
    assert made.closures.explain(str(tmp_path / "web.py"))[WEB].tie is Tie.REACHED
    assert made.closures.reached(WEB) == {
        str(tmp_path / name) for name in ("web.py", "named.py", "conf/live.py")
    }


def save(root: Path, name: str, text: str) -> None:
    """Save a file so that nobody ever sees half of it, however slow the machine is."""
    (root / f".{name}.tmp").write_text(text)
    (root / f".{name}.tmp").replace(root / name)


def test_a_disk_that_watches_follows_imports(tmp_path: Path) -> None:
    """An import more, an import less: one target has paths, the other a new name for what it has loaded."""
    with watching(tmp_path) as disk:
        disk.write("lib.py", "")
        disk.until("lib.py")

        save(tmp_path, "web.py", "import lib\n")
        (batch,) = disk.until("web.py")
        assert batch.sources[WEB].paths == ("web.py",)
        assert batch.sources[JOB].paths == ()
        assert batch.sources[JOB].was == batch.sources[JOB].digest

        save(tmp_path, "lib.py", "x = 1\n")
        (batch,) = disk.until("lib.py")
        assert batch.sources.keys() == {WEB}

        save(tmp_path, "web.py", "web = 2\n")
        (batch,) = disk.until("web.py")
        assert batch.sources[WEB].paths == ("web.py",)
        assert batch.sources[JOB].paths == ()
        assert disk.rest() == []
        assert disk.digests[WEB] == digest_from_scratch(disk.project)
        assert disk.digests[JOB] == digest_from_scratch(disk.project, JOB)


def test_a_disk_that_watches_hears_of_modules_that_come_and_go(tmp_path: Path) -> None:
    """In folders that are new, too."""
    with watching(tmp_path) as disk:
        save(tmp_path, "web.py", "import pkg.mod\n")
        disk.until("web.py")
        disk.write("pkg/mod.py", "")
        (batch,) = disk.until("pkg/mod.py")
        assert batch.sources.keys() == {WEB}

        (tmp_path / "pkg" / "mod.py").unlink()
        (batch,) = disk.until("pkg/mod.py")
        assert batch.sources.keys() == {WEB}
        assert disk.digests[WEB] == digest_from_scratch(disk.project)
