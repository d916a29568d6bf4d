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

from devrun.config.project import Port, RestartOn

_PORT = re.compile(
    r"(?:(?P<address>\[[0-9a-fA-F:.]+\]|[0-9]+(?:\.[0-9]+)+):)?(?:(?P<host>[0-9]{1,5}):)?(?P<container>[0-9]{1,5})"
    r"(?:/(?P<protocol>tcp|udp|sctp))?"
)
_NAME = re.compile(r"[^\s/:@\x00-\x1f\x7f-][^\s/:@\x00-\x1f\x7f]*")
_SIGNAL = re.compile(r"(?:SIG)?(?:[A-Z]+[0-9]*|RTM(?:IN\+|AX-)[0-9]+)|[1-9][0-9]?")
MAX_PORT = 65535
PROGRAM_KEYS = ("script", "module", "command")
ONE_OF_A_CHOICE = ("<table>", "<false>")
"""How the alternatives of a choice are told apart; pydantic writes it into the paths of its errors."""


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


# What a validator takes besides its own type is said to editors by `json_schema_input_type`.
Text = Annotated[str, BeforeValidator(to_text, json_schema_input_type=str | int | float | bool)]
Words = Annotated[list[str], BeforeValidator(split_words, json_schema_input_type=str | list[str])]
Strings = Annotated[list[str], BeforeValidator(one_or_many, json_schema_input_type=str | list[str])]
Variables = dict[Annotated[str, AfterValidator(checked_variable)], Text]
Ports = list[Annotated[Port, BeforeValidator(parse_port, json_schema_input_type=str | int)]]
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
        use_attribute_docstrings=True,
    )


class ProjectTable(Table):
    """[project]"""

    name: str | None = Field(default=None, min_length=1)
    """What the project is called; the folder's name otherwise."""
    ignore: Strings = []
    """Files and folders that are left out of the watch, written as in an ignore file."""
    syntax_guard: bool = True
    """Whether a file that does not parse keeps the running program from being restarted."""


class ImageTable(Table):
    """[image], or [images.NAME]"""

    dockerfile: str | None = None
    """The Dockerfile; the one in the build context otherwise."""
    context: str | None = None
    """The folder that COPY and ADD copy from; that of devrun.toml otherwise."""
    stage: str | None = None
    """The stage to build; the last one otherwise."""
    args: Variables = {}
    """Values of the Dockerfile's ARGs."""
    inputs: Strings = []
    """More files whose change builds the image again, as globs."""


class MountTable(Table):
    """[mount], or a target's own"""

    source: str = "."
    """The folder of this machine that containers see."""
    path: Annotated[str, AfterValidator(mount_point)] | None = None
    """Where they see it; at the image's WORKDIR otherwise."""
    keep: Annotated[
        list[Annotated[str, AfterValidator(path_below)]],
        BeforeValidator(one_or_many, json_schema_input_type=str | list[str]),
    ] = []
    """Paths below it at which the image's own files stay visible, `.venv` for instance."""


def no_mount(value: object) -> object:
    """Only `false` means no mount; `true` would say nothing."""
    if value is not False:
        raise ValueError("leave the key out to have the mount, or write false")
    return value


def mount_kind(value: object) -> str | None:
    """Return which alternative a value is meant to be."""
    table, false = ONE_OF_A_CHOICE
    return false if isinstance(value, bool) else table if isinstance(value, dict | MountTable) else None


MountChoice = Annotated[
    Annotated[MountTable, Tag(ONE_OF_A_CHOICE[0])]
    | Annotated[
        Literal[False],
        BeforeValidator(no_mount, json_schema_input_type=Literal[False]),
        Tag(ONE_OF_A_CHOICE[1]),
    ],
    Discriminator(mount_kind),
]


class TargetTable(Table):
    """[targets.NAME]"""

    script: str | None = Field(default=None, min_length=1)
    """The Python file to run, relative to devrun.toml."""
    module: str | None = Field(default=None, min_length=1)
    """The module to run, as `python -m` takes it."""
    command: Words | None = Field(default=None, min_length=1)
    """The program to run, with its arguments."""
    args: Words = []
    """Arguments behind the script, module or command."""
    image: str | None = None
    """The name of its image, where there are several."""
    mount: MountChoice | None = None
    """Its own mount instead of that of [mount]; false: the image carries its code."""
    entrypoint: Words | None = None
    """What it is started with instead of the image's ENTRYPOINT."""
    ports: Ports = []
    """Ports shown on this machine: "8080:5000" shows port 5000 of the container as 8080."""
    env: Variables = {}
    """Environment variables."""
    env_file: Strings = []
    """Files of environment variables, in lines NAME=VALUE; `env` goes before them."""
    workdir: Annotated[str, AfterValidator(absolute_path)] | None = None
    """The folder of the container in which it starts; the image's WORKDIR otherwise."""
    user: Text | None = None
    """The user, or uid:gid, that it runs as; the image's USER otherwise."""
    stop_signal: Annotated[str, AfterValidator(checked_signal)] | None = None
    """What it is asked to end with; the image's STOPSIGNAL or else SIGTERM otherwise."""
    stop_timeout: int | None = Field(default=None, ge=0, le=3600)
    """Seconds that it has to end before it is killed."""
    init: bool | None = None
    """Whether an init runs above it, which passes signals on and reaps processes."""
    watch: Strings = []
    """More files whose change restarts it, as globs."""
    ignore: Strings = []
    """Files whose change never does, written as in an ignore file."""
    restart_on: Annotated[RestartOn, Field(strict=False)] = RestartOn.REACH
    """Which edits restart it: of files that it reaches by imports, of any file that it sees, or of none."""
    autostart: bool = True
    """Whether it is started by itself."""
    tty: bool = False
    """Whether it runs in a terminal."""

    @model_validator(mode="after")
    def _one_program(self) -> "TargetTable":
        said = [key for key in PROGRAM_KEYS if getattr(self, key) is not None]
        if len(said) != 1:
            found = " and ".join(said) if said else "none"
            raise ValueError(f"a target has one of script, module and command; this one has {found}")
        return self


TargetChoice = Annotated[TargetTable, BeforeValidator(script_table, json_schema_input_type=str | TargetTable)]


class File(Table):
    """The whole file."""

    project: ProjectTable = ProjectTable()
    """What concerns all of it."""
    image: ImageTable | None = None
    """How the one image is built."""
    images: dict[Name, ImageTable] = {}
    """How several images are built; a target chooses one by its `image`."""
    mount: MountChoice = MountTable()
    """The folder that containers see; false: images carry their code."""
    targets: dict[Name, TargetChoice] | None = None
    """The programs to run, each in a container of its own; the Dockerfile's own command otherwise."""


def known_keys(path: tuple[str | int, ...]) -> tuple[str, ...]:
    """Return the keys that a table at this place may have."""
    match path:
        case ():
            table: type[Table] = File
        case ("project",):
            table = ProjectTable
        case ("image",) | ("images", _):
            table = ImageTable
        case ("mount",) | ("targets", _, "mount"):
            table = MountTable
        case _:
            table = TargetTable
    return tuple(field.alias or name for name, field in table.model_fields.items())


Tree = dict[str, Any]
