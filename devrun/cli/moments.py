"""Moments as people write them: how long ago, a time of today, a date, or seconds since the epoch."""

import re
import time
from datetime import datetime

import click

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_AGO = re.compile(r"(?:\d+(?:\.\d+)?[smhdw])+")
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_CLOCK = re.compile(r"\d{1,2}:\d\d(:\d\d)?")


class Moment(click.ParamType):  # type: ignore[type-arg]
    """Turns `10m`, `1h30m`, `16:05`, `2026-01-31T16:05` or `1769875500` into seconds since the epoch."""

    name = "moment"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the moment."""
        try:
            return parse_moment(str(value), time.time())
        except ValueError:
            self.fail(
                f"{value!r} is no time: write 10m, 16:05, 2026-01-31T16:05, or seconds since 1970", param, ctx
            )


def parse_moment(text: str, now: float) -> float:
    """Return seconds since the epoch; raises ValueError for what is no time."""
    if _AGO.fullmatch(text):
        return now - sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    if _CLOCK.fullmatch(text):
        today = datetime.fromtimestamp(now).date()
        return datetime.fromisoformat(f"{today}T{text:0>{8 if text.count(':') > 1 else 5}}").timestamp()
    try:
        return float(text)
    except ValueError:
        return datetime.fromisoformat(
            text.removesuffix("Z") + ("+00:00" if text.endswith("Z") else "")
        ).timestamp()


def clock(moment: float) -> str:
    """Return the time of day, with the date where it is not today's."""
    at = datetime.fromtimestamp(moment)
    is_today = at.date() == datetime.now().date()
    return f"{at:%H:%M:%S}" if is_today else f"{at:%Y-%m-%d %H:%M:%S}"
