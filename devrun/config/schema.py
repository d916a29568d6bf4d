"""What `devrun.toml` may say. Keys are in kebab case, and unknown ones are refused.

The models check types and forms only; what belongs together, and what must exist on disk, is checked by
`resolve`. Messages of validators are shown to users as they are, so they quote no value.
"""

import re
import shlex
from ipaddress import ip_address
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from devrun.config.notation import (
    VolumeText,
    checked_hostname,
    checked_memory,
    checked_network,
    checked_platform,
    full_reference,
    host_list,
    parse_cpus,
    parse_gpus,
    parse_host,
    parse_size,
    parse_tmpfs,
    parse_volume,
)
from devrun.config.project import Condition, Port, RestartOn
from devrun.config.session import agent_lines, checked_agent, checked_id
from devrun.config.surroundings import ExtraHost, Gpus, Tmpfs

_PORT = re.compile(
    r"(?:(?P<address>\[[0-9a-fA-F:.]+\]|[0-9]+(?:\.[0-9]+)+):)?(?:(?P<host>[0-9]{1,5}):)?(?P<container>[0-9]{1,5})"
    r"(?:/(?P<protocol>tcp|udp|sctp))?"
)
_NAME = re.compile(r"[^\s/:@\x00-\x1f\x7f-][^\s/:@\x00-\x1f\x7f]*")
_SIGNAL = re.compile(r"(?:SIG)?(?:[A-Z]+[0-9]*|RTM(?:IN\+|AX-)[0-9]+)|[1-9][0-9]?")
MAX_PORT = 65535
PROGRAM_KEYS = ("script", "module", "command")
MAX_SECONDS = 3600
SECRET_KEYS = ("file", "env")
ONE_OF_A_CHOICE = ("<table>", "<false>", "<list>")
"""How the alternatives of a choice are told apart; pydantic writes it into the paths of its errors."""
IMAGE_TABLE, IMAGE_NAME = "<image table>", "<image name>"
"""The same for a target's `image`."""


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


Words = Annotated[list[str], BeforeValidator(split_words)]
Strings = Annotated[list[str], BeforeValidator(one_or_many)]
Variables = dict[Annotated[str, AfterValidator(checked_variable)], Annotated[str, BeforeValidator(to_text)]]
Ports = list[Annotated[Port, BeforeValidator(parse_port)]]
Name = Annotated[str, AfterValidator(checked_name)]


def _kebab(name: str) -> str:
    return name.replace("_", "-")


class Table(BaseModel):
    """A table of the file."""

    model_config = ConfigDict(
        extra="forbid",
        alias_generator=_kebab,
        strict=True,
        hide_input_in_errors=True,
        arbitrary_types_allowed=True,
    )


class ProjectTable(Table):
    """[project]"""

    name: str | None = Field(default=None, min_length=1)
    ignore: Strings = []
    syntax_guard: bool = True


class SecretTable(Table):
    """One of the secrets of [image]"""

    file: str | None = Field(default=None, min_length=1)
    env: Annotated[str, AfterValidator(checked_variable)] | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> "SecretTable":
        if (self.file is None) == (self.env is None):
            raise ValueError("a secret has one of file and env")
        return self


def secret_table(value: object) -> object:
    """Let a string stand for the table of a file."""
    if not isinstance(value, str | dict):
        raise ValueError("a secret is the path of a file, or a table")  # noqa: TRY004 - pydantic shows these
    return {"file": value} if isinstance(value, str) else value


Secrets = dict[
    Annotated[str, AfterValidator(checked_id)], Annotated[SecretTable, BeforeValidator(secret_table)]
]
Agents = Annotated[list[Annotated[str, AfterValidator(checked_agent)]], BeforeValidator(agent_lines)]


class ImageTable(Table):
    """[image], or [images.NAME]"""

    dockerfile: str | None = None
    context: str | None = None
    stage: str | None = None
    args: Variables = {}
    inputs: Strings = []
    platform: Annotated[str, AfterValidator(checked_platform)] | None = None
    secrets: Secrets = {}
    ssh: Agents = []
    cache_from: Annotated[list[Annotated[str, Field(min_length=1)]], BeforeValidator(one_or_many)] = []


