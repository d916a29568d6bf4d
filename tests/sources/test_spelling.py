"""How inputs are written differs wherever a byte does: by that a failed build is tried again."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from devrun.config.session import Secret, Session, SshAgent
from devrun.sources.inputs import Inputs
from tests.sources.test_inputs import FLASK, inputs_of, place

START = "FROM a\nWORKDIR /app\nCOPY . .\nRUN pip install .\n"
PROJECT = '[build-system]\nrequires = ["hatchling"]\n[project]\nname = "p"\nversion = "1"\n'
UNNEEDED = "FROM a AS other\n{}FROM b\n"
MENDED: dict[str, tuple[Mapping[str, str], Mapping[str, str]]] = {
    "a readme that is not there": (
        {"pyproject.toml": f'{PROJECT}readme = "NO.md"\n'},
        {"pyproject.toml": PROJECT},
    ),
    "words of a wrong type": (
        {"pyproject.toml": f"{PROJECT}description = 3\n"},
        {"pyproject.toml": f'{PROJECT}description = "3"\n'},
    ),
    "a dialect of TOML that the installer does not know": (
        {"pyproject.toml": f'{PROJECT}[tool.uv.sources]\na = {{\n  path = "x",\n}}\n'},
        {"pyproject.toml": f'{PROJECT}[tool.uv.sources]\na = {{ path = "x" }}\n'},
    ),
    "a frontend that is not there": (
        {"Dockerfile": f"# syntax=docker/dockerfile:99\n{START}"},
        {"Dockerfile": START},
    ),
    "a frontend for what an old engine does not know": (
        {"Dockerfile": START},
        {"Dockerfile": f"# syntax=docker/dockerfile:1\n{START}"},
    ),
    "checks that are errors": (
        {"Dockerfile": f"# check=error=true\n{START.replace('RUN', 'run')}"},
        {"Dockerfile": f"# check=error=true\n{START}"},
    ),
    "a flag of an unneeded stage": (
        {"Dockerfile": UNNEEDED.format("COPY --link=maybe a b\n")},
        {"Dockerfile": UNNEEDED.format("")},
    ),
    "a mount of an unneeded stage": (
        {"Dockerfile": UNNEEDED.format("RUN --mount=type=no,target=/x y\n")},
        {"Dockerfile": UNNEEDED.format("")},
    ),
    "a pattern of the ignore file": (
        {"Dockerfile": "FROM a\n", ".dockerignore": "a[\n"},
        {"Dockerfile": "FROM a\n", ".dockerignore": ""},
    ),
}


def inputs_with(root: Path, files: Mapping[str, str]) -> Inputs:
    """Write files and return the inputs."""
    place(root, files.get("Dockerfile", START), {"hello.py": "", **files})
    return inputs_of(root)


@pytest.mark.parametrize(("refused", "mended"), MENDED.values(), ids=MENDED.keys())
def test_what_is_mended_without_another_meaning_is_written_in_another_way(
    tmp_path: Path, refused: Mapping[str, str], mended: Mapping[str, str]
) -> None:
    """What a builder or an installer refuses is known to it alone, so the text has the last word."""
    before = inputs_with(tmp_path, refused)
    after = inputs_with(tmp_path, mended)

    assert after.fingerprint == before.fingerprint
    assert after.spelling != before.spelling


def test_a_script_that_an_instruction_names_is_missed_and_expected(tmp_path: Path) -> None:
    """The mount will show it, so it decides nothing; but without it the build fails: its coming counts."""
    place(tmp_path, FLASK, {})
    before = inputs_of(tmp_path)

    (tmp_path / "hello.py").write_text("1")
    after = inputs_of(tmp_path)

    assert before.concerns(tmp_path / "hello.py") == "named by an instruction, and not there"
    assert after.concerns(tmp_path / "hello.py") is None
    assert after.spelling != before.spelling


def test_the_same_bytes_are_written_the_same(tmp_path: Path) -> None:
    """A file that decides nothing, and a look at the same disk, change neither."""
    before = inputs_with(tmp_path, {"requirements.txt": "rich\n"})
    (tmp_path / "hello.py").write_text("2")
    same = inputs_of(tmp_path)
    (tmp_path / "requirements.txt").write_text("# why\nrich\n")
    other = inputs_of(tmp_path)

    assert (same.fingerprint, same.spelling) == (before.fingerprint, before.spelling)
    assert (other.fingerprint == before.fingerprint, other.spelling == before.spelling) == (True, False)


READ: dict[str, str] = {
    "by a checker": "RUN ruff check .\n",
    "by the project's own program": "RUN python manage.py assets\n",
    "by a stage that stands on it": "FROM base AS test\nRUN pytest\n",
    "by a stage that it is handed to": "FROM c AS test\nCOPY --from=base /app /x\nRUN pytest\n",
}
UNREAD: dict[str, str] = {
    "before it is there": "",
    "in a stage that never has it": "FROM c AS test\nCOPY --from=base /usr/lib/x /x\nRUN pytest\n",
}


def settings_decide(root: Path, rest: str) -> bool:
    """Return whether the settings of a tool make another fingerprint."""
    dockerfile = f"FROM a AS base\nWORKDIR /app\nRUN make\nCOPY pyproject.toml .\nRUN pip install .\n{rest}"
    before = inputs_with(root, {"Dockerfile": dockerfile, "pyproject.toml": PROJECT}).fingerprint
    (root / "pyproject.toml").write_text(f"{PROJECT}[tool.ruff]\nline-length = 1\n")
    return inputs_of(root).fingerprint != before


@pytest.mark.parametrize("rest", READ.values(), ids=READ.keys())
def test_settings_count_where_the_build_may_read_them(tmp_path: Path, rest: str) -> None:
    """Then the file is not taken for an installation alone, and counts by its bytes."""
    assert settings_decide(tmp_path, rest)


@pytest.mark.parametrize("rest", UNREAD.values(), ids=UNREAD.keys())
def test_settings_count_for_nothing_where_only_an_installer_sees_them(tmp_path: Path, rest: str) -> None:
    """What runs before the file is there, or in a stage without it, reads nothing of it."""
    assert not settings_decide(tmp_path, rest)


@pytest.mark.parametrize("name", ["SOURCE_DATE_EPOCH", "BUILDKIT_MULTI_PLATFORM", "BUILDKIT_SYNTAX"])
def test_buildkits_own_arguments_count_without_a_declaration(tmp_path: Path, name: str) -> None:
    """They change what is built though no ARG names them."""
    place(tmp_path, FLASK)

    with_one, with_another = (inputs_of(tmp_path, args={name: value}).fingerprint for value in ("1", "2"))

    assert inputs_of(tmp_path).fingerprint != with_one != with_another


def test_a_version_that_stands_in_a_file_of_its_own_counts(tmp_path: Path) -> None:
    """The file that pyproject.toml names is read into what is installed."""
    dynamic = 'dynamic = ["version"]\n[tool.setuptools.dynamic]\nversion = {file = "VERSION"}\n'
    table = f'[project]\nname = "p"\n{dynamic}'
    before = inputs_with(tmp_path, {"pyproject.toml": table, "VERSION": "1"})
    (tmp_path / "VERSION").write_text("2")

    assert before.concerns(tmp_path / "VERSION")
    assert inputs_of(tmp_path).fingerprint != before.fingerprint


def test_a_secret_decides_nothing_but_a_failed_build_may_do_with_another(tmp_path: Path) -> None:
    """Its file is watched, whether it is there or not; its value has no part in the fingerprint."""
    place(tmp_path, "FROM a\n")
    token = tmp_path / "token.txt"
    session = Session((Secret("token", token), Secret("other", variable="TOKEN")))
    one = inputs_of(tmp_path, session=session)
    token.write_text("1")
    two = inputs_of(tmp_path, session=session)
    token.write_text("12")
    three = inputs_of(tmp_path, session=session)
    four = inputs_of(tmp_path, session=replace(session, agents=(SshAgent(),)))

    assert len({found.spelling for found in (one, two, three, four)}) == 4
    assert {found.fingerprint for found in (one, two, three, four)} == {inputs_of(tmp_path).fingerprint}
    assert one.concerns(token) == "the secret token"
    assert token not in {path for path, _ in three.context.files}
