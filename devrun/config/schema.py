"""What `devrun.toml` may say. Keys are in kebab case, and unknown ones are refused.

The models check types and forms only; what belongs together, and what must exist on disk, is checked by
`resolve`. Messages of validators are shown to users as they are.
"""

import re
import shlex
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from devrun.config.project import Port, RestartOn

_PORT = re.compile(
    r"^(?:(?P<address>\[[0-9a-fA-F:.]+\]|\d+(?:\.\d+){3}):)?(?:(?P<host>\d+):)?(?P<container>\d+)(?:/(?P<protocol>tcp|udp|sctp))?$"
)
_NAME = re.compile(r"^[^\s/:@]+$")
MAX_PORT = 65535


def parse_port(value: object) -> Port:
    """Return the port that `"8080:5000"`, `"127.0.0.1:8080:5000/udp"` or `5000` means."""
    match = _PORT.match(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) else None
    if match is None:
        raise ValueError('a port is written "HOST:CONTAINER", as in "8080:5000"')
    host, container = int(match["host"] or 0), int(match["container"])
    if not 0 < container <= MAX_PORT or host > MAX_PORT:
        raise ValueError(f"a port lies between 1 and {MAX_PORT}")
    return Port(container, host, match["protocol"] or "tcp", (match["address"] or "").strip("[]"))


def split_words(value: object) -> object:
    """Split a string as a shell does; a list is taken as it is."""
    return shlex.split(value) if isinstance(value, str) else value


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
    if not _NAME.match(value):
        raise ValueError("a name has no spaces and none of / : @")
    return value


Words = Annotated[list[str], BeforeValidator(split_words)]
Strings = Annotated[list[str], BeforeValidator(one_or_many)]
Variables = dict[str, Annotated[str, BeforeValidator(to_text)]]
Ports = list[Annotated[Port, BeforeValidator(parse_port)]]
Name = Annotated[str, BeforeValidator(checked_name)]


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


class ImageTable(Table):
    """[image], or [images.NAME]"""

    dockerfile: str | None = None
    context: str | None = None
    stage: str | None = None
    args: Variables = {}
    inputs: Strings = []


class MountTable(Table):
    """[mount], or a target's own"""

    source: str = "."
    path: str | None = Field(default=None, pattern="^/.")
    keep: Strings = []


def no_mount(value: object) -> object:
    """Only `false` means no mount; `true` would say nothing."""
    if value is True:
        raise ValueError("leave the key out to have the mount, or write false")
    return value


MountChoice = Annotated[MountTable | bool, BeforeValidator(no_mount)]


class TargetTable(Table):
    """[targets.NAME]"""

    script: str | None = Field(default=None, min_length=1)
    module: str | None = Field(default=None, min_length=1)
    command: Words | None = Field(default=None, min_length=1)
    args: Words = []
    image: str | None = None
    mount: MountChoice | None = None
    entrypoint: Words | None = None
    ports: Ports = []
    env: Variables = {}
    env_file: Strings = []
    workdir: str | None = None
    user: Annotated[str, BeforeValidator(to_text)] | None = None
    stop_signal: str | None = None
    stop_timeout: int | None = Field(default=None, ge=0, le=3600)
    init: bool | None = None
    watch: Strings = []
    ignore: Strings = []
    restart_on: Annotated[RestartOn, Field(strict=False)] = RestartOn.REACH
    autostart: bool = True
    tty: bool = False

    @model_validator(mode="after")
    def _one_program(self) -> "TargetTable":
        said = [key for key in ("script", "module", "command") if getattr(self, key) is not None]
        if len(said) != 1:
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
        case ("mount",) | ("targets", _, "mount"):
            table = MountTable
        case ("targets", _):
            table = TargetTable
        case _:
            return ()
    return tuple(field.alias or name for name, field in table.model_fields.items())


Tree = dict[str, Any]
