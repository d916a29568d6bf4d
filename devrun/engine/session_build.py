"""One build through `docker buildx`, whose session answers for secrets, ssh agents and credentials.

It is done by the engine's own builder and gets the same context as through the API, so that layers, labels
and ids are the same. What may be secret goes to the client by its environment, which `ps` shows to nobody
else.
"""

import os
import re
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from devrun.config.project import ImageConfig
from devrun.core.values import ImageId
from devrun.engine.build import BuildRequest, send_patiently
from devrun.engine.buildkit import Trace
from devrun.engine.buildx import Buildx
from devrun.engine.buildx_output import read_plain, read_rawjson
from devrun.engine.cancellation import Cancellation
from devrun.engine.child import Child
from devrun.engine.connection import Connection
from devrun.engine.endpoints import Endpoint
from devrun.engine.given import Given, give
from devrun.engine.lookup import look_up
from devrun.engine.protocol import BuildProgress
from devrun.engine.redaction import concealing
from devrun.engine.steps import BuildSteps
from devrun.errors import EngineError, EngineUnreachableError

RAWJSON_VERSION = (0, 13)
"""Older releases tell what they do in lines for people only."""

_ERROR = re.compile(r"error: (.*)", re.IGNORECASE)
_LOST = re.compile(
    r"cannot connect to the docker daemon|code = unavailable|error reading from server|transport is closing"
    r"|connection (?:refused|reset)|broken pipe|unexpected EOF|: EOF$",
    re.IGNORECASE,
)
_CHOICES = r"DOCKER_(?:HOST|CONTEXT|CERT_PATH|TLS|TLS_VERIFY)|BUILDX_BUILDER|SOURCE_DATE_EPOCH"
_OBEYED = (
    rf"{_CHOICES}|PATH|HOME|TMPDIR|SSH_AUTH_SOCK|DOCKER_(?:CONFIG|API_VERSION)|GODEBUG"
    r"|(?:BUILDX|BUILDKIT|LD|DYLD|SSL_CERT|OTEL)_.*"
)


@dataclass(frozen=True, slots=True)
class SessionBuild:
    """A build of one image of the project in `folder`."""

    buildx: Buildx
    image: ImageConfig
    folder: Path
    given: Given

    @classmethod
    def prepare(cls, buildx: Buildx, image: ImageConfig, folder: Path) -> "SessionBuild":
        """Return the build with all that it is given; raises EngineError for a secret that is not there."""
        return cls(buildx, image, folder, give(image.session, os.environ))

    def run(
        self,
        connection: Connection,
        request: BuildRequest,
        cancellation: Cancellation,
        progress: Callable[[BuildProgress], None],
    ) -> ImageId:
        """Build and tag, and return the image's id; raises EngineError with the step that failed."""
        conceal = concealing({**request.args, **self.given.values})
        return send_patiently(
            request.recipe,
            cancellation,
            lambda: BuildSteps(conceal, progress),
            lambda steps: self._send(connection, request, cancellation, steps),
        )

    def arguments(self, request: BuildRequest) -> tuple[str, ...]:
        """Return the words of the command line."""
        return (
            *self.buildx.command,
            "build",
            # The engine's own builder: from any other one the image would have to be copied each time.
            "--builder=default",
            "--load",
            f"--progress={'rawjson' if self._tells_json else 'plain'}",
            f"--tag={request.tag}",
            f"--file={request.dockerfile}",
            *(f"--label={name}={value}" for name, value in sorted(request.labels.items())),
            *(f"--build-arg={_argument(name, value)}" for name, value in self.image.args.items()),
            *([f"--target={request.stage}"] if request.stage else []),
            *([f"--platform={request.platform}"] if request.platform else []),
            *self.given.flags,
            "-",
        )

    def environment(self, endpoint: Endpoint, environ: Mapping[str, str]) -> dict[str, str]:
        """Return the client's environment: the user's, which engine it is, and what may be secret."""
        files = endpoint.certificates
        return {
            **{name: value for name, value in environ.items() if not re.fullmatch(_CHOICES, name)},
            **{name: value for name, value in self.image.args.items() if not _is_obeyed(name)},
            **self.given.variables,
            "DOCKER_HOST": endpoint.host,
            **({"DOCKER_CERT_PATH": str(files.folder), "DOCKER_TLS": "1"} if files else {}),
            **({"DOCKER_TLS_VERIFY": "1"} if files and files.verify else {}),
            # They hold the time of the build: no two images would have the same id.
            "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
        }

    @property
    def _tells_json(self) -> bool:
        return self.buildx.version >= RAWJSON_VERSION

    def _send(
        self, connection: Connection, request: BuildRequest, cancellation: Cancellation, steps: BuildSteps
    ) -> None:
        read = read_rawjson if self._tells_json else read_plain
        words = list[str]()
        with (
            self._start(connection.endpoint, request) as child,
            cancellation.ending(child.end),
            closing(child.lines(request.body())) as lines,
        ):
            for told in read(lines):
                if isinstance(told, Trace):
                    steps.take_trace(told)
                else:
                    words.append(told)
        if child.exit_code:
            _fail(connection, steps, cause(words) or f"`docker buildx` ended with {child.exit_code}")
            return
        made = look_up(connection, request.tag)
        steps.image = ImageId(str(made["Id"])) if made else None

    def _start(self, endpoint: Endpoint, request: BuildRequest) -> Child:
        try:
            return Child(self.arguments(request), self.environment(endpoint, os.environ), self.folder)
        except OSError as error:
            raise EngineError(f"{self.buildx.command[0]}: {error.strerror or error}") from error


def cause(words: list[str]) -> str:
    """Return the client's error out of its own words, the last of them where none is marked."""
    for at, word in enumerate(words):
        found = _ERROR.fullmatch(word)
        if found:
            # A command of several lines is quoted with all of them.
            rest = "\n".join(["", *words[at + 1 :]]).partition("\n\n")[0]
            return found[1] + rest.rstrip()
    return next((word for word in reversed(words) if word.strip()), "")


def _fail(connection: Connection, steps: BuildSteps, message: str) -> None:
    """Have the build end with an error; raises EngineUnreachableError where the engine went away."""
    if steps.failed is None and _LOST.search(message):
        connection.ping()
        raise EngineUnreachableError("the engine ended the build without a result")
    steps.fail(message)


def _argument(name: str, value: str) -> str:
    """Return a build argument as a word: without a value, it has that of the client's environment."""
    return f"{name}={value}" if _is_obeyed(name) else name


def _is_obeyed(name: str) -> bool:
    """Tell whether the client itself heeds a variable; none of these is a secret."""
    return bool(re.fullmatch(_OBEYED, name))
