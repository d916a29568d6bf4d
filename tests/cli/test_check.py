"""`devrun check` says what would be built, run, mounted and watched, and by which rule, engine or not."""

import os
import pwd
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from devrun.config.load import load
from devrun.errors import ExitCode

Devrun = Callable[..., "subprocess.CompletedProcess[str]"]


def test_a_project_is_explained_without_an_engine(devrun: Devrun) -> None:
    """Everything that follows from the files alone."""
    ended = devrun("check")

    assert (
        ended.stdout
        == """\
devrun.toml is valid: project shop

image default: built from Dockerfile
  built again when the meaning of one of these changes:
    Dockerfile: it says how to build
    requirement.txt: Dockerfile:3 COPY requirement.txt . (dependency file)
  copied into it, but no reason to build it again:
    app.py: Dockerfile:4 COPY . .: shown by the mount instead
    devrun.toml: Dockerfile:4 COPY . .: shown by the mount instead
    job.py: Dockerfile:4 COPY . .: shown by the mount instead

target web: runs app.py in image default
  mounted: this folder at /app (the WORKDIR of the Dockerfile)
  published: port 5000 of the container as port 8080 of this machine
  restarted: by an edit of the 1 file that it reaches, or of what nobody reaches

target job: runs job.py in image default
  mounted: this folder at /app (the WORKDIR of the Dockerfile)
  restarted: by an edit of the 1 file that it reaches, or of what nobody reaches

watched: 5 files in 1 folder
"""
    )
    assert ended.stderr.startswith("no engine: ")
    assert ended.returncode == ExitCode.OK


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("mount = false", "mounted: nothing (`mount = false`), the image carries its code"),
        ('mount.path = "/srv"', "mounted: this folder at /srv (`path` of [mount])"),
        ('mount.source = "src"', "mounted: src at /app (the WORKDIR of the Dockerfile)"),
        ('restart-on = "none"', 'restarted: by no edit (`restart-on = "none"`)'),
        ('restart-on = "any"', 'restarted: by an edit of any mounted file (`restart-on = "any"`)'),
        (
            'watch = ["*.html"]',
            "restarted: by an edit of the 1 file that it reaches, or of what nobody reaches,"
            " and *.html (`watch`)",
        ),
        ("autostart = false", "is not started by itself (`autostart = false`)"),
        (
            'depends-on = { db = "healthy", migrate = "completed", cache = "started" }',
            "started once db is healthy and migrate has ended with 0 and cache runs (`depends-on`)",
        ),
        (
            'before-start = "python manage.py migrate"',
            "before each start: python manage.py migrate is run to its end (`before-start`)",
        ),
        (
            'healthcheck = { http = "/up", port = 80 }',
            "healthy: when GET /up on port 80 answers well (`healthcheck`)",
        ),
        ("healthcheck = 5432", "healthy: when port 5432 is listened on (`healthcheck`)"),
        (
            'healthcheck = ["pg_isready"]',
            "healthy: when pg_isready ends with 0 in its container (`healthcheck`)",
        ),
        ("ports = [80]", "published: port 80 of the container as a free port of this machine"),
        ("debug = 6000", "debugger: debugpy listens, on 127.0.0.1:6000 of this machine"),
        (
            '[image]\nplatform = "linux/arm64"',
            "for linux/arm64 (`platform`)",
        ),
        (
            '[image]\nsecrets = { pip = "pip.conf", npm.env = "NPM" }\nssh = true',
            "its builds are given secret pip, secret npm, ssh agent default: no reason to build it again",
        ),
        ('ports = ["0.0.0.0:1:2/udp"]', "published: port 2/udp of the container as port 1 of 0.0.0.0"),
        (
            'volumes = "./src:/etc/src:ro"',
            "shown beside the source: src at /etc/src, read-only; no edit there restarts it",
        ),
        (
            'volumes = "/usr/bin:/bins"',
            "shown beside the source: /usr/bin at /bins; no edit there restarts it",
        ),
        ('tmpfs = ["/run", "/c:size=1m"]', "in memory, empty at each start: /run, /c (size=1m)"),
        ('networks = ["a", "b"]', "networks: the project's own, and a, b"),
        ('hostname = "shop"', "host name: shop"),
        ('extra-hosts = ["db:10.0.0.5"]', "knows: db as 10.0.0.5"),
        ('memory = "512m"\ncpus = 1.5', "limits: 512 MB of memory, 1.5 processors"),
        ("shm-size = 1000000", "limits: 976.6 KB of shared memory"),
        ("gpus = 2", "graphics cards: any 2"),
        ('gpus = "all"', "graphics cards: all"),
        ('gpus = ["0", "1"]', "graphics cards: 0, 1"),
        ('platform = "linux/arm64"', "platform: linux/arm64"),
    ],
)
def test_each_key_is_said_in_words(devrun: Devrun, project: Path, keys: str, said: str) -> None:
    """And which key it was."""
    (project / "src").mkdir()
    (project / "devrun.toml").write_text(
        f'[targets]\ndb.module = "m"\nmigrate.module = "m"\ncache.module = "m"\n'
        f'[targets.web]\nscript = "app.py"\n{keys}\n'
    )

    assert f"\n  {said}\n" in devrun("check").stdout


