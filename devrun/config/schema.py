"""What `devrun.toml` may say. Keys are in kebab case, and unknown ones are refused.

Types and forms only: `resolve` checks the rest. What validators say is shown as it is: it quotes no value.
"""

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

from devrun.config.forms import (
    MAX_PORT,
    Agents,
    Capabilities,
    Devices,
    ExtraHosts,
    Name,
    Networks,
    Ports,
    Size,
    Strings,
    Text,
    TmpfsList,
    Variables,
    Volumes,
    Words,
    absolute_path,
    checked_signal,
    checked_variable,
    debug_port,
    http_path,
    mount_point,
    no_mount,
    one_or_many,
    path_below,
    script_table,
    secret_table,
)
from devrun.config.notation import (
    checked_hostname,
    checked_memory,
    checked_platform,
    full_reference,
    parse_cpus,
    parse_gpus,
)
from devrun.config.project import Condition, Depth, RestartOn
from devrun.config.session import checked_id
from devrun.config.surroundings import Gpus

PROGRAM_KEYS = ("script", "module", "command")
MAX_SECONDS = 3600
SECRET_KEYS = ("file", "env")
ONE_OF_A_CHOICE = ("<table>", "<false>", "<list>")
"""How the alternatives of a choice are told apart; pydantic writes it into the paths of its errors."""
IMAGE_TABLE, IMAGE_NAME = "<image table>", "<image name>"
"""The same for a target's `image`."""


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
        defer_build=True,
    )


class ProjectTable(Table):
    """[project]"""

    name: str | None = Field(default=None, min_length=1)
    """What the project is called; the folder's name otherwise."""
    ignore: Strings = []
    """Files and folders that are left out of the watch, written as in an ignore file."""
    syntax_guard: bool = True
    """Whether a file that does not parse keeps the running program from being restarted."""


class SecretTable(Table):
    """One of the secrets of [image]"""

    file: str | None = Field(default=None, min_length=1)
    """The file that holds it."""
    env: Annotated[str, AfterValidator(checked_variable)] | None = None
    """The variable of devrun's environment that holds it."""

    @model_validator(mode="after")
    def _one_origin(self) -> "SecretTable":
        if (self.file is None) == (self.env is None):
            raise ValueError("a secret has one of file and env")
        return self


Secrets = dict[
    Annotated[str, AfterValidator(checked_id)],
    Annotated[SecretTable, BeforeValidator(secret_table, json_schema_input_type=str | SecretTable)],
]


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
    platform: Annotated[str, AfterValidator(checked_platform)] | None = None
    """What it is built for, as linux/arm64; the engine's own otherwise."""
    secrets: Secrets = {}
    """What `RUN --mount=type=secret` may read; needs the buildx plugin, and is no reason to build again."""
    ssh: Agents = []
    """Agents, sockets or keys for `RUN --mount=type=ssh`; true: the agent of the environment."""
    cache_from: Annotated[
        list[Annotated[str, Field(min_length=1)]],
        BeforeValidator(one_or_many, json_schema_input_type=str | list[str]),
    ] = []
    """Where layers may come from, as registry/app:cache."""


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


def mount_kind(value: object) -> str | None:
    """Return which alternative a value is meant to be."""
    table, false, _ = ONE_OF_A_CHOICE
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


