"""The build inputs of all images: found by workers, asked for by the watcher, which goes on meanwhile.

A search reads the disk for some time. What changes during it may be read too early, and be unknown to the
watcher as an input. So the watcher tells each running search what it saw, and a search that missed something
starts again.
"""

import threading
from collections.abc import Iterable
from pathlib import Path

from devrun.config.project import AnyImage, ImageName, PrebuiltImage, Project
from devrun.errors import ConfigError
from devrun.sources.content import ContentHashes
from devrun.sources.inputs import Inputs, find_inputs, prebuilt_inputs

MOST_SEARCHES = 5
"""While inputs change all the time there will be another doubt, and another search."""


class Fingerprints:
    """May be used from any thread."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._found: dict[ImageName, Inputs] = {}
        self._workdirs: dict[ImageName, str] = {}
        self._overheard: list[set[str]] = []
        """What the watcher saw, for each search that runs."""
        self._lock = threading.Lock()
        """Guards the above, for moments only."""
        self._search_lock = threading.Lock()
        """One search at a time: they share their hashes."""
        self._hashes = ContentHashes()

    def find(self, image: ImageName) -> Inputs:
        """Return the inputs of an image as they are now, and remember them."""
        with self._search_lock:
            for _ in range(MOST_SEARCHES):
                found, seen = self._search(image)
                if not any(found.concerns(Path(path)) for path in seen):
                    break
        return found

    def adopt(self, project: Project) -> None:
        """Work by another configuration from now on; what was found by the old one is to be found anew."""
        with self._lock:
            self._project = project
            self._found = {image: inputs for image, inputs in self._found.items() if image in project.images}

    def of(self, image: ImageName) -> Inputs:
        """Return what the last `find` found."""
        with self._lock:
            return self._found[image]

    def concerned(self, path: str) -> list[ImageName]:
        """Return the images whose fingerprint a change of a file puts in doubt."""
        with self._lock:
            found = tuple(self._found.items())
        return [image for image, inputs in found if inputs.concerns(Path(path))]

    def overhear(self, paths: Iterable[str]) -> None:
        """Take note of what changed on the disk."""
        with self._lock:
            for seen in self._overheard:
                seen.update(paths)

    def learn_workdir(self, image: ImageName, workdir: str) -> bool:
        """Take note of a built image's WORKDIR; returns whether another one was known."""
        with self._lock:
            is_new = self._workdirs.get(image) != workdir
            self._workdirs[image] = workdir
            return is_new

    def _search(self, image: ImageName) -> tuple[Inputs, set[str]]:
        """Return what there is, and what changed while it was looked for."""
        seen: set[str] = set()
        with self._lock:
            project, workdir = self._project, self._workdirs.get(image)
            before = self._found[image].kept if image in self._found else None
            self._overheard.append(seen)
        found = None
        try:
            config = _config(project, image)
            targets = [target for target in project.targets.values() if target.image == image]
            if isinstance(config, PrebuiltImage):
                found = prebuilt_inputs(project, config, workdir)
            else:
                found = find_inputs(project, config, targets, workdir, self._hashes, before=before)
        finally:
            # At one moment: what the watcher saw before is in `seen`, later things are judged by `found`.
            with self._lock:
                self._overheard = [other for other in self._overheard if other is not seen]
                if found is not None and image in self._project.images:
                    self._found[image] = found
        return found, seen


def _config(project: Project, image: ImageName) -> AnyImage:
    """Return how an image comes about; it may have left the file while its turn was waited for."""
    if image not in project.images:
        raise ConfigError(f"image {image} is no longer in {project.file_name}")
    return project.images[image]
