"""Foreign text made safe to show: colours stay, all else that would command a terminal is spelled out."""

import re
import time

_SGR = re.compile(r"\x1b\[[0-9;:]*m")
_CONTROL = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f"  # C0 without the tab, DEL, C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # what turns the direction of text
    "\u2028\u2029\ud800-\udfff]"  # line separators that are none, and bytes that were no UTF-8
)
RESET = "\x1b[0m"

MINUTE_S = 60
HOUR_S = 3600
DAY_S = 86400


def safe(text: str, *, colours: bool = False) -> str:
    """Return text of which nothing but `colours` is obeyed by a terminal."""
    if not colours:
        return _CONTROL.sub(_spelled, _SGR.sub("", text))
    shown: list[str] = []
    start = 0
    for match in _SGR.finditer(text):
        shown += [_CONTROL.sub(_spelled, text[start : match.start()]), match[0]]
        start = match.end()
    shown.append(_CONTROL.sub(_spelled, text[start:]))
    return "".join(shown) + (RESET if len(shown) > 1 else "")


def _spelled(match: "re.Match[str]") -> str:
    return match[0].encode("unicode_escape", "surrogatepass").decode()


def ago(moment: float, now: float | None = None) -> str:
    """Return how long ago a moment was, in one unit: `5s`, `3m`, `2h`, `4d`."""
    seconds = max(0.0, (time.time() if now is None else now) - moment)
    if seconds < MINUTE_S:
        return f"{seconds:.0f}s"
    if seconds < HOUR_S:
        return f"{seconds // MINUTE_S:.0f}m"
    return f"{seconds // HOUR_S:.0f}h" if seconds < DAY_S else f"{seconds // DAY_S:.0f}d"
