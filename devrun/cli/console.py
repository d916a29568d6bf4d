"""The person's end of a session: keys, window and signals go to the program, and its output comes here.

With a terminal at both ends, the container's terminal does all that terminals do, and this one passes every
key on as it is. With pipes, input and output are bytes, and signals are sent on.
"""

import os
import queue
import select
import signal
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING

from devrun.errors import DevrunError

if TYPE_CHECKING:
    from devrun.engine.session import Session, Size

STDIN, STDOUT = 0, 1
READ_BYTES = 64 * 1024
ENOUGH = 3
"""Times that somebody asks for the end before it is made, whatever the program thinks of it."""

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
RELAYED = (*ENDING, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH)


def terminal_size() -> "Size | None":
    """Return the size of the terminal, None where input or output are no terminal."""
    from devrun.engine.session import Size

    if not (_is_terminal(STDIN) and _is_terminal(STDOUT)):
        return None
    columns, rows = os.get_terminal_size(STDOUT)
    return Size(rows, columns)


def converse(start: "Callable[[Size | None], Session]") -> int:
    """Start a session, be its other end until the program ends, and return the program's exit code.

    Signals that come before the program runs are sent to it as soon as it does.
    """
    size = terminal_size()
    with ExitStack() as stack:
        signals: queue.SimpleQueue[signal.Signals | None] = queue.SimpleQueue()
        stack.enter_context(_taking_signals(signals))
        reader = stack.enter_context(closing(_Reader()))
        session = stack.enter_context(closing(start(size)))
        if size:
            stack.enter_context(_raw_terminal())
            signals.put(signal.SIGWINCH)
        stack.enter_context(_relaying(signals, session))
        reader.start(session)
        _write_out(session)
        return session.wait()


class _Reader:
    """Reads what is typed, or piped in, in a thread of its own."""

    def __init__(self) -> None:
        self._stopped, self._stop = os.pipe()
        self._thread: threading.Thread | None = None

    def start(self, session: "Session") -> None:
        """Begin to pass on what comes."""
        self._thread = _start_thread(lambda: self._read(session), "stdin")

    def close(self) -> None:
        """End the thread; its session is closed by then, so that it waits for nobody but us."""
        os.close(self._stop)
        if self._thread:
            self._thread.join()
        os.close(self._stopped)

    def _read(self, session: "Session") -> None:
        with suppress(OSError):  # the program reads no more, or input was never open
            while self._stopped not in select.select([STDIN, self._stopped], [], [])[0]:
                data = os.read(STDIN, READ_BYTES)
                if not data:
                    break
                session.write(data)
        session.end_input()


def _write_out(session: "Session") -> None:
    for stream, chunk in session.output():
        out = (sys.stderr if stream == "stderr" else sys.stdout).buffer
        try:
            out.write(chunk)
            out.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise DevrunError(f"write the program's output: {(error.strerror or '').lower()}") from error


@contextmanager
def _taking_signals(signals: "queue.SimpleQueue[signal.Signals | None]") -> Iterator[None]:
    """Put signals into a queue, which a handler may do at any moment; who asks too often gets the end."""
    asked = 0

    def take(number: int, _: FrameType | None) -> None:
        """Take one signal."""
        nonlocal asked
        asked += number in ENDING
        if asked >= ENOUGH:
            raise KeyboardInterrupt
        signals.put(signal.Signals(number))

    # What whoever started us wants to be ignored, by `nohup` for instance, is none of the program's business.
    heard = [number for number in RELAYED if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, take) for number in heard}
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)


@contextmanager
def _relaying(signals: "queue.SimpleQueue[signal.Signals | None]", session: "Session") -> Iterator[None]:
    """Send the signals of a queue to the program, from a thread: the engine may take its time."""

    def relay() -> None:
        for number in iter(signals.get, None):
            with suppress(DevrunError):  # one that has just ended has no use for it
                _pass_on(number, session)

    thread = _start_thread(relay, "signals")
    try:
        yield
    finally:
        signals.put(None)
        thread.join()


def _start_thread(work: Callable[[], None], name: str) -> threading.Thread:
    """Start a thread that gets no signals: one that does not interrupt the main thread is heard too late."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, RELAYED)
    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return thread


def _pass_on(number: signal.Signals, session: "Session") -> None:
    if number is not signal.SIGWINCH:
        session.signal(number.name)
    elif size := terminal_size():
        session.resize(size)


@contextmanager
def _raw_terminal() -> Iterator[None]:
    before = termios.tcgetattr(STDIN)
    tty.setraw(STDIN)
    try:
        yield
    finally:
        with suppress(termios.error):  # it may be gone
            # Not when all is shown: that may be never.
            termios.tcsetattr(STDIN, termios.TCSANOW, before)


def _is_terminal(descriptor: int) -> bool:
    try:
        return os.isatty(descriptor)
    except OSError:
        return False
