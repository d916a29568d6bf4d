"""The engine as the benchmarks use it: the image of the peers, and containers that are gone at the end."""

import contextlib
import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager

import docker
import docker.errors

LABEL = "dev.devrun.benchmark"
BASE = os.environ.get("DEVRUN_PYTHON_IMAGE", "python:3.13-slim")
REPOSITORY = "devrun-benchmark/python"
PACKAGES = ("flask", "watchfiles")
"""What the peers need in the container. The image is kept, as the base image is."""


@contextmanager
def connected() -> Iterator[docker.DockerClient]:
    """Gives a client of the engine that DOCKER_HOST names, or of the usual one."""
    client = docker.from_env()
    try:
        yield client
    finally:
        client.close()


def base_image(client: docker.DockerClient) -> str:
    """Returns the image that all contenders run on; builds it where it is not there yet."""
    recipe = f"FROM {BASE}\nRUN python -m pip install --no-cache-dir {' '.join(PACKAGES)}\nWORKDIR /app\n"
    name = f"{REPOSITORY}:{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    try:
        client.images.get(name)
    except docker.errors.ImageNotFound:
        client.images.build(fileobj=io.BytesIO(recipe.encode()), tag=name, rm=True, forcerm=True)
    return name


@contextmanager
def swept(client: docker.DockerClient, run: str) -> Iterator[None]:
    """Removes what bears the run's label, however the run ends."""
    try:
        yield
    finally:
        for container in client.containers.list(all=True, filters={"label": f"{LABEL}={run}"}):
            with contextlib.suppress(docker.errors.NotFound):
                container.remove(force=True, v=True)
