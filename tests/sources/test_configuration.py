"""The configuration while devrun runs: another text counts once it is whole and valid, and not before."""

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devrun.config.load import load
from devrun.config.project import ImageName, Project, TargetName
from devrun.errors import ConfigError
from devrun.sources.configuration import CUT_OFF_S, Configuration, Reload
from tests.sources.live_disk import FILES, JOB, WEB, Live, digest_from_scratch, live, write

TEXT = '[targets]\nweb = "web.py"\njob = "job.py"\n'
NEW_PORT = '[targets.web]\nscript = "web.py"\nports = ["8000"]\n[targets.job]\nscript = "job.py"\n'
LATER_S = 100.0
TOOL = TargetName("tool")


class Desk:
    """A project's folder, and its configuration, looked at when the test says so."""

    def __init__(self, root: Path, name: str = "devrun.toml") -> None:
        self.root = root
        self.name = name
        self.now = LATER_S
        self.configuration = Configuration(load(root / name, {}), {})

    def look(self, *names: str, after: float = 0.1) -> Reload | None:
        """Look some seconds later, at changed files."""
        self.now += after
        return self.configuration.look([str(self.root / name) for name in names], self.now)

    def save(self, text: str, name: str = "") -> Reload | None:
        """Write a file and look."""
        write(self.root, {name or self.name: text})
        return self.look(name or self.name)

    @property
    def notice(self) -> list[str]:
        return self.configuration.notice.split("\n")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with two scripts."""
    write(tmp_path, {**FILES, "devrun.toml": TEXT})
    return tmp_path


@pytest.fixture
def desk(root: Path) -> Desk:
    """Its configuration, which was looked at once."""
    made = Desk(root)
    assert made.look() is None
    return made


def targets(reload: Reload | None) -> list[str]:
    assert reload is not None
    return list(reload.project.targets)


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        f"# a comment\n{TEXT}",
        '[targets]\njob = { script = "job.py" }\nweb = "./web.py"\n[mount]\nsource = "."\n',
    ],
)
def test_what_means_the_same_changes_nothing(desk: Desk, text: str) -> None:
    """A comment, the order, another way to write it."""
    assert desk.save(text) is None
    assert desk.configuration.notice == ""


def test_another_configuration_is_told_with_the_file_that_says_it(desk: Desk) -> None:
    """Once."""
    reload = desk.save(NEW_PORT)

    assert reload is not None
    assert reload.by == ("devrun.toml",)
    assert reload.project.targets[WEB].ports[0].container_port == 8000
    assert desk.look("devrun.toml") is None


def test_other_files_are_no_reason_to_look(desk: Desk) -> None:
    """Most saves are of source."""
    (desk.root / "devrun.toml").write_text(NEW_PORT)

    assert desk.look("web.py") is None
    assert targets(desk.look("devrun.toml")) == ["web", "job"]


def test_what_was_saved_while_devrun_started_is_seen_by_the_first_look(root: Path) -> None:
    """The file was read some time before the disk is."""
    desk = Desk(root)
    write(root, {"devrun.toml": NEW_PORT})

    assert targets(desk.look()) == ["web", "job"]


def test_a_project_without_a_file_of_its_own_is_left_alone(root: Path) -> None:
    """There is nothing to look at."""
    desk = Desk(root)
    (root / "devrun.toml").unlink()
    configuration = Configuration(desk.configuration.project, {})

    assert configuration.look([], LATER_S) is None
    assert configuration.notice == ""


def test_an_invalid_file_leaves_the_last_good_one_in_force_and_is_told_whole(desk: Desk) -> None:
    """Each problem with its line and key, and the remedy; it is gone when the file is valid again."""
    assert desk.save('[targets]\nweb = "web.py"\njob = "gone.py"\nx = 1\n[image]\ndockerfile = "D"\n') is None
    assert desk.notice == [
        "devrun.toml is not applied; the last valid configuration stays in force:",
        "devrun.toml:3: targets.job.script: there is no file 'gone.py'",
        "devrun.toml:4: targets.x: a target is the path of a script, or a table",
        "devrun.toml:6: image.dockerfile: there is no file 'D'",
    ]
    assert list(desk.configuration.project.targets) == ["web", "job"]

    assert desk.save(TEXT) is None
    assert desk.configuration.notice == ""


def test_a_remedy_is_told_below_the_problem(desk: Desk) -> None:
    """As the command line does it."""
    (desk.root / "Dockerfile").unlink()
    desk.save(NEW_PORT)

    assert desk.notice[-1] == "  hint: write one, or name yours: dockerfile = ..., in [image]"


def test_a_file_that_is_missing_elsewhere_is_waited_for(desk: Desk) -> None:
    """A target may be named before its script is there."""
    assert desk.save(f'{TEXT}tool = "tool.py"\n') is None
    assert desk.look("web.py") is None
    assert "tool.py" in desk.configuration.notice
    reload = desk.save("", "tool.py")

    assert targets(reload) == ["web", "job", "tool"]
    assert reload is not None
    assert reload.by == ("devrun.toml",)
    assert desk.configuration.notice == ""


@pytest.mark.parametrize(
    ("replace", "problem"),
    [
        (lambda path: path.mkdir(), "devrun.toml: is a folder, not a file"),
        (os.mkfifo, "devrun.toml: is not a file"),
        (lambda path: path.write_bytes(b"\xff\n"), "devrun.toml:1: not UTF-8"),
        (lambda path: path.symlink_to(path), "devrun.toml: too many levels of symbolic links"),
    ],
)
def test_something_else_in_the_files_place_changes_nothing(
    desk: Desk, replace: Callable[[Path], object], problem: str
) -> None:
    """It is told, and nobody waits for it."""
    (desk.root / "devrun.toml").unlink()
    replace(desk.root / "devrun.toml")

    assert desk.look("devrun.toml") is None
    assert desk.notice[1] == problem


CUT_OFF = [TEXT[:20], "", '[targets]\nweb = "web.py"\n', '[targets]\n# new\nweb = "web.py"']


@pytest.mark.parametrize("text", CUT_OFF)
def test_a_text_that_may_be_cut_off_is_given_time(desk: Desk, text: str) -> None:
    """The beginning of the old one, an empty one, one that ends within a line."""
    assert desk.save(text) is None
    assert desk.configuration.look_at == desk.now + CUT_OFF_S
    assert desk.look("devrun.toml", after=CUT_OFF_S - 0.1) is None
    assert desk.configuration.notice == ""

    assert desk.save(NEW_PORT) is not None
    assert desk.configuration.look_at > desk.now + CUT_OFF_S


@pytest.mark.parametrize("text", CUT_OFF[1:])
def test_a_text_that_stays_cut_off_is_meant_so(desk: Desk, text: str) -> None:
    """Somebody removes the last target, or all of them."""
    assert desk.save(text) is None
    reload = desk.look(after=CUT_OFF_S)

    assert targets(reload) == (["web"] if text else ["main"])


def test_each_piece_of_a_text_is_given_time(desk: Desk) -> None:
    """Whoever writes slowly is not done yet."""
    desk.save("")
    desk.now += CUT_OFF_S - 0.2
    assert desk.save(TEXT[:20]) is None
    assert desk.look(after=CUT_OFF_S - 0.2) is None
    assert desk.save(TEXT) is None
    assert desk.look(after=CUT_OFF_S) is None

    assert desk.configuration.notice == ""


def test_a_file_that_is_away_for_a_moment_is_not_missed(desk: Desk) -> None:
    """Version control takes files away and writes them anew."""
    (desk.root / "devrun.toml").unlink()
    assert desk.look("devrun.toml") is None
    assert desk.configuration.notice == ""
    assert desk.look(after=CUT_OFF_S) is None
    assert desk.notice[1] == "devrun.toml: does not exist"

    assert desk.save(TEXT) is None
    assert desk.configuration.notice == ""


def test_what_was_refused_may_be_cut_off_as_well(desk: Desk) -> None:
    """Whoever mends it writes it again."""
    wrong = f"# a comment\n{TEXT}x = 1\n"
    desk.save(wrong)
    refusal = desk.configuration.notice
    desk.save(wrong[:30])

    assert desk.configuration.notice == refusal


def test_another_name_of_the_project_needs_a_restart(desk: Desk) -> None:
    """Containers carry it; all else is applied."""
    before = desk.configuration.project
    assert desk.save(f'[project]\nname = "other"\n{TEXT}') is None
    assert "restart devrun to apply the new name" in desk.configuration.notice
    reload = desk.save(f'[project]\nname = "other"\n{NEW_PORT}')
    assert reload is not None
    assert (reload.project.name, reload.project.slug) == (before.name, before.slug)
    assert desk.configuration.notice

    desk.save(NEW_PORT)
    assert desk.configuration.notice == ""


def test_env_files_are_part_of_the_configuration(desk: Desk) -> None:
    """They are named as the cause, and their values never are."""
    write(desk.root, {".env": "KEY=one\n", "more.env": "KEY=1\n"})
    assert desk.save(f'{TEXT.replace("web =", "#")}[targets.web]\nscript = "web.py"\nenv-file = ".env"\n')
    assert desk.look() is None
    reload = desk.save("KEY=two\n", ".env")
    assert reload is not None
    assert reload.by == (".env",)
    assert reload.project.targets[WEB].env == {"KEY": "two"}

    assert desk.save("KEY=secret\nno variable\n", ".env") is None
    assert desk.notice[1] == "devrun.toml:6: targets.web.env-file.0: '.env': line 2 is no NAME=VALUE"
    assert "secret" not in desk.configuration.notice


def test_an_env_file_that_has_just_been_named_is_looked_at_again(desk: Desk) -> None:
    """Between the loading of it and the next look it may have changed."""
    write(desk.root, {".env": "KEY=one\n"})
    desk.save(f'{TEXT.replace("web =", "#")}[targets.web]\nscript = "web.py"\nenv-file = ".env"\n')
    write(desk.root, {".env": "KEY=two\n"})
    reload = desk.look()

    assert reload is not None
    assert reload.project.targets[WEB].env == {"KEY": "two"}


def test_variables_are_those_of_the_environment(root: Path) -> None:
    """Of the daemon's, which is given."""
    write(root, {"devrun.toml": '[targets]\nweb = "${SCRIPT}.py"\n'})
    environment = {"SCRIPT": "web"}
    configuration = Configuration(load(root / "devrun.toml", environment), environment)

    assert configuration.look([], LATER_S) is None
    assert configuration.notice == ""


