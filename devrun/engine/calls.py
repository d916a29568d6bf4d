"""The few questions and orders that every start and every restart consists of, asked without docker-py.

Importing docker-py takes longer than all the rest of a start, so that it is left to what is rarer. The names
are docker-py's, and so is what comes back: the engine's own JSON.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from devrun.engine.endpoints import Endpoint
from devrun.engine.exchange import Body, Exchange, Params

Found = Mapping[str, Any]
Filters = Mapping[str, str | Sequence[str]]


class Calls:
    """Asks on a socket of its own each time; within `Connection.asking`. Any thread may call."""

    def __init__(self, endpoint: Endpoint, prefix: str, timeout_s: float) -> None:
        self._endpoint = endpoint
        self._prefix = prefix
        self._timeout_s = timeout_s

    def containers(self, filters: Filters) -> list[Found]:
        """Return containers, those too that do not run."""
        return self._list("/containers/json", {"all": 1, **_filtered(filters)})

    def images(self, filters: Filters) -> list[Found]:
        """Return images that are no mere layers of others."""
        return self._list("/images/json", _filtered(filters))

    def networks(self, names: Sequence[str]) -> list[Found]:
        """Return the networks whose names hold one of these."""
        return self._list("/networks", _filtered({"name": names}))

    def inspect_container(self, container: str) -> Found:
        """Return all that is known of a container."""
        return self._told("GET", f"/containers/{quote(container, safe='')}/json")

    def inspect_image(self, image: str) -> Found:
        """Return all that is known of an image."""
        return self._told("GET", f"/images/{quote(image)}/json")

    def create_container(self, body: Mapping[str, object], name: str | None) -> Found:
        """Create a container from the engine's own payload."""
        return self._told("POST", "/containers/create", {"name": name} if name else None, body)

    def start(self, container: str) -> None:
        """Start a container; one that runs is fine."""
        self._told("POST", f"/containers/{container}/start")

    def kill(self, container: str, signal: str) -> None:
        """Send a signal to a container's process."""
        self._told("POST", f"/containers/{container}/kill", {"signal": signal})

    def rename(self, container: str, name: str) -> None:
        """Give a container another name."""
        self._told("POST", f"/containers/{container}/rename", {"name": name})

    def remove_container(self, container: str) -> None:
        """Remove a container with its anonymous volumes, though it runs."""
        self._told("DELETE", f"/containers/{container}", {"v": 1, "force": 1})

    def put_archive(self, container: str, path: str, data: bytes) -> None:
        """Unpack a tar in a container."""
        params = {"path": path}
        self._ask("PUT", f"/containers/{container}/archive", params, data, "application/x-tar")

    def exec_create(self, container: str, argv: Sequence[str], *, stderr: bool) -> str:
        """Prepare a command in a running container, and return its id."""
        body = {"Cmd": argv, "AttachStdout": True, "AttachStderr": stderr}
        return str(self._told("POST", f"/containers/{container}/exec", body=body)["Id"])

    def exec_inspect(self, made: str) -> Found:
        """Return how a command in a container goes on."""
        return self._told("GET", f"/exec/{made}/json")

    def _list(self, path: str, params: Params) -> list[Found]:
        found = json.loads(self._ask("GET", path, params))
        return list(found or ())

    def _told(
        self, method: str, path: str, params: Params | None = None, body: Mapping[str, object] | None = None
    ) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        said = self._ask(method, path, params, data, "application/json")
        return dict(json.loads(said)) if said else {}

    def _ask(
        self, method: str, path: str, params: Params | None, body: Body | None = None, kind: str = ""
    ) -> bytes:
        # Not one of the connection's exchanges: what was begun is brought to its end, though devrun ends.
        with Exchange(self._endpoint, self._prefix, lambda _exchange: None) as exchange:
            exchange.send(
                method,
                path,
                params=params,
                body=body,
                headers={"Content-Type": kind} if body is not None else None,
                timeout=self._timeout_s,
                silence=self._timeout_s,
            )
            return exchange.read()


def _filtered(filters: Filters) -> Params:
    """Return filters as the engine takes them: lists of words."""
    lists = {name: [said] if isinstance(said, str) else list(said) for name, said in filters.items()}
    return {"filters": json.dumps(lists)}
