"""How values of devrun.toml are written, as pydantic takes them: each form with its checks.

What a validator takes besides its own type is said to editors by `json_schema_input_type`. Messages are shown
to users as they are, so they quote no value.
"""

import re
import shlex
from ipaddress import ip_address
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from devrun.config.notation import (
    VolumeText,
    checked_capability,
    checked_network,
    host_list,
    parse_device,
    parse_host,
    parse_size,
    parse_tmpfs,
    parse_volume,
)
from devrun.config.project import Port
from devrun.config.session import agent_lines, checked_agent
from devrun.config.surroundings import Device, ExtraHost, Tmpfs

_PORT = re.compile(
    r"(?:(?P<address>\[[0-9a-fA-F:.]+\]|[0-9]+(?:\.[0-9]+)+):)?(?:(?P<host>[0-9]{1,5}):)?(?P<container>[0-9]{1,5})"
    r"(?:/(?P<protocol>tcp|udp|sctp))?"
)
_NAME = re.compile(r"[^\s/:@\x00-\x1f\x7f-][^\s/:@\x00-\x1f\x7f]*")
_SIGNAL = re.compile(r"(?:SIG)?(?:[A-Z]+[0-9]*|RTM(?:IN\+|AX-)[0-9]+)|[1-9][0-9]?")
MAX_PORT = 65535


def parse_port(value: object) -> Port:
    """Return the port that `"8080:5000"`, `"127.0.0.1:8080:5000/udp"` or `5000` means."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    match = _PORT.fullmatch(text)
    if match is None:
        raise ValueError('a port is written "HOST:CONTAINER", as in "8080:5000"')
    host, container = int(match["host"] or 0), int(match["container"])
    if not 0 < container <= MAX_PORT or host > MAX_PORT:
        raise ValueError(f"a port lies between 1 and {MAX_PORT}")
    address = (match["address"] or "").strip("[]")
    return Port(container, host, match["protocol"] or "tcp", address and checked_address(address))


def checked_address(text: str) -> str:
    """Return an address in its usual form; the error does not quote it, as that of the library does."""
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError('before the ports stands an IP address, as in "127.0.0.1:8080:5000"') from None


def split_words(value: object) -> object:
    """Split a string as a shell does; a list is taken as it is."""
    try:
        return shlex.split(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError("a quote is not closed, or a backslash ends the text") from None


def one_or_many(value: object) -> object:
    """Let one string stand for a list of one."""
    return [value] if isinstance(value, str) else value


def to_text(value: object) -> object:
    """Let numbers and booleans stand for their text, as an environment has nothing else."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def script_table(value: object) -> object:
    """Let a string stand for the table of a script."""
    if not isinstance(value, str | dict):
        raise ValueError("a target is the path of a script, or a table")  # noqa: TRY004 - pydantic shows these
    return {"script": value} if isinstance(value, str) else value


def secret_table(value: object) -> object:
    """Let a string stand for the table of a file."""
    if not isinstance(value, str | dict):
        raise ValueError("a secret is the path of a file, or a table")  # noqa: TRY004 - pydantic shows these
    return {"file": value} if isinstance(value, str) else value


def checked_name(value: str) -> str:
    """Refuse names that could not be typed as an argument."""
    if not _NAME.fullmatch(value):
        raise ValueError("a name has no spaces and none of / : @, and does not begin with a dash")
    return value


def checked_variable(name: str) -> str:
    """Refuse what an environment cannot hold."""
    if not name or "=" in name or "\0" in name:
        raise ValueError("the name of a variable is not empty, and has no =")
    return name


def checked_signal(value: str) -> str:
    """Refuse what names no signal, before the engine does so at the start of a container."""
    if not _SIGNAL.fullmatch(value):
        raise ValueError('a signal is written "SIGINT", "INT" or "2"')
    return value


def absolute_path(value: str) -> str:
    """Refuse paths in a container that depend on where it works."""
    if not value.startswith("/") or ".." in PurePosixPath(value).parts:
        raise ValueError("must be an absolute path in the container, without ..")
    return value


def mount_point(value: str) -> str:
    """Refuse the root: a container cannot do without its own system."""
    if not value.strip("/."):
        raise ValueError("nothing can be mounted over the root of the container")
    return absolute_path(value)


def no_mount(value: object) -> object:
    """Only `false` means no mount; `true` would say nothing."""
    if value is not False:
        raise ValueError("leave the key out to have the mount, or write false")
    return value


def path_below(value: str) -> str:
    """Refuse what is not below the mount."""
    path = PurePosixPath(value)
    if path.is_absolute() or not path.parts or ".." in path.parts:
        raise ValueError("must be a path below the mount, relative to it")
    return value


def debug_port(value: object) -> object:
    """Refuse what is neither a choice nor a port."""
    if isinstance(value, bool) or (isinstance(value, int) and 0 < value <= MAX_PORT):
        return value
    raise ValueError("must be true, or the number of a port")


# What a validator takes besides its own type is said to editors by `json_schema_input_type`.
def http_path(value: str) -> str:
    """Refuse what is no path of a URL; a line end would begin another header."""
    if not value.startswith("/") or not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError('an HTTP path begins with "/", and is ASCII without spaces; a command is a list')
    return value


Text = Annotated[str, BeforeValidator(to_text, json_schema_input_type=str | int | float | bool)]
Words = Annotated[list[str], BeforeValidator(split_words, json_schema_input_type=str | list[str])]
Strings = Annotated[list[str], BeforeValidator(one_or_many, json_schema_input_type=str | list[str])]
Variables = dict[Annotated[str, AfterValidator(checked_variable)], Text]
Ports = list[Annotated[Port, BeforeValidator(parse_port, json_schema_input_type=str | int)]]
Name = Annotated[str, AfterValidator(checked_name)]


Agents = Annotated[
    list[Annotated[str, AfterValidator(checked_agent)]],
    BeforeValidator(agent_lines, json_schema_input_type=bool | str | list[str]),
]
Volumes = Annotated[
    list[Annotated[VolumeText, BeforeValidator(parse_volume, json_schema_input_type=str)]],
    BeforeValidator(one_or_many, json_schema_input_type=str | list[str]),
]
Networks = Annotated[
    list[Annotated[str, AfterValidator(checked_network)]],
    BeforeValidator(one_or_many, json_schema_input_type=str | list[str]),
]
ExtraHosts = Annotated[
    list[Annotated[ExtraHost, BeforeValidator(parse_host, json_schema_input_type=str)]],
    BeforeValidator(host_list, json_schema_input_type=str | list[str] | dict[str, str]),
]
TmpfsList = Annotated[
    list[Annotated[Tmpfs, BeforeValidator(parse_tmpfs, json_schema_input_type=str)]],
    BeforeValidator(one_or_many, json_schema_input_type=str | list[str]),
]
Devices = Annotated[
    list[Annotated[Device, BeforeValidator(parse_device, json_schema_input_type=str)]],
    BeforeValidator(one_or_many, json_schema_input_type=str | list[str]),
]
Capabilities = Annotated[
    list[Annotated[str, AfterValidator(checked_capability)]],
    BeforeValidator(one_or_many, json_schema_input_type=str | list[str]),
]
Size = Annotated[int, BeforeValidator(parse_size, json_schema_input_type=str | int)]
