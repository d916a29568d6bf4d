"""What was seen of an image is kept for the next run; whatever is wrong with the file costs one look more."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from devrun.engine.plan import Python
from devrun.engine.probed import MAX_BYTES, MOST_KEPT, Probed

SEEN = Python(
    "python", "/usr/bin/python3", "3.13.1", "cpython-313", 0, 0, can_write=True, venvs=("/app/.venv",)
)


def test_what_was_seen_is_found_by_a_later_run(tmp_path: Path) -> None:
    """By what was asked, and not for anything else."""
    Probed(tmp_path / "f").keep("a", SEEN)
    Probed(tmp_path / "f").keep("b", replace(SEEN, uid=1000, venvs=()))

    later = Probed(tmp_path / "f")
    assert [later.find(key) for key in ("a", "b", "c")] == [SEEN, replace(SEEN, uid=1000, venvs=()), None]
    assert (tmp_path / "f").stat().st_mode & 0o777 == 0o600


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    """Images come and go."""
    probed = Probed(tmp_path / "f")
    for number in range(MOST_KEPT + 1):
        probed.keep(str(number), SEEN)

    assert (probed.find("0"), probed.find("1")) == (None, SEEN)


@pytest.mark.parametrize(
    "said",
    ["", "[1]", "[" * 100_000, '{"a": 1}', '{"a": {}}', json.dumps({"a": {**asdict(SEEN), "uid": "0"}})],
)
def test_what_cannot_be_understood_is_nothing(tmp_path: Path, said: str) -> None:
    """A cut file, or another version's."""
    (tmp_path / "f").write_text(said)

    assert Probed(tmp_path / "f").find("a") is None


def test_without_a_place_or_room_nothing_is_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nor is a file read that is none of ours."""
    for probed in (Probed(None), Probed(tmp_path / "none" / "f")):
        probed.keep("a", SEEN)
        assert probed.find("a") is None
    assert "cannot be written" in caplog.text
    with (tmp_path / "large").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    assert Probed(tmp_path / "large").find("a") is None