class HealthcheckTable(Table):
    """healthcheck of a target"""

    http: Annotated[str, AfterValidator(http_path)] | None = None
    """The path that answers with 2xx or 3xx."""
    port: int | None = Field(default=None, ge=1, le=MAX_PORT)
    """The port of the container that is asked; the first published one otherwise."""
    command: Words | None = Field(default=None, min_length=1)
    """What ends with 0 inside the container."""
    interval: float = Field(default=0.5, gt=0, le=MAX_SECONDS, allow_inf_nan=False)
    """Seconds between two tries."""
    timeout: float = Field(default=2, gt=0, le=MAX_SECONDS, allow_inf_nan=False)
    """Seconds that one try may take."""

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
    """What registries know it by, as postgres:17."""


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
    image: ImageChoice | None = None
    """The name of its image, where there are several, or an image of others: { name = "postgres:17" }."""
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
    reload: Annotated[Depth, Field(strict=False)] | None = None
    """What a restart starts anew: the container, its process, or that from a warm interpreter."""
    autostart: bool = True
    """Whether it is started by itself."""
    depends_on: Dependencies = []
    """What has to be there first: targets, or a table of targets and started, healthy or completed."""
    healthcheck: (
        Annotated[
            HealthcheckTable,
            BeforeValidator(
                healthcheck_table, json_schema_input_type=str | int | list[str] | HealthcheckTable
            ),
        ]
        | None
    ) = None
    """When it is ready: an HTTP path, a TCP port, a command that ends with 0, or a table."""
    before_start: Words | None = Field(default=None, min_length=1)
    """A command that is run to its end before each start, in a container like it."""
    tty: bool = False
    """Whether it runs in a terminal."""
    volumes: Volumes = []
    """Named volumes and host folders: "data:/var/lib/data", "./conf:/etc/conf:ro"."""
    networks: Networks = []
    """Networks of the engine that it joins beside the project's own."""
    hostname: Annotated[str, AfterValidator(checked_hostname)] | None = None
    """What its container calls itself."""
    extra_hosts: ExtraHosts = []
    """More names of hosts: "db:10.0.0.5", or a table."""
    tmpfs: TmpfsList = []
    """Folders in memory, empty at each start: "/run", "/cache:size=64m"."""
    shm_size: Size | None = None
    """The size of /dev/shm, as 1g."""
    memory: Annotated[Size, AfterValidator(checked_memory)] | None = None
    """How much memory it may take, as 512m."""
    cpus: Annotated[float, BeforeValidator(parse_cpus, json_schema_input_type=int | float)] | None = None
    """How many processors it may use, as 1.5."""
    gpus: (
        Annotated[Gpus, BeforeValidator(parse_gpus, json_schema_input_type=str | int | list[str])] | None
    ) = None
    """The GPUs that it gets: all, a number of them, or a list of ids."""
    platform: Annotated[str, AfterValidator(checked_platform)] | None = None
    """What its container runs as, and an image of others is pulled for, as linux/amd64."""
    network: Literal["host"] | None = None
    """The network of this machine instead of the project's own; wants a grant by `devrun allow`."""
    privileged: bool = False
    """Whether it may do what this machine's root may; wants a grant by `devrun allow`."""
    devices: Devices = []
    """Devices of this machine, as "/dev/ttyUSB0:/dev/modem"; want a grant by `devrun allow`."""
    cap_add: Capabilities = []
    """Capabilities beside the engine's usual ones, as NET_ADMIN; want a grant by `devrun allow`."""
    debug: Annotated[bool | int, BeforeValidator(debug_port)] = False
    """Whether it runs under debugpy: true, or the port on which that listens."""
    network_sandbox: bool | None = None
    """Its own answer instead of the project's `network-sandbox`."""

    @model_validator(mode="after")
    def _one_program(self) -> "TargetTable":
        said = [key for key in PROGRAM_KEYS if getattr(self, key) is not None]
        if len(said) > 1 or not (said or isinstance(self.image, PrebuiltTable)):
            found = " and ".join(said) if said else "none"
            raise ValueError(f"a target has one of script, module and command; this one has {found}")
        return self


TargetChoice = Annotated[TargetTable, BeforeValidator(script_table, json_schema_input_type=str | TargetTable)]


class File(Table):
    """The whole file."""

    project: ProjectTable = Field(default_factory=ProjectTable)
    """What concerns all of it."""
    image: ImageTable | None = None
    """How the one image is built."""
    images: dict[Name, ImageTable] = {}
    """How several images are built; a target chooses one by its `image`."""
    mount: MountChoice = Field(default_factory=MountTable)
    """The folder that containers see; false: images carry their code."""
    reload: Annotated[Depth, Field(strict=False)] = Depth.CONTAINER
    """That of targets which say nothing else."""
    network_sandbox: bool = True
    """Whether a small container keeps the network of each target, so that restarts need not make it anew."""
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
