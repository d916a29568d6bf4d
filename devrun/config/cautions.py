"""What a configuration may say, but probably should not: a line of warning for each."""

import re
from collections.abc import Iterator

from devrun.config.project import Project

EVERYWHERE = frozenset({"0.0.0.0", "::"})
_SECRET_WORDS = frozenset(
    {"TOKEN", "SECRET", "SECRETS", "PASSWORD", "PASSWD", "PASSPHRASE", "PWD", "KEY", "APIKEY", "CREDENTIALS"}
)
_OPEN_WORDS = frozenset({"PUBLIC", "CACHE"})
"""What is called so beside one of them, `PUBLIC_KEY` for instance, is meant to be seen."""
_SECRET_VALUE = re.compile(
    r"gh[pousr]_\w{20}|github_pat_\w{20}|glpat-[\w-]{15}|npm_\w{30}|pypi-\w{16}|sk-[\w-]{20}|xox[abprs]-"
    r"|AKIA[0-9A-Z]{16}|-----BEGIN [A-Z ]*PRIVATE KEY|[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@"
)
"""Tokens of GitHub, GitLab, npm, PyPI, OpenAI, Slack and AWS, private keys, and addresses with a password."""


def cautions(project: Project) -> tuple[str, ...]:
    """Return the warnings, without any value."""
    return (*_open_ports(project), *_secret_arguments(project))


def _open_ports(project: Project) -> Iterator[str]:
    for name, target in project.targets.items():
        for port in target.ports:
            if port.address in EVERYWHERE:
                yield (
                    f"{name}: port {port.host_port or port.container_port} is published on all addresses"
                    f" ({port.address}): whoever reaches this machine reaches it"
                )


def _secret_arguments(project: Project) -> Iterator[str]:
    table = "[image]" if len(project.built_images) <= 1 else "[images.NAME]"
    for image in project.built_images:
        for name, value in image.args.items():
            if value and _is_secret(name, value):
                yield (
                    f"image {image.name}: the build argument {name} looks like a secret, and stays readable"
                    f" in the image: use `secrets` of {table}"
                )


def _is_secret(name: str, value: str) -> bool:
    # `npmToken` and `NPM_TOKEN` are of the same words.
    words = {word.upper() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+(?![a-z])", name)}
    is_called_so = bool(words & _SECRET_WORDS) and not words & _OPEN_WORDS
    return is_called_so or bool(_SECRET_VALUE.search(value))
