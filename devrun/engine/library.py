"""docker-py, which takes long to import: whoever needs it imports this module when that moment has come.

Nobody imports a part of it by itself: a thread that imports a part and one that imports the whole at the same
time wait for each other, which Python notices and refuses.
"""

import docker
import docker.tls
import requests.exceptions
import urllib3.exceptions
from docker import auth as auth
from docker import errors as errors
from docker.utils import parse_repository_tag as parse_repository_tag
from docker.utils.config import load_general_config as load_general_config
from docker.utils.proxy import ProxyConfig as ProxyConfig

from devrun.engine.endpoints import Endpoint

APIError = errors.APIError
DockerException = errors.DockerException
LATE = (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError)
LOST = (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, DockerException)

IDLE_MOST = 1
"""Connections that are kept for the next call: what is rare needs no more, however many calls there were."""


def client_of(endpoint: Endpoint, version: str, timeout_s: float) -> docker.APIClient:
    """Return docker-py's client; with its version given it asks nothing yet."""
    files = endpoint.certificates
    tls = files and docker.tls.TLSConfig(
        client_cert=files.pair, ca_cert=files.authority if files.verify else None, verify=files.verify
    )
    host = f"unix://{endpoint.socket}" if endpoint.socket else "tcp://{}:{}".format(*endpoint.address)
    return docker.APIClient(
        base_url=host, version=version, timeout=int(timeout_s), tls=tls or False, max_pool_size=IDLE_MOST
    )
