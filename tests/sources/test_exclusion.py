"""Why a file is not looked at: the rule in words, and the same verdict as the watch's own."""

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from devrun.config.project import ImageConfig, Mount, Project
from devrun.sources.exclusion import exclusion
from devrun.sources.roots import find_roots
from devrun.sources.snapshot import Snapshot
from tests.sources.live_disk import FILES, IMAGE, WEB, make_project, make_target, write

IGNORED = ".dockerignore"
TREE = {
    **FILES,
    IGNORED: "data\n*.log\nsecret/**\n!secret/kept.py\nweb.py\n",
    "devrun.toml": "",
    "app/views.py": "",
    "app/__pycache__/views.cpython-313.pyc": "",
    "app/views.py~": "",
    ".git/HEAD": "",
    "env/pyvenv.cfg": "",
    "env/lib/a.py": "",
    "caches/CACHEDIR.TAG": "",
    "caches/a.py": "",
    "dist/p-1.whl": "",
    "build/lib/a.py": "",
    "node_modules/a/a.js": "",
    "data/a.py": "",
    "notes/a.py": "",
    "a.log": "",
    "secret/a.py": "",
    "secret/kept.py": "",
    "templates/a.html": "",
}

REASONS = {
    "app/views.py": "",
    "web.py": "",
    "templates/a.html": "",
    "secret/kept.py": "",
    "app": "",
    "": "",
    "app/new/file.py": "",
    "app/__pycache__/views.cpython-313.pyc": "app/__pycache__/ is left out by built in (**/__pycache__)",
    "app/views.py~": "left out by built in (**/*~)",
    ".git/HEAD": ".git/ is left out by built in (**/.git)",
    ".git": ".git/ is left out by built in (**/.git)",
    "env/lib/a.py": "env/ is a virtual environment",
    "env/new.py": "env/ is a virtual environment",
    "caches/a.py": "caches/ is a cache",
    "dist/p-1.whl": "dist/ is output of a packaging tool",
    "build/lib/a.py": "build/ is output of a packaging tool",
    "node_modules/a/a.js": "node_modules/ is left out by built in (**/node_modules)",
    "data/a.py": "data/ is left out by .dockerignore:1 (data)",
    "data/new/a.py": "data/ is left out by .dockerignore:1 (data)",
    "notes/a.py": "notes/ is left out by `ignore` of devrun.toml:1 (notes)",
    "a.log": "left out by .dockerignore:2 (*.log)",
    "secret/a.py": "left out by .dockerignore:3 (secret/**)",
}


def make(root: Path) -> Project:
    """Return a project with something of everything."""
    write(root, TREE)
    return make_project(root, make_target(WEB, root), ignore=("notes",))


@pytest.mark.parametrize(("path", "reason"), REASONS.items(), ids=[name or "the project" for name in REASONS])
def test_a_path_is_left_out_by_a_rule_that_is_named(tmp_path: Path, path: str, reason: str) -> None:
    """With the line it stands in, and the folder that it leaves out; empty where it is watched."""
    found = exclusion(make(tmp_path), os.path.normpath(tmp_path / path))
    assert re.sub(r"built in:\d+", "built in", found) == reason


def test_the_watch_sees_what_has_no_reason(tmp_path: Path) -> None:
    """For every file of a tree, the verdict is that of the watch itself."""
    project = make(tmp_path)
    snapshot = Snapshot(find_roots(project))
    snapshot.scan()

    files = {str(tmp_path / name) for name in TREE}
    assert {file for file in files if not exclusion(project, file)} == files & snapshot.files.keys()


def test_what_lies_outside_is_not_watched_but_for_what_is_named(tmp_path: Path) -> None:
    """A neighbour with a longer name is outside; a mount, a context, and single files are not."""
    root, other = tmp_path / "p", tmp_path / "other"
    write(root, FILES)
    write(other, {"lib/a.py": "", "image/Dockerfile": "", "image/b.txt": "", "live.env": "", "a.py": ""})
    target = make_target(WEB, root, mount=Mount(other / "lib"))
    image = ImageConfig(IMAGE, other / "image" / "Dockerfile", root)
    project = make_project(root, target, images=(image,), env_files=(other / "live.env",))

    def reason(path: Path) -> str:
        return exclusion(project, str(path))

    outside = "outside the project, its mounts and build contexts"
    watched = [root / "a.py", other / "lib" / "a.py", other / "image" / "Dockerfile", other / "live.env"]
    assert [reason(path) for path in watched] == [""] * 4
    unwatched = [other / "a.py", other / "image" / "b.txt", tmp_path / "p2" / "a.py", tmp_path]
    assert [reason(path) for path in unwatched] == [outside] * 4
    context = replace(project, images={IMAGE: replace(image, context=other)})
    assert exclusion(context, str(other / "a.py")) == ""


def test_rules_of_the_project_hold_inside_of_a_larger_context(tmp_path: Path) -> None:
    """Beside it only devrun's own list does."""
    root = tmp_path / "p"
    write(root, {**FILES, "notes/a.py": "", "a.swp": ""})
    write(tmp_path, {"notes/a.py": "", "a.swp": ""})
    image = ImageConfig(IMAGE, root / "Dockerfile", tmp_path)
    project = make_project(root, make_target(WEB, root), images=(image,), ignore=("notes",))

    assert exclusion(project, str(root / "notes/a.py")).startswith("p/notes/ is left out by `ignore`")
    assert exclusion(project, str(tmp_path / "notes/a.py")) == ""
    assert exclusion(project, str(tmp_path / "a.swp")).startswith("left out by built in:")


def test_a_file_below_a_link_is_watched_where_it_lies(tmp_path: Path) -> None:
    """A link to a file is a file."""
    project = make(tmp_path)
    (tmp_path / "linked").symlink_to("app")
    (tmp_path / "linked.py").symlink_to("web.py")

    reason = "linked/ is a link: what it shows is watched where it lies"
    assert exclusion(project, str(tmp_path / "linked" / "views.py")) == reason
    assert exclusion(project, str(tmp_path / "linked")) == reason
    assert exclusion(project, str(tmp_path / "linked.py")) == ""