TABLE = '[tool.devrun.targets]\nweb = "web.py"\n[project]\nname = "x"\n'


def test_a_table_of_pyproject_is_a_configuration(root: Path) -> None:
    """What other tools are told there changes nothing."""
    (root / "devrun.toml").unlink()
    write(root, {"pyproject.toml": TABLE})
    desk = Desk(root, "pyproject.toml")
    desk.look()
    assert desk.save(f"{TABLE}version = 1\n") is None
    assert targets(desk.save(f'{TABLE}[tool.devrun.targets.job]\nscript = "job.py"\n')) == ["web", "job"]

    desk.save('[project]\nname = "x"\n[tool.other]\n')
    assert desk.notice[1:] == [
        "pyproject.toml: there is no table [tool.devrun]",
        "  hint: write one, or a devrun.toml",
    ]


def test_a_devrun_toml_beside_pyproject_needs_a_restart(root: Path) -> None:
    """It counts before the table from the next start on."""
    (root / "devrun.toml").unlink()
    write(root, {"pyproject.toml": TABLE})
    desk = Desk(root, "pyproject.toml")
    desk.look()
    write(root, {"devrun.toml": TEXT})
    assert desk.look("devrun.toml") is None
    assert desk.notice == ["devrun.toml counts before pyproject.toml; restart devrun to apply it"]
    (root / "devrun.toml").unlink()
    desk.look("devrun.toml")
    desk.look(after=CUT_OFF_S)

    assert desk.configuration.notice == ""


