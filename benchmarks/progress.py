"""What a user is told meanwhile; standard output is for the figures."""

import sys


def say(text: str) -> None:
    """Tells it on standard error."""
    print(text, file=sys.stderr, flush=True)
