"""A snapshot finds what differs, however little it is told."""

import os
import random
import shutil
from pathlib import Path

from devrun.sources import snapshot
from devrun.sources.snapshot import Root, Snapshot
from tests.sources.live_disk import write


def made(root: Path, *, ignored: tuple[str, ...] = (), pruned: tuple[str, ...] = ()) -> Snapshot:
    """Return a snapshot that has looked, at files that are long at rest."""
    taken = Snapshot([Root(str(root), lambda path: path in ignored, lambda path: path in pruned)])
    taken.scan()
    taken._young.clear()
    return taken


def short(root: Path, paths: set[str]) -> set[str]:
    """Return paths relative to a folder."""
    return {os.path.relpath(path, root) for path in paths}


def test_a_scan_finds_what_came_went_and_changed(tmp_path: Path) -> None:
    """And nothing else."""
    write(tmp_path, {"same": "", "gone": "", "changed": "1", "sub/gone": ""})
    taken = made(tmp_path)
    write(tmp_path, {"changed": "2", "new/deep/er": ""})
    (tmp_path / "gone").unlink()
    shutil.rmtree(tmp_path / "sub")

    assert short(tmp_path, taken.scan()) == {"changed", "new/deep/er", "gone", "sub/gone"}


def test_a_hint_at_a_root_loses_nothing_that_was_hinted_at_beside_it(tmp_path: Path) -> None:
    """In whatever order they are looked at."""
    write(tmp_path, {f"f{number}": "1" for number in range(20)})
    taken = made(tmp_path)
    write(tmp_path, {f"f{number}": "2" for number in range(20)})
    hints = {str(tmp_path), *(str(tmp_path / f"f{number}") for number in range(10))}

    assert len(taken.look(hints)) == 20


def test_a_file_written_twice_within_a_tick_is_looked_at_twice(tmp_path: Path) -> None:
    """Its stat may stay the same, so that it proves nothing while the file is young."""
    write(tmp_path, {"f": "1"})
    taken = Snapshot([Root(str(tmp_path), lambda _: False, lambda _: False)])
    taken.scan()
    path = str(tmp_path / "f")

    assert taken.look([path]) == {path}
    assert snapshot.YOUNG_NS > 2 * 10_000_000


def test_a_missing_root_changes_nothing_of_what_was_seen(tmp_path: Path) -> None:
    """Nor do hints of its files; on its return what differs is found."""
    root = tmp_path / "p"
    write(root, {"a": "1", "b": "1"})
    taken = made(root)
    seen = dict(taken.files)
    root.rename(tmp_path / "q")

    assert taken.scan() == set()
    assert taken.look([str(root / "a"), str(root)]) == set()
    assert (taken.missing, taken.files) == ((str(root),), seen)

    (tmp_path / "q").rename(root)
    write(root, {"a": "22"})
    assert short(root, taken.scan()) == {"a"}
    assert taken.missing == ()


def test_a_hint_deep_in_a_new_folder_shows_all_of_it(tmp_path: Path) -> None:
    """Of folders that are made and filled at once, any one may be told."""
    taken = made(tmp_path)
    write(tmp_path, {"a/b/c/m": "", "a/n": ""})

    assert short(tmp_path, taken.look([str(tmp_path / "a/b/c/m")])) == {"a/b/c/m", "a/n"}


def test_hints_in_folders_that_are_left_out_show_nothing(tmp_path: Path) -> None:
    """Neither do those at ignored files."""
    write(tmp_path, {"data/a/f": "", "env/pyvenv.cfg": "", "env/lib/x": "", "log": "", "f": ""})
    taken = made(tmp_path, ignored=("log",), pruned=("data",))
    write(tmp_path, {"data/a/f": "1", "data/new": "", "env/lib/x": "1", "log": "1"})
    hints = ["data", "data/a/f", "data/a", "data/new", "env", "env/lib/x", "log"]

    assert taken.look(str(tmp_path / name) for name in hints) == set()
    assert taken.directories.keys() == {str(tmp_path)}


def test_a_file_and_a_folder_may_take_each_others_place(tmp_path: Path) -> None:
    """One hint is enough for both."""
    write(tmp_path, {"x": "", "y/a": ""})
    taken = made(tmp_path)
    (tmp_path / "x").unlink()
    shutil.rmtree(tmp_path / "y")
    write(tmp_path, {"x/a": "", "y": ""})

    assert short(tmp_path, taken.look([str(tmp_path / "x"), str(tmp_path / "y")])) == {"x", "x/a", "y", "y/a"}


def test_links_are_followed_to_files_only(tmp_path: Path) -> None:
    """Of others it is noted where they lead; fifos and sockets are nobody's source."""
    write(tmp_path, {"p/f": "12345", "out/far": "123"})
    for name, target in {
        "near": "f",
        "far": "../out/far",
        "dir": "../out",
        "loop": ".",
        "nowhere": "x",
    }.items():
        (tmp_path / "p" / name).symlink_to(target)
    os.mkfifo(tmp_path / "p/fifo")
    taken = made(tmp_path / "p")

    seen = {Path(path).name: (entry.link, entry.is_file) for path, entry in taken.files.items()}
    assert seen == {
        "f": ("", True),
        "near": ("f", True),
        "far": ("../out/far", True),
        "dir": ("../out", False),
        "loop": (".", False),
        "nowhere": ("x", False),
    }
    assert taken.files[str(tmp_path / "p/near")].size == 5
    (tmp_path / "p/dir").unlink()
    (tmp_path / "p/dir").symlink_to(tmp_path)
    assert short(tmp_path / "p", taken.look([str(tmp_path / "p/dir")])) == {"dir"}


def test_many_folders_at_once_are_one_look_at_everything(tmp_path: Path) -> None:
    """Nothing is lost by that."""
    taken = made(tmp_path)
    write(tmp_path, {f"d{number}/f": "" for number in range(200)})
    hints = [str(tmp_path / f"d{number}") for number in range(150)]

    assert len(taken.look(hints)) == 200


def test_hints_in_any_order_end_where_a_scan_does(tmp_path: Path) -> None:
    """For random trees, with a hint for each path that was touched."""
    dice = random.Random(7)
    names = ["a", "b", "c"]
    taken = made(tmp_path)
    for _ in range(300):
        path = tmp_path.joinpath(*dice.choices(names, k=dice.randint(1, 3)))
        hints = {str(path), *(str(above) for above in path.parents if tmp_path in above.parents)}
        if path.is_dir() and dice.random() < 0.5:
            hints |= {str(below) for below in path.rglob("*")}
            shutil.rmtree(path)
        elif path.is_file():
            path.unlink()
        elif not path.exists() and not any(above.is_file() for above in path.parents):
            write(tmp_path, {str(path.relative_to(tmp_path)): "1"})
        taken.look(dice.sample(sorted(hints), len(hints)))

        fresh = made(tmp_path)
        assert (taken.files, taken.directories) == (fresh.files, fresh.directories)