def test_an_image_without_a_workdir_is_explained(devrun: Devrun, project: Path) -> None:
    """Nothing can be mounted, and the remedy is named."""
    (project / "Dockerfile").write_text("ARG BASE=python\nFROM ${BASE} AS dev\nCOPY app.py /\n")
    (project / "devrun.toml").write_text('[image]\nstage = "dev"\n')
    said = devrun("check").stdout

    assert "image default: built from Dockerfile, stage dev\n  on top of python\n" in said
    assert "app.py: Dockerfile:3 COPY app.py / (a target has no mount)" in said
    assert "target main: runs the image's command in image default" in said
    assert "its Dockerfile has no WORKDIR" in said
    assert "`path` in [mount]" in said


def test_what_a_build_would_not_find_is_a_problem(devrun: Devrun, project: Path) -> None:
    """It is told before anything is built, by the exit code too."""
    (project / "Dockerfile").write_text("FROM scratch\nCOPY ap.py /\n")
    ended = devrun("check")

    assert "  problem: Dockerfile:2 COPY ap.py /: 'ap.py' in the build context is not there" in ended.stdout
    assert ended.returncode == ExitCode.USAGE


def test_of_many_files_the_first_ones_are_named(devrun: Devrun, project: Path) -> None:
    """A context may hold thousands."""
    for number in range(100):
        (project / f"{number}.txt").touch()

    assert "\n    and 83 more files\n" in devrun("check").stdout


def test_values_of_the_environment_are_not_shown(devrun: Devrun, project: Path) -> None:
    """They may be secrets."""
    (project / ".env").write_text("TOKEN=hunter2\n")
    (project / "devrun.toml").write_text(
        '[image]\nargs = { A = "hunter2" }\n'
        '[targets.web]\nscript = "app.py"\nenv = { KEY = "hunter2" }\nenv-file = ".env"\n'
    )
    ended = devrun("check")

    assert "hunter2" not in ended.stdout + ended.stderr
    assert ended.returncode == ExitCode.OK


def test_a_named_volume_is_told_by_its_name_on_the_engine(devrun: Devrun, project: Path) -> None:
    """By which `docker volume` knows it."""
    (project / "devrun.toml").write_text('[targets.web]\nscript = "app.py"\nvolumes = "data:/data"\n')
    slug = load(project / "devrun.toml", {}).slug

    assert f"\n  volume: {slug}-data at /data; `down` keeps it\n" in devrun("check").stdout


def test_who_a_developer_is_in_the_container_is_said(devrun: Devrun, project: Path) -> None:
    """With the home, which is not that of the host."""
    (project / "devrun.toml").write_text('[targets.web]\nscript = "app.py"\nuser = "host"\n')
    said = devrun("check").stdout
    name = pwd.getpwuid(os.geteuid()).pw_name
    ids = f"{os.geteuid()}:{os.getegid()}"

    assert f"\n  runs as: {name} ({ids}), at home in /tmp/.devrun-home, which is in memory\n" in said


def test_an_image_of_others_is_explained(devrun: Devrun, project: Path) -> None:
    """No Dockerfile, no mount, and no edit have to do with it."""
    (project / "Dockerfile").unlink()
    (project / "devrun.toml").write_text(
        '[targets.db]\nimage = { name = "postgres:17" }\nplatform = "linux/amd64"\n'
        '[targets.job]\nimage = { name = "python:3" }\nscript = "job.py"\n'
    )
    ended = devrun("check")

    assert (
        ended.stdout.partition("\n\n")[2]
        == """\
image postgres:17: built by others, pulled for linux/amd64 where the engine does not have it

image python:3: built by others, pulled where the engine does not have it

target db: runs the image's command in image postgres:17
  mounted: nothing, the image carries its code
  platform: linux/amd64
  restarted: by no edit

target job: runs job.py in image python:3
  mounted: this folder at the WORKDIR of the image, if it has one
  restarted: by an edit of any mounted Python file: what it loads cannot be told

watched: 4 files in 1 folder
"""
    )
    assert ended.returncode == ExitCode.OK