@pytest.fixture
def disk(root: Path) -> Iterator[Live]:
    """A disk that watches a project with a file of its own."""
    with live(load(root / "devrun.toml", {})) as made:
        made.rest()
        yield made


def configure(disk: Live, text: str) -> None:
    """Save devrun.toml as most editors do, whole at once."""
    disk.write("devrun.toml.tmp", text)
    (disk.root / "devrun.toml.tmp").replace(disk.root / "devrun.toml")


def reloaded(disk: Live) -> list[str]:
    """Wait until another configuration is in force, and return its targets."""
    known = len(disk.reloads)
    while len(disk.reloads) == known:
        disk.batch()
    return list(disk.reloads[-1].project.targets)


def test_a_disk_posts_another_configuration_with_what_it_makes_of_the_files(disk: Live) -> None:
    """Closures that it does not change have the digest that they had."""
    before = disk.digests[WEB]
    write(disk.root, {"tool.py": ""})
    configure(disk, f'{TEXT}tool = "tool.py"\n')

    assert reloaded(disk) == ["web", "job", "tool"]
    event = disk.reloads[-1]
    assert event.by == ("devrun.toml",)
    assert event.files.sources[WEB].was == before
    assert event.files.inputs == {}
    disk.rest()
    assert event.files.sources[TOOL].digest


