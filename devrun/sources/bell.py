"""A sign for a thread that waits for the kernel as well: a pipe, which is readable once it was rung."""

import os
import select
from contextlib import suppress


class Bell:
    """Rung from any thread, heard and silenced by one."""

    def __init__(self) -> None:
        self.descriptor, self._writing = os.pipe()
        for end in (self.descriptor, self._writing):
            os.set_blocking(end, False)

    def __del__(self) -> None:
        """Give the pipe back, once nobody can ring any more."""
        os.close(self.descriptor)
        os.close(self._writing)

    def ring(self) -> None:
        """Wake whoever waits, or is about to."""
        with suppress(BlockingIOError):  # A pipe that is full is readable, too.
            os.write(self._writing, b"\0")

    def is_set(self) -> bool:
        """Tell whether it was rung since it was silenced."""
        return self.wait(0.0)

    def wait(self, seconds: float) -> bool:
        """Wait for it alone; returns whether it was rung."""
        poll = select.poll()
        poll.register(self.descriptor, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def silence(self) -> None:
        """Wait for the next ring from now on."""
        with suppress(BlockingIOError):
            while os.read(self.descriptor, 4096):
                pass
