"""What the keys of the live view do: here on the daemon of this process, there on another one's socket."""

from collections.abc import Callable

from devrun.control.client import Client
from devrun.core.explanation import LastBatch
from devrun.core.report import Report
from devrun.daemon.desk import Desk


class LocalControls:
    """Those of `devrun watch`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.report = desk.report

    def restart(self, target: str) -> None:
        """Have a target started anew."""
        self._desk.restart([target])

    def rebuild(self, image: str) -> None:
        """Have an image built anew."""
        self._desk.rebuild([image])

    def explain_last(self) -> LastBatch | None:
        """Return what the last changes did."""
        return self._desk.explain((), last=True).last

    def quit(self) -> None:
        """Have the daemon end."""
        self._desk.shutdown(remove=False)


class RemoteControls:
    """Those of `devrun watch --attach`."""

    def __init__(self, client: Client, leave: Callable[[], None]) -> None:
        self._client = client
        self.report: Callable[[], Report] = client.status
        self.restart = client.restart
        self.rebuild: Callable[[str], None] = client.rebuild
        self.quit = leave
        """The daemon goes on."""

    def explain_last(self) -> LastBatch | None:
        """Return what the last changes did."""
        return self._client.explain((), last=True).last
