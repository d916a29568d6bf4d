"""`.vscode/launch.json` gets an entry for each target with a debugger, and loses nothing."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from devrun.cli.vscode import Launch, attach_entry, merged, write_launch
from devrun.config.load import load
from devrun.config.project import Project, TargetName
from devrun.errors import ConfigError

Read = Callable[[str], Project]

ENTRY = {
    "name": "devrun: web",
    "type": "debugpy",
    "request": "attach",
    "connect": {"host": "127.0.0.1", "port": 5678},
    "pathMappings": [{"localRoot": "${workspaceFolder}", "remoteRoot": "/app"}],
}
OTHER = {"name": "Python: this file", "type": "debugpy", "request": "launch", "program": "${file}"}
WEB = '[targets.web]\nscript = "app.py"\ndebug = true\n'


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read a text as the file of a project whose image works in /app."""
    (tmp_path / "Dockerfile").write_text("FROM scratch\nWORKDIR /app\n")
    (tmp_path / "app.py").touch()
    (tmp_path / "src").mkdir()

    def read_text(text: str) -> Project:
        (tmp_path / "devrun.toml").write_text(text)
        return load(tmp_path / "devrun.toml", {})

    return read_text


def written(root: Path) -> object:
    """Return what the file says."""
    return json.loads((root / ".vscode/launch.json").read_text())


def test_a_new_file_has_an_entry_for_each_debugger(tmp_path: Path, read: Read) -> None:
    """Targets without one have none."""
    project = read(f'{WEB}[targets]\nplain = "app.py"\nother = {{ script = "app.py", debug = 7000 }}\n')

    assert write_launch(project) == Launch(
        tmp_path / ".vscode/launch.json", ("devrun: web", "devrun: other"), is_written=True
    )
    other = {**ENTRY, "name": "devrun: other", "connect": {"host": "127.0.0.1", "port": 7000}}
    assert written(tmp_path) == {"version": "0.2.0", "configurations": [ENTRY, other]}


def test_without_a_debugger_there_is_nothing_to_write(tmp_path: Path, read: Read) -> None:
    """No folder either."""
    assert write_launch(read('[targets]\nweb = "app.py"\n')) is None
    assert not (tmp_path / ".vscode").exists()


def test_a_second_time_changes_nothing(tmp_path: Path, read: Read) -> None:
    """Not even the layout that its user has given to the file."""
    project = read(WEB)
    file = tmp_path / ".vscode/launch.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"configurations": [ENTRY]}))
    before = file.read_text()

    assert write_launch(project) == Launch(file, ("devrun: web",))
    assert file.read_text() == before


def test_other_entries_and_the_layout_stay() -> None:
    """The new one comes last."""
    text = json.dumps({"version": "0.2.0", "inputs": [], "configurations": [OTHER]}, indent="\t")
    after = merged(text, [ENTRY])

    assert after
    assert after.startswith(text[: text.rindex("\n\t\t}")])
    assert json.loads(after) == {"version": "0.2.0", "inputs": [], "configurations": [OTHER, ENTRY]}


def test_an_entry_of_ours_gets_the_present_port_and_keeps_the_rest() -> None:
    """Its user may have added to it."""
    own = {**ENTRY, "justMyCode": False, "pathMappings": [], "connect": {"host": "localhost", "port": 1}}
    after = merged(json.dumps({"configurations": [own, OTHER]}), [ENTRY])

    assert after
    assert json.loads(after) == {"configurations": [{**own, "connect": ENTRY["connect"]}, OTHER]}


@pytest.mark.parametrize(
    "text",
    [
        '{\n  // mine\n  "configurations": []\n}',
        '{"configurations": [],}',
        '{"configurations": [], "configurations": []}',
        '{"configurations": {}}',
        "[]",
        "{",
        "[" * 100_000,
    ],
    ids=["comment", "comma", "twice", "table", "list", "torn", "deep"],
)
def test_a_file_that_would_lose_something_is_not_touched(tmp_path: Path, read: Read, text: str) -> None:
    """What is to be added is told instead."""
    project = read(WEB)
    file = tmp_path / ".vscode/launch.json"
    file.parent.mkdir()
    file.write_text(text)
    launch = write_launch(project)

    assert file.read_text() == text
    assert launch
    assert not launch.is_written
    assert json.loads(launch.to_add) == ENTRY


@pytest.mark.parametrize(
    ("keys", "local", "remote"),
    [
        ("", "${workspaceFolder}", "/app"),
        ('mount = { source = "src" }\n', "${workspaceFolder}/src", "/app"),
        ('mount = { source = "src", path = "/srv" }\n', "${workspaceFolder}/src", "/srv"),
        ("mount = false\n", "${workspaceFolder}", "/app"),
    ],
)
def test_paths_are_those_of_the_mount(read: Read, keys: str, local: str, remote: str) -> None:
    """Without one, the image is taken for a copy of the project."""
    project = read(f"{WEB}{keys}")
    entry = attach_entry(project, project.targets[TargetName("web")])

    assert entry["pathMappings"] == [{"localRoot": local, "remoteRoot": remote}]


def test_a_folder_that_is_not_known_is_left_to_the_debugger(tmp_path: Path, read: Read) -> None:
    """The base image says where it works."""
    project = read(WEB)
    (tmp_path / "Dockerfile").write_text("FROM base\n")

    assert attach_entry(project, project.targets[TargetName("web")])["pathMappings"] == [
        {"localRoot": "${workspaceFolder}", "remoteRoot": "."}
    ]


def test_a_link_stays_a_link(tmp_path: Path, read: Read) -> None:
    """The file may be kept elsewhere, and who may read it stays the same."""
    project = read(WEB)
    (tmp_path / "kept.json").write_text("{}")
    (tmp_path / "kept.json").chmod(0o600)
    (tmp_path / ".vscode").mkdir()
    (tmp_path / ".vscode/launch.json").symlink_to("../kept.json")
    write_launch(project)

    assert (tmp_path / ".vscode/launch.json").is_symlink()
    assert written(tmp_path) == {"configurations": [ENTRY]}
    assert (tmp_path / "kept.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.glob("**/*.devrun")] == []


@pytest.mark.parametrize(("content", "reason"), [(None, "Is a directory"), (b"\xff", "not UTF-8")])
def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, read: Read, content: bytes | None, reason: str
) -> None:
    """With the system's words."""
    project = read(WEB)
    file = tmp_path / ".vscode/launch.json"
    file.parent.mkdir()
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)

    with pytest.raises(ConfigError, match=f"{file}: {reason}"):
        write_launch(project)
