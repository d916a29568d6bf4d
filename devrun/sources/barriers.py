"""Who wants to know that everything saved by now has been seen: numbers, from any thread to the watcher's."""

import threading


class Barriers:
    """Numbers that were asked for and are not answered yet."""

    def __init__(self) -> None:
        self._asked: list[int] = []
        self._guard = threading.Lock()

    def ask(self, number: int) -> None:
        """Add a number; the caller then wakes whoever looks."""
        with self._guard:
            self._asked.append(number)

    def take(self) -> tuple[int, ...]:
        """Return all numbers, which are the caller's to answer from now on; a look begins after this."""
        with self._guard:
            asked, self._asked = self._asked, []
            return tuple(asked)
