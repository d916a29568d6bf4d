"""One try of a healthcheck: it asks, for as long as its time-out, and says why a target is not healthy."""

import http.client
import ipaddress
import shlex
from dataclasses import dataclass

from devrun.config.project import CommandCheck, Healthcheck, HttpCheck, TcpCheck
from devrun.core.published import Address
from devrun.core.values import ContainerId
from devrun.engine.protocol import Engine
from devrun.errors import DevrunError

MOST_SHOWN = 60
"""Characters of a command in a message."""
MOST_READ = 65536
"""Bytes of an answer: whoever is not listened to may complain in its output."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a try has found."""

    reason: str = ""
    """Why the target is not healthy; empty where it is."""
    goes_on: bool = False
    """A command did not end in time, and still runs in the container."""


def ask(
    engine: Engine, container: ContainerId, healthcheck: Healthcheck, published: Address | None
) -> Answer:
    """Try a healthcheck once; `published` is where the port of an HTTP check is published, if it is."""
    try:
        match healthcheck.check:
            case HttpCheck() as check:
                address = published or _inner_address(engine, container, check.port)
                return Answer(_get(address, check, healthcheck.timeout_s) if address else _unreachable(check))
            case TcpCheck(port=port):
                return Answer(_listens(engine.listeners(container), port))
            case CommandCheck(argv=argv):  # pragma: no branch - no other is left
                return _run(engine, container, argv, healthcheck.timeout_s)
    except DevrunError as error:
        return Answer(error.message)


def _inner_address(engine: Engine, container: ContainerId, port: int) -> Address | None:
    host = engine.address(container)
    return Address(host, port) if host else None


def _unreachable(check: HttpCheck) -> str:
    return f"GET {check.path}: port {check.port} is not published, and the engine is not on this machine"


def _get(address: Address, check: HttpCheck, timeout_s: float) -> str:
    what = f"GET {check.path}"
    connection = http.client.HTTPConnection(address.host, address.port, timeout=timeout_s)
    try:
        # By this name even those answer that refuse hosts which they do not know.
        headers = {"Host": f"localhost:{check.port}", "User-Agent": "devrun", "Connection": "close"}
        connection.request("GET", check.path, headers=headers)
        answer = connection.getresponse()
        answer.read(MOST_READ)
    except TimeoutError:
        return f"{what}: no answer within {timeout_s:g} s"
    except OSError:
        return f"{what}: nothing answers at {address}"
    except http.client.HTTPException:
        return f"{what}: what answers at {address} is no HTTP"
    finally:
        connection.close()
    return (
        ""
        if http.HTTPStatus.OK <= answer.status < http.HTTPStatus.BAD_REQUEST
        else f"{what} answers {answer.status}"
    )


def _listens(listeners: frozenset[tuple[str, int]], port: int) -> str:
    addresses = sorted(address for address, listening in listeners if listening == port)
    if not addresses:
        return f"nothing listens on port {port}"
    if all(ipaddress.ip_address(address).is_loopback for address in addresses):
        return f"port {port} is listened on at {addresses[0]} only, inside the container"
    return ""


def _run(engine: Engine, container: ContainerId, argv: tuple[str, ...], timeout_s: float) -> Answer:
    code = engine.probe(container, argv, timeout_s)
    words = shlex.join(argv)
    shown = words if len(words) <= MOST_SHOWN else f"{words[: MOST_SHOWN - 3]}..."
    if code is None:
        return Answer(f"{shown} does not end within {timeout_s:g} s", goes_on=True)
    return Answer(f"{shown} exits with {code}" if code else "")
