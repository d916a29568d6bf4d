"""The user's credentials for a registry, by docker's own configuration; docker-py knows how to read it."""

import logging
import shutil

from devrun.engine.library import auth, errors, parse_repository_tag

_HELPER_PREFIX = "docker-credential-"
# What docker-py lets through for a configuration that is no JSON object, or not of the expected shape.
_UNREADABLE = (errors.DockerException, OSError, ValueError, AttributeError, TypeError)

log = logging.getLogger(__name__)


def split(reference: str) -> tuple[str, str | None]:
    """Return the repository and the tag, or digest, of a reference."""
    repository, tag = parse_repository_tag(reference)
    return repository, tag


def place(reference: str) -> str:
    """Return what is written behind `docker login`, empty for Docker's own registry."""
    registry, _ = auth.resolve_repository_name(split(reference)[0])
    return "" if registry == auth.INDEX_NAME else f" {registry}"


def header(repository: str) -> tuple[dict[str, str], str]:
    """Return the header with the user's credentials, and why there is none where that is a fault.

    A credential helper that does not work must not keep a public image from being pulled.
    """
    try:
        found = _find(repository)
    except _UNREADABLE as error:
        log.warning("docker's credentials cannot be read: %s", error)
        return {}, f"docker's credentials cannot be read: {error}"
    return ({"X-Registry-Auth": auth.encode_header(found).decode()}, "") if found else ({}, "")


def _find(repository: str) -> dict[str, str] | None:
    registry, _ = auth.resolve_repository_name(repository)
    config = auth.load_config()
    if config.creds_store or config.cred_helpers:
        store = config.get_credential_store(registry)
        # docker-py would warn about it once for each pull, where no user looks.
        if store and not shutil.which(f"{_HELPER_PREFIX}{store}"):
            raise FileNotFoundError(f"{_HELPER_PREFIX}{store} is not installed")
    found: dict[str, str] | None = config.resolve_authconfig(registry)
    return found
