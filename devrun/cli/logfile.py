"""The daemon's log: what it did, with its times, in a file that keeps its newest part."""

import logging
from pathlib import Path
from types import TracebackType

from devrun.cli.lines import lines_of
from devrun.cli.text import safe
from devrun.core.journal import Entry, LogLine
from devrun.daemon.capped import CappedFile
from devrun.daemon.listener import Listener

LOG_BYTES = 1024 * 1024
LINE_LIMIT = 8 * 1024
"""A flood in one line pushes nothing else out of the file."""

told = logging.getLogger("devrun.told")
"""What users are told goes to the file alone: on a terminal it stands already."""
told.propagate = False


class LogFile(logging.Handler):
    """A handler of all that devrun logs, while it is entered."""

    def __init__(self, path: Path) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
        self.file = CappedFile(path, LOG_BYTES)
        self._own = logging.getLogger("devrun")
        self._level = self._own.level

    def __enter__(self) -> "LogFile":
        self.file.open()
        # Terminals have a threshold of their own.
        self._own.setLevel(min(logging.INFO, logging.getLogger().level or logging.INFO))
        for logger in (self._own, told):
            logger.addHandler(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for logger in (self._own, told):
            logger.removeHandler(self)
        self._own.setLevel(self._level)
        self.file.close()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record as one line, or several for a traceback; whoever shows the file obeys none of it."""
        lines = (safe(line[:LINE_LIMIT]) for line in self.format(record).split("\n"))
        self.file.write("\n".join(lines).encode("utf-8", "backslashreplace") + b"\n")

    def hearing(self, listener: Listener | None = None) -> "Hearing":
        """Return a listener that logs what it is told, and hands it on where there is another one."""
        return Hearing(listener)


class Hearing:
    """A listener that logs."""

    def __init__(self, listener: Listener | None) -> None:
        self._listener = listener

    def told(self, entry: Entry) -> None:
        """Log an entry, and hand it on."""
        for line in lines_of(entry):
            # A line end in what others wrote begins no record of its own.
            told.info("%s", safe(line.text))
        if self._listener:
            self._listener.told(entry)

    def wrote(self, line: LogLine) -> None:
        """Hand a line on: `devrun logs` has them all."""
        if self._listener:
            self._listener.wrote(line)

    def leave(self) -> None:
        """Hand it on."""
        if self._listener:
            self._listener.leave()