def test_a_disk_goes_by_the_new_rules_from_then_on(disk: Live) -> None:
    """What they alone add or leave out is no change of a file."""
    write(disk.root, {"page.html": "1", "lib/a.py": ""})
    configure(disk, f'{TEXT}[project]\nignore = "lib"\n')
    reloaded(disk)
    change = disk.reloads[-1].files.sources[WEB]
    assert change.digest == change.was
    assert set(change.paths) <= {"lib/a.py"}
    disk.write("lib/a.py", "1\n")
    assert disk.rest() == []
    while str(disk.root / "page.html") in disk.disk._snapshot._young:
        disk.disk.look()  # Until then it may have been written twice.
        disk.rest()

    configure(disk, '[targets.web]\nscript = "web.py"\nwatch = "*.html"\n')
    reloaded(disk)
    assert disk.reloads[-1].files.sources[WEB].paths == ()
    disk.write("page.html", "2")
    assert disk.paths() == ("page.html",)
    assert disk.said.get("configuration", "") == ""


def test_a_disk_tells_edits_from_rules_when_both_come_at_once(disk: Live) -> None:
    """A branch that is switched changes source and configuration."""
    for number in range(5):
        text = f'[targets.web]\nscript = "web.py"\nwatch = "{number}.html"\n'
        write(
            disk.root,
            {
                "web.py": f"web = {number + 2}\n",
                "new.py": f"{number}\n",
                f"{number}.html": "",
            },
        )
        configure(disk, text)
        seen: set[str] = set()
        while not {"web.py", "new.py"} <= seen or len(disk.reloads) <= number:
            seen |= set(disk.batch().sources[WEB].paths)

    assert disk.digests[WEB] == digest_from_scratch(disk.disk.project)


@pytest.mark.parametrize("seed", [1, 2])
def test_after_random_edits_of_rules_and_files_the_digest_is_that_of_the_disk(disk: Live, seed: int) -> None:
    """Whatever came in one look with what."""
    dice = random.Random(seed)
    names = ["a.py", "b.html", "lib/c.py", "lib/d.html", "web.py"]
    for _ in range(25):
        for _ in range(dice.randrange(4)):
            name = dice.choice(names)
            if dice.random() < 0.3 and name != "web.py":
                (disk.root / name).unlink(missing_ok=True)
            else:
                disk.write(name, f"x = {dice.randrange(10)}\n")
        watch, ignore = dice.choice(["", "*.html", "lib"]), dice.choice(["", "lib", "b.html", "*.py"])
        web = f'[targets.web]\nscript = "web.py"\nwatch = "{watch}"\n'
        configure(disk, f'[project]\nignore = "{ignore}"\n{web}# the end\n')
        disk.write(".dockerignore", dice.choice(["", "lib\n", "a.py\n"]))
        project = load(disk.root / "devrun.toml", {})
        while disk.disk.project != project or disk.digests[WEB] != digest_from_scratch(project):
            disk.batch()

    assert disk.disk.project == project


