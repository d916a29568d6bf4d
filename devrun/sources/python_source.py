"""What our own Python says of a source file."""

import warnings
from pathlib import Path


def find_error(path: Path) -> tuple[int, str] | None:
    """Return line and message of what does not compile; None: it does, or cannot be read.

    The container's Python may be another one, and has the last word.
    """
    try:
        source = path.read_bytes()
    except OSError:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, path.name, "exec", dont_inherit=True)
    except SyntaxError as error:
        return error.lineno or 1, error.msg
    except (ValueError, RecursionError, MemoryError) as error:
        return 1, str(error) or "too deeply nested"
    return None
