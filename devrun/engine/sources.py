"""What is shown to containers is still what it was when the configuration was read.

What runs in a container may write into the project, and so could put a link in the place of a folder there:
the engine would follow it, at the next start, to anywhere on this machine.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from devrun.config.project import TargetConfig
from devrun.config.surroundings import HostPath
from devrun.errors import EngineError


def check_sources(target: TargetConfig) -> None:
    """Raise EngineError where a link has taken the place of something that the target is to be shown."""
    for source in _sources(target):
        real = os.path.realpath(source)
        if real != str(source):
            raise EngineError(
                f"mount {source}: a link in it leads to {real} by now",
                hint="remove the link, or write in devrun.toml where it leads to",
            )


def _sources(target: TargetConfig) -> Iterator[Path]:
    if target.mount:
        yield target.mount.source
    for volume in target.surroundings.volumes:
        if isinstance(volume, HostPath):
            yield volume.source
