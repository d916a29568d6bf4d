"""docker-py, which takes long to import: whoever needs it imports this module when that moment has come."""

import docker
import docker.errors
import docker.tls
import requests.exceptions
import urllib3.exceptions

from devrun.engine.endpoints import Endpoint

APIError = docker.errors.APIError
DockerException = docker.errors.DockerException
LATE = (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError)
LOST = (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, DockerException)


def client_of(endpoint: Endpoint, version: str, timeout_s: float) -> docker.APIClient:
    """Return docker-py's client; with its version given it asks nothing yet."""
    files = endpoint.certificates
    tls = files and docker.tls.TLSConfig(
        client_cert=files.pair, ca_cert=files.authority if files.verify else None, verify=files.verify
    )
    host = f"unix://{endpoint.socket}" if endpoint.socket else "tcp://{}:{}".format(*endpoint.address)
    return docker.APIClient(base_url=host, version=version, timeout=int(timeout_s), tls=tls or False)
