"""Where programs listen inside their containers: a port served on the loopback there cannot be reached.

One thread looks for each target, for some seconds after a start; a restart begins its waits anew.
"""

import ipaddress
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from devrun.config.project import TargetConfig, TargetName
from devrun.core.events import HintFound
from devrun.core.values import Container
from devrun.engine.protocol import Engine
from devrun.errors import DevrunError

log = logging.getLogger(__name__)

LISTEN_PAUSES_S = (1.5, 3.0, 10.0)
"""When a program that publishes a port is looked at: most listen by the first, slow ones by the last."""

Post = Callable[[HintFound], None]


@dataclass(frozen=True, slots=True)
class _Look:
    """What is to be looked at: the newest run of a target."""

    engine: Engine
    target: TargetConfig
    container: Container


class Listeners:
    """Looks at runs of programs."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self._guard = threading.Lock()
        self._looks: dict[TargetName, _Look] = {}
        """The thread of a target takes them one by one, and ends when there is no other."""
        self._stop = threading.Event()

    def watch(self, engine: Engine, target: TargetConfig, container: Container) -> None:
        """Look at a run that has begun, and no more at the one before."""
        with self._guard:
            is_begun = target.name in self._looks
            self._looks[target.name] = _Look(engine, target, container)
        if not is_begun:
            name = f"listeners-{target.name}"
            threading.Thread(target=self._run, args=(target.name,), name=name, daemon=True).start()

    def close(self) -> None:
        """End the waits."""
        self._stop.set()

    def _run(self, name: TargetName) -> None:
        look: _Look | None = None
        while (newest := self._newest(name, look)) is not None:
            look = newest
            self._follow(look)

    def _newest(self, name: TargetName, seen: "_Look | None") -> "_Look | None":
        """Return what is to be looked at, None where that was done; then the thread is over."""
        with self._guard:
            if self._looks[name] is seen or self._stop.is_set():
                del self._looks[name]
                return None
            return self._looks[name]

    def _follow(self, look: _Look) -> None:
        due = time.monotonic()
        for pause in LISTEN_PAUSES_S:
            due += pause
            if self._stop.wait(due - time.monotonic()) or self._looks.get(look.target.name) is not look:
                return
            try:
                if self.look(look.engine, look.target, look.container):
                    return
            except DevrunError as error:
                log.debug("listeners of %s: %s", look.target.name, error)
                return

    def look(self, engine: Engine, target: TargetConfig, container: Container) -> bool:
        """Say which ports are served on the loopback only; returns whether the program listens."""
        listeners = engine.listeners(container.id)
        for port in target.ports:
            if _is_hidden(port.container_port, listeners):
                where = f"listens on 127.0.0.1 inside its container: port {port.container_port}"
                self._post(HintFound(time.time(), target.name, f"{where} cannot be reached; use 0.0.0.0"))
        return is_about(target, listeners)


def is_about(target: TargetConfig, listeners: frozenset[tuple[str, int]]) -> bool:
    """Tell whether the program itself listens: a debugger does so long before."""
    ports = {listening for _, listening in listeners}
    return bool(ports & {port.container_port for port in target.ports} if target.debug_port else ports)


def _is_hidden(port: int, listeners: frozenset[tuple[str, int]]) -> bool:
    addresses = [address for address, listening in listeners if listening == port]
    return bool(addresses) and all(ipaddress.ip_address(address).is_loopback for address in addresses)
