"""Imports without the collector of garbage, which would go over all that is kept again and again."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Collect nothing inside; what was made there is kept, and never gone over later."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
