"""What `down` leaves unless it is asked: the images and the volumes of a project, known by their labels.

Nothing is forced: what a container uses that is not devrun's is left, and it is said by which one.
"""

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any

from devrun.config.project import Project
from devrun.engine import labels
from devrun.engine.connection import Connection, RefusedError
from devrun.engine.protocol import Removal

UNTAGGED = "<none>:<none>"
"""What engines call an image whose tag went to a later one."""
_PODMAN_REGISTRY = "localhost/"


class Leftovers:
    """Called once the containers are gone. Every method may be called from any thread."""

    def __init__(self, connection: Connection, project: Project) -> None:
        self._connection = connection
        self._project = project

    def remove_images(self) -> Removal:
        """Remove what was built: by its tags, or by its id where a later build took the tag."""
        with self._connection.asking("list images"):
            asked = [*labels.label_list(self._project), labels.IMAGE]
            found = self._connection.client.images(filters={"label": asked})
        names = [(name, entry["Id"]) for entry in found for name in self._names(entry)]
        return self._remove(names, self._connection.client.remove_image, "ancestor", "image")

    def remove_volumes(self) -> Removal:
        """Remove the named volumes, those too that the file no longer names."""
        with self._connection.asking("list volumes"):
            found = self._connection.client.volumes(filters={"label": labels.label_list(self._project)})
        names = [(volume["Name"], volume["Name"]) for volume in found.get("Volumes") or ()]
        return self._remove(names, self._connection.client.remove_volume, "volume", "volume")

    def _names(self, image: Mapping[str, Any]) -> list[str]:
        """Return what to remove an image by; what others build on ours has its labels, and their tag."""
        tags = [tag for tag in image.get("RepoTags") or () if tag != UNTAGGED]
        prefix = f"devrun/{self._project.slug}-"
        ours = [tag for tag in tags if tag.removeprefix(_PODMAN_REGISTRY).startswith(prefix)]
        return ours if tags else [image["Id"]]

    def _remove(
        self, things: Iterable[tuple[str, str]], remove: Callable[[str], object], used_as: str, kind: str
    ) -> Removal:
        removed, left = [], []
        for name, identity in sorted(things):
            try:
                with self._connection.asking(f"remove {kind} {name}"):
                    remove(name)
                removed.append(f"{kind} {name}")
            except RefusedError as error:
                if error.status == HTTPStatus.CONFLICT:
                    left.append(f"{kind} {name}: {self._user(used_as, identity) or error.message}")
                elif error.status != HTTPStatus.NOT_FOUND:
                    raise
        return Removal(tuple(removed), tuple(left))

    def _user(self, used_as: str, identity: str) -> str:
        """Return in words which container uses something, empty where none does."""
        with self._connection.asking("list containers"):
            users = self._connection.client.containers(all=True, filters={used_as: identity})
        names = sorted(name.lstrip("/") for user in users for name in user["Names"])
        return f"container {names[0]} uses it" if names else ""
