"""Where engines are looked for."""

import hashlib
import json
from pathlib import Path

import pytest

from devrun.engine.endpoints import Certificates, Endpoint, find_endpoints
from devrun.errors import EngineUnreachableError


def add_context(home: Path, name: str, host: str, *, skip_verify: bool = False, tls: bool = False) -> Path:
    """Make a docker context as the docker client does; returns the folder of its certificates."""
    key = hashlib.sha256(name.encode()).hexdigest()
    meta = home / ".docker/contexts/meta" / key
    meta.mkdir(parents=True)
    endpoint = {"docker": {"Host": host, "SkipTLSVerify": skip_verify}}
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Metadata": {}, "Endpoints": endpoint}))
    files = home / ".docker/contexts/tls" / key / "docker"
    if tls:
        files.mkdir(parents=True)
        (files / "cert.pem").touch()
    return files


def test_docker_host_is_the_only_candidate(tmp_path: Path) -> None:
    """It goes before a context, as with docker itself."""
    environ = {"DOCKER_HOST": "unix:///x.sock", "DOCKER_CONTEXT": "none-such"}

    assert find_endpoints(environ, tmp_path) == (Endpoint("unix:///x.sock", "DOCKER_HOST"),)


def test_tls_is_for_tcp_only(tmp_path: Path) -> None:
    """A unix socket needs no certificates, though the environment asks for verification."""
    environ = {"DOCKER_HOST": "unix:///x.sock", "DOCKER_TLS_VERIFY": "1"}
    assert find_endpoints(environ, tmp_path)[0].certificates is None

    environ = {"DOCKER_HOST": "tcp://engine:2376", "DOCKER_TLS_VERIFY": "1"}
    assert find_endpoints(environ, tmp_path)[0].certificates == Certificates(tmp_path / ".docker")

    environ = {"DOCKER_HOST": "tcp://engine", "DOCKER_CERT_PATH": "/certs"}
    (found,) = find_endpoints(environ, tmp_path)
    assert found.certificates == Certificates(Path("/certs"), verify=False)
    assert found.address == ("engine", 2376)


@pytest.mark.parametrize("by_environ", [True, False])
def test_a_context_is_found_without_a_config_file_too(tmp_path: Path, *, by_environ: bool) -> None:
    """By DOCKER_CONTEXT, or by what `docker context use` wrote."""
    add_context(tmp_path, "lab", "tcp://lab:2375")
    if not by_environ:
        (tmp_path / ".docker/config.json").write_text('{"currentContext": "lab"}')
    environ = {"DOCKER_CONTEXT": "lab"} if by_environ else {}

    (found,) = find_endpoints(environ, tmp_path)

    assert (found.host, str(found)) == ("tcp://lab:2375", 'tcp://lab:2375 (docker context "lab")')
    assert found.address == ("lab", 2375)


def test_a_context_s_certificates_are_used(tmp_path: Path) -> None:
    """With the context's own word about verification."""
    files = add_context(tmp_path, "lab", "tcp://lab:2376", skip_verify=True, tls=True)

    (found,) = find_endpoints({"DOCKER_CONTEXT": "lab"}, tmp_path)

    assert found.certificates == Certificates(files, verify=False)


def test_an_unknown_context_is_an_error(tmp_path: Path) -> None:
    """It is not the default one in disguise."""
    with pytest.raises(EngineUnreachableError, match='docker context "lab": there is no such context'):
        find_endpoints({"DOCKER_CONTEXT": "lab"}, tmp_path)


def test_engines_of_other_machines_by_ssh_are_refused_with_a_way(tmp_path: Path) -> None:
    """A folder of this machine cannot be mounted there; the socket can be forwarded."""
    with pytest.raises(EngineUnreachableError, match='"ssh"') as caught:
        find_endpoints({"DOCKER_HOST": "ssh://me@lab"}, tmp_path)

    assert "ssh -N -L" in caught.value.hint


def test_the_usual_sockets_are_tried_where_nothing_is_chosen(tmp_path: Path) -> None:
    """Those that are there; a broken or default config.json chooses nothing."""
    rootless = tmp_path / "run/docker.sock"
    colima = tmp_path / ".colima/default/docker.sock"
    for place in (rootless, colima):
        place.parent.mkdir(parents=True)
        place.touch()
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker/config.json").write_text("{broken")

    found = find_endpoints({"XDG_RUNTIME_DIR": str(rootless.parent)}, tmp_path)

    assert [endpoint.socket for endpoint in found if endpoint.socket != Path("/var/run/docker.sock")] == [
        rootless,
        colima,
    ] or {rootless, colima} <= {endpoint.socket for endpoint in found}


def test_the_default_context_means_the_usual_sockets(tmp_path: Path) -> None:
    """Where none is there, the default one is named in the error that follows."""
    environ = {"DOCKER_CONTEXT": "default", "XDG_RUNTIME_DIR": str(tmp_path)}

    assert find_endpoints(environ, tmp_path)[0].socket == Path("/var/run/docker.sock")
