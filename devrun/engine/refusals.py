"""What engines say when they refuse, in words for people: the noise taken out, a remedy where one is known.

Engines wrap the cause in the names of the layers that it came through, and each release wraps differently.
Pure text in, text out.
"""

import re

from devrun.errors import ProgramError, ProgramMissingError

_NOISE = tuple(
    re.compile(pattern)
    for pattern in (
        r"Error response from daemon: ",
        r"failed to create (?:shim task|task for container|shim): ",
        r"OCI runtime (?:create|exec) failed: ",
        r"runc (?:create|run) failed: ",
        r"unable to start container process: ",
        r"error during container init: ",
        r"container_linux\.go:\d+: starting container process caused: ",
        r"process_linux\.go:\d+: container init caused: ",
        r"rootfs_linux\.go:\d+: ",
        r"driver failed programming external connectivity on endpoint \S+(?: \([0-9a-f]+\))?: ",
        r"failed to set up container networking: ",
        r"Error starting userland proxy: ",
        r"invalid mount config for type \"bind\": ",
        r": unknown$",
    )
)
_PROGRAM = re.compile(
    r'exec: "(?P<name>[^"]*)": .*(?:(?P<missing>not found|no such file)|permission denied|is a directory)'
)
_MISSING = " is not in the container"
_NOT_EXECUTABLE = " is not executable"
_REMEDIES = (
    (r"the program .* is not", "correct `command` or `entrypoint` in devrun.toml, or the Dockerfile"),
    (r"bind source path does not exist", "make it, or correct `mount` or `volumes` in devrun.toml"),
    (r"duplicate mount point", "choose another place in devrun.toml, for `mount` or for one of `volumes`"),
    (
        r"could not select device driver",
        "install the NVIDIA container toolkit where the engine runs, or take `gpus` out of devrun.toml",
    ),
    (
        r"does not match the specified platform",
        "correct `platform` in devrun.toml: the image is for another one",
    ),
    (r"cannot assign requested address", "this machine has no such address: correct `ports` in devrun.toml"),
    (r"unable to find user", "the image has no such user: correct `user` in devrun.toml, or give a number"),
    (r"no space left on device", "`docker system df` shows what uses it, `docker system prune` frees some"),
    (r"minimum memory limit", "raise the limit"),
)


def explain(message: str) -> tuple[str, str]:
    """Return an engine's message in lower case and without its wrapping, and a hint, maybe empty."""
    lines = [line.strip() for line in message.strip().splitlines() if line.strip()]
    text = " ".join(lines)
    for noise in _NOISE:
        text = noise.sub("", text)
    text = _words(text.strip().rstrip("."))
    hint = next((hint for pattern, hint in _REMEDIES if re.search(pattern, text, re.IGNORECASE)), "")
    first, _, _ = text.partition(" ")
    # A first word that is a name (of a path, an option, all capitals) keeps its letters.
    return (text[:1].lower() + text[1:] if first.isalpha() and not first.isupper() else text), hint


def program_error(cause: str, hint: str = "") -> ProgramError | None:
    """Return the error where an explained cause is that a program cannot be started, None otherwise."""
    if cause.endswith(_MISSING):
        return ProgramMissingError(cause, hint=hint)
    return ProgramError(cause, hint=hint) if cause.endswith(_NOT_EXECUTABLE) else None


def _words(text: str) -> str:
    program = _PROGRAM.search(text)
    if not program:
        return text
    return f'the program "{program["name"]}"{_MISSING if program["missing"] else _NOT_EXECUTABLE}'
