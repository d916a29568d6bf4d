"""Images of others: pulled before they are built on, or run, with the user's own credentials.

A build through the API has no session in which BuildKit could ask for credentials, so what it builds on has
to be there first. Credentials are read anew for each pull, as `docker login` may have come in between.
"""

import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass

from devrun.engine.cancellation import Cancellation
from devrun.engine.connection import Connection
from devrun.engine.lookup import look_up
from devrun.engine.protocol import BuildProgress
from devrun.engine.refusals import explain
from devrun.errors import EngineError

START_TIMEOUT_S = 60.0
"""The engine answers a pull once the registry has answered it."""
SILENCE_TIMEOUT_S = 120.0
"""The engine tells of each piece of each layer; its own tries to reach a silent registry end before."""
NOTHING = "scratch"
"""The one base that is no image."""
_MEGABYTE = 1_000_000

_REFUSED = re.compile(
    r"denied|unauthori[sz]ed|no basic auth|authentication required|incorrect username", re.I
)
_MISSING = re.compile(r"manifest.*(?:unknown|not found)|not found|name unknown", re.I)
_OTHER_PLATFORM = re.compile(r"no matching manifest|does not match the specified platform", re.I)
_UNREACHED = re.compile(
    r"dial tcp|no such host|i/o timeout|connection refused|TLS handshake|awaiting headers", re.I
)

log = logging.getLogger(__name__)

Report = Callable[[BuildProgress], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """An image that is asked of a registry, and how it is spoken of."""

    reference: str
    what: str
    """Such as `base image python:3 of Dockerfile`; errors begin with it."""
    place: str
    """The file in which the name can be corrected."""
    step: str
    """What is shown meanwhile."""
    platform: str | None = None


def ensure_base(
    connection: Connection,
    base: str,
    dockerfile: str,
    cancellation: Cancellation,
    progress: Report,
    *,
    anew: bool = False,
    platform: str | None = None,
) -> None:
    """Return once the engine has the image; raises EngineError, which names the Dockerfile that wants it.

    `anew`: as the registry has it now, even where the engine has one of that name. One of another platform
    is left alone: others build on it, and BuildKit itself fetches what it needs.
    """
    if base == NOTHING or (not anew and look_up(connection, base) is not None):
        return
    wanted = Wanted(base, f"base image {base} of {dockerfile}", dockerfile, f"FROM {base}", platform)
    pull(connection, wanted, cancellation, progress)


def pull(connection: Connection, wanted: Wanted, cancellation: Cancellation, progress: Report) -> None:
    """Pull an image, whether or not the engine has it; raises EngineError with the remedy."""
    log.info("pulling %s for %s", wanted.reference, wanted.place)
    from devrun.engine import credentials  # with docker-py, which most starts can do without

    repository, tag = credentials.split(wanted.reference)
    # Without a tag the engine would pull every one of them.
    params = {"fromImage": repository, "tag": tag or "latest"}
    if wanted.platform:
        params["platform"] = wanted.platform
    headers, trouble = credentials.header(repository)
    layers = Layers(wanted.step, progress)
    try:
        with cancellation.exchange(connection, f"pull {wanted.reference}") as exchange:
            exchange.send(
                "POST",
                "/images/create",
                params=params,
                headers=headers,
                timeout=START_TIMEOUT_S,
                silence=SILENCE_TIMEOUT_S,
            )
            for line in exchange.lines():
                layers.take(line)
    except EngineError as error:
        raise _refusal(wanted, error.message, trouble, known=bool(headers)) from error
    if layers.error:
        raise _refusal(wanted, layers.error, trouble, known=bool(headers))


class Layers:
    """The layers of an image that is being pulled."""

    def __init__(self, step: str, progress: Report) -> None:
        self.error = ""
        self._step = step
        self._progress = progress
        self._bytes: dict[str, tuple[int, int]] = {}
        self._complete: set[str] = set()
        self._told = ""

    def take(self, line: bytes) -> None:
        """Take one line of the engine's stream; tells of progress where it shows."""
        try:
            item = json.loads(line)
        except ValueError:
            return
        if not isinstance(item, dict):
            return
        self.error = str(item.get("error") or self.error)
        layer, status, detail = item.get("id"), item.get("status"), item.get("progressDetail")
        if isinstance(layer, str) and isinstance(detail, dict):
            self._follow(layer, str(status), detail)
        self._tell()

    def _follow(self, layer: str, status: str, detail: dict[str, object]) -> None:
        current, total = detail.get("current"), detail.get("total")
        if status == "Downloading" and isinstance(current, int) and isinstance(total, int):
            self._bytes[layer] = (current, total)
        elif status in ("Download complete", "Pull complete", "Already exists"):
            _, total_known = self._bytes.get(layer, (0, 0))
            self._bytes[layer] = (total_known, total_known)
        if status in ("Pull complete", "Already exists"):
            self._complete.add(layer)
        self._bytes.setdefault(layer, (0, 0))

    def _tell(self) -> None:
        done = sum(current for current, _ in self._bytes.values()) // _MEGABYTE
        whole = sum(total for _, total in self._bytes.values()) // _MEGABYTE
        line = f"pulling: {len(self._complete)} of {len(self._bytes)} layers, {done} of {whole} MB"
        if line != self._told:
            self._told = line
            self._progress(BuildProgress(0, 0, self._step, line))


def _refusal(wanted: Wanted, message: str, trouble: str, *, known: bool) -> EngineError:
    cause, hint = explain(message.removeprefix(f"pull {wanted.reference}: "))
    from devrun.engine import credentials

    where = credentials.place(wanted.reference)
    if _REFUSED.search(message):
        cause = f"its registry refuses access ({cause})"
        hint = f"correct the name, or log in: docker login{where}"
        if known:
            hint = (
                f"the credentials in docker's configuration were refused; log in again: docker login{where}"
            )
    elif _OTHER_PLATFORM.search(message):
        cause = f"there is none for {wanted.platform or 'the platform of the engine'}"
        hint = f"correct the name or the platform in {wanted.place}"
    elif _MISSING.search(message) and not _UNREACHED.search(message):
        cause = "its registry has no such image"
        hint = f"correct the name or the tag in {wanted.place}"
    elif _UNREACHED.search(message):
        cause = f"its registry cannot be reached ({cause})"
        hint = "look at the network, or load the image: docker load"
    return EngineError(f"{wanted.what}: {cause}", hint="; ".join(filter(None, (hint, trouble))))
