"""Who holds a taken port."""

import os
import socket
from pathlib import Path

import pytest

from devrun.config.project import Port
from devrun.engine.inside import read_address
from devrun.engine.ports import holder, listening, taken_by, taken_port

TABLE = """\
sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4242 1 0 100 0 0 10 0
1: 00000000:1388 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4243 1 0 100 0 0 10 0
2: 0100007F:1F91 0100007F:C000 01 00000000:00000000 00:00000000 00000000  1000        0 4244 1 0 100 0 0 10 0
"""


@pytest.mark.parametrize(
    ("message", "port"),
    [
        ("Bind for 127.0.0.1:8080 failed: port is already allocated", 8080),
        ("listen tcp4 127.0.0.1:8080: bind: address already in use", 8080),
        ("listen tcp6 [::1]:8080: bind: address already in use", 8080),
        ("failed to bind host port 0.0.0.0:8080/tcp: address already in use", 8080),
        ("failed to bind host port for 127.0.0.1:8080:172.18.0.2:5000/tcp: address already in use", 8080),
        ("Bind for :::8080 failed: port is already allocated", 8080),
        ("listen tcp4 1.2.3.4:80: bind: cannot assign requested address", None),
        ("no such image", None),
    ],
)
def test_the_port_is_read_out_of_the_engine_s_error(message: str, port: int | None) -> None:
    """Each release words it differently; an error about something else names none."""
    assert taken_port(message) == port


def test_a_container_is_named_before_a_process() -> None:
    """The process would be the engine's own proxy."""
    shop = {"Names": ["/shop-web"], "Ports": [{"PrivatePort": 5000, "PublicPort": 8080}]}

    assert holder(8080, [{"Names": ["/x"]}, shop]) == 'container "shop-web"'


def test_a_process_is_named_where_it_can_be_seen() -> None:
    """By its name and its id."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert f"(process {os.getpid()})" in holder(server.getsockname()[1], [])


def test_a_process_that_cannot_be_seen_is_another_program(tmp_path: Path) -> None:
    """It may be another user's, or be on another machine."""
    (tmp_path / "net").mkdir()
    (tmp_path / "net/tcp").write_text(TABLE)
    (tmp_path / "17").mkdir()

    assert holder(8080, [], tmp_path) == "another program"
    assert holder(1, [], tmp_path) == "another program"


def test_listening_sockets_are_read_from_the_kernel_s_table() -> None:
    """Connections and the head of the table are left out."""
    found = {(read_address(address), port) for address, port, _ in listening(TABLE)}

    assert found == {("127.0.0.1", 8080), ("0.0.0.0", 5000)}
    assert read_address("00000000000000000000000001000000") == "::1"


def test_a_port_is_taken_where_somebody_listens_or_a_container_publishes_it() -> None:
    """Of both protocols by itself; a free one is nobody's."""
    shop = {"Names": ["/shop"], "Ports": [{"PrivatePort": 53, "PublicPort": 9, "Type": "udp"}]}
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]
        assert f"(process {os.getpid()})" in taken_by(Port(5000, number), [])
        assert taken_by(Port(5000, number, "udp"), []) == ""
    assert taken_by(Port(5000, number), [shop]) == ""
    assert taken_by(Port(53, 9, "udp"), [shop]) == 'container "shop"'


def test_an_address_that_is_not_this_machines_cannot_be_had() -> None:
    """Whoever has it."""
    assert taken_by(Port(5000, 8080, address="192.0.2.1"), []) == "another program"