def test_a_disk_doubts_the_images_that_have_another_fingerprint(disk: Live) -> None:
    """A stage, an argument, another Dockerfile: all that decides a build."""
    configure(disk, f"{TEXT}[image]\nargs.UNUSED = 'b'\n")
    reloaded(disk)
    assert disk.reloads[-1].files.inputs == {}
    write(disk.root, {"Other": "FROM other\n"})
    configure(disk, f"{TEXT}[image]\ndockerfile = 'Other'\n")
    reloaded(disk)

    assert disk.reloads[-1].files.inputs == {"default": ("devrun.toml",)}


def test_images_come_and_go(disk: Live) -> None:
    """Their inputs are watched, or not any more."""
    write(disk.root, {"Dockerfile.two": "FROM a\nRUN a\n"})
    two = "[images.one]\n[images.two]\ndockerfile = 'Dockerfile.two'\n"
    configure(disk, f'{two}[targets.web]\nscript = "web.py"\nimage = "two"\n')
    reloaded(disk)
    assert ImageName("two") in disk.reloads[-1].project.images
    disk.write("Dockerfile.two", "FROM a\nRUN b\n")
    batches = disk.until("Dockerfile.two")
    assert "two" in batches[-1].inputs

    configure(disk, TEXT)
    reloaded(disk)
    disk.write("Dockerfile.two", "FROM a\nRUN c\n")
    assert [batch.inputs for batch in disk.rest() if batch.inputs] == []


def test_an_invalid_file_is_said_and_taken_back(disk: Live) -> None:
    """Nothing is posted meanwhile."""
    configure(disk, "[[[\n")
    disk.await_notice("configuration", "devrun.toml:1: ")
    configure(disk, f"# mended\n{TEXT}")
    disk.await_notice("configuration", "")

    assert disk.rest() == []
    assert disk.reloads == []


def test_a_file_that_stays_cut_off_is_looked_at_again(disk: Live) -> None:
    """Without any further hint."""
    configure(disk, '[targets]\nweb = "web.py"\n')

    assert reloaded(disk) == ["web"]


def test_without_the_syntax_guard_no_file_is_broken(disk: Live) -> None:
    """The program is restarted, and says itself what is wrong."""
    disk.write("web.py", "if web\n")
    assert disk.until("web.py")[-1].sources[WEB].broken
    configure(disk, f"{TEXT}[project]\nsyntax-guard = false\n")
    reloaded(disk)
    assert disk.reloads[-1].files.sources[WEB].broken == frozenset()
    disk.write("job.py", "if job\n")
    assert disk.until("job.py")[-1].sources[JOB].broken == frozenset()

    configure(disk, f"# again\n{TEXT}")
    reloaded(disk)
    assert disk.reloads[-1].files.sources[WEB].broken


def test_what_was_not_granted_changes_nothing_until_it_is(root: Path) -> None:
    """As an invalid text does; the grant alone is enough, without another save."""
    desk = Desk(root)
    granted: list[str] = []

    def permit(project: Project) -> None:
        for demand in project.demands:
            if demand.text not in granted:
                raise ConfigError(demand.refusal, hint="the remedy")

    desk.configuration = Configuration(desk.configuration.project, {}, permit)
    assert desk.look() is None
    text = f'{TEXT}[targets.tool]\nscript = "web.py"\nprivileged = true\n'
    assert desk.save(text) is None
    assert list(desk.configuration.project.targets) == [WEB, JOB]
    assert desk.notice == [
        "devrun.toml is not applied; the last valid configuration stays in force:",
        "devrun.toml:6: targets.tool.privileged: all rights on this machine are asked for,"
        " which was not granted",
        "  hint: the remedy",
    ]
    granted.append("all rights of root on this machine are given to tool")

    assert targets(desk.look()) == [WEB, JOB, TOOL]
    assert desk.notice == [""]


def test_without_a_permit_nothing_beyond_the_containers_is_taken_up(desk: Desk) -> None:
    """Nobody has to remember to ask."""
    assert desk.save(TEXT.replace('"job.py"', '{ script = "job.py", network = "host" }')) is None
    assert "which was not granted" in desk.configuration.notice
