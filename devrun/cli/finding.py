"""What an examination finds: one line each, and what to do about it."""

from dataclasses import dataclass
from enum import Enum


class Verdict(str, Enum):
    """How bad it is; the worst comes last."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was looked at."""

    check: str
    """What was; scripts may go by it."""
    verdict: Verdict
    text: str
    hint: str = ""


def ok(check: str, text: str) -> Finding:
    """Return that all is well."""
    return Finding(check, Verdict.OK, text)


def warn(check: str, text: str, hint: str = "") -> Finding:
    """Return that something is not as it should be, and devrun can do without it."""
    return Finding(check, Verdict.WARN, text, hint)


def fail(check: str, text: str, hint: str = "") -> Finding:
    """Return that something keeps devrun from its work."""
    return Finding(check, Verdict.FAIL, text, hint)
