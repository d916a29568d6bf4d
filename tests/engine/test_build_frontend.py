"""What a Dockerfile asks of the engine: its frontend, a session."""

import re
from pathlib import Path

import pytest

from devrun.config.project import ImageConfig, ImageName
from devrun.config.session import Session, SshAgent
from devrun.engine.frontend import official_frontend, session_need, without_syntax

SECRET = "RUN --mount=type=secret,id=x true"
FROM = "FROM base"


def need(
    text: str, stage: str | None = None, *, args: dict[str, str] | None = None, session: Session | None = None
) -> str:
    """Return what needs a session, empty where nothing does."""
    image = ImageConfig(
        ImageName("dev"), Path("Dockerfile"), Path(), stage, args or {}, session=session or Session()
    )
    return session_need(image, text, "dev/Dockerfile")


@pytest.mark.parametrize(
    "image",
    [
        "docker/dockerfile:1",
        "docker/dockerfile:1.7",
        "docker/dockerfile:1.7.0-labs",
        "docker/dockerfile",
        "docker.io/docker/dockerfile:1",
        f"docker/dockerfile:1@sha256:{'a' * 64}",
    ],
)
def test_the_official_frontend_is_left_out(image: str) -> None:
    """The lines keep their numbers."""
    text = f"# syntax={image}\n{FROM}\n"

    assert official_frontend(text) == image
    assert without_syntax(text) == f"\n{FROM}\n"


def test_other_directives_stay_in_force() -> None:
    """An empty line above them would end the directives."""
    text = f"#escape=`\n# Syntax = docker/dockerfile:1\n# check=skip=all\n# a comment\n{FROM}\n"

    assert without_syntax(text) == f"#escape=`\n# check=skip=all\n\n# a comment\n{FROM}\n"


@pytest.mark.parametrize(
    "text",
    [
        f"{FROM}\n# syntax=foo/bar\n",
        f"\n# syntax=foo/bar\n{FROM}\n",
        f"# a comment\n# syntax=foo/bar\n{FROM}",
    ],
)
def test_a_directive_below_the_top_is_a_comment(text: str) -> None:
    """Only the first lines can be directives."""
    assert official_frontend(text) is None
    assert without_syntax(text) == text


def test_a_byte_order_mark_and_windows_ends_do_not_hide_it() -> None:
    """Editors write both."""
    assert without_syntax(f"\ufeff# syntax=docker/dockerfile:1\r\n{FROM}\r\n") == f"\n{FROM}\r\n"


@pytest.mark.parametrize("image", ["foo/bar:2", "docker/dockerfile:2", "docker/dockerfile-upstream:master"])
def test_another_frontend_needs_a_session_and_keeps_its_line(image: str) -> None:
    """The engine fetches it with the user's credentials, and it reads the file by itself."""
    text = f"# escape=`\n# syntax={image}\n{FROM}"

    assert need(text) == f"dev/Dockerfile:2: the frontend {image}"
    assert without_syntax(text) == text


def test_an_argument_may_name_the_frontend() -> None:
    """It goes before what the file says."""
    assert need(FROM, args={"BUILDKIT_SYNTAX": "foo/bar"}) == (
        "the frontend foo/bar, by the argument BUILDKIT_SYNTAX,"
    )
    assert need(FROM, args={"BUILDKIT_SYNTAX": "docker/dockerfile:1"}) == ""


def test_a_key_of_devrun_toml_asks_for_a_session() -> None:
    """What an instruction of the base image asks for is seen by the engine only."""
    assert need(FROM, session=Session(agents=(SshAgent(),))) == "`ssh` of image dev"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"{FROM}\n{SECRET}\n", 2),
        (f"{FROM}\nRUN --mount=type=cache,target=/c \\\n  # why\n  --mount=type=ssh,id=x true\n", 2),
        (f"{FROM}\nrun --network=none --mount=target=/x,type=SSH true\n", 2),
        (f"{FROM} AS one\n{SECRET}\n{FROM}\nCOPY --from=one /x /x\n", 2),
        (f"{FROM} AS one\n{SECRET}\nFROM one\n", 2),
        (f"{FROM}\n{SECRET}\n{FROM}\nRUN --mount=type=bind,from=0,target=/x true\n", 2),
        (f"# escape=`\n{FROM}\nRUN `\n--mount=type=secret,id=x true\n", 3),
    ],
)
def test_a_stage_that_needs_a_session_is_named(text: str, line: int) -> None:
    """By the line where the instruction begins."""
    assert re.fullmatch(rf"dev/Dockerfile:{line}: RUN --mount=type=(secret|ssh)", need(text))


@pytest.mark.parametrize(
    ("text", "stage"),
    [
        (f"{FROM} AS one\n{SECRET}\n{FROM}\n", None),
        (f"{FROM} AS one\nRUN true\n{FROM} AS two\n{SECRET}\n", "ONE"),
        (f"{FROM}\nRUN echo --mount=type=secret\n", None),
        (f"{FROM}\n# {SECRET}\n", None),
        (f"{FROM}\nRUN <<END\n{SECRET}\nEND\n", None),
        (f"{FROM}\nRUN <<-'END' cat\n{SECRET}\n\tEND\n", None),
        ("", None),
        (f"{FROM}\nRUN true \\", None),
    ],
)
def test_what_does_not_run_needs_no_session(text: str, stage: str | None) -> None:
    """Stages that the wanted one does not reach, comments, heredocs and arguments are no mounts."""
    assert need(text, stage) == ""
