"""The engine's stream of a pull, as progress."""

import json

from devrun.engine.protocol import BuildProgress
from devrun.engine.pull import Layers


def test_layers_and_megabytes_are_summed() -> None:
    """Progress is told when what is shown changes, not with every item."""
    told: list[BuildProgress] = []
    layers = Layers("FROM python:3", told.append)

    def item(layer: str, status: str, current: int = 0, total: int = 0) -> None:
        detail = {"current": current, "total": total} if total else {}
        layers.take(json.dumps({"id": layer, "status": status, "progressDetail": detail}).encode())

    item("a", "Pulling fs layer")
    item("b", "Pulling fs layer")
    item("a", "Downloading", 1_000_000, 4_000_000)
    item("a", "Downloading", 1_000_001, 4_000_000)
    item("a", "Download complete")
    item("b", "Already exists")
    item("a", "Extracting", 2_000_000, 4_000_000)
    item("a", "Pull complete")

    assert {(one.step, one.steps, one.instruction) for one in told} == {(0, 0, "FROM python:3")}
    assert [one.line for one in told] == [
        "pulling: 0 of 1 layers, 0 of 0 MB",
        "pulling: 0 of 2 layers, 0 of 0 MB",
        "pulling: 0 of 2 layers, 1 of 4 MB",
        "pulling: 0 of 2 layers, 4 of 4 MB",
        "pulling: 1 of 2 layers, 4 of 4 MB",
        "pulling: 2 of 2 layers, 4 of 4 MB",
    ]


def test_an_error_is_kept_and_noise_is_left_out() -> None:
    """Items that are no layers tell nothing."""
    told: list[BuildProgress] = []
    layers = Layers("FROM python:3", told.append)
    for line in (b"", b"[]", b"no json", b'{"error": "denied", "errorDetail": {"message": "denied"}}', b"{}"):
        layers.take(line)

    assert layers.error == "denied"
