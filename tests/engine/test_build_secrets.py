"""Build arguments: the proxies that docker is configured with come along, no value is shown."""

from pathlib import Path

import pytest

from devrun.engine.build import with_proxies
from devrun.engine.redaction import concealing

HOST = "unix:///var/run/docker.sock"


def test_a_value_is_replaced_by_its_name() -> None:
    """BuildKit fills values in where it shows an instruction."""
    conceal = concealing({"TOKEN": "abc.def+ghi", "LONGER": "abc.def+ghi-jkl"})

    assert (
        conceal("RUN curl -H abc.def+ghi && echo abc.def+ghi-jkl") == "RUN curl -H ${TOKEN} && echo ${LONGER}"
    )


@pytest.mark.parametrize("text", ["RUN echo 1 3.13", "FROM registry.example/python:3.13-slim"])
def test_short_values_and_base_images_stay(text: str) -> None:
    """They are no secrets, and the text would be unreadable without them."""
    assert concealing({"DEBUG": "1", "V": "3.13", "BASE": "registry.example/python:3.13-slim"})(text) == text


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's docker configuration."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path / "config.json"


def test_configured_proxies_become_arguments(config: Path) -> None:
    """As `docker build` does it, in both cases; what the project says wins."""
    config.write_text('{"proxies": {"default": {"httpProxy": "http://p:1", "noProxy": "localhost"}}}')

    assert with_proxies({"A": "1", "http_proxy": "http://mine"}, HOST) == {
        "HTTP_PROXY": "http://p:1",
        "http_proxy": "http://mine",
        "NO_PROXY": "localhost",
        "no_proxy": "localhost",
        "A": "1",
    }


def test_a_proxy_of_this_engine_goes_before_the_default(config: Path) -> None:
    """The configuration may name engines."""
    config.write_text(
        f'{{"proxies": {{"{HOST}": {{"ftpProxy": "f"}}, "default": {{"httpProxy": "http://p:1"}}}}}}'
    )

    assert with_proxies({}, HOST) == {"ftp_proxy": "f", "FTP_PROXY": "f"}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"proxies": 1}', '{"proxies": {"default": "x"}}'])
def test_a_broken_configuration_has_no_proxies(config: Path, text: str) -> None:
    """It does not keep anybody from building."""
    config.write_text(text)

    assert with_proxies({"A": "1"}, HOST) == {"A": "1"}
