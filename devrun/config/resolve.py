"""From what the file says to what the program uses: defaults, absolute paths, checked references."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from devrun.config.build_session import session_of
from devrun.config.debugging import with_debuggers
from devrun.config.dependencies import dependencies_of, rings
from devrun.config.environment import EnvFileError, parse_env_file
from devrun.config.find import root_key
from devrun.config.mount_source import leads_out, refusal
from devrun.config.names import meant, project_slug, slugify
from devrun.config.nearby import near
from devrun.config.problems import KeyPath, Problem, quoted
from devrun.config.project import (
    DEFAULT_IMAGE,
    ONLY_TARGET,
    Check,
    Command,
    CommandCheck,
    Dependency,
    Depth,
    Healthcheck,
    HttpCheck,
    ImageCommand,
    ImageConfig,
    ImageName,
    Module,
    Mount,
    PrebuiltImage,
    Program,
    Project,
    Script,
    TargetConfig,
    TargetName,
    TcpCheck,
)
from devrun.config.schema import (
    File,
    HealthcheckTable,
    ImageTable,
    MountTable,
    PrebuiltTable,
    TargetTable,
    Tree,
)
from devrun.config.surround import keeps_network, surroundings_of, user_of
from devrun.config.text_file import UnreadableError, read_text

DOCKERFILE = "Dockerfile"
PREBUILT_HINT = 'for an image that is not built here: image = { name = "..." }'
PREBUILT_STOP_TIMEOUT_S = 10
"""Docker's own: a database of others' making may take its time to end."""


class Resolver:
    """Resolves one file, and collects its problems."""

    def __init__(self, parsed: File, tree: Tree, file: Path, environment: Mapping[str, str]) -> None:
        self.parsed = parsed
        self.tree = tree
        self.file = file
        self.root = file.parent
        self.environment = environment
        self.problems: list[Problem] = []
        self.env_files: list[Path] = []

    def project(self) -> Project:
        """Return the project; it is to be used only if no problem was found."""
        name = self.parsed.project.name or self.root.name or "root"
        images = self._images()
        targets = self._targets(images)
        self._refuse_equal_slugs([*targets])
        self._refuse_rings(targets)
        return Project(
            name=name,
            slug=project_slug(name, self.root),
            root=self.root,
            key=root_key(self.root),
            file=self.file,
            images={**images, **self._prebuilt()},
            targets=targets,
            mount=self._project_mount(),
            ignore=tuple(self.parsed.project.ignore),
            env_files=tuple(dict.fromkeys(self.env_files)),
            syntax_guard=self.parsed.project.syntax_guard,
        )

    def _complain(self, path: KeyPath, text: str, hint: str = "") -> None:
        self.problems.append(Problem(path, text, hint))

    def _said(self, path: KeyPath) -> str:
        return quoted(self.tree, path)

    def _images(self) -> dict[ImageName, ImageConfig]:
        """Return the images that devrun builds."""
        if self.parsed.image is not None and self.parsed.images:
            self._complain(
                ("image",), "there is [image] for one image and [images.NAME] for several; use one of them"
            )
        if self.parsed.images:
            return {
                ImageName(name): self._image(ImageName(name), table, ("images", name))
                for name, table in self.parsed.images.items()
            }
        if self.parsed.image is None and not self._uses_default():
            return {}
        return {DEFAULT_IMAGE: self._image(DEFAULT_IMAGE, self.parsed.image or ImageTable(), ("image",))}

    def _uses_default(self) -> bool:
        """Tell whether any target runs an image that is built here."""
        targets = self.parsed.targets
        return targets is None or any(not _is_prebuilt(table) for table in targets.values())

    def _prebuilt(self) -> dict[ImageName, PrebuiltImage]:
        """Return the images that others build; an engine has one of each name at a time."""
        images: dict[ImageName, PrebuiltImage] = {}
        for name, table in (self.parsed.targets or {}).items():
            if isinstance(table.image, PrebuiltTable):
                image = PrebuiltImage(ImageName(table.image.name), table.platform)
                if images.setdefault(image.name, image) != image:
                    self._complain(
                        ("targets", name, "platform" if table.platform else "image"),
                        "another target has this image for another platform",
                        "an engine keeps one of them under a name: write the same `platform` in both",
                    )
        return images

    def _image(self, name: ImageName, table: ImageTable, path: KeyPath) -> ImageConfig:
        context = self._folder(table.context or ".", (*path, "context"))
        where = (*path, "dockerfile")
        dockerfile = self._absolute(table.dockerfile) if table.dockerfile else context / DOCKERFILE
        if not _is_file(dockerfile):
            said = self._said(where) if table.dockerfile else f"'{DOCKERFILE}' in the build context"
            hint = "" if table.dockerfile else f"write one, or name yours: dockerfile = ..., in [{path[0]}]"
            self._complain(where, f"there is no file {said}{near(dockerfile)}", hint)
        return ImageConfig(
            name,
            dockerfile,
            context,
            table.stage,
            table.args,
            tuple(table.inputs),
            table.platform,
            session_of(table, self.root),
        )

    def _absolute(self, value: str) -> Path:
        return Path(os.path.normpath(self.root / value))

    def _folder(self, value: str, path: KeyPath) -> Path:
        """Return the real path of a folder."""
        if not _is_folder(self.root / value):
            self._complain(path, f"there is no folder {self._said(path)}{near(self.root / value)}")
            return self.root
        return (self.root / value).resolve()

    def _targets(self, images: Mapping[ImageName, ImageConfig]) -> dict[TargetName, TargetConfig]:
        if self.parsed.targets is None:
            if len(images) > 1:
                self._complain(("images",), "there are several images, and no [targets] that run them")
            target = TargetConfig(
                ONLY_TARGET,
                next(iter(images)),
                ImageCommand(),
                mount=self._mount(None, ()),
                reload=self.parsed.reload,
                network_sandbox=self.parsed.network_sandbox,
            )
            return {ONLY_TARGET: target}
        if not self.parsed.targets:
            self._complain(
                ("targets",), "no targets are named; leave [targets] out to run the Dockerfile's own command"
            )
        targets = {
            TargetName(name): self._target(TargetName(name), table, images)
            for name, table in self.parsed.targets.items()
        }
        wished = {TargetName(name): table.debug for name, table in self.parsed.targets.items()}
        debugged, problems = with_debuggers(targets, wished)
        self.problems += problems
        return debugged

    def _target(
        self, name: TargetName, table: TargetTable, images: Mapping[ImageName, ImageConfig]
    ) -> TargetConfig:
        path = ("targets", name)
        mount = self._mount(table, path)
        surroundings, problems = surroundings_of(table, path, mount, self.root, self.tree)
        self.problems += problems
        return TargetConfig(
            name=name,
            image=self._image_choice(table.image, images, path),
            program=self._program(table, path),
            args=tuple(table.args),
            mount=mount,
            entrypoint=None if table.entrypoint is None else tuple(table.entrypoint),
            ports=tuple(table.ports),
            env=self._env(table, path),
            workdir=table.workdir,
            user=user_of(table),
            stop_signal=table.stop_signal,
            stop_timeout_s=_stop_timeout_s(table),
            init=table.init,
            tty=table.tty,
            watch=tuple(table.watch),
            ignore=tuple(table.ignore),
            restart_on=table.restart_on,
            reload=self._reload(table),
            autostart=table.autostart,
            depends_on=self._dependencies(table, path),
            healthcheck=self._healthcheck(table, path),
            before_start=tuple(table.before_start or ()),
            surroundings=surroundings,
            network_sandbox=keeps_network(table, default=self.parsed.network_sandbox),
        )

    def _image_choice(
        self, said: PrebuiltTable | str | None, images: Mapping[ImageName, ImageConfig], path: KeyPath
    ) -> ImageName:
        if isinstance(said, PrebuiltTable):
            return ImageName(said.name)
        names = ", ".join(images)
        if said is None:
            if len(images) > 1:
                self._complain(path, f"there are several images; choose one by `image`: {names}")
            return next(iter(images))
        if said not in images:
            where = (*path, "image")
            self._complain(
                where, f"there is no image {self._said(where)}; {meant(said, images)}", PREBUILT_HINT
            )
        return ImageName(said)

    def _program(self, table: TargetTable, path: KeyPath) -> Program:
        if table.module is not None:
            return Module(table.module)
        if table.command is not None:
            return Command(tuple(table.command))
        if table.script is None:
            return ImageCommand()
        script = os.path.normpath(table.script)
        where = (*path, "script")
        if Path(script).is_absolute() or ".." in Path(script).parts:
            self._complain(where, "a script lies inside the project; its path is relative to it")
        elif self._carries_mount(table) and not _is_file(self.root / script):
            self._complain(
                where, f"there is no file {self._said((*path, 'script'))}{near(self.root / script)}"
            )
        return Script(Path(script).as_posix())

    def _reload(self, table: TargetTable) -> Depth:
        """Return how a target is restarted: what others build and start is no program of the project's."""
        is_of_image = _is_prebuilt(table) and table.script is None and table.module is None
        return table.reload or (Depth.CONTAINER if is_of_image else self.parsed.reload)

    def _carries_mount(self, table: TargetTable) -> bool:
        """Tell whether a target sees files of the project; without, its script may be the image's own."""
        return self._mount_choice(table) is not False

    def _mount_choice(self, table: TargetTable | None) -> MountTable | Literal[False]:
        """Return the mount that a target has: its own, else that of the project.

        What others build has a program of its own; it sees the project where a script or module is of it.
        """
        if table is None:
            return self.parsed.mount
        if table.mount is not None:
            return table.mount
        is_of_image = _is_prebuilt(table) and table.script is None and table.module is None
        return False if is_of_image else self.parsed.mount

    def _mount(self, table: TargetTable | None, path: KeyPath) -> Mount | None:
        own = table.mount if table else None
        choice = self._mount_choice(table)
        if not isinstance(choice, MountTable):
            return None
        where: KeyPath = ("mount", "source") if own is None else (*path, "mount", "source")
        source = self._folder(choice.source, where)
        if reason := refusal(source):
            self._complain(
                where, reason, "mount a folder of its own: [mount] source = ..., or nothing: mount = false"
            )
        elif leads_out(source, self.root / choice.source, self.root):
            self._complain(
                where, f"{self._said(where)} is a link out of the project", "write the path that it leads to"
            )
        return Mount(source, choice.path, tuple(choice.keep))

    def _project_mount(self) -> Mount | None:
        """Return the mount of [mount]; what is wrong with it is wrong only where a target has it."""
        problems, self.problems = self.problems, []
        mount = self._mount(None, ())
        is_usable, self.problems = not self.problems, problems
        return mount if is_usable else None

    def _env(self, table: TargetTable, path: KeyPath) -> dict[str, str]:
        env: dict[str, str] = {}
        for index, value in enumerate(table.env_file):
            # Not `resolve`, which raises where links go round in circles.
            file = Path(os.path.realpath(self.root / value))
            self.env_files.append(file)
            where = (*path, "env-file", index)
            try:
                env |= parse_env_file(read_text(file), self.environment)
            except (UnreadableError, EnvFileError) as error:
                self._complain(where, f"{self._said(where)}: {error}")
        return env | table.env

    def _dependencies(self, table: TargetTable, path: KeyPath) -> tuple[Dependency, ...]:
        said = self.tree.get("targets")
        known = tuple(said) if isinstance(said, dict) else ()  # with those that are refused themselves
        where = (*path, "depends-on")
        for place, name in _places(table.depends_on):
            if name not in known:
                shown = self._said((*where, place)) if isinstance(place, int) else f"'{name}'"
                self._complain((*where, place), f"there is no target {shown}; {meant(name, known)}")
        return dependencies_of(table, self.parsed.targets or {})

    def _refuse_rings(self, targets: Mapping[TargetName, TargetConfig]) -> None:
        needs = {name: [one.target for one in config.depends_on] for name, config in targets.items()}
        for ring in rings(needs):
            said = " needs ".join((*ring, ring[0]))
            self._complain(("targets", ring[0], "depends-on"), f"{said}: none of them could start first")

    def _healthcheck(self, table: TargetTable, path: KeyPath) -> Healthcheck | None:
        said = table.healthcheck
        if said is None:
            return None
        return Healthcheck(self._check(said, table, path), said.interval, said.timeout)

    def _check(self, said: HealthcheckTable, table: TargetTable, path: KeyPath) -> Check:
        if said.command is not None:
            return CommandCheck(tuple(said.command))
        ports = (port.container_port for port in table.ports if port.protocol == "tcp")
        port = said.port or next(ports, 0)
        if said.http is None:
            return TcpCheck(port)
        if not port:
            self._complain(
                (*path, "healthcheck"),
                "which port to ask is not said, and none is published",
                'name it: healthcheck = { http = "/health", port = 8000 }',
            )
        return HttpCheck(said.http, port)

    def _refuse_equal_slugs(self, names: list[TargetName]) -> None:
        by_slug: dict[str, TargetName] = {}
        for name in names:
            other = by_slug.setdefault(slugify(name), name)
            if other != name:
                self._complain(
                    ("targets", name), f"would be called the same as {other} in Docker: {slugify(name)}"
                )


def _places(names: Mapping[str, object] | Sequence[str]) -> Iterable[tuple[str | int, str]]:
    """Return each name with the key, or the index, at which it stands."""
    return ((name, name) for name in names) if isinstance(names, Mapping) else enumerate(names)


def _is_prebuilt(table: TargetTable) -> bool:
    return isinstance(table.image, PrebuiltTable)


def _stop_timeout_s(table: TargetTable) -> int | None:
    """Return the time-out that is written, or that which an image needs of which nobody here knows."""
    return (
        PREBUILT_STOP_TIMEOUT_S if table.stop_timeout is None and _is_prebuilt(table) else table.stop_timeout
    )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, a folder that cannot be read
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def resolve(
    parsed: File, tree: Tree, file: Path, environment: Mapping[str, str]
) -> tuple[Project, list[Problem]]:
    """Return the project that a checked file describes, and what is wrong with it.

    `tree` is what the file says, before its variables were filled in. The project is to be used only if
    nothing is wrong with it.
    """
    resolver = Resolver(parsed, tree, file, environment)
    return resolver.project(), resolver.problems
