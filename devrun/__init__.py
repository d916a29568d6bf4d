"""devrun: a development runner for Python projects in Docker containers.

It keeps, for every image and every target, what is desired (worked out from files, `devrun.toml` and the
user's commands) and what was observed (asked of the container engine), and does the one thing that brings
them together. The map, from the bottom up; each room imports only from those above it in this list:

    errors     what can go wrong, in words, with a remedy and an exit code
    config     devrun.toml: what the file may say, and what the program uses after resolving it
    core       pure rules: state x event -> state, state -> one action or one hold, state -> report
    sources    the disk: snapshot, watcher, ignore rules, import graph, build inputs and their fingerprint
    engine     containers: the protocol and Docker behind it
    control    the local socket: place, lock, server, client
    daemon     the loop: mailbox, workers; the only owner of state
    cli        commands and what they print

`sources`, `engine` and `control` do not know of one another. Start reading at `core/decide.py`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from devrun.control.client import Client

__all__ = ["Client"]
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Import the client when it is first asked for: commands that need none should not wait for it."""
    if name == "Client":
        from devrun.control.client import Client

        return Client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
