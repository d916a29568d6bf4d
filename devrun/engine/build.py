"""One build through the engine's API: BuildKit where it is to be had, the classic builder elsewhere.

The context is sent as a stream, the reply is read as it comes, and closing the connection gives the build
up. There is no limit of time for a build: an instruction may rightly be silent for an hour.
"""

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from devrun.core.values import ImageId
from devrun.engine.cancellation import Cancellation
from devrun.engine.connection import Connection, RefusedError
from devrun.engine.context import ContextChangedError, ContextUnreadableError
from devrun.engine.failure import Recipe, build_error
from devrun.engine.protocol import BuildProgress
from devrun.engine.redaction import concealing
from devrun.engine.steps import BuildSteps
from devrun.errors import EngineError, EngineUnreachableError

SEND_TIMEOUT_S = 120.0
"""Each wait of the engine for disk or for BuildKit while it takes the context in."""
SEND_TRIES = 5
SEND_PAUSE_S = 0.1
"""An editor or a checkout that replaces a file is done with it by then."""

_NO_BUILDKIT = re.compile(r"buildkit|builder version|version.*not supported|invalid version", re.IGNORECASE)

log = logging.getLogger(__name__)


class Builder(str, Enum):
    """The builders of an engine, by the number that its API gives them."""

    CLASSIC = "1"
    BUILDKIT = "2"


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What is asked of the engine. `body` gives the context's bytes, from the beginning each time."""

    tag: str
    dockerfile: str
    """Its path in the context."""
    recipe: Recipe
    body: Callable[[], Iterator[bytes]]
    labels: Mapping[str, str]
    args: Mapping[str, str] = field(repr=False)
    stage: str | None = None
    no_cache: bool = False
    platform: str | None = None

    def params(self, builder: Builder) -> dict[str, str | int]:
        """Return the parameters of the API's call."""
        wanted: dict[str, str | int] = {
            "version": builder.value,
            "t": self.tag,
            "dockerfile": self.dockerfile,
            "labels": json.dumps(self.labels, sort_keys=True),
            "buildargs": json.dumps(self.args, sort_keys=True),
            # The classic builder would leave its containers behind, failed ones too.
            "rm": 1,
            "forcerm": 1,
            "nocache": int(self.no_cache),
        }
        chosen = {"target": self.stage, "platform": self.platform}
        return {**wanted, **{key: value for key, value in chosen.items() if value}}


def build(
    connection: Connection,
    request: BuildRequest,
    cancellation: Cancellation,
    progress: Callable[[BuildProgress], None],
) -> ImageId:
    """Build and tag, and return the image's id; raises EngineError with the step that failed."""
    try:
        return _build_with(Builder.BUILDKIT, connection, request, cancellation, progress)
    except RefusedError as refused:
        if not _NO_BUILDKIT.search(refused.message):
            raise build_error(request.recipe, refused.message, None, None) from refused
        log.info("the engine has no BuildKit (%s): using its classic builder", refused.message)
    try:
        return _build_with(Builder.CLASSIC, connection, request, cancellation, progress)
    except RefusedError as refused:
        raise build_error(request.recipe, refused.message, None, None) from refused


def with_proxies(args: Mapping[str, str], host: str) -> dict[str, str]:
    """Return the build arguments with the proxies of docker's configuration, as `docker build` does."""
    # Only builds need it, and most starts are without one.
    from devrun.engine.library import ProxyConfig, load_general_config

    config = load_general_config()
    proxies = config.get("proxies") if isinstance(config, dict) else None
    chosen = proxies.get(host, proxies.get("default")) if isinstance(proxies, dict) else None
    if not isinstance(chosen, dict):
        return dict(args)
    # The stubs name other keys than the function reads.
    proxy = ProxyConfig.from_dict(chosen)  # type: ignore[arg-type]
    environment: Mapping[str, object] = dict(proxy.get_environment())
    return {name: str(value) for name, value in environment.items()} | dict(args)


def send_patiently(
    recipe: Recipe,
    cancellation: Cancellation,
    begin: Callable[[], BuildSteps],
    send: Callable[[BuildSteps], None],
) -> ImageId:
    """Return the image that `send` has built.

    It is asked again where the context changes meanwhile, and once where only another build was told how
    what failed went: its output says what to do.
    """
    tries, is_first = SEND_TRIES, True
    while True:
        steps = begin()
        try:
            send(steps)
            steps.end()
            if steps.failed_elsewhere and is_first:
                log.info("building again what failed for another build: %s", steps.error)
                is_first = False
                continue
            return _outcome(recipe, steps)
        except ContextUnreadableError as error:
            raise EngineError(
                f"build context: {error}",
                hint="leave it out by the ignore file, or make it readable",
            ) from error
        except ContextChangedError as error:
            tries -= 1
            if not tries:
                raise EngineError(
                    f"build context: {error}, each time it was sent",
                    hint="leave it out by the ignore file if no instruction needs it",
                ) from error
            log.info("sending the build context again: %s", error)
            cancellation.pause(SEND_PAUSE_S)


def _build_with(
    builder: Builder,
    connection: Connection,
    request: BuildRequest,
    cancellation: Cancellation,
    progress: Callable[[BuildProgress], None],
) -> ImageId:
    return send_patiently(
        request.recipe,
        cancellation,
        lambda: BuildSteps(concealing(request.args), progress),
        lambda steps: _stream(builder, connection, request, cancellation, steps),
    )


def _stream(
    builder: Builder,
    connection: Connection,
    request: BuildRequest,
    cancellation: Cancellation,
    steps: BuildSteps,
) -> None:
    with cancellation.exchange(connection, f"build {request.tag}") as exchange:
        exchange.send(
            "POST",
            "/build",
            params=request.params(builder),
            body=request.body(),
            headers={"Content-Type": "application/x-tar"},
            timeout=SEND_TIMEOUT_S,
            silence=None,
        )
        for line in exchange.lines():
            steps.take(line)


def _outcome(recipe: Recipe, steps: BuildSteps) -> ImageId:
    if steps.error:
        raise build_error(recipe, steps.error, steps.exit_code, steps.failed)
    if steps.image is None:
        # A build that neither failed nor made an image was cut short by the engine's end.
        raise EngineUnreachableError("the engine ended the build without a result")
    return steps.image
