"""The program that all contenders serve: it tells when it began, and what is saved in two modules.

The stamps lie in modules, not in the script, since only modules have byte code, which Python takes for
current by the source's size and whole second. Two of them take turns, as a user's edits do.
"""

from dataclasses import dataclass
from pathlib import Path

PORT = 8000
"""Where it listens in its container."""

HEAVY = [
    "asyncio",
    "ssl",
    "decimal",
    "email",
    "xml.dom.minidom",
    "sqlite3",
    "logging.config",
    "urllib.request",
    "unittest.mock",
]
SETS = {"light": [], "heavy": HEAVY}
"""What the program imports beside its server."""

SCRIPT = """\
import time

BEGAN = time.time_ns()

{imports}

import stamp0
import stamp1


def page():
    return f"{{BEGAN}} {{stamp0.STAMP}} {{stamp1.STAMP}}"

"""
PLAIN = """
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(page().encode())

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    http.server.ThreadingHTTPServer(("", {port}), Page).serve_forever()
"""
FLASK = """
app = flask.Flask(__name__)
app.get("/")(page)
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the program said of itself."""

    began_ns: int
    stamps: tuple[str, str]

    @staticmethod
    def of(text: str) -> "Answer | None":
        """The answer in a page; None where the page is another one, or not all of it."""
        words = text.split()
        if len(words) != 3 or not words[0].isdigit():
            return None
        return Answer(int(words[0]), (words[1], words[2]))


class Source:
    """The program's folder. Stamps are of equal size, and none is used twice."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.number = 0
        self.stamps = ("v000000", "v000000")

    def write(self, imports: list[str], *, flask: bool) -> None:
        """Writes all files."""
        self.folder.mkdir(parents=True, exist_ok=True)
        server = "flask" if flask else "http.server"
        head = SCRIPT.format(imports="\n".join(f"import {name}" for name in [server, *imports]))
        tail = FLASK if flask else PLAIN.format(port=PORT)
        (self.folder / "app.py").write_text(head + tail)
        for which in (0, 1):
            self.path(which).write_text(text(self.stamps[which]))

    def save(self, which: int) -> None:
        """Saves a module with a stamp that was never there."""
        self.number += 1
        stamp = f"v{self.number:06}"
        self.stamps = (stamp, self.stamps[1]) if which == 0 else (self.stamps[0], stamp)
        self.path(which).write_text(text(stamp))

    def path(self, which: int) -> Path:
        """The one or the other module."""
        return self.folder / f"stamp{which}.py"


def text(stamp: str) -> str:
    """The content of a module."""
    return f'STAMP = "{stamp}"\n'
