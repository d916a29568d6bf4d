"""The images of a project: found by label and tag, built, removed again.

The fingerprint of what an image was built from stands in its tag. Labels say whose it is and stay the same
from build to build, so that a build whose layers come out unchanged has the same id.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

from devrun.config.names import image_tag
from devrun.config.project import ImageConfig, ImageName, Project
from devrun.core.values import BuildContext, Built, Fingerprint, ImageId
from devrun.engine.build import BuildRequest, build, with_proxies
from devrun.engine.buildx import require_buildx
from devrun.engine.cancellation import Cancellation, Cancellations
from devrun.engine.connection import Connection, RefusedError
from devrun.engine.context import dockerfile_name, pack
from devrun.engine.failure import DockerfileError, Recipe
from devrun.engine.frontend import official_frontend, session_need, without_syntax
from devrun.engine.labels import IMAGE, label_list, project_labels
from devrun.engine.lookup import look_up
from devrun.engine.output import NS, parse_ns
from devrun.engine.protocol import BuildProgress
from devrun.engine.pull import ensure_base
from devrun.engine.session_build import SessionBuild
from devrun.errors import EngineError

OWN_HEREDOCS_VERSION = (1, 42)
"""The API of Docker Engine 23: the frontend of older ones is from before heredocs and much else."""

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
        with self._builds.running(image.name) as cancellation:
            request = self._request(image, fingerprint, context, no_cache=no_cache)
            name = request.recipe.name
            frontend = official_frontend(context.dockerfile)
            make = self._way(image, session_need(image, context.dockerfile, name), cancellation, progress)
            for base in context.bases:
                ensure_base(
                    self._connection,
                    base,
                    name,
                    cancellation,
                    progress,
                    anew=pull,
                    platform=image.platform,
                )
            try:
                made = make(request)
            except DockerfileError as error:
                if not frontend or _numbers(self._connection.version) >= OWN_HEREDOCS_VERSION:
                    raise
                self._fetch_frontend(frontend, error, cancellation, progress)
                made = make(_untouched(request, context))
        built = self._inspect(request.tag, self._tag(image.name, ""))
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

    def _request(
        self, image: ImageConfig, fingerprint: Fingerprint, context: BuildContext, *, no_cache: bool
    ) -> BuildRequest:
        name = _shown(image.dockerfile, self._project.root)
        text = without_syntax(context.dockerfile)
        inside = dockerfile_name(image.dockerfile, context.files)
        return BuildRequest(
            tag=self._tag(image.name, fingerprint),
            dockerfile=inside,
            recipe=Recipe(name, text, _shown(image.context, self._project.root)),
            body=lambda: pack(inside, text, context.files),
            labels=self.labels(image.name),
            args=with_proxies(image.args, self._connection.endpoint.host),
            stage=image.stage,
            no_cache=no_cache,
            platform=image.platform,
        )

    def _way(
        self,
        image: ImageConfig,
        need: str,
        cancellation: Cancellation,
        progress: Callable[[BuildProgress], None],
    ) -> Callable[[BuildRequest], ImageId]:
        """Return how to build: through the engine's API, or with what `need` says through docker's client."""
        if not need:
            return lambda request: build(self._connection, request, cancellation, progress)
        prepared = SessionBuild.prepare(require_buildx(need), image, self._project.root)
        return lambda request: prepared.run(self._connection, request, cancellation, progress)

    def _fetch_frontend(
        self,
        frontend: str,
        error: DockerfileError,
        cancellation: Cancellation,
        progress: Callable[[BuildProgress], None],
    ) -> None:
        """Have the frontend that the Dockerfile asks for; without it, `error` is the answer."""
        try:
            ensure_base(self._connection, frontend, "the `# syntax=` line", cancellation, progress)
        except EngineError as missing:
            raise EngineError(error.message, hint=f"{error.hint}; {missing.message}") from missing

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


def _untouched(request: BuildRequest, context: BuildContext) -> BuildRequest:
    """Return the same request with the Dockerfile as it is on disk."""
    text = context.dockerfile
    return replace(
        request,
        recipe=replace(request.recipe, text=text),
        body=lambda: pack(request.dockerfile, text, context.files),
    )


def _tagged(about: Mapping[str, object]) -> float:
    metadata = about.get("Metadata")
    tagged = metadata.get("LastTagTime") if isinstance(metadata, dict) else None
    return (parse_ns(str(tagged or "")) or parse_ns(str(about.get("Created") or ""))) / NS


def _shown(path: Path, root: Path) -> str:
    """Return a path as the user knows it: relative to the project where it lies in it."""
    if path == root:
        return "the project folder"
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
