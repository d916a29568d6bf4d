"""How the socket says no: always JSON, with what failed and what to do about it."""

from devrun.control.wire import to_json

CONTENT_TYPE = "application/json"


def refusal(error: str, *, hint: str = "") -> bytes:
    """Return the body of an answer that is an error."""
    return to_json({"error": error, "hint": hint})
