"""Images that others build: looked for under their own name, pulled, and never untagged or removed."""

import threading
from collections.abc import Callable, Mapping

from devrun.config.project import ImageName, PrebuiltImage, Project
from devrun.core.prebuilt import fingerprint_of
from devrun.core.values import Built, ImageId
from devrun.engine.cancellation import Cancellations
from devrun.engine.connection import Connection
from devrun.engine.lookup import look_up
from devrun.engine.protocol import BuildProgress
from devrun.engine.pull import Wanted, pull
from devrun.errors import EngineError

_DEFAULT_REGISTRY = ("index.docker.io/", "docker.io/")
_OFFICIAL = "library/"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


class Prebuilt:
    """The images of others that one project runs. Every method may be called from any thread."""

    def __init__(self, connection: Connection, project: Project) -> None:
        self._connection = connection
        self._project = project
        self._pulls = Cancellations()
        self._lock = threading.Lock()
        self._identities: dict[str, ImageName] = {}

    def identities(self) -> Mapping[str, ImageName]:
        """Return the names and ids by which the engine may tell of the images that were asked for so far."""
        with self._lock:
            return dict(self._identities)

    def find(self, image: PrebuiltImage) -> tuple[Built, ...]:
        """Return the image if the engine has it, for the wanted platform."""
        self._note(image.name, familiar(image.reference))
        about = look_up(self._connection, image.reference)
        if about is None or not _is_for(image.platform, about):
            return ()
        built = _read(image, about)
        self._note(image.name, built.id)
        return (built,)

    def ensure(self, image: PrebuiltImage, progress: Callable[[BuildProgress], None], *, anew: bool) -> Built:
        """Return the image once the engine has it; raises BuildCancelledError after `cancel`."""
        with self._pulls.running(image.name) as cancellation:
            if not anew and (found := self.find(image)):
                return found[0]
            pull(self._connection, self._wanted(image), cancellation, progress)
        found = self.find(image)
        if not found:
            # Whoever asked again at once would pull for ever.
            raise EngineError(
                f"{self._wanted(image).what}: what its registry gives is not for {image.platform}",
                hint=f"correct the name or the platform in {self._project.file_name}",
            )
        return found[0]

    def cancel(self, image: ImageName) -> None:
        """Give up the running pull, if there is one."""
        self._pulls.cancel(image)

    def _note(self, image: ImageName, identity: str) -> None:
        with self._lock:
            self._identities[identity] = image

    def _wanted(self, image: PrebuiltImage) -> Wanted:
        place = self._project.file_name
        reference = image.reference
        return Wanted(reference, f"image {reference} of {place}", place, f"pull {reference}", image.platform)


def familiar(reference: str) -> str:
    """Return a reference as engines write it: without the registry, and the owner, that go without saying."""
    for registry in _DEFAULT_REGISTRY:
        reference = reference.removeprefix(registry)
    return reference.removeprefix(_OFFICIAL)


def _read(image: PrebuiltImage, about: Mapping[str, object]) -> Built:
    config = about.get("Config")
    workdir = str(config.get("WorkingDir") or "") if isinstance(config, dict) else ""
    return Built(fingerprint_of(image), ImageId(str(about["Id"])), 0.0, workdir)


def _is_for(platform: str | None, about: Mapping[str, object]) -> bool:
    """Tell whether an image is for a platform; of a variant that only one of them names nothing is known."""
    if platform is None:
        return True
    system, architecture, *variant = platform.split("/")
    is_same = (about.get("Os"), about.get("Architecture")) == (
        system,
        _ARCHITECTURES.get(architecture, architecture),
    )
    return is_same and (not variant or about.get("Variant") in (None, "", *variant))