class MountTable(Table):
    """[mount], or a target's own"""

    source: str = "."
    path: Annotated[str, AfterValidator(mount_point)] | None = None
    keep: Annotated[list[Annotated[str, AfterValidator(path_below)]], BeforeValidator(one_or_many)] = []


def no_mount(value: object) -> object:
    """Only `false` means no mount; `true` would say nothing."""
    if value is not False:
        raise ValueError("leave the key out to have the mount, or write false")
    return value


def mount_kind(value: object) -> str | None:
    """Return which alternative a value is meant to be."""
    table, false, _ = ONE_OF_A_CHOICE
    return false if isinstance(value, bool) else table if isinstance(value, dict | MountTable) else None


MountChoice = Annotated[
    Annotated[MountTable, Tag(ONE_OF_A_CHOICE[0])]
    | Annotated[Literal[False], BeforeValidator(no_mount), Tag(ONE_OF_A_CHOICE[1])],
    Discriminator(mount_kind),
]


def dependency_form(value: object) -> str | None:
    """Return which form a value is meant to be: names alone, or names with conditions."""
    table, _, names = ONE_OF_A_CHOICE
    return table if isinstance(value, dict) else names if isinstance(value, str | list) else None


Dependencies = Annotated[
    Annotated[dict[str, Annotated[Condition, Field(strict=False)]], Tag(ONE_OF_A_CHOICE[0])]
    | Annotated[Strings, Tag(ONE_OF_A_CHOICE[2])],
    Discriminator(
        dependency_form,
        custom_error_type="dependencies",
        custom_error_message="must be a list of targets, or a table of targets and conditions",
    ),
]


def http_path(value: str) -> str:
    """Refuse what is no path of a URL; a line end would begin another header."""
    if not value.startswith("/") or not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError('an HTTP path begins with "/", and is ASCII without spaces; a command is a list')
    return value


class HealthcheckTable(Table):
    """healthcheck of a target"""

    http: Annotated[str, AfterValidator(http_path)] | None = None
    port: int | None = Field(default=None, ge=1, le=MAX_PORT)
    command: Words | None = Field(default=None, min_length=1)
    interval: float = Field(default=0.5, gt=0, le=MAX_SECONDS, allow_inf_nan=False)
    timeout: float = Field(default=2, gt=0, le=MAX_SECONDS, allow_inf_nan=False)

    @model_validator(mode="after")
    def _one_check(self) -> "HealthcheckTable":
        if self.command is not None and (self.http is not None or self.port is not None):
            raise ValueError("a healthcheck is a command, or asks a port; not both")
        if self.command is None and self.http is None and self.port is None:
            raise ValueError("a healthcheck has one of http, port and command; this one has none")
        return self


def healthcheck_table(value: object) -> object:
    """Let a path, a port or a list stand for the table of a healthcheck."""
    match value:
        case str():
            return {"http": value}
        case int() if not isinstance(value, bool):
            return {"port": value}
        case list():
            return {"command": value}
        case dict() | HealthcheckTable():
            return value
        case _:
            pass
    raise ValueError('must be an HTTP path as "/health", a port, a command as a list, or a table')


class PrebuiltTable(Table):
    """A target's `image` that others build"""

    name: Annotated[str, AfterValidator(full_reference)]


def image_kind(value: object) -> str | None:
    """Return which alternative a value is meant to be."""
    is_table = isinstance(value, dict | PrebuiltTable)
    return IMAGE_TABLE if is_table else IMAGE_NAME if isinstance(value, str) else None


