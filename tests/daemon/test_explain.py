"""What a daemon knows of the changes that it has seen, and of those that it has passed over."""

from pathlib import Path

from tests.daemon.cases import BASE
from tests.daemon.test_decisions import connected
from tests.daemon.test_loop import Yard


def test_the_last_changes_are_told_with_all_that_followed(tmp_path: Path) -> None:
    """What changed and by which rule it acts, what was done, what is now, and what was passed over."""
    yard = Yard(tmp_path, BASE)
    with yard.running():
        client = connected(yard)
        client.wait()
        assert client.explain([], last=True).last is not None
        yard.write("views.py", "import models, sys\n")
        client.wait()
        (yard.root / "models.py").touch()
        client.wait()
        explained = client.explain(["models.py"], last=True)

    last = explained.last
    assert last is not None
    assert last.at > 0
    assert [change.path for change in last.changed] == ["views.py"]
    assert last.changed[0].summary == "restarts web"
    assert last.changed[0].targets["web"].rule == "web <- web.py <- views.py"
    assert last.actions == (
        "target web: checking the syntax (views.py changed)",
        "target web: restarting (views.py changed)",
    )
    assert last.holds["target web"] == "up to date"
    assert last.passed_over["models.py"] == "its content is the same"
    assert [file.summary for file in explained.files] == ["restarts web"]
