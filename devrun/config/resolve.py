"""From what the file says to what the program uses: defaults, absolute paths, checked references."""

import difflib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from devrun.config.environment import EnvFileError, parse_env_file
from devrun.config.find import root_key
from devrun.config.mount_source import leads_out, refusal
from devrun.config.names import project_slug, slugify
from devrun.config.problems import KeyPath, Problem, written
from devrun.config.project import (
    DEFAULT_IMAGE,
    ONLY_TARGET,
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
from devrun.config.schema import File, ImageTable, MountTable, TargetTable, Tree
from devrun.config.text_file import UnreadableError, read_text

DOCKERFILE = "Dockerfile"
MOST_SHOWN = 100
"""Characters of a value in a message."""
NAME_LIMIT = 255
"""Characters of a file's name, on most file systems; no file is called almost like a longer one."""


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
        return Project(
            name=name,
            slug=project_slug(name, self.root),
            root=self.root,
            key=root_key(self.root),
            file=self.file,
            images=images,
            targets=targets,
            mount=self._project_mount(),
            ignore=tuple(self.parsed.project.ignore),
            env_files=tuple(dict.fromkeys(self.env_files)),
            syntax_guard=self.parsed.project.syntax_guard,
        )

    def _complain(self, path: KeyPath, text: str, hint: str = "") -> None:
        self.problems.append(Problem(path, text, hint))

    def _said(self, path: KeyPath) -> str:
        """Return a value as the file writes it: what fills its variables in may be a secret."""
        text = written(self.tree, path)
        return f"'{text}'" if len(text) <= MOST_SHOWN else f"'{text[:MOST_SHOWN]}...'"

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

    def _image(self, name: ImageName, table: ImageTable, path: KeyPath) -> ImageConfig:
        context = self._folder(table.context or ".", (*path, "context"))
        where = (*path, "dockerfile")
        dockerfile = self._absolute(table.dockerfile) if table.dockerfile else context / DOCKERFILE
        if not _is_file(dockerfile):
            said = self._said(where) if table.dockerfile else f"'{DOCKERFILE}' in the build context"
            hint = "" if table.dockerfile else f"write one, or name yours: dockerfile = ..., in [{path[0]}]"
            self._complain(where, f"there is no file {said}{self._near(dockerfile)}", hint)
        return ImageConfig(name, dockerfile, context, table.stage, table.args, tuple(table.inputs))

    def _absolute(self, value: str) -> Path:
        return Path(os.path.normpath(self.root / value))

    def _folder(self, value: str, path: KeyPath) -> Path:
        """Return the real path of a folder."""
        if not _is_folder(self.root / value):
            self._complain(path, f"there is no folder {self._said(path)}{self._near(self.root / value)}")
            return self.root
        return (self.root / value).resolve()

    def _near(self, path: Path) -> str:
        """Return what lies beside a path that is not there, and is called almost the same."""
        try:
            names = [entry.name for entry in path.parent.iterdir()]
        except OSError:
            return ""
        name = path.name if len(path.name) <= NAME_LIMIT else ""
        near = difflib.get_close_matches(name, [other for other in names if other != name], n=1, cutoff=0.7)
        return f"; did you mean '{near[0]}'?" if near else ""

    def _targets(self, images: Mapping[ImageName, ImageConfig]) -> dict[TargetName, TargetConfig]:
        if self.parsed.targets is None:
            if len(images) > 1:
                self._complain(("images",), "there are several images, and no [targets] that run them")
            target = TargetConfig(
                ONLY_TARGET, next(iter(images)), ImageCommand(), mount=self._mount(None, ())
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
        self, said: str | None, images: Mapping[ImageName, ImageConfig], path: KeyPath
    ) -> ImageName:
        names = ", ".join(images)
        if said is None:
            if len(images) > 1:
                self._complain(path, f"there are several images; choose one by `image`: {names}")
            return next(iter(images))
        if said not in images:
            where = (*path, "image")
            self._complain(where, f"there is no image {self._said(where)}{_meant(said, images)}")
        return ImageName(said)

    def _program(self, table: TargetTable, path: KeyPath) -> Program:
        if table.module is not None:
            return Module(table.module)
        if table.command is not None:
            return Command(tuple(table.command))
        script = os.path.normpath(table.script or "")
        where = (*path, "script")
        if Path(script).is_absolute() or ".." in Path(script).parts:
            self._complain(where, "a script lies inside the project; its path is relative to it")
        elif self._carries_mount(table) and not _is_file(self.root / script):
            self._complain(
                where, f"there is no file {self._said((*path, 'script'))}{self._near(self.root / script)}"
            )
        return Script(Path(script).as_posix())

    def _carries_mount(self, table: TargetTable) -> bool:
        """Tell whether a target sees files of the project; without, its script may be the image's own."""
        return (self.parsed.mount if table.mount is None else table.mount) is not False

    def _mount(self, table: TargetTable | None, path: KeyPath) -> Mount | None:
        own = table.mount if table else None
        choice = self.parsed.mount if own is None else own
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

    def _refuse_equal_slugs(self, names: list[TargetName]) -> None:
        by_slug: dict[str, TargetName] = {}
        for name in names:
            other = by_slug.setdefault(slugify(name), name)
            if other != name:
                self._complain(
                    ("targets", name), f"would be called the same as {other} in Docker: {slugify(name)}"
                )


def _meant(said: str, known: Iterable[str]) -> str:
    names = tuple(known)
    near = difflib.get_close_matches(said, names, n=1)
    return f"; did you mean {near[0]}?" if near else f"; there is {', '.join(names)}"


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
