"""The rooms of the house and their doors: who may import whom, read from the sources."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parent.parent / "devrun"

MAY_IMPORT = {
    "errors": set[str](),
    "config": {"errors"},
    "core": {"errors", "config"},
    "sources": {"errors", "config", "core"},
    "engine": {"errors", "config", "core"},
    "control": {"errors", "config", "core"},
    "daemon": {"errors", "config", "core", "sources", "engine", "control"},
    "cli": {"errors", "config", "core", "sources", "engine", "control", "daemon"},
    "__main__": {"cli"},
    "__init__": {"control"},
}
"""The table of the design; `errors` and the version, which lies in `devrun` itself, are for everybody."""

OWNERS = {
    "docker": "engine",
    "watchfiles": "sources",
    "starlette": "control",
    "uvicorn": "control",
    "click": "cli",
    "rich": "cli",
}

IMPURE = {
    "docker",
    "watchfiles",
    "socket",
    "threading",
    "time",
    "os",
    "subprocess",
    "asyncio",
    "shutil",
    "io",
}
"""What the core does without: it does no input or output, and reads no clock."""

SLOW = {"docker", "watchfiles", "starlette", "uvicorn", "rich", "pydantic", "tomli"}
"""What a quick command does not wait for."""


class Import(NamedTuple):
    room: str
    where: str
    module: str


def sources() -> Iterator[tuple[str, Path]]:
    for file in sorted(PACKAGE.rglob("*.py")):
        yield file.relative_to(PACKAGE).parts[0].removesuffix(".py"), file


def imports() -> Iterator[Import]:
    """Yield all imports, those inside of functions and for type checkers too."""
    for room, file in sources():
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{file}:{node.lineno}: relative import"
                modules = [f"{node.module}.{alias.name}" for alias in node.names]
            else:
                continue
            for module in modules:
                yield Import(room, f"{file.relative_to(PACKAGE)}:{node.lineno}", module)


def strays(rule: str) -> str:
    return f"imports against the rule that {rule}"


def test_docker_py_is_imported_in_one_place() -> None:
    """Threads that import parts of a library in another order each would wait for each other."""
    found = {one.where.partition(":")[0] for one in imports() if one.module.partition(".")[0] == "docker"}

    assert found == {"engine/library.py", "engine/connection.py"}  # the latter for type checkers alone


def test_every_part_of_the_package_is_a_room_of_the_table() -> None:
    """A new one has to be given its doors first."""
    assert {room for room, _ in sources()} == set(MAY_IMPORT)


def test_rooms_import_only_what_the_table_allows() -> None:
    """Sources, engine and control do not know one another; nobody knows the daemon but the command line."""
    found = [
        (place.where, place.module)
        for place in imports()
        for package, _, rest in [place.module.partition(".")]
        if package == "devrun" and rest != "__version__"
        if rest.split(".")[0] not in MAY_IMPORT[place.room] | {place.room}
    ]
    assert not found, strays("the table of rooms holds")


def test_each_big_dependency_has_one_room() -> None:
    """So it can be replaced there, and its ways do not spread."""
    found = [
        (place.where, place.module)
        for place in imports()
        if place.room != OWNERS.get(place.module.split(".")[0], place.room)
    ]
    assert not found, strays("each dependency has its owner")


AGENT = PACKAGE / "engine" / "agent"


def test_the_agent_imports_nothing_but_the_standard_library_and_itself() -> None:
    """It runs in containers, with the Python of an image, and without devrun."""
    own = {file.stem for file in AGENT.rglob("*.py")}
    found = [
        (place.where, place.module)
        for place in imports()
        if place.where.startswith("engine/agent/")
        and place.module.split(".")[0] not in sys.stdlib_module_names | own
    ]
    assert not found, strays("the agent needs nothing")


def test_nobody_imports_the_agent() -> None:
    """It is a program of its own: only its files are taken into containers."""
    own = {file.stem for file in AGENT.rglob("*.py")} - {"__main__"}
    found = [
        (place.where, place.module)
        for place in imports()
        if not place.where.startswith("engine/agent/")
        and (place.module.split(".")[0] in own or place.module.startswith("devrun.engine.agent."))
    ]
    assert not found, strays("the agent is not part of devrun's own process")


def test_the_core_is_pure() -> None:
    """It reads no clock, no disk and no environment."""
    found = [
        (place.where, place.module)
        for place in imports()
        if place.room == "core" and place.module.split(".")[0] in IMPURE
    ]
    assert not found, strays("the core is pure")
    assert not [where for where in calls({"open", "input"}) if where.startswith("core/")]


def test_only_the_command_line_prints() -> None:
    """Everybody else returns values, or logs."""
    found = [where for where in calls({"print"}) if not where.startswith("cli/")]
    found += [
        place.where
        for place in imports()
        if place.module in {"sys.stdout", "sys.stderr"} and place.room != "cli"
    ]
    assert not found


def calls(names: set[str]) -> list[str]:
    """Return where a builtin of these names is called."""
    return [
        f"{file.relative_to(PACKAGE)}:{node.lineno}"
        for _, file in sources()
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
    ]


@pytest.mark.parametrize("file", ["devrun.toml", "pyproject.toml"])
@pytest.mark.parametrize(
    "program",
    [
        "import devrun.cli.status, devrun.control.client, devrun.config.find",
        "from devrun.__main__ import main; sys.argv[1:] = ['status', '--json']; main()",
        "from devrun.__main__ import main; sys.argv[1:] = ['--version']; main()",
    ],
)
def test_status_as_json_loads_nothing_slow(tmp_path: Path, program: str, file: str) -> None:
    """It is called by prompts and editors, many times a minute."""
    (tmp_path / file).write_text("[tool.devrun]\n")
    script = f"""
import sys
try:
    {program}
finally:
    loaded = {{name.split(".")[0] for name in sys.modules}}
    print("loaded:", *sorted(loaded & {SLOW!r}), "click" if "click" in loaded else "", file=sys.stderr)
"""
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.stderr.splitlines()[-1].split() in (["loaded:", "click"], ["loaded:"]), ended.stderr