ImageChoice = Annotated[
    Annotated[PrebuiltTable, Tag(IMAGE_TABLE)] | Annotated[str, Tag(IMAGE_NAME)],
    Discriminator(
        image_kind,
        custom_error_type="image_choice",
        custom_error_message='must be the name of an image in quotes, or a table as { name = "postgres:17" }',
    ),
]
Volumes = Annotated[list[Annotated[VolumeText, BeforeValidator(parse_volume)]], BeforeValidator(one_or_many)]
Networks = Annotated[list[Annotated[str, AfterValidator(checked_network)]], BeforeValidator(one_or_many)]
ExtraHosts = Annotated[list[Annotated[ExtraHost, BeforeValidator(parse_host)]], BeforeValidator(host_list)]
TmpfsList = Annotated[list[Annotated[Tmpfs, BeforeValidator(parse_tmpfs)]], BeforeValidator(one_or_many)]
Size = Annotated[int, BeforeValidator(parse_size)]


class TargetTable(Table):
    """[targets.NAME]"""

    script: str | None = Field(default=None, min_length=1)
    module: str | None = Field(default=None, min_length=1)
    command: Words | None = Field(default=None, min_length=1)
    args: Words = []
    image: ImageChoice | None = None
    mount: MountChoice | None = None
    entrypoint: Words | None = None
    ports: Ports = []
    env: Variables = {}
    env_file: Strings = []
    workdir: Annotated[str, AfterValidator(absolute_path)] | None = None
    user: Annotated[str, BeforeValidator(to_text)] | None = None
    stop_signal: Annotated[str, AfterValidator(checked_signal)] | None = None
    stop_timeout: int | None = Field(default=None, ge=0, le=3600)
    init: bool | None = None
    watch: Strings = []
    ignore: Strings = []
    restart_on: Annotated[RestartOn, Field(strict=False)] = RestartOn.REACH
    autostart: bool = True
    depends_on: Dependencies = []
    healthcheck: Annotated[HealthcheckTable, BeforeValidator(healthcheck_table)] | None = None
    before_start: Words | None = Field(default=None, min_length=1)
    tty: bool = False
    volumes: Volumes = []
    networks: Networks = []
    hostname: Annotated[str, AfterValidator(checked_hostname)] | None = None
    extra_hosts: ExtraHosts = []
    tmpfs: TmpfsList = []
    shm_size: Size | None = None
    memory: Annotated[Size, AfterValidator(checked_memory)] | None = None
    cpus: Annotated[float, BeforeValidator(parse_cpus)] | None = None
    gpus: Annotated[Gpus, BeforeValidator(parse_gpus)] | None = None
    platform: Annotated[str, AfterValidator(checked_platform)] | None = None
    debug: Annotated[bool | int, BeforeValidator(debug_port)] = False

    @model_validator(mode="after")
    def _one_program(self) -> "TargetTable":
        said = [key for key in PROGRAM_KEYS if getattr(self, key) is not None]
        if len(said) > 1 or not (said or isinstance(self.image, PrebuiltTable)):
            found = " and ".join(said) if said else "none"
            raise ValueError(f"a target has one of script, module and command; this one has {found}")
        return self


class File(Table):
    """The whole file."""

    project: ProjectTable = ProjectTable()
    image: ImageTable | None = None
    images: dict[Name, ImageTable] = {}
    mount: MountChoice = MountTable()
    targets: dict[Name, Annotated[TargetTable, BeforeValidator(script_table)]] | None = None


def known_keys(path: tuple[str | int, ...]) -> tuple[str, ...]:
    """Return the keys that a table at this place may have."""
    match path:
        case ():
            table: type[Table] = File
        case ("project",):
            table = ProjectTable
        case ("image",) | ("images", _):
            table = ImageTable
        case ("image", "secrets", _) | ("images", _, "secrets", _):
            table = SecretTable
        case ("mount",) | ("targets", _, "mount"):
            table = MountTable
        case ("targets", _, "healthcheck"):
            table = HealthcheckTable
        case ("targets", _, "image"):
            table = PrebuiltTable
        case _:
            table = TargetTable
    return tuple(field.alias or name for name, field in table.model_fields.items())


Tree = dict[str, Any]
