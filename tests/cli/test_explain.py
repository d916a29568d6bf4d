"""`devrun explain`: by the files alone, and by a daemon that runs."""

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

from devrun.errors import ExitCode

Devrun = Callable[..., "CompletedProcess[str]"]


def test_what_a_change_would_do_is_told_without_a_daemon(devrun: Devrun, project: Path) -> None:
    """For each image and each target, with the rule; the files need not exist."""
    (project / "app.py").write_text("import views\n")
    (project / "views.py").write_text("")
    ended = devrun("explain", "views.py", "requirement.txt", "new.py")

    assert (
        ended.stdout
        == """\
views.py: restarts web
  - image default: Dockerfile:4 COPY . .: shown by the mount instead
  * web: web <- app.py <- views.py
  - job: not reached by this target, but by another one
requirement.txt: builds image default
  * image default: Dockerfile:3 COPY requirement.txt . (dependency file)
  - web: no Python file, and `watch` does not name it
  - job: no Python file, and `watch` does not name it
new.py: restarts web, restarts job
  - image default: Dockerfile:4 COPY . .: shown by the mount instead
  * web: reached by no target, so that it counts for all that run
  * job: reached by no target, so that it counts for all that run
"""
    )
    assert ended.returncode == ExitCode.OK


def test_what_is_left_out_of_the_watch_is_told_in_one_line(devrun: Devrun, project: Path) -> None:
    """With the pattern, and where it stands."""
    (project / "devrun.toml").write_text('[project]\nignore = ["data"]\n[targets]\nweb = "app.py"\n')
    (project / "Dockerfile").write_text("FROM python\nWORKDIR /app\n")
    ended = devrun("explain", "a/__pycache__/b.pyc", "data/c.py", "/etc/passwd")

    assert (
        ended.stdout
        == """\
a/__pycache__/b.pyc: nothing, a/__pycache__/ is left out by built in:5 (**/__pycache__)
data/c.py: nothing, data/ is left out by `ignore` of devrun.toml:1 (data)
/etc/passwd: nothing, outside the project, its mounts and build contexts
"""
    )


def test_a_question_without_a_path_is_no_question(devrun: Devrun, project: Path) -> None:
    """The remedy is named."""
    ended = devrun("explain")

    assert ended.returncode == ExitCode.USAGE
    assert "--last" in ended.stderr


def test_the_last_changes_are_known_to_a_daemon_only(devrun: Devrun, project: Path) -> None:
    """Files do not tell what happened."""
    assert devrun("explain", "--last").returncode == ExitCode.NOT_RUNNING
