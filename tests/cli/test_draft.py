"""The first devrun.toml: what is proposed for which Dockerfile and scripts."""

import json
import tempfile
from pathlib import Path

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from devrun.cli.draft import draft
from devrun.config.load import load
from devrun.config.project import Command, ImageCommand, Module, Script
from devrun.sources.survey import survey

GUARD = 'if __name__ == "__main__":\n    pass\n'
HEAD = "FROM python:3.13-slim\nWORKDIR /app\nCOPY . .\n"


def propose(root: Path, dockerfile: str, *scripts: str) -> str:
    """Write a Dockerfile and scripts, and the file that is proposed for them; return its text."""
    for name in scripts:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(GUARD)
    (root / "Dockerfile").write_text(dockerfile)
    text = draft(root.name, survey(root), lambda path: (root / path).is_file())
    (root / "devrun.toml").write_text(text)
    return text


def targets_of(text: str) -> object:
    """Return what a text says of targets."""
    return tomli.loads(text).get("targets")


def test_a_whole_file(tmp_path: Path) -> None:
    """Each key with what it means, and the others that are asked for first as comments."""
    root = tmp_path / "shop"
    root.mkdir()
    text = propose(
        root,
        f'{HEAD}EXPOSE 5000\nEXPOSE 80 53/udp\nCMD ["python", "-u", "serve.py", "--fast"]\n',
        "serve.py",
        "report.py",
        "import-data.py",
        "test_it.py",
        "setup.py",
    )
    assert (
        text
        == """\
# What devrun runs in containers, and keeps running while you edit it.
# `devrun check` says what it means, `devrun watch` starts it.

# reload = "process"  # a restart starts the process anew, and not its container; or "warm"

[project]
name = "shop"

# [image]
# args = { NAME = "value" }  # for the ARGs of the Dockerfile

# This folder is seen in containers at /app, the WORKDIR: an edit needs no build.
# [mount]
# keep = [".venv"]  # what the image has below it and must stay visible

[targets.web]
script = "serve.py"
args = ["--fast"]
ports = ["5000:5000", "8080:80", "8053:53/udp"]  # host:container
# args = ["--verbose"]
# env = { DEBUG = "1" }
# env-file = ".env"
# watch = ["templates/**"]  # more files that restart it

# Not started by themselves: run one by `devrun run NAME`, or take its `autostart` out.
[targets.import-data]
script = "import-data.py"
autostart = false

[targets.report]
script = "report.py"
autostart = false
"""
    )
    project = load(root / "devrun.toml", {})
    assert [target.autostart for target in project.targets.values()] == [True, False, False]


@pytest.mark.parametrize(
    ("started", "target"),
    [
        ('CMD ["python", "app.py"]', {"app": {"script": "app.py"}}),
        ('CMD ["python", "./app.py"]', {"app": {"script": "app.py"}}),
        ('CMD ["python", "/app/app.py", "x"]', {"app": {"script": "app.py", "args": ["x"]}}),
        ("CMD exec python -u app.py", {"app": {"script": "app.py"}}),
        ("ENTRYPOINT python app.py\nCMD ignored", {"app": {"script": "app.py"}}),
        ('ENTRYPOINT ["python"]\nCMD ["app.py"]', {"app": {"script": "app.py"}}),
        ('ENTRYPOINT ["tini", "--"]\nCMD ["python", "app.py"]', {"app": {"script": "app.py"}}),
        (
            'CMD ["python", "-m", "flask", "run"]',
            {"flask": {"module": "flask", "args": ["run"]}, "app": {"script": "app.py", "autostart": False}},
        ),
        (
            "CMD gunicorn app:app",
            {
                "gunicorn": {"command": ["gunicorn", "app:app"]},
                "app": {"script": "app.py", "autostart": False},
            },
        ),
        (
            "CMD gunicorn --bind :$PORT app:app",
            {
                "sh": {"command": ["/bin/sh", "-c", "gunicorn --bind :$$PORT app:app"]},
                "app": {"script": "app.py", "autostart": False},
            },
        ),
        (
            'ENTRYPOINT ["/start.sh"]\nCMD ["gunicorn", "app:app"]',
            {
                "gunicorn": {"command": ["gunicorn", "app:app"]},
                "app": {"script": "app.py", "autostart": False},
            },
        ),
        (
            'ENTRYPOINT ["gunicorn"]\nCMD ["app:app"]',
            {
                "gunicorn": {"command": ["gunicorn", "app:app"], "entrypoint": []},
                "app": {"script": "app.py", "autostart": False},
            },
        ),
        (
            'ENTRYPOINT ["python", "/elsewhere/serve.py"]',
            {
                "python": {"command": ["python", "/elsewhere/serve.py"], "entrypoint": []},
                "app": {"script": "app.py", "autostart": False},
            },
        ),
        ("RUN true", {"app": {"script": "app.py"}}),
        ('ENTRYPOINT ["tini", "--"]', {"app": {"script": "app.py"}}),
        ('ENTRYPOINT ["python"]', {"app": {"script": "app.py"}}),
    ],
)
def test_what_the_dockerfile_starts_is_the_first_target(tmp_path: Path, started: str, target: object) -> None:
    """In the fewest words that start the same; other scripts wait."""
    assert targets_of(propose(tmp_path, f"{HEAD}{started}\n", "app.py")) == target


