"""The journal keeps what happened over daemons, within its size, and tells nothing twice."""

from pathlib import Path

from devrun.config.project import ImageName, TargetName
from devrun.core.actions import BuildImage, InspectTarget, RestartContainer
from devrun.core.decide import Hold, HoldKind
from devrun.core.events import Failed, Lost, TargetInspected
from devrun.core.journal import Entry, began, ended, held
from devrun.core.values import ContainerId, Digest, Fingerprint
from devrun.daemon.capped import CappedFile
from devrun.daemon.journal import FILE_BYTES, Journal, read

RESTART = RestartContainer(TargetName("web"), ContainerId("c"), Digest("d"), 0, "app.py changed")
LOOK = InspectTarget(TargetName("web"), 0, "not known")
BUILD = BuildImage(ImageName("default"), Fingerprint("f"), 0, "Dockerfile changed")


def opened(folder: Path) -> tuple[Journal, list[Entry]]:
    """Return the next daemon's journal, and what it tells."""
    told: list[Entry] = []
    journal = Journal(folder / "journal.jsonl", told.append)
    journal.open()
    return journal, told


def test_entries_outlive_their_daemon_and_numbers_go_on(tmp_path: Path) -> None:
    """Whoever asks what happened since yesterday does not care who was there."""
    first, _ = opened(tmp_path)
    first.add(began(RESTART, 1.0))
    first.add(ended(BUILD, Failed("exit code 1", "see above", "RUN false", ("one",)), 2.0, 3.25))
    first.close()
    second, told = opened(tmp_path)
    second.add(began(RESTART, 4.0))

    items = [item.item for item in second.feed.reader().read().items]
    assert [(one.number, one.kind, one.text) for one in items] == [
        (1, "began", "app.py changed"),
        (2, "failed", "exit code 1"),
        (3, "began", "app.py changed"),
    ]
    assert (items[1].output, items[1].step, items[1].seconds) == (("one",), "RUN false", 3.25)
    assert told == items[2:]


def test_a_hold_is_told_once_until_something_begins(tmp_path: Path) -> None:
    """It is decided anew after every event; looks in between are no news."""
    journal, told = opened(tmp_path)
    crashed = held("target web", Hold(HoldKind.CRASHED, "crashed 1"), 1.0)
    for entry in (
        crashed,
        began(LOOK, 1.0),
        held("target web", Hold(HoldKind.BUSY, "busy"), 1.0),
        ended(LOOK, TargetInspected(()), 1.0, 0.1),
        crashed,
        began(RESTART, 2.0),
        crashed,
    ):
        journal.add(entry)

    assert [entry.kind for entry in told] == ["held", "began", "held"]


def test_a_look_that_goes_wrong_is_told(tmp_path: Path) -> None:
    """It is what keeps all else from being done."""
    journal, told = opened(tmp_path)
    journal.add(ended(LOOK, Lost("connection reset"), 1.0, 0.1))

    assert [(entry.kind, entry.action) for entry in told] == [("lost", "InspectTarget")]


def test_a_hint_is_told_once(tmp_path: Path) -> None:
    """However often the daemon finds it."""
    journal, told = opened(tmp_path)
    for _ in range(2):
        journal.add(Entry(1.0, "hint", "target web", "listen on 0.0.0.0"))

    assert len(told) == 1


def test_steps_push_nothing_out_and_are_not_kept(tmp_path: Path) -> None:
    """A build of a thousand steps leaves one line."""
    journal, told = opened(tmp_path)
    journal.add(began(BUILD, 1.0))
    for number in range(10_000):
        journal.add(Entry(1.0, "step", "image default", f"RUN {number}"))
    journal.close()

    assert len(told) == 10_001
    assert [entry.kind for entry in read(tmp_path / "journal.jsonl")] == ["began"]
    assert journal.feed.reader().read().items[0].item.kind == "began"


def test_the_file_keeps_its_newest_part(tmp_path: Path) -> None:
    """It never takes more than its limit, and its first line is a whole one."""
    journal, _ = opened(tmp_path)
    for number in range(8_000):
        journal.add(Entry(1.0, "notice", text=f"{number} {'x' * 300}"))
    journal.close()
    kept = list(read(tmp_path / "journal.jsonl"))

    assert (tmp_path / "journal.jsonl").stat().st_size <= FILE_BYTES
    assert kept[-1].number == 8_000
    assert [entry.number for entry in kept] == list(range(kept[0].number, 8_001))


def test_garbage_in_the_file_is_passed_over(tmp_path: Path) -> None:
    """As after a power cut."""
    (tmp_path / "journal.jsonl").write_bytes(
        b'\0\0\0\n{"at": 1\n{"at": 1.0, "kind": "notice", "number": 7}\n[]\n{"a'
    )
    journal, told = opened(tmp_path)
    journal.add(Entry(1.0, "notice", text="new"))

    assert [entry.number for entry in told] == [8]


def test_a_place_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    """What happens is told all the same; a link is not followed."""
    (tmp_path / "elsewhere").touch()
    (tmp_path / "journal.jsonl").symlink_to(tmp_path / "elsewhere")
    journal, told = opened(tmp_path)
    journal.add(Entry(1.0, "notice", text="x"))

    assert len(told) == 1
    assert (tmp_path / "elsewhere").read_bytes() == b""


def test_a_capped_file_stays_the_same_file(tmp_path: Path) -> None:
    """Another process may have it open, to add to it."""
    file = CappedFile(tmp_path / "log", 1000)
    file.open()
    inode = file.path.stat().st_ino
    for number in range(500):
        file.write(b"%d\n" % number)
    file.close()
    file.write(b"after the end\n")

    assert file.path.stat().st_ino == inode
    assert file.path.read_bytes().splitlines()[-1] == b"499"
    assert file.path.stat().st_size <= 1000
    assert file.path.stat().st_mode & 0o777 == 0o600
