"""A program that is fed, listened to, and ended whenever somebody wants it, with all that it has started."""

import os
import signal
import subprocess
import threading
from collections.abc import Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType

GRACE_S = 3.0
"""After SIGTERM, for a client to tell the engine that it leaves; then it is killed."""


class Child:
    """A running program, until the block ends. `end` may be called at any time from any thread."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        *,
        grace_s: float = GRACE_S,
    ) -> None:
        """Start it; raises OSError."""
        # A session of its own makes one group of it and of what it starts, as `docker` does with plugins.
        self._process = subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._lock = threading.Lock()
        self._is_ended = False
        """All its lines were read, or it was killed."""
        self._is_over = False
        """It is waited for; from then on its number may be another process's."""
        self._grace_s = grace_s
        self._killer = threading.Timer(grace_s, self._signal, (signal.SIGKILL,))
        self._killer.daemon = True

    def __enter__(self) -> "Child":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._is_ended:
            self._signal(signal.SIGKILL)
        with self._lock:
            self._is_over = True
            self._killer.cancel()
        self._wait()
        for pipe in (self._process.stdin, self._process.stderr):
            with suppress(BrokenPipeError):
                assert pipe
                pipe.close()

    @property
    def exit_code(self) -> int | None:
        """Its exit code, once the block has ended."""
        return self._process.returncode

    def lines(self, pieces: Iterable[bytes]) -> Generator[str, None, None]:
        """Feed it, and yield the lines of its standard error until it has ended.

        Raises what `pieces` raises, and then ends the program, which must not take what it has for the whole.
        """
        assert self._process.stderr
        with ThreadPoolExecutor(1, thread_name_prefix="feed") as pool:
            fed = pool.submit(self._feed, pieces)
            try:
                for line in self._process.stderr:
                    yield line.decode("utf-8", "replace").rstrip("\r\n")
                self._is_ended = True
            finally:
                if not self._is_ended:
                    # The feeding would not end before the program does.
                    self.end()
        fed.result()

    def end(self) -> None:
        """Ask it to end, and kill it after the grace."""
        self._signal(signal.SIGTERM)
        with self._lock, suppress(RuntimeError):  # The second wish begins no second grace.
            if not self._is_over:
                self._killer.start()

    def _feed(self, pieces: Iterable[bytes]) -> None:
        sink = self._process.stdin
        assert sink
        try:
            for piece in pieces:
                sink.write(piece)
        except BrokenPipeError:
            pass  # It has ended, and its lines say why.
        except BaseException:
            self.end()
            raise
        finally:
            with suppress(BrokenPipeError):
                sink.close()

    def _wait(self) -> None:
        try:
            self._process.wait(self._grace_s)
        except subprocess.TimeoutExpired:
            self._kill(signal.SIGKILL)
            self._process.wait()

    def _signal(self, number: int) -> None:
        with self._lock:
            if not self._is_over:
                self._kill(number)

    def _kill(self, number: int) -> None:
        # macOS answers with the latter for a group that has ended and is not waited for yet.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)
