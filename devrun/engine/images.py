"""The images of a project: found by label and tag, built, removed again.

The fingerprint of what an image was built from stands in its tag. Labels say whose it is and stay the same
from build to build, so that a build whose layers come out unchanged has the same id.
"""

import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus

from devrun.config.names import image_tag
from devrun.config.project import ImageConfig, ImageName, Project
from devrun.core.values import BuildContext, Built, Fingerprint, ImageId
from devrun.engine.cancellation import Cancellations
from devrun.engine.connection import Connection, RefusedError
from devrun.engine.labels import IMAGE, label_list, project_labels
from devrun.engine.lookup import look_up
from devrun.engine.output import NS, parse_ns
from devrun.engine.protocol import BuildProgress

_PODMAN_REGISTRY = "localhost/"
"""Podman puts it before every name without a registry."""


class Images:
    """The images of one project. Every method may be called from any thread."""

    def __init__(self, connection: Connection, project: Project) -> None:
        self._connection = connection
        self._project = project
        self._lock = threading.Lock()
        self._builds = Cancellations()
        self._asked: dict[ImageName, None] = {}

    def asked_for(self) -> tuple[ImageName, ...]:
        """Return the images that were asked for so far."""
        with self._lock:
            return tuple(self._asked)

    def inspect_image(self, image: ImageName) -> tuple[Built, ...]:
        """Return all images of ours under this name, newest tag first."""
        with self._lock:
            self._asked[image] = None
        labels = label_list(self._project, image=image)
        with self._connection.asking(f"list the images of {image}"):
            found = self._connection.calls.images({"label": labels})
        tags = {tag.removeprefix(_PODMAN_REGISTRY) for entry in found for tag in entry.get("RepoTags") or ()}
        prefix = self._tag(image, "")
        built = [self._inspect(tag, prefix) for tag in sorted(tags) if tag.startswith(prefix)]
        return tuple(sorted(filter(None, built), key=lambda one: one.tagged, reverse=True))

    def build_image(
        self,
        image: ImageConfig,
        fingerprint: Fingerprint,
        context: BuildContext,
        progress: Callable[[BuildProgress], None],
        *,
        no_cache: bool = False,
        pull: bool = False,
    ) -> Built:
        """Build, and tag the result; raises BuildCancelledError after `cancel_build`.

        With `pull`, the images that it builds on are asked for anew even where the engine has them.
        """
        from devrun.engine.building import Building  # with all that only builds need

        tag = self._tag(image.name, fingerprint)
        with self._builds.running(image.name) as cancellation:
            building = Building(self._connection, self._project, image, context, cancellation, progress)
            made = building.run(tag, self.labels(image.name), no_cache=no_cache, pull=pull)
        built = self._inspect(tag, self._tag(image.name, ""))
        # A tag that is gone already is the next inspection's to notice.
        return built or Built(fingerprint, made, 0.0)

    def cancel_build(self, image: ImageName) -> None:
        """Give up the running build, if there is one; it raises in the thread that waits for it."""
        self._builds.cancel(image)

    def remove_image(self, image: ImageName, fingerprint: Fingerprint) -> None:
        """Take the tag away, and the image with its last tag; one in use, or gone already, is no error."""
        self._remove(self._tag(image, fingerprint))

    def remove_untagged(self) -> None:
        """Remove images of ours that lost their tag to a newer build; one in use stays."""
        with self._connection.asking("list images without a tag"):
            filters = {"label": label_list(self._project), "dangling": True}
            found = self._connection.client.images(filters=filters)
        for entry in found:
            self._remove(entry["Id"])

    def _remove(self, image: str) -> None:
        try:
            with self._connection.asking(f"remove image {image}"):
                self._connection.client.remove_image(image)
        except RefusedError as refused:
            if refused.status not in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
                raise

    def close(self) -> None:
        """Give up all running builds."""
        self._builds.cancel_all()

    def _tag(self, image: ImageName, fingerprint: str) -> str:
        return image_tag(self._project.slug, image, fingerprint)

    def labels(self, image: ImageName) -> dict[str, str]:
        """Return the labels that say whose an image is."""
        return {**project_labels(self._project), IMAGE: image}

    def _inspect(self, tag: str, prefix: str) -> Built | None:
        """Return what is known of a tag, None where it went away since it was listed."""
        about = look_up(self._connection, tag)
        if about is None:
            return None
        config = about.get("Config")
        return Built(
            fingerprint=Fingerprint(tag.removeprefix(prefix)),
            id=ImageId(str(about["Id"])),
            tagged=_tagged(about),
            workdir=str(config.get("WorkingDir") or "") if isinstance(config, dict) else "",
        )


def _tagged(about: Mapping[str, object]) -> float:
    metadata = about.get("Metadata")
    tagged = metadata.get("LastTagTime") if isinstance(metadata, dict) else None
    return (parse_ns(str(tagged or "")) or parse_ns(str(about.get("Created") or ""))) / NS