def test_where_nothing_can_be_said_the_dockerfiles_own_command_is_the_target(tmp_path: Path) -> None:
    """A program that is no script, with neither ports nor scripts beside it; or nothing mounted."""
    assert targets_of(propose(tmp_path, f'{HEAD}CMD ["gunicorn", "app:app"]\n')) is None
    text = propose(tmp_path, 'FROM python\nCOPY app.py /\nENTRYPOINT ["python", "/app.py"]\n', "app.py")
    assert targets_of(text) is None
    assert "names no WORKDIR" in text


def test_of_several_scripts_the_likeliest_is_started(tmp_path: Path) -> None:
    """Where the Dockerfile does not say."""
    assert targets_of(propose(tmp_path, HEAD, "all.py", "main.py", "zoo.py")) == {
        "main": {"script": "main.py"},
        "all": {"script": "all.py", "autostart": False},
        "zoo": {"script": "zoo.py", "autostart": False},
    }


def test_the_folder_that_is_copied_to_the_workdir_is_mounted(tmp_path: Path) -> None:
    """With the whole one there, the image would start what is not at its place."""
    dockerfile = (
        'FROM python\nWORKDIR /app\nCOPY requirements.txt .\nCOPY src/ /app\nCMD ["python", "app.py"]\n'
    )
    text = propose(tmp_path, dockerfile, "src/app.py", "tool.py")

    assert tomli.loads(text)["mount"] == {"source": "src"}
    assert targets_of(text) == {"app": {"script": "src/app.py"}}


def test_stages_and_another_dockerfile_are_named(tmp_path: Path) -> None:
    """The last stage is what is built unless another one is chosen."""
    stages = "FROM python AS base\nWORKDIR /app\nFROM base AS dev\nFROM base AS prod\n"
    text = propose(tmp_path, stages, "app.py")
    assert '# stage = "prod"  # or "base", "dev"' in text

    (tmp_path / "docker").mkdir()
    (tmp_path / "Dockerfile").rename(tmp_path / "docker" / "Dockerfile")
    (tmp_path / "devrun.toml").write_text(draft("it", survey(tmp_path), lambda _: True))
    assert load(tmp_path / "devrun.toml", {}).images


def test_a_dockerfile_for_another_frontend_says_nothing(tmp_path: Path) -> None:
    """It is not guessed at."""
    text = propose(tmp_path, "# syntax=example.com/other\nBUILD it\n", "app.py")

    assert targets_of(text) is None


CHARACTERS = st.characters(codec="utf-8", exclude_characters="\0")
KNOWN = st.sampled_from(
    ["python", "python3", "-u", "-m", "job.py", "./job.py", "tini", "--", "${X}", "uv", "run"]
)
WORDS = st.lists(KNOWN | st.text(CHARACTERS, max_size=12), max_size=4)


@given(folder=st.text(CHARACTERS, min_size=1), entrypoint=WORDS, command=WORDS)
def test_whatever_the_dockerfile_starts_the_file_can_be_loaded(
    folder: str, entrypoint: list[str], command: list[str]
) -> None:
    """And means the very words: no variable is filled in, no quote ends early."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place).resolve()
        lines = [
            f"{keyword} {json.dumps(words)}\n"
            for keyword, words in (("ENTRYPOINT", entrypoint), ("CMD", command))
            if words
        ]
        text = propose(root, "FROM python\nWORKDIR /app\nEXPOSE 80\n" + "".join(lines), "job.py")
        (root / "devrun.toml").write_text(draft(folder, survey(root), lambda path: (root / path).is_file()))
        project = load(root / "devrun.toml", {})

    assert text
    assert project.name == folder
    for target in project.targets.values():
        match target.program:
            case Command(argv=argv):
                assert list(argv) in (command, [*entrypoint, *command])
            case Script(path=path):
                assert path == "job.py"
            case Module(name=name):
                assert name in command + entrypoint
            case ImageCommand():
                raise AssertionError("the script is a target in any case")
