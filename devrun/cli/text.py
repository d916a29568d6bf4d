"""Foreign text made safe to show: colours stay, all else that would command a terminal is spelled out."""

import re
import time

_SGR = re.compile(r"\x1b\[[0-9;:]*m")
_COMMANDS = (
    *range(0x09),  # C0 without the tab
    *range(0x0A, 0x20),
    *range(0x7F, 0xA0),  # DEL, C1
    *(0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x2070)),  # the direction of text
    *(0x2028, 0x2029),  # line separators that are none
    *range(0xD800, 0xE000),  # bytes that were no UTF-8
)
_SPELLED = {code: chr(code).encode("unicode_escape", "surrogatepass").decode() for code in _COMMANDS}
RESET = "\x1b[0m"

MINUTE_S = 60
HOUR_S = 3600
DAY_S = 86400


def safe(text: str, *, colours: bool = False) -> str:
    """Return text of which nothing but `colours` is obeyed by a terminal."""
    if not colours:
        return _SGR.sub("", text).translate(_SPELLED)
    shown: list[str] = []
    start = 0
    for match in _SGR.finditer(text):
        shown += [text[start : match.start()].translate(_SPELLED), match[0]]
        start = match.end()
    shown.append(text[start:].translate(_SPELLED))
    return "".join(shown) + (RESET if len(shown) > 1 else "")


def ago(moment: float, now: float | None = None) -> str:
    """Return how long ago a moment was, in one unit: `5s`, `3m`, `2h`, `4d`."""
    seconds = max(0.0, (time.time() if now is None else now) - moment)
    if seconds < MINUTE_S:
        return f"{int(seconds)}s"
    if seconds < HOUR_S:
        return f"{seconds // MINUTE_S:.0f}m"
    return f"{seconds // HOUR_S:.0f}h" if seconds < DAY_S else f"{seconds // DAY_S:.0f}d"
