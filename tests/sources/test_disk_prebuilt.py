"""Images that others build have no files, and volumes are no source."""

from dataclasses import replace
from pathlib import Path

from devrun.config.project import ImageCommand, ImageName, PrebuiltImage, TargetConfig, TargetName
from devrun.config.surroundings import HostPath, Surroundings
from devrun.core.prebuilt import fingerprint_of
from devrun.core.values import BuildContext
from devrun.sources.disk import Disk
from devrun.sources.watch_rules import ignore_file
from tests.sources.live_disk import FILES, IMAGE, WEB, live, make_project, make_target, write

PYTHON = PrebuiltImage(ImageName("python:3"))
REDIS = PrebuiltImage(ImageName("redis:7"), "linux/amd64")
CACHE = TargetConfig(TargetName("cache"), REDIS.name, ImageCommand())


def test_no_file_decides_on_it(tmp_path: Path) -> None:
    """There need not be any: its reference and its platform are all."""
    disk = Disk.read_once(make_project(tmp_path, CACHE, images=(REDIS,)))

    assert disk.hash_inputs(REDIS.name) == fingerprint_of(REDIS)
    assert disk.build_context(REDIS.name) == BuildContext("", (), ())
    assert disk.inputs(REDIS.name).problems == ()
    assert disk.inputs(REDIS.name).workdir is None


def test_no_edit_puts_it_in_doubt(tmp_path: Path) -> None:
    """Nor is it named where the effects of an edit are told."""
    write(tmp_path, FILES)
    built = make_project(tmp_path).images[IMAGE]
    project = make_project(tmp_path, make_target(WEB, tmp_path), CACHE, images=(built, REDIS))
    with live(project) as disk:
        disk.write("Dockerfile", FILES["Dockerfile"] + "RUN true\n")
        batch = disk.until("Dockerfile")[-1]

        assert list(batch.inputs) == [IMAGE]
        assert list(disk.disk.explain("requirements.txt").images) == [IMAGE]


def test_the_ignore_file_of_a_build_is_not_read_where_nothing_is_built(tmp_path: Path) -> None:
    """It is written for a build context, and there is none."""
    assert ignore_file(make_project(tmp_path)) == tmp_path / ".dockerignore"
    assert ignore_file(make_project(tmp_path, CACHE, images=(REDIS,))) is None


def test_a_script_in_it_is_restarted_once_its_workdir_is_known(tmp_path: Path) -> None:
    """The engine tells it, as there is no Dockerfile to say it."""
    write(tmp_path, FILES)
    target = make_target(WEB, tmp_path, script="web.py", image=PYTHON.name)
    with live(make_project(tmp_path, target, images=(PYTHON,))) as disk:
        assert not disk.digests[WEB]
        disk.disk.learn_workdir(PYTHON.name, "/srv")
        disk.batch()
        assert disk.digests[WEB]

        disk.write("web.py", "changed = 1\n")
        assert list(disk.until("web.py")[-1].sources) == [WEB]


def test_a_volume_is_no_source(tmp_path: Path) -> None:
    """What is shown beside the mount restarts nothing, even where it is Python of the project."""
    write(tmp_path, {**FILES, "src/a.py": "", "conf/b.py": ""})
    given = Surroundings(volumes=(HostPath(tmp_path / "conf", "/conf"),))
    target = make_target(WEB, tmp_path, script="src/a.py")
    assert target.mount is not None
    target = replace(target, mount=replace(target.mount, source=tmp_path / "src"), surroundings=given)
    disk = Disk.read_once(make_project(tmp_path, target))

    assert disk.explain("src/new.py").targets[WEB].acts
    assert disk.explain("conf/b.py").targets[WEB].rule == "outside the mount"
