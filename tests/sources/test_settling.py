"""What belongs together is told together, and what is half done is told when it is done."""

import threading
from pathlib import Path

import pytest

from devrun.core.events import FilesChanged
from devrun.sources.git import MANY
from tests.sources.live_disk import FILES, WEB, watching, write

MANY_FILES = {f"pkg/m{number}.py": f"N = {number}\n" for number in range(200)}


def paths_of(batch: FilesChanged) -> tuple[str, ...]:
    """Return what a batch names for a target."""
    change = batch.sources.get(WEB)
    return change.paths if change else ()


def test_a_tool_that_goes_over_the_tree_leads_to_one_batch(tmp_path: Path) -> None:
    """Once it is seen to be at work it is waited for, though it takes its time between files."""
    with watching(tmp_path, {**FILES, **MANY_FILES}) as disk:
        names = list(MANY_FILES)
        # What one look sees at once is enough to tell it by.
        write(tmp_path, dict.fromkeys(names[: 10 * MANY], "N = 'new'\n"))
        pause = threading.Event()
        for name in names[10 * MANY :]:
            pause.wait(0.002)
            disk.write(name, "N = 'new'\n")
        batches = [batch for batch in disk.until(*names) if batch.sources]

    whole = [path for batch in batches for path in paths_of(batch)]
    assert sorted(whole) == sorted(names)
    assert len(batches[-1].sources[WEB].paths) > len(names) - 10 * MANY


def vim(path: Path, text: str) -> None:
    """Save as vim does: a probe, a backup, the file anew."""
    (path.parent / "4913").touch()
    (path.parent / "4913").unlink()
    path.rename(path.with_name(f"{path.name}~"))
    path.write_text(text)
    path.with_name(f"{path.name}~").unlink()


def jetbrains(path: Path, text: str) -> None:
    """Save as JetBrains' editors do: a new file, the old one away, the new one in its place."""
    new, old = (path.with_name(f"{path.name}___jb_{kind}___") for kind in ("tmp", "old"))
    new.write_text(text)
    path.rename(old)
    new.rename(path)
    old.unlink()


def vs_code(path: Path, text: str) -> None:
    """Save as VS Code does: emptied, then written."""
    with path.open("w") as file:
        file.flush()
        file.write(text)


def sed(path: Path, text: str) -> None:
    """Save as `sed -i` does: a new file takes the name."""
    draft = path.with_name("sedAbCdEf")
    draft.write_text(text)
    draft.rename(path)


def anew(path: Path, text: str) -> None:
    """Delete, and write again."""
    path.unlink()
    path.write_text(text)


@pytest.mark.parametrize("save", [vim, jetbrains, vs_code, sed, anew])
def test_each_editors_way_of_saving_is_one_change(tmp_path: Path, save: object) -> None:
    """Its temporary files are none, and neither is the moment in which the file was away or empty."""
    assert callable(save)
    with watching(tmp_path) as disk:
        save(tmp_path / "web.py", "web = 2\n")
        batches = [*disk.until("web.py"), *disk.rest()]

    assert [path for batch in batches for path in paths_of(batch)] == ["web.py"]


def test_half_a_file_is_told_when_it_is_whole(tmp_path: Path) -> None:
    """What does not parse is looked at once more before anything is made of it."""
    with watching(tmp_path) as disk:
        with (tmp_path / "web.py").open("w") as file:
            file.write("def web(:\n")
            file.flush()
            file.seek(0)
            file.write("web = 5  \n")
        batches = [*disk.until("web.py"), *disk.rest()]

    changes = [batch.sources[WEB] for batch in batches if WEB in batch.sources]
    assert [change.broken for change in changes] == [frozenset()]
