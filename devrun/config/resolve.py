"""From what the file says to what the program uses: defaults, absolute paths, checked references."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devrun.config.environment import parse_env_file
from devrun.config.find import root_key
from devrun.config.names import project_slug, slugify
from devrun.config.project import (
    Command,
    ImageCommand,
    ImageConfig,
    ImageName,
    Module,
    Mount,
    Program,
    Project,
    Script,
    TargetConfig,
    TargetName,
)
from devrun.config.schema import File, ImageTable, MountTable, TargetTable

DEFAULT_IMAGE = ImageName("default")
ONLY_TARGET = TargetName("main")
"""What the Dockerfile's own command is called, where no targets are named."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong at a place of the file."""

    path: tuple[str | int, ...]
    text: str
    hint: str = ""


class Resolver:
    """Resolves one file; collects its problems."""

    def __init__(
        self, parsed: File, file: Path, environment: Mapping[str, str], problems: list[Problem]
    ) -> None:
        self.parsed = parsed
        self.file = file
        self.root = file.parent
        self.environment = environment
        self.problems = problems
        self.env_files: list[Path] = []

    def project(self) -> Project:
        """Return the project; it is to be used only if no problem was found."""
        name = self.parsed.project.name or self.root.name or "root"
        images = self._images()
        targets = self._targets(images)
        self._refuse_equal_slugs([*targets])
        return Project(
            name=name,
            slug=project_slug(name, self.root),
            root=self.root,
            key=root_key(self.root),
            file=self.file,
            images=images,
            targets=targets,
            ignore=tuple(self.parsed.project.ignore),
            env_files=tuple(dict.fromkeys(self.env_files)),
        )

    def _complain(self, path: tuple[str | int, ...], text: str) -> None:
        self.problems.append(Problem(path, text))

    def _images(self) -> dict[ImageName, ImageConfig]:
        if self.parsed.image is not None and self.parsed.images:
            self._complain(
                ("image",), "there is [image] for one image and [images.NAME] for several; use one of them"
            )
        if self.parsed.images:
            return {
                ImageName(name): self._image(ImageName(name), table, ("images", name))
                for name, table in self.parsed.images.items()
            }
        return {DEFAULT_IMAGE: self._image(DEFAULT_IMAGE, self.parsed.image or ImageTable(), ("image",))}

    def _image(self, name: ImageName, table: ImageTable, path: tuple[str, ...]) -> ImageConfig:
        context = self._folder(table.context or ".", (*path, "context"))
        dockerfile = self.root / table.dockerfile if table.dockerfile else context / "Dockerfile"
        if not dockerfile.is_file():
            self._complain((*path, "dockerfile"), f"there is no file {table.dockerfile or 'Dockerfile'}")
        return ImageConfig(name, dockerfile, context, table.stage, table.args, tuple(table.inputs))

    def _folder(self, value: str, path: tuple[str, ...]) -> Path:
        folder = (self.root / value).resolve()
        if not folder.is_dir():
            self._complain(path, f"there is no folder {value}")
        return folder

    def _targets(self, images: Mapping[ImageName, ImageConfig]) -> dict[TargetName, TargetConfig]:
        if self.parsed.targets is None:
            target = TargetConfig(
                ONLY_TARGET, next(iter(images)), ImageCommand(), mount=self._mount(None, ("mount",))
            )
            return {ONLY_TARGET: target}
        if not self.parsed.targets:
            self._complain(
                ("targets",), "no targets are named; leave [targets] out to run the Dockerfile's own command"
            )
        return {
            TargetName(name): self._target(TargetName(name), table, images)
            for name, table in self.parsed.targets.items()
        }

    def _target(
        self, name: TargetName, table: TargetTable, images: Mapping[ImageName, ImageConfig]
    ) -> TargetConfig:
        path = ("targets", name)
        return TargetConfig(
            name=name,
            image=self._image_choice(table.image, images, path),
            program=self._program(table, path),
            args=tuple(table.args),
            mount=self._mount(table, path),
            entrypoint=None if table.entrypoint is None else tuple(table.entrypoint),
            ports=tuple(table.ports),
            env=self._env(table, path),
            workdir=table.workdir,
            user=table.user,
            stop_signal=table.stop_signal,
            stop_timeout_s=table.stop_timeout,
            init=table.init,
            tty=table.tty,
            watch=tuple(table.watch),
            ignore=tuple(table.ignore),
            restart_on=table.restart_on,
            autostart=table.autostart,
        )

    def _image_choice(
        self, said: str | None, images: Mapping[ImageName, ImageConfig], path: tuple[str, ...]
    ) -> ImageName:
        names = ", ".join(images)
        if said is None:
            if len(images) > 1:
                self._complain(path, f"there are several images; name one with `image`: {names}")
            return next(iter(images))
        if said not in images:
            self._complain((*path, "image"), f"there is no image {said}; there is {names}")
        return ImageName(said)

    def _program(self, table: TargetTable, path: tuple[str, ...]) -> Program:
        if table.module is not None:
            return Module(table.module)
        if table.command is not None:
            return Command(tuple(table.command))
        script = (table.script or "").removeprefix("./")
        if Path(script).is_absolute() or ".." in Path(script).parts:
            self._complain((*path, "script"), "a script lies inside the project; its path is relative to it")
        elif (
            table.mount is not False and self.parsed.mount is not False and not (self.root / script).is_file()
        ):
            self._complain((*path, "script"), f"there is no file {script}")
        return Script(Path(script).as_posix())

    def _mount(self, table: TargetTable | None, path: tuple[str, ...]) -> Mount | None:
        own = table.mount if table else None
        choice = self.parsed.mount if own is None else own
        if not isinstance(choice, MountTable):
            return None
        where = ("mount", "source") if own is None else (*path, "mount", "source")
        source = self._folder(choice.source, where)
        if source == Path(source.anchor):
            self._complain(where, "the root of the file system cannot be mounted")
        return Mount(source, choice.path, tuple(choice.keep))

    def _env(self, table: TargetTable, path: tuple[str, ...]) -> dict[str, str]:
        env: dict[str, str] = {}
        for index, value in enumerate(table.env_file):
            file = (self.root / value).resolve()
            self.env_files.append(file)
            try:
                env |= parse_env_file(file.read_text("utf-8"), self.environment)
            except (OSError, UnicodeDecodeError, ValueError) as error:
                reason = error.strerror if isinstance(error, OSError) else str(error)
                self._complain((*path, "env-file", index), f"{value}: {reason}")
        return env | table.env

    def _refuse_equal_slugs(self, names: list[TargetName]) -> None:
        by_slug: dict[str, TargetName] = {}
        for name in names:
            other = by_slug.setdefault(slugify(name), name)
            if other != name:
                self._complain(
                    ("targets", name), f"would be called the same as {other} in Docker: {slugify(name)}"
                )


def resolve(parsed: File, file: Path, environment: Mapping[str, str], problems: list[Problem]) -> Project:
    """Return the project that a checked file describes, and add to its problems."""
    return Resolver(parsed, file, environment, problems).project()
