"""How an image is built: with what, by which way, and on what bases."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from devrun.config.project import ImageConfig, Project
from devrun.core.values import BuildContext, ImageId
from devrun.engine.build import BuildRequest, build, with_proxies
from devrun.engine.buildx import require_buildx
from devrun.engine.cancellation import Cancellation
from devrun.engine.connection import Connection
from devrun.engine.context import dockerfile_name, pack
from devrun.engine.failure import DockerfileError, Recipe
from devrun.engine.frontend import official_frontend, session_need, without_syntax
from devrun.engine.protocol import BuildProgress
from devrun.engine.pull import ensure_base
from devrun.engine.session_build import SessionBuild
from devrun.errors import EngineError

OWN_HEREDOCS_VERSION = (1, 42)
"""The API of Docker Engine 23: the frontend of older ones is from before heredocs and much else."""


@dataclass(frozen=True, slots=True)
class Building:
    """One build of an image from one context."""

    connection: Connection
    project: Project
    image: ImageConfig
    context: BuildContext
    cancellation: Cancellation
    progress: Callable[[BuildProgress], None]

    def run(self, tag: str, labels: Mapping[str, str], *, no_cache: bool, pull: bool) -> ImageId:
        """Build, and tag the result; with `pull`, the bases are asked for anew even where they are there."""
        request = self._request(tag, labels, no_cache=no_cache)
        frontend = official_frontend(self.context.dockerfile)
        make = self._way(session_need(self.image, self.context.dockerfile, request.recipe.name))
        for base in self.context.bases:
            self._ensure(base, request.recipe.name, anew=pull, platform=self.image.platform)
        try:
            return make(request)
        except DockerfileError as error:
            if not frontend or _numbers(self.connection.version) >= OWN_HEREDOCS_VERSION:
                raise
            self._fetch_frontend(frontend, error)
            return make(self._untouched(request))

    def _request(self, tag: str, labels: Mapping[str, str], *, no_cache: bool) -> BuildRequest:
        image, context = self.image, self.context
        text = without_syntax(context.dockerfile)
        inside = dockerfile_name(image.dockerfile, context.files)
        return BuildRequest(
            tag=tag,
            dockerfile=inside,
            recipe=Recipe(self._shown(image.dockerfile), text, self._shown(image.context)),
            body=lambda: pack(inside, text, context.files),
            labels=labels,
            args=with_proxies(image.args, self.connection.endpoint.host),
            stage=image.stage,
            no_cache=no_cache,
            platform=image.platform,
        )

    def _way(self, need: str) -> Callable[[BuildRequest], ImageId]:
        """Return how to build: through the engine's API, or with what `need` says through docker's client."""
        if not need:
            return lambda request: build(self.connection, request, self.cancellation, self.progress)
        prepared = SessionBuild.prepare(require_buildx(need), self.image, self.project.root)
        return lambda request: prepared.run(self.connection, request, self.cancellation, self.progress)

    def _fetch_frontend(self, frontend: str, error: DockerfileError) -> None:
        """Have the frontend that the Dockerfile asks for; without it, `error` is the answer."""
        try:
            self._ensure(frontend, "the `# syntax=` line")
        except EngineError as missing:
            raise EngineError(error.message, hint=f"{error.hint}; {missing.message}") from missing

    def _ensure(self, base: str, place: str, *, anew: bool = False, platform: str | None = None) -> None:
        ensure_base(
            self.connection, base, place, self.cancellation, self.progress, anew=anew, platform=platform
        )

    def _untouched(self, request: BuildRequest) -> BuildRequest:
        """Return the same request with the Dockerfile as it is on disk."""
        text, files = self.context.dockerfile, self.context.files
        return replace(
            request,
            recipe=replace(request.recipe, text=text),
            body=lambda: pack(request.dockerfile, text, files),
        )

    def _shown(self, path: Path) -> str:
        """Return a path as the user knows it: relative to the project where it lies in it."""
        root = self.project.root
        if path == root:
            return "the project folder"
        return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
